/** Operations on the items of heap pages (format document, 4.10; recovery document, C.8). All of them check first. */

import { writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { pageType } from '../../../format/page/types.ts';
import { type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';

/** Bytes of the shortest head of an item. */
const headSize = 4;

/** Flags of an item. */
const itemFlag = { split: 1, externalFile: 8 } as const;

/**
 * How slots and items lie on the page (format document, 4.10.5): in big-endian heaps of 5.2 and 5.3 (`old`) they are
 * little-endian all the same, and the two numbers about slots have changed places. In those of 6.2 and later (`tail`)
 * they are little-endian from the slot on whose index is the number of items.
 */
export type HeapLayout = 'plain' | 'old' | 'tail';

/** A heap data page. Slots never move; one that is free holds 0, and items can have gaps between them. */
export class HeapItems {
  readonly #change: Change;
  readonly #page: CachedPage;
  readonly #layout: HeapLayout;

  /** Throws `not-recoverable` when the page is not a sound heap page. */
  constructor(change: Change, page: CachedPage, layout: HeapLayout) {
    this.#change = change;
    this.#page = page;
    this.#layout = layout;
    const { type, size } = page;
    this.#require(type === pageType.heapData, `it has type ${type}`);
    const { itemsStart } = page;
    this.#require(this.#slotsEnd(this.slots) <= size, `it has ${this.slots} slots`);
    if (layout === 'tail') this.#turnTail(true);
    this.#require(this.#slotsEnd(this.slots) <= itemsStart && itemsStart <= size, `its items start at ${itemsStart}`);
    let used = 0;
    for (let i = 0; i < this.slots; i++) {
      const offset = this.#slot(i);
      if (offset === 0) continue;
      used += 1;
      this.#require(offset >= itemsStart && offset + headSize <= size, `item ${i} lies at ${offset}`);
    }
    this.#require(used === page.entries, `it has ${used} items, not ${page.entries}`);
  }

  #require(condition: boolean, what: string): void {
    if (!condition) throw this.#change.misfit(this.#page, what);
  }

  #slotsEnd(slots: number): number {
    return this.#page.indexStart + 2 * slots;
  }

  get #slotsLittleEndian(): boolean {
    return this.#page.littleEndian || this.#layout === 'old';
  }

  #slot(indx: number): number {
    return this.#page.view.getUint16(this.#page.indexStart + 2 * indx, this.#slotsLittleEndian);
  }

  #setSlot(indx: number, offset: number): void {
    this.#page.view.setUint16(this.#page.indexStart + 2 * indx, offset, this.#slotsLittleEndian);
  }

  get #highestAt(): number {
    return this.#layout === 'old' ? 18 : 16;
  }

  get #freeAt(): number {
    return this.#layout === 'old' ? 16 : 18;
  }

  /** To be called after the last change: brings the page into its form on disk. */
  finish(): void {
    if (this.#layout === 'tail') this.#turnTail(false);
  }

  /** Turns the slots and items of a page whose header is turned already from little-endian to a layout. */
  static turnImage(change: Change, page: CachedPage, layout: HeapLayout): void {
    const { entries, indexStart, view } = page;
    const slots = entries === 0 ? 0 : page.u16(16) + 1;
    change.require(indexStart + 2 * slots <= page.size, page, 'the logged page image is damaged');
    const { bytes } = page;
    const turned = layout === 'tail' ? Math.min(slots, entries) : slots;
    for (let i = 0; i < turned; i++) {
      const at = indexStart + 2 * i;
      const offset = view.getUint16(at, true);
      view.setUint16(at, offset, false);
      if (offset === 0) continue;
      change.require(offset + headSize <= page.size, page, 'the logged page image is damaged');
      const split = (bytes[offset]! & itemFlag.split) !== 0;
      change.require(!split || offset + 16 <= page.size, page, 'the logged page image is damaged');
      turnHead(page, offset, split);
    }
  }

  /** Turns slots and items from the number of items on from little-endian to the page's order, or back. */
  #turnTail(fromDisk: boolean): void {
    const { entries, indexStart, view } = this.#page;
    for (let i = entries; i < this.slots; i++) {
      const at = indexStart + 2 * i;
      const offset = view.getUint16(at, fromDisk);
      view.setUint16(at, offset, !fromDisk);
      if (offset !== 0) this.#turnItem(offset);
    }
  }

  #turnItem(offset: number): void {
    const { bytes, size } = this.#page;
    const flags = bytes[offset] ?? 0;
    const split = (flags & itemFlag.split) !== 0;
    this.#require(offset + (split ? 16 : headSize) <= size, `an item lies at ${offset}`);
    this.#require((flags & itemFlag.externalFile) === 0, `the item at ${offset} is an external file`);
    turnHead(this.#page, offset, split);
  }

  /** Slots in the table, free ones included. */
  get slots(): number {
    return this.#page.entries === 0 ? 0 : this.#page.u16(this.#highestAt) + 1;
  }

  /** Writes the numbers about slots for a table of `slots`. */
  #setSlots(slots: number): void {
    const highest = Math.max(0, slots - 1);
    let free = 0;
    while (free < slots && this.#slot(free) !== 0) free += 1;
    const page = this.#page;
    page.setU16(this.#highestAt, highest);
    page.setU16(this.#freeAt, free);
  }

  /** Puts an item of `nbytes` into the free slot `indx`. */
  add(indx: number, nbytes: number, head: ByteRange, data: ByteRange): void {
    const page = this.#page;
    const { slots } = this;
    this.#require(indx >= slots || this.#slot(indx) === 0, `an item is put into slot ${indx}, which is taken`);
    const needed = head.length + data.length;
    this.#require(head.length >= headSize && needed <= nbytes, `an item of ${needed} bytes does not go into ${nbytes}`);
    const after = Math.max(slots, indx + 1);
    const offset = page.itemsStart - nbytes;
    this.#require(this.#slotsEnd(after) <= offset, `there is no room for an item of ${nbytes} bytes in slot ${indx}`);
    for (let i = slots; i < after; i++) this.#setSlot(i, 0);
    this.#setSlot(indx, offset);
    writeRange(head, page.bytes, offset);
    writeRange(data, page.bytes, offset + head.length);
    page.highFree = offset;
    page.entries += 1;
    this.#setSlots(after);
  }

  /** Takes the item of `nbytes` out of slot `indx`. */
  remove(indx: number, nbytes: number): void {
    const page = this.#page;
    const { slots } = this;
    const { itemsStart, size, entries } = page;
    const removed = indx < slots ? this.#slot(indx) : 0;
    this.#require(removed !== 0, `the item in slot ${indx} of ${slots} is removed, which is free`);
    this.#require(removed + nbytes <= size, `an item of ${nbytes} bytes at ${removed} is removed`);
    if (entries === 1) {
      // Nothing may be left in the table: `db_verify` looks at its first slot even when the page is empty.
      this.#setSlot(indx, 0);
      page.entries = 0;
      page.highFree = size;
      this.#setSlots(0);
      return;
    }
    page.bytes.copyWithin(itemsStart + nbytes, itemsStart, removed);
    this.#setSlot(indx, 0);
    for (let i = 0; i < slots; i++) {
      const offset = this.#slot(i);
      if (offset !== 0 && offset < removed) this.#setSlot(i, offset + nbytes);
    }
    page.highFree = itemsStart + nbytes;
    page.entries = entries - 1;
    let after = slots;
    while (this.#slot(after - 1) === 0) after -= 1;
    this.#setSlots(after);
  }

  /** How full the page is, as the bitmap of its region says it: 0 to 3. */
  get fullness(): number {
    const { itemsStart, indexStart, size } = this.#page;
    // For space accounting, the header of a page with checksums counts as 48 bytes.
    const header = indexStart === 32 ? 48 : indexStart;
    const free = itemsStart - header - 2 * this.slots;
    const percent = Math.trunc((100 * free) / size);
    return percent > 66 ? 0 : percent > 33 ? 1 : percent > 5 ? 2 : 3;
  }
}

/** Turns the integers in the head of an item. */
function turnHead({ view }: CachedPage, offset: number, split: boolean): void {
  const turn16 = (at: number): void => view.setUint16(at, view.getUint16(at, true), false);
  const turn32 = (at: number): void => view.setUint32(at, view.getUint32(at, true), false);
  turn16(offset + 2);
  if (!split) return;
  turn32(offset + 4);
  turn32(offset + 8);
  turn16(offset + 12);
}
