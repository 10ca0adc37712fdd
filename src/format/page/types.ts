/** Page types (format document, 4.4.1). */
export const pageType = {
  invalid: 0,
  duplicate: 1,
  hashUnsorted: 2,
  btreeInternal: 3,
  recnoInternal: 4,
  btreeLeaf: 5,
  recnoLeaf: 6,
  overflow: 7,
  hashMeta: 8,
  btreeMeta: 9,
  queueMeta: 10,
  queueData: 11,
  duplicateLeaf: 12,
  hash: 13,
  heapMeta: 14,
  heapData: 15,
  heapRegion: 16,
} as const;

/** Types of items on btree, recno and duplicate pages (4.6.2); the high bit of the byte marks a deleted item. */
export const itemType = { keyData: 1, duplicates: 2, overflow: 3, externalFile: 4 } as const;

/** Types of items on hash pages (4.8.2). */
export const hashItemType = {
  keyData: 1,
  duplicates: 2,
  overflow: 3,
  offPageDuplicates: 4,
  externalFile: 5,
} as const;

export const deletedFlag = 0x80;

const typeNames = new Map<number, string>(
  Object.entries(pageType).map(([name, type]) => [
    type,
    name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  ]),
);

/** Readable name of a page type; undefined when there is no such type. */
export function pageTypeName(type: number): string | undefined {
  return typeNames.get(type);
}

export function isMetaType(type: number): boolean {
  return (
    type === pageType.btreeMeta ||
    type === pageType.hashMeta ||
    type === pageType.queueMeta ||
    type === pageType.heapMeta
  );
}
