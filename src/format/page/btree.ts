/** Items of btree, recno and duplicate pages (format document, 4.6). Offsets are those of a page that was checked. */

import { type Page } from './page.ts';
import { deletedFlag, itemType, pageType } from './types.ts';

export function isTreeLeaf(type: number): boolean {
  return type === pageType.btreeLeaf || type === pageType.recnoLeaf || type === pageType.duplicateLeaf;
}

export function isTreeInternal(type: number): boolean {
  return type === pageType.btreeInternal || type === pageType.recnoInternal;
}

/** Type of the item at an offset. Items of recno internal pages have none. */
export function treeItemType(page: Page, offset: number): number {
  return page.bytes[offset + 2]! & ~deletedFlag;
}

/** True for a leaf item that readers must not see. In pairs the data carries the mark, never the key. */
export function isDeletedItem(page: Page, offset: number): boolean {
  return (page.bytes[offset + 2]! & deletedFlag) !== 0;
}

/** Bytes the item at an offset takes on its page; 0 when its type is unknown. */
export function treeItemSize(page: Page, offset: number): number {
  if (page.type === pageType.recnoInternal) return 8;
  const type = treeItemType(page, offset);
  if (page.type === pageType.btreeInternal) {
    const isKnown = type === itemType.keyData || type === itemType.overflow || type === itemType.duplicates;
    return isKnown ? (page.u16(offset) + 12 + 3) & ~3 : 0;
  }
  switch (type) {
    case itemType.keyData:
      return (page.u16(offset) + 3 + 3) & ~3;
    case itemType.duplicates:
    case itemType.overflow:
      return 12;
    case itemType.externalFile:
      return 80;
    default:
      return 0;
  }
}

/** The child an item of an internal page leads to. */
export function childOf(page: Page, offset: number): number {
  return page.u32(page.type === pageType.recnoInternal ? offset : offset + 4);
}

/** How many records are below an item of an internal page, where its tree counts them (format document, 4.6.6). */
export function recordsBelow(page: Page, offset: number): number {
  return page.u32(page.type === pageType.recnoInternal ? offset + 4 : offset + 8);
}

/** The page a leaf item refers to: the first one of an overflow chain, or the root of a tree of duplicates. */
export function referenceOf(page: Page, offset: number): number {
  return page.u32(offset + 4);
}

/** Bytes of an item that is on overflow pages. */
export function overflowLength(page: Page, offset: number): number {
  return page.u32(offset + 8);
}

/** The bytes of a leaf item that is on the page itself; a view. */
export function treeItemData(page: Page, offset: number): Uint8Array {
  return page.bytes.subarray(offset + 3, offset + 3 + page.u16(offset));
}

/** The key of an item of a btree internal page; a view. Of one on overflow pages, `internalReference` and `internalLength` say where. */
export function internalItemData(page: Page, offset: number): Uint8Array {
  return page.bytes.subarray(offset + 12, offset + 12 + page.u16(offset));
}

/** The first page of a key that is on overflow pages. */
export function internalReference(page: Page, offset: number): number {
  return referenceOf(page, offset + 12);
}

/** Bytes of a key that is on overflow pages. */
export function internalLength(page: Page, offset: number): number {
  return overflowLength(page, offset + 12);
}
