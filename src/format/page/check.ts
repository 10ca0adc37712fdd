/** What can be said about one page without knowing any other (format document, 7.2). */

import { hasRightChecksum } from './checksum.ts';
import { metaAt, type DatabaseFormat } from './meta.ts';
import { isBlank, Page } from './page.ts';
import { deletedFlag, hashItemType, isMetaType, itemType, pageType } from './types.ts';

/** What is wrong with a page. */
export interface PageFinding {
  readonly code: 'page-checksum' | 'page-type';
  /** Follows "page N is damaged: ". */
  readonly problem: string;
}

const treeTypes = [0, 3, 4, 5, 6, 7, 12];
const knownTypes: Readonly<Record<DatabaseFormat['method'], ReadonlySet<number>>> = {
  // A btree file may hold sub-databases of other kinds.
  btree: new Set([...treeTypes, 2, 8, 9, 13]),
  hash: new Set([...treeTypes, 2, 8, 13]),
  queue: new Set([0, 10, 11]),
  heap: new Set([0, 14, 15, 16]),
};

/**
 * Checks one page as it lies on disk. Of encrypted pages only position and type can be checked. The LSN is not looked
 * at: what it may be depends on the log.
 */
export function checkPage(bytes: Uint8Array, pgno: number, format: DatabaseFormat): PageFinding | undefined {
  if (isBlank(bytes)) return undefined;
  if (!format.encrypted && !hasRightChecksum(bytes, format)) {
    return { code: 'page-checksum', problem: 'it does not match its checksum' };
  }
  const problem = structuralProblem(new Page(bytes, format), pgno);
  return problem === undefined ? undefined : { code: 'page-type', problem };
}

function structuralProblem(page: Page, pgno: number): string | undefined {
  const { type, format } = page;
  if (!knownTypes[format.method].has(type)) return `it has type ${type}, which no ${format.method} file has`;
  if (page.pgno !== pgno) {
    // A page freed at the end of the file may have lost its number with everything else (recovery document, C.2.7).
    if (page.pgno === 0 && (type === pageType.invalid || type === pageType.hash) && page.entries === 0)
      return undefined;
    // Some releases write big-endian heaps with the number in the other byte order (format document, 4.10.5).
    const swapped = page.view.getUint32(8, !page.littleEndian);
    if (format.method === 'heap' && swapped === pgno) return undefined;
    return `it calls itself page ${page.pgno}`;
  }
  if (isMetaType(type)) return metaProblem(page, pgno);
  if (format.method === 'queue')
    return type === pageType.queueData && !format.encrypted ? queueProblem(page) : undefined;
  if (type === pageType.heapData) return format.encrypted || !format.littleEndian ? undefined : heapProblem(page);
  if (type === pageType.heapRegion || type === pageType.invalid) return undefined;
  return levelProblem(page) ?? linkProblem(page, pgno) ?? (format.encrypted ? undefined : itemProblem(page, pgno));
}

function metaProblem(page: Page, pgno: number): string | undefined {
  const size = page.u32(metaAt.pageSize);
  if (size !== page.size) return `it says that pages have ${size} bytes, not ${page.size}`;
  if (pgno === 0 && page.type !== pageType.btreeMeta && page.format.method === 'btree') {
    return `it is a metadata page of type ${page.type}`;
  }
  return undefined;
}

function levelProblem({ type, level }: Page): string | undefined {
  switch (type) {
    case pageType.btreeLeaf:
    case pageType.recnoLeaf:
    case pageType.duplicateLeaf:
      return level === 1 ? undefined : `it is a leaf at level ${level}`;
    case pageType.btreeInternal:
    case pageType.recnoInternal:
      return level >= 2 ? undefined : `it is an internal page at level ${level}`;
    default:
      return level === 0 ? undefined : `it has level ${level}, which its type has not`;
  }
}

function linkProblem(page: Page, pgno: number): string | undefined {
  // On internal pages the links mean nothing, or a count (format document, 4.6.1, 4.6.6).
  if (page.type === pageType.btreeInternal || page.type === pageType.recnoInternal) return undefined;
  if (page.prevPgno === pgno || page.nextPgno === pgno) return 'it links to itself';
  return undefined;
}

function itemProblem(page: Page, pgno: number): string | undefined {
  const { type, entries, size, indexStart } = page;
  if (type === pageType.overflow) {
    if (page.highFree > size - indexStart) return `it says that it holds ${page.highFree} bytes of data`;
    return undefined;
  }
  const start = page.itemsStart;
  const indexEnd = indexStart + 2 * entries;
  if (indexEnd > start || start > size) return `its index ends at ${indexEnd} and its items start at ${start}`;
  if (type === pageType.hash || type === pageType.hashUnsorted) return hashProblem(page, pgno);
  if (type === pageType.btreeLeaf && entries % 2 !== 0) return `it is a leaf of pairs with ${entries} entries`;
  return treeItemProblem(page, pgno);
}

/** Item ends by offset, reused: pages are checked by the million. */
const ends = new Uint32Array(0x10001);

