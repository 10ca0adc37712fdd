/**
 * The items of any page, readable. Pages need not be sound: what does not lie on the page is told as a problem of its
 * item, and never read.
 */

import {
  childOf,
  isDeletedItem,
  isTreeInternal,
  isTreeLeaf,
  overflowLength,
  referenceOf,
  treeItemData,
  treeItemType,
} from './btree.ts';
import { externalFilePath, externalItem, externalItemSize } from './external.ts';
import { duplicatesIn, hashItemData, hashOverflowLength, hashReferenceOf, isHashPage } from './hash.ts';
import { heapItemData, heapItemFlag, heapPiece, heapSlots } from './heap.ts';
import { overflowData } from './overflow.ts';
import { type Page } from './page.ts';
import { firstRecordOf, slotFlag, type QueueLayout } from './queue.ts';
import { hashItemType, itemType, pageType } from './types.ts';

/** One entry of a page. */
export interface PageItem {
  /** Entry, or slot; in queues the number of the record. */
  readonly index: number;
  /** Where the item is on the page. */
  readonly offset: number;
  /** What it is there for. */
  readonly role: 'key' | 'data' | 'record' | 'duplicate' | 'child' | 'part' | 'piece';
  readonly deleted?: true;
  /** Its bytes, or the part of them that is here; a view. */
  readonly data?: Uint8Array;
  /** A set of duplicates that is here; views. */
  readonly duplicates?: readonly Uint8Array[];
  /** The page it leads to. */
  readonly pgno?: number;
  /** What is on that page. */
  readonly leadsTo?: 'child' | 'overflow' | 'duplicates' | 'piece';
  /** Slot on that page. */
  readonly slot?: number;
  /** Bytes of all of it, where it goes on elsewhere. */
  readonly totalLength?: number;
  /** Records below a child, where they are counted. */
  readonly records?: number;
  /** The external file that holds it, below the directory for them. */
  readonly externalFile?: string;
  /** What is wrong. */
  readonly problem?: string;
}

type Found = Omit<PageItem, 'index' | 'offset' | 'role'>;

/** The items of a page; those of a queue only with its layout. */
export function describeItems(page: Page, layout?: QueueLayout): PageItem[] {
  const { type } = page;
  if (isTreeLeaf(type) || isTreeInternal(type)) return indexed(page, page.entries, treeItem);
  if (isHashPage(type)) return indexed(page, page.entries, hashItem);
  if (type === pageType.heapData) return indexed(page, heapSlots(page), heapItem).filter(({ offset }) => offset !== 0);
  if (type === pageType.overflow) return [overflowPart(page)];
  return type === pageType.queueData && layout ? queueRecords(page, layout) : [];
}

/** The items an index leads to, as far as the index itself is on the page. */
function indexed(
  page: Page,
  entries: number,
  read: (page: Page, offset: number, index: number) => Omit<PageItem, 'index' | 'offset'>,
): PageItem[] {
  const fitting = Math.min(entries, (page.size - page.indexStart) >> 1);
  return Array.from({ length: fitting }, (_, index) => {
    const offset = page.itemAt(index);
    return { index, offset, ...read(page, offset, index) };
  });
}

function outside(length: number): Found {
  return { problem: `its ${length} bytes do not lie on the page` };
}

function isOn(page: Page, offset: number, length: number): boolean {
  return offset >= page.indexStart && offset + length <= page.size;
}

function treeItem(page: Page, offset: number, index: number): Omit<PageItem, 'index' | 'offset'> {
  const { type } = page;
  if (isTreeInternal(type)) return { role: 'child', ...child(page, offset) };
  const pair = index % 2 === 0 ? 'key' : 'data';
  const role = type === pageType.btreeLeaf ? pair : type === pageType.recnoLeaf ? 'record' : 'duplicate';
  if (!isOn(page, offset, 4)) return { role, ...outside(4) };
  return { role, ...(isDeletedItem(page, offset) ? { deleted: true } : {}), ...leafItem(page, offset) };
}

function leafItem(page: Page, offset: number): Found {
  const type = treeItemType(page, offset);
  switch (type) {
    case itemType.keyData: {
      const length = page.u16(offset);
      return isOn(page, offset, 3 + length) ? { data: treeItemData(page, offset) } : outside(3 + length);
    }
    case itemType.overflow:
      return overflowReference(page, offset);
    case itemType.duplicates:
      return isOn(page, offset, 12) ? { pgno: referenceOf(page, offset), leadsTo: 'duplicates' } : outside(12);
    case itemType.externalFile:
      return external(page, offset, 'tree');
    default:
      return { problem: `it has the unknown type ${type}` };
  }
}

function overflowReference(page: Page, offset: number): Found {
  if (!isOn(page, offset, 12)) return outside(12);
  return { pgno: referenceOf(page, offset), leadsTo: 'overflow', totalLength: overflowLength(page, offset) };
}

