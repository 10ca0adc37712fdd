/** Items of heap pages (format document, 4.10). */

import { externalItemSize } from './external.ts';
import { Page } from './page.ts';

/** Flags of an item. */
export const heapItemFlag = { split: 1, first: 2, last: 4, externalFile: 8 } as const;

/** No item has a flag that is not among these. */
export const knownHeapFlags = 15;

/** Offsets on heap data pages. */
const at = { highIndx: 16, freeIndx: 18 } as const;

/** Slots in the table, free ones included. */
export function heapSlots(page: Page): number {
  return page.entries === 0 ? 0 : page.u16(at.highIndx) + 1;
}

/** True when a record begins here: it is whole, or in pieces of which this is the first. */
export function isHeapRecord(page: Page, offset: number): boolean {
  const flags = page.bytes[offset]!;
  return (flags & heapItemFlag.split) === 0 || (flags & heapItemFlag.first) !== 0;
}

/** One piece of a record that is split over pages. */
export interface HeapPiece {
  readonly data: Uint8Array;
  readonly isLast: boolean;
  /** Length of the whole record; means something in the first piece only. */
  readonly totalLength: number;
  readonly nextPgno: number;
  readonly nextIndx: number;
}

/** The bytes of an item that is not split; a view. */
export function heapItemData(page: Page, offset: number): Uint8Array {
  return page.bytes.subarray(offset + 4, offset + 4 + page.u16(offset + 2));
}

/** The item at an offset, which is split; its bytes are a view. */
export function heapPiece(page: Page, offset: number): HeapPiece {
  return {
    data: page.bytes.subarray(offset + 16, offset + 16 + page.u16(offset + 2)),
    isLast: (page.bytes[offset]! & heapItemFlag.last) !== 0,
    totalLength: page.u32(offset + 4),
    nextPgno: page.u32(offset + 8),
    nextIndx: page.u16(offset + 12),
  };
}

/** Bytes the item at an offset takes; its first 4 have to lie on the page. */
export function heapItemSize(page: Page, offset: number): number {
  const flags = page.bytes[offset]!;
  if ((flags & heapItemFlag.externalFile) !== 0) return externalItemSize;
  const head = (flags & heapItemFlag.split) === 0 ? 4 : 16;
  return Math.max(16, (head + page.u16(offset + 2) + 3) & ~3);
}

/** Item ends by offset, reused: pages are checked by the million. */
const ends = new Uint32Array(0x10001);

/** What is wrong with a heap data page; undefined when nothing is. Gaps between items are legal. */
export function heapProblem(page: Page): string | undefined {
  const { entries, indexStart, itemsStart, size } = page;
  const slots = heapSlots(page);
  const indexEnd = indexStart + 2 * slots;
  if (indexEnd > size) return `its slot table has ${slots} slots`;
  if (slots === 0) return undefined;
  if (indexEnd > itemsStart || itemsStart > size) {
    return `its slots end at ${indexEnd} and its items start at ${itemsStart}`;
  }
  ends.fill(0, itemsStart, size);
  let used = 0;
  for (let i = 0; i < slots; i++) {
    const offset = page.itemAt(i);
    if (offset === 0) continue;
    used += 1;
    if (offset % 4 !== 0 || offset < itemsStart || offset + 4 > size) return `slot ${i} names an item at ${offset}`;
    if (ends[offset] !== 0) return `slot ${i} names an item that another slot names, at ${offset}`;
    if (page.bytes[offset]! > knownHeapFlags)
      return `the item of slot ${i} has the unknown flags ${page.bytes[offset]}`;
    const end = offset + heapItemSize(page, offset);
    if (end > size) return `the item of slot ${i} ends at ${end}, past the end of the page`;
    ends[offset] = end;
  }
  if (used !== entries) return `${used} slots are used, but it says ${entries}`;
  if (page.itemAt(slots - 1) === 0) return `slot ${slots - 1}, its last one, is free`;
  const free = page.u16(at.freeIndx);
  if (free < slots && page.itemAt(free) !== 0) return `slot ${free}, which it calls free, is used`;
  return overlap(itemsStart, size);
}

function overlap(start: number, size: number): string | undefined {
  let end = start;
  for (let offset = start + (-start & 3); offset < size; offset += 4) {
    if (ends[offset] === 0) continue;
    if (offset < end) return `the item at ${offset} begins before ${end}, where another one ends`;
    end = ends[offset]!;
  }
  return undefined;
}