/** Items of btree and recno pages lie without gap or overlap from the start of the items to the end of the page. */
function treeItemProblem(page: Page, pgno: number): string | undefined {
  const { entries, size, type } = page;
  const start = page.itemsStart;
  if (entries === 0) return start === size ? undefined : `it has no entries, and items from ${start} on`;
  ends.fill(0, start, size + 1);
  for (let i = 0; i < entries; i++) {
    const offset = page.itemAt(i);
    if (offset < start || offset + 3 > size || offset % 4 !== 0) return `item ${i} lies at ${offset}`;
    if (ends[offset] !== 0) {
      // Keys of duplicates are stored once, for entries that follow each other.
      const shared = type === pageType.btreeLeaf && i % 2 === 0 && i >= 2 && page.itemAt(i - 2) === offset;
      if (!shared) return `item ${i} lies where another item does, at ${offset}`;
      continue;
    }
    const length = treeItemSize(page, offset);
    if (length === 0) return `item ${i} has the unknown type ${page.bytes[offset + 2]}`;
    if (offset + length > size) return `item ${i} at ${offset} has ${length} bytes, past the end of the page`;
    if (referenceOf(page, offset) === pgno) return `item ${i} refers to the page itself`;
    ends[offset] = offset + length;
  }
  for (let at = start; at < size;) {
    const end = ends[at]!;
    if (end === 0) return `no item begins at ${at}, where one has to`;
    at = end;
  }
  return undefined;
}

/** Bytes an item takes; 0 when its type is unknown. */
function treeItemSize(page: Page, offset: number): number {
  if (page.type === pageType.recnoInternal) return 8;
  const kind = page.bytes[offset + 2]! & ~deletedFlag;
  if (page.type === pageType.btreeInternal) {
    const known = kind === itemType.keyData || kind === itemType.overflow || kind === itemType.duplicates;
    return known ? (page.u16(offset) + 12 + 3) & ~3 : 0;
  }
  switch (kind) {
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

/** The page an item refers to, 0 for none. */
function referenceOf(page: Page, offset: number): number {
  if (page.type === pageType.recnoInternal) return page.u32(offset);
  const kind = page.bytes[offset + 2]! & ~deletedFlag;
  const refers = page.type === pageType.btreeInternal || kind === itemType.duplicates || kind === itemType.overflow;
  return refers ? page.u32(offset + 4) : 0;
}

/** Items of hash pages follow each other downwards from the end of the page (format document, 4.8.1). */
function hashProblem(page: Page, pgno: number): string | undefined {
  const { entries, size } = page;
  const start = page.itemsStart;
  if (entries % 2 !== 0) return `it is a hash page with ${entries} entries`;
  let end = size;
  for (let i = 0; i < entries; i++) {
    const offset = page.itemAt(i);
    if (offset >= end || offset < start) return `item ${i} lies at ${offset}, not before ${end}`;
    const length = end - offset;
    const kind = page.bytes[offset]!;
    switch (kind) {
      case hashItemType.keyData:
      case hashItemType.duplicates:
        break;
      case hashItemType.overflow:
        if (length !== 12) return `item ${i} refers to overflow pages with ${length} bytes`;
        if (page.u32(offset + 4) === pgno) return `item ${i} refers to the page itself`;
        break;
      case hashItemType.offPageDuplicates:
        if (length !== 8) return `item ${i} refers to duplicates with ${length} bytes`;
        if (page.u32(offset + 4) === pgno) return `item ${i} refers to the page itself`;
        break;
      case hashItemType.externalFile:
        if (length !== 80) return `item ${i} refers to an external file with ${length} bytes`;
        break;
      default:
        return `item ${i} has the unknown type ${kind}`;
    }
    end = offset;
  }
  return end === start ? undefined : `its items end at ${end}, but should start at ${start}`;
}

function queueProblem(page: Page): string | undefined {
  // Flags of slots can only be found with the record length, which is on the metadata page.
  return page.bytes[24] === 0 ? undefined : 'it has bytes where a queue page has none';
}

/** Heap: used slots name items inside the page (format document, 4.10.1). */
function heapProblem(page: Page): string | undefined {
  const highIndx = page.u16(16);
  const slots = page.entries === 0 ? 0 : highIndx + 1;
  if (page.indexStart + 2 * slots > page.size) return `its slot table has ${slots} slots`;
  let used = 0;
  for (let i = 0; i < slots; i++) {
    const offset = page.itemAt(i);
    if (offset === 0) continue;
    used += 1;
    if (offset % 4 !== 0 || offset < page.indexStart + 2 * slots || offset + 4 > page.size) {
      return `slot ${i} names an item at ${offset}`;
    }
    const split = (page.bytes[offset]! & 1) !== 0;
    if (offset + (split ? 16 : 4) + page.u16(offset + 2) > page.size) return `the item of slot ${i} is too long`;
  }
  return used === page.entries ? undefined : `${used} slots are used, but it says ${page.entries}`;
}