function external(page: Page, offset: number, kind: 'tree' | 'heap'): Found {
  if (!isOn(page, offset, externalItemSize)) return outside(externalItemSize);
  const item = externalItem(page, offset, kind);
  return { externalFile: externalFilePath(item), totalLength: Number(item.size) };
}

function child(page: Page, offset: number): Found {
  const isRecno = page.type === pageType.recnoInternal;
  const head = isRecno ? 8 : 12;
  if (!isOn(page, offset, head)) return outside(head);
  const leads: Found = {
    pgno: childOf(page, offset),
    leadsTo: 'child',
    records: page.u32(isRecno ? offset + 4 : offset + 8),
  };
  if (isRecno) return leads;
  const type = treeItemType(page, offset);
  if (type === itemType.overflow) {
    if (!isOn(page, offset, 24)) return { ...leads, ...outside(24) };
    return { ...leads, totalLength: overflowLength(page, offset + 12) };
  }
  const length = page.u16(offset);
  if (type !== itemType.keyData) return { ...leads, problem: `its key has the unknown type ${type}` };
  if (!isOn(page, offset, 12 + length)) return { ...leads, ...outside(12 + length) };
  return { ...leads, data: page.bytes.subarray(offset + 12, offset + 12 + length) };
}

function hashItem(page: Page, offset: number, index: number): Omit<PageItem, 'index' | 'offset'> {
  const role = index % 2 === 0 ? 'key' : 'data';
  const end = index === 0 ? page.size : page.itemAt(index - 1);
  if (!isOn(page, offset, 1) || end > page.size || end <= offset) {
    return { role, problem: `it should lie between ${page.indexStart} and ${Math.min(end, page.size)}` };
  }
  return { role, ...hashItemAt(page, offset, end) };
}

function hashItemAt(page: Page, offset: number, end: number): Found {
  const type = page.bytes[offset]!;
  switch (type) {
    case hashItemType.keyData:
      return { data: hashItemData(page, offset, end) };
    case hashItemType.duplicates: {
      const duplicates = duplicatesIn(page, offset, end);
      return duplicates ? { duplicates } : { problem: 'its duplicates do not end where it does' };
    }
    case hashItemType.overflow:
      if (!isOn(page, offset, 12)) return outside(12);
      return {
        pgno: hashReferenceOf(page, offset),
        leadsTo: 'overflow',
        totalLength: hashOverflowLength(page, offset),
      };
    case hashItemType.offPageDuplicates:
      return isOn(page, offset, 8) ? { pgno: hashReferenceOf(page, offset), leadsTo: 'duplicates' } : outside(8);
    case hashItemType.externalFile:
      return external(page, offset, 'tree');
    default:
      return { problem: `it has the unknown type ${type}` };
  }
}

function heapItem(page: Page, offset: number): Omit<PageItem, 'index' | 'offset'> {
  if (offset === 0) return { role: 'record' };
  if (!isOn(page, offset, 4)) return { role: 'record', ...outside(4) };
  const flags = page.bytes[offset]!;
  if ((flags & heapItemFlag.externalFile) !== 0) return { role: 'record', ...external(page, offset, 'heap') };
  const length = page.u16(offset + 2);
  if ((flags & heapItemFlag.split) === 0) {
    if (!isOn(page, offset, 4 + length)) return { role: 'record', ...outside(4 + length) };
    return { role: 'record', data: heapItemData(page, offset) };
  }
  if (!isOn(page, offset, 16 + length)) return { role: 'piece', ...outside(16 + length) };
  const piece = heapPiece(page, offset);
  return {
    role: 'piece',
    data: piece.data,
    ...((flags & heapItemFlag.first) === 0 ? {} : { totalLength: piece.totalLength }),
    ...(piece.isLast ? {} : { pgno: piece.nextPgno, slot: piece.nextIndx, leadsTo: 'piece' }),
  };
}

function overflowPart(page: Page): PageItem {
  const item = { index: 0, offset: page.indexStart, role: 'part' } as const;
  const { highFree: length } = page;
  return isOn(page, page.indexStart, length) ? { ...item, data: overflowData(page) } : { ...item, ...outside(length) };
}

/** The slots that were ever used; deleted ones still hold their last record. */
function queueRecords(page: Page, layout: QueueLayout): PageItem[] {
  const { start, slotSize, recordLength, recordsPerPage } = layout;
  const items: PageItem[] = [];
  for (let i = 0; i < recordsPerPage; i++) {
    const offset = start + i * slotSize;
    if (offset + 1 + recordLength > page.size) break;
    const flags = page.bytes[offset]!;
    if (flags === 0) continue;
    items.push({
      index: firstRecordOf(page.pgno, layout) + i,
      offset,
      role: 'record',
      ...((flags & slotFlag.valid) === 0 ? { deleted: true } : {}),
      data: page.bytes.subarray(offset + 1, offset + 1 + recordLength),
      ...(flags > (slotFlag.valid | slotFlag.set) ? { problem: `it has the unknown flags ${flags}` } : {}),
    });
  }
  return items;
}