/**
 * A heap data page with all numbers in the byte order of its file. In little-endian files they are; big-endian files
 * are written in a wrong way of its own by every release (format document, 4.10.5): then this is a copy, put right.
 * Returns what is wrong, in words, when no known way gives a sound page.
 */
export function readableHeapPage(page: Page, pgno: number): Page | string {
  if (page.littleEndian) return heapProblem(page) ?? page;
  let problem = '';
  for (const copy of turnedPages(page)) {
    const found = copy.pgno === pgno ? heapProblem(copy) : `it calls itself page ${copy.pgno}`;
    if (found === undefined) return copy;
    problem ||= found;
  }
  return problem;
}

/** A page of a heap that may be damaged, put right where only one way to write it is known; undefined where there are more. */
export function damagedHeapPage(page: Page): Page | undefined {
  if (page.littleEndian) return page;
  const [turned, ...others] = turnedPages(page);
  return others.length === 0 ? turned : undefined;
}

/** Copies of a big-endian page, turned back in every way that its releases may have turned it. */
function* turnedPages(page: Page): Generator<Page> {
  for (const way of page.format.version === 1 ? [asIn53] : [asInMemory, asIn62, asIn60]) {
    const copy = new Page(page.bytes.slice(), page.format);
    way(copy);
    yield copy;
  }
}

/** Reverses the bytes `[from, to)`. */
function reverse({ bytes }: Page, from: number, to: number): void {
  bytes.subarray(from, Math.min(to, bytes.length)).reverse();
}

/** Pages without free slots are right in 6.0 and later. */
function asInMemory(): void {}

/** 5.2 and 5.3: slots and items are little-endian, and the two numbers about slots have changed places. */
function asIn53(page: Page): void {
  const free = page.u16(at.highIndx);
  page.setU16(at.highIndx, page.u16(at.freeIndx));
  page.setU16(at.freeIndx, free);
  turnItems(page, 0);
}

/** 6.2 and later: slots from the number of items on, and their items, are little-endian. */
function asIn62(page: Page): void {
  turnItems(page, page.entries);
}

/**
 * 6.0.30: for every free slot the beginning of the page was turned as if it were an item. Turning twice is not turning,
 * so this leads from the page as it is stored to the page itself, and back. An empty page has one free slot for this.
 */
export function asIn60(page: Page): void {
  const slots = Math.min(page.u16(at.highIndx) + 1, (page.size - page.indexStart) >> 1);
  let free = 0;
  for (let i = 0; i < slots; i++) if (page.itemAt(i) === 0) free += 1;
  if (free % 2 === 0) return;
  for (const [from, to] of headerNumbers) reverse(page, from, to);
  reverse(page, 2, 4);
  const first = page.bytes[0]!;
  if ((first & heapItemFlag.split) !== 0) {
    reverse(page, 4, 8);
    reverse(page, 8, 12);
    reverse(page, 12, 14);
  } else if ((first & heapItemFlag.externalFile) !== 0) {
    reverse(page, 56, 64);
    reverse(page, 64, 72);
    reverse(page, 72, 80);
  }
  for (const [from, to] of headerNumbers) reverse(page, from, to);
}

/** The numbers of a heap page's header: LSN, page number, highest page, slots, entries, start of the items. */
const headerNumbers = [
  [0, 4],
  [4, 8],
  [8, 12],
  [12, 16],
  [16, 18],
  [18, 20],
  [20, 22],
  [22, 24],
] as const;

/** Turns slots from `first` on and the heads of their items; what does not lie on the page is left for the check. */
function turnItems(page: Page, first: number): void {
  const { indexStart, size } = page;
  const slots = Math.min(heapSlots(page), (size - indexStart) >> 1);
  for (let i = first; i < slots; i++) {
    const slot = indexStart + 2 * i;
    reverse(page, slot, slot + 2);
    const offset = page.u16(slot);
    if (offset < indexStart + 2 * slots || offset + 16 > size) continue;
    reverse(page, offset + 2, offset + 4);
    if ((page.bytes[offset]! & heapItemFlag.split) === 0) continue;
    reverse(page, offset + 4, offset + 8);
    reverse(page, offset + 8, offset + 12);
    reverse(page, offset + 12, offset + 14);
  }
}
