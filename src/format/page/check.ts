/** What can be said about one page without knowing any other (format document, 7.2). */

import { accessMethods } from '../magic.ts';
import { childOf, isTreeInternal, referenceOf, treeItemSize, treeItemType } from './btree.ts';
import { fromStored, hasRightChecksum } from './checksum.ts';
import { hashReferenceOf, isHashPage } from './hash.ts';
import { heapProblem } from './heap.ts';
import { metaAt, type DatabaseFormat } from './meta.ts';
import { isBlank, Page } from './page.ts';
import { queueStart, slotFlag } from './queue.ts';
import { deletedFlag, hashItemType, isMetaType, itemType, pageType } from './types.ts';

/** What is wrong with a page. */
interface PageFinding {
  readonly code: 'page-checksum' | 'page-type';
  /** Follows "page N is damaged: ". */
  readonly problem: string;
  /** It can be in this state for a while: between the two records of one removal, or of one put. Recovery does not leave it so. */
  readonly isPassing?: true;
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
 * Checks one page as it lies on disk. Of encrypted pages without a key only position and type can be checked. The LSN is not looked
 * at: what it may be depends on the log.
 */
export function checkPage(bytes: Uint8Array, pgno: number, format: DatabaseFormat): PageFinding | undefined {
  if (isBlank(bytes)) return undefined;
  if (!hasRightChecksum(bytes, format)) {
    return { code: 'page-checksum', problem: 'it does not match its checksum' };
  }
  const page = new Page(fromStored(bytes, format), format);
  const problem = structuralProblem(page, pgno);
  if (problem !== undefined) return { code: 'page-type', problem };
  if (page.type !== pageType.btreeLeaf || page.entries % 2 === 0 || (format.encrypted && !format.cipher))
    return undefined;
  return { code: 'page-type', problem: `it is a leaf of pairs with ${page.entries} entries`, isPassing: true };
}

function structuralProblem(page: Page, pgno: number): string | undefined {
  const { type, format } = page;
  const isOpaque = format.encrypted && !format.cipher;
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
  if (isMetaType(type) || pgno === 0) return metaProblem(page, pgno);
  if (type === pageType.queueData) return isOpaque ? undefined : queueProblem(page);
  // Which release wrote a big-endian heap in which way is not known here (format document, 4.10.5).
  if (type === pageType.heapData) return isOpaque || !format.littleEndian ? undefined : heapProblem(page);
  if (type === pageType.heapRegion || type === pageType.invalid) return undefined;
  return levelProblem(page) ?? linkProblem(page, pgno) ?? (isOpaque ? undefined : itemProblem(page, pgno));
}

function metaProblem(page: Page, pgno: number): string | undefined {
  const { type, format } = page;
  if (pgno === 0 && type !== accessMethods[format.method].metaType) {
    return `it has type ${type}, which the first page of a ${format.method} file has not`;
  }
  const size = page.u32(metaAt.pageSize);
  return size === page.size ? undefined : `it says that pages have ${size} bytes, not ${page.size}`;
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
  if (isTreeInternal(page.type)) return undefined;
  if (page.prevPgno === pgno || page.nextPgno === pgno) return 'it links to itself';
  return undefined;
}

function itemProblem(page: Page, pgno: number): string | undefined {
  const { type, entries, size, indexStart } = page;
  if (type === pageType.overflow) return overflowProblem(page);
  const start = page.itemsStart;
  const indexEnd = indexStart + 2 * entries;
  if (indexEnd > start || start > size) return `its index ends at ${indexEnd} and its items start at ${start}`;
  if (isHashPage(type)) return hashProblem(page, pgno);
  if (entries === 0 && isTreeInternal(type)) return 'it is an internal page with no entries';
  return treeItemProblem(page, pgno);
}

function overflowProblem({ highFree, entries, size, indexStart }: Page): string | undefined {
  if (highFree > size - indexStart) return `it says that it holds ${highFree} bytes of data`;
  // While it is being removed it can be empty.
  if (highFree !== 0 && entries === 0) return 'it holds data that nothing refers to';
  return undefined;
}

/** Item ends by offset, reused: pages are checked by the million. */
const ends = new Uint32Array(0x10001);

/**
 * Items of btree and recno pages lie without gap or overlap from the start of the items to the end of the page.
 *
 * This is what a copy of a database spends its time on, so integers are put together here instead of in `Page`.
 */
function treeItemProblem(page: Page, pgno: number): string | undefined {
  const { entries, size, type, bytes, indexStart, littleEndian } = page;
  const start = page.itemsStart;
  if (entries === 0) return start === size ? undefined : `it has no entries, and items from ${start} on`;
  const low = littleEndian ? 0 : 1;
  const high = 1 - low;
  const isInternal = isTreeInternal(type);
  let shareable = 0;
  ends.fill(0, start, size + 1);
  for (let i = 0; i < entries; i++) {
    const slot = indexStart + 2 * i;
    const offset = bytes[slot + low]! | (bytes[slot + high]! << 8);
    if (offset < start || offset + 4 > size || (offset & 3) !== 0) return `item ${i} lies at ${offset}`;
    if (ends[offset] !== 0) {
      // Keys of duplicates are stored once, for entries that follow each other.
      if (type !== pageType.btreeLeaf || (i & 1) !== 0 || offset !== shareable) {
        return `item ${i} lies where another item does, at ${offset}`;
      }
      continue;
    }
    if ((i & 1) === 0) shareable = offset;
    let length: number;
    if (!isInternal && (bytes[offset + 2]! & ~deletedFlag) === itemType.keyData) {
      length = ((bytes[offset + low]! | (bytes[offset + high]! << 8)) + 3 + 3) & ~3;
    } else {
      length = treeItemSize(page, offset);
      if (length === 0) return `item ${i} has the unknown type ${bytes[offset + 2]}`;
    }
    const end = offset + length;
    if (end > size) return `item ${i} at ${offset} has ${length} bytes, past the end of the page`;
    if (isInternal || length === 12) {
      const problem = itemReferenceProblem(page, i, offset, pgno);
      if (problem !== undefined) return problem;
    }
    ends[offset] = end;
  }
  for (let at = start; at < size;) {
    const end = ends[at]!;
    if (end === 0) return `no item begins at ${at}, where one has to`;
    at = end;
  }
  return undefined;
}

function itemReferenceProblem(page: Page, i: number, offset: number, pgno: number): string | undefined {
  if (isTreeInternal(page.type)) return internalReferenceProblem(page, i, offset, pgno);
  const type = treeItemType(page, offset);
  if (type !== itemType.overflow && type !== itemType.duplicates) return undefined;
  return referenceProblem(i, referenceOf(page, offset), pgno);
}

function internalReferenceProblem(page: Page, i: number, offset: number, pgno: number): string | undefined {
  const problem = referenceProblem(i, childOf(page, offset), pgno);
  if (problem !== undefined || page.type === pageType.recnoInternal) return problem;
  if (treeItemType(page, offset) !== itemType.overflow) return undefined;
  // A long key is an overflow item inside of the item.
  const length = page.u16(offset);
  if (length !== 12) return `item ${i} refers to overflow pages with ${length} bytes`;
  return referenceProblem(i, referenceOf(page, offset + 12), pgno);
}

function referenceProblem(i: number, reference: number, pgno: number): string | undefined {
  if (reference === 0) return `item ${i} refers to page 0`;
  return reference === pgno ? `item ${i} refers to the page itself` : undefined;
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
      case hashItemType.offPageDuplicates: {
        const expected = kind === hashItemType.overflow ? 12 : 8;
        if (length !== expected) return `item ${i} refers to other pages with ${length} bytes, not ${expected}`;
        const problem = referenceProblem(i, hashReferenceOf(page, offset), pgno);
        if (problem !== undefined) return problem;
        break;
      }
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
  if (page.bytes[24] !== 0) return 'it has bytes where a queue page has none';
  // Where the other slots are can only be found with the record length, which is on the metadata page.
  const flags = page.bytes[queueStart(page.format)]!;
  return flags <= (slotFlag.valid | slotFlag.set) ? undefined : `its first slot has the unknown flags ${flags}`;
}
