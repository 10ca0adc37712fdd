/** Operations on the items of hash pages (recovery document, C.6; format document, 4.8). All of them check first. */

import { viewOf, writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { compareHashKeys } from '../../../format/page/hash.ts';
import { Page } from '../../../format/page/page.ts';
import { swapPage } from '../../../format/page/swap.ts';
import { hashItemType, pageType } from '../../../format/page/types.ts';
import { type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';

/** An item to be written: its bytes, and its type when the bytes do not begin with it. */
export interface HashItem {
  readonly bytes: ByteRange;
  readonly type: number | undefined;
}

function sizeOf({ bytes, type }: HashItem): number {
  return bytes.length + (type === undefined ? 0 : 1);
}

/**
 * The items of a hash page. They lie in index order from the end of the page downwards without gaps, so that each one
 * ends where the one before it begins.
 */
export class HashItems {
  readonly #change: Change;
  readonly #cached: CachedPage;
  readonly #page: Page;

  /** Throws `not-recoverable` when the page is not a sound hash page. */
  constructor(change: Change, cached: CachedPage, page: Page = cached) {
    this.#change = change;
    this.#cached = cached;
    this.#page = page;
    const { type, entries, size, indexStart } = page;
    this.#require(type === pageType.hash || type === pageType.hashUnsorted, `it has type ${type}`);
    const indexEnd = indexStart + 2 * entries;
    this.#require(entries % 2 === 0 && indexEnd <= size, `it has ${entries} items`);
    let end = size;
    for (let i = 0; i < entries; i++) {
      const offset = page.itemAt(i);
      this.#require(offset < end && offset >= indexEnd, `item ${i} lies at ${offset}`);
      end = offset;
    }
    this.#require(page.itemsStart === end, `its items start at ${page.itemsStart}, not ${end}`);
  }

  #require(condition: boolean, what: string): void {
    if (!condition) throw this.#change.misfit(this.#cached, what);
  }

  get count(): number {
    return this.#page.entries;
  }

  #end(indx: number): number {
    return indx === 0 ? this.#page.size : this.#page.itemAt(indx - 1);
  }

  /** The bytes of an item, its type first. */
  bytes(indx: number): Uint8Array {
    return this.#page.bytes.subarray(this.#page.itemAt(indx), this.#end(indx));
  }

  /** Moves what lies below the end of the item before `indx` down by `by` bytes (up, when negative). */
  #move(indx: number, by: number): void {
    const page = this.#page;
    const { itemsStart, entries } = page;
    page.bytes.copyWithin(itemsStart - by, itemsStart, this.#end(indx));
    for (let i = indx; i < entries; i++) page.setItemAt(i, page.itemAt(i) - by);
    page.highFree = itemsStart - by;
  }

  #write(item: HashItem, offset: number): void {
    const { bytes } = this.#page;
    if (item.type !== undefined) bytes[offset] = item.type;
    writeRange(item.bytes, bytes, item.type === undefined ? offset : offset + 1);
  }

  /** Puts a pair before the pair at `indx`. */
  insertPair(indx: number, key: HashItem, data: HashItem): void {
    const page = this.#page;
    const { entries, itemsStart, indexStart } = page;
    this.#require(indx % 2 === 0 && indx <= entries, `a pair is put at ${indx} of ${entries} items`);
    const keySize = sizeOf(key);
    const size = keySize + sizeOf(data);
    const free = itemsStart - indexStart - 2 * (entries + 2);
    this.#require(keySize > 0 && size > keySize, 'an item to be put has not even a type');
    this.#require(size <= free, `a pair of ${size} bytes is put where ${free} are free`);
    const end = this.#end(indx);
    this.#move(indx, size);
    const slot = indexStart + 2 * indx;
    page.bytes.copyWithin(slot + 4, slot, indexStart + 2 * entries);
    page.entries = entries + 2;
    page.setItemAt(indx, end - keySize);
    page.setItemAt(indx + 1, end - size);
    page.highFree = itemsStart - size;
    this.#write(key, end - keySize);
    this.#write(data, end - size);
  }

  deletePair(indx: number): void {
    const page = this.#page;
    const { entries, itemsStart, indexStart } = page;
    this.#require(indx % 2 === 0 && indx < entries, `the pair at ${indx} of ${entries} items is deleted`);
    const end = this.#end(indx);
    const start = page.itemAt(indx + 1);
    const size = end - start;
    page.bytes.copyWithin(itemsStart + size, itemsStart, start);
    for (let i = indx + 2; i < entries; i++) page.setItemAt(i, page.itemAt(i) + size);
    const slot = indexStart + 2 * indx;
    page.bytes.copyWithin(slot, slot + 4, indexStart + 2 * entries);
    page.entries = entries - 2;
    page.highFree = itemsStart + size;
  }

  /** Replaces the whole of an item. `old` is what it must be now, as far as its size goes. */
  replaceItem(indx: number, old: HashItem, item: HashItem): void {
    const { entries } = this.#page;
    this.#require(indx < entries, `item ${indx} of ${entries} is replaced`);
    const size = this.#end(indx) - this.#page.itemAt(indx);
    this.#require(sizeOf(old) === size, `item ${indx} has ${size} bytes, not ${sizeOf(old)}`);
    this.#require(sizeOf(item) > 0, 'an item to be put has not even a type');
    this.#resize(indx, sizeOf(item) - size);
    this.#write(item, this.#page.itemAt(indx));
  }

  /** Replaces a part of an item; `offset` counts from behind its type. */
  replacePart(indx: number, offset: number, old: ByteRange, part: ByteRange): void {
    const { entries } = this.#page;
    this.#require(indx < entries, `item ${indx} of ${entries} is changed`);
    const start = this.#page.itemAt(indx);
    const length = this.#end(indx) - start - 1;
    this.#require(
      offset + old.length <= length,
      `bytes ${offset} to ${offset + old.length} of item ${indx} are changed, which has ${length}`,
    );
    const by = part.length - old.length;
    // What follows the part keeps its distance from the end; what precedes it moves with the item.
    const head = this.#page.bytes.slice(start, start + 1 + offset);
    this.#resize(indx, by);
    this.#page.bytes.set(head, start - by);
    writeRange(part, this.#page.bytes, start - by + 1 + offset);
  }

  /** Gives the item `by` more bytes at its front. */
  #resize(indx: number, by: number): void {
    if (by === 0) return;
    const page = this.#page;
    const { itemsStart, entries, indexStart } = page;
    const free = itemsStart - indexStart - 2 * entries;
    this.#require(by <= free, `item ${indx} grows by ${by} bytes where ${free} are free`);
    page.bytes.copyWithin(itemsStart - by, itemsStart, page.itemAt(indx));
    for (let i = indx; i < entries; i++) page.setItemAt(i, page.itemAt(i) - by);
    page.highFree = itemsStart - by;
  }

  setType(indx: number, type: number): void {
    this.#page.bytes[this.#page.itemAt(indx)] = type;
  }

  /** Puts the pairs in the order of their keys; `keyOf` gives the bytes of the key at an index. */
  sort(keyOf: (indx: number) => Uint8Array): void {
    const pairs: { key: Uint8Array; items: readonly [Uint8Array, Uint8Array] }[] = [];
    for (let i = 0; i < this.count; i += 2) {
      pairs.push({ key: keyOf(i).slice(), items: [this.bytes(i).slice(), this.bytes(i + 1).slice()] });
    }
    pairs.sort((a, b) => compareHashKeys(a.key, b.key));
    const page = this.#page;
    page.initialize(page.pgno, page.prevPgno, page.nextPgno, 0, pageType.hash);
    let offset = page.size;
    for (const [i, item] of pairs.flatMap(({ items }) => items).entries()) {
      offset -= item.length;
      page.bytes.set(item, offset);
      page.setItemAt(i, offset);
    }
    page.entries = 2 * pairs.length;
    page.highFree = offset;
  }
}

/**
 * Changes the items of a page. Up to v16, records hold items in the byte order of the machine; a page in the other one
 * is turned to it for the change and back.
 */
export function changeItems(change: Change, page: CachedPage, make: (items: HashItems) => void): void {
  if (!change.isSwapped) {
    make(new HashItems(change, page));
    return;
  }
  const { format } = page;
  const order = { ...format, littleEndian: !format.littleEndian };
  swapPage(page.bytes, format);
  make(new HashItems(change, page, new Page(page.bytes, order)));
  swapPage(page.bytes, order);
}

/** True when the bytes are those of an item as it stands on the page: they begin with its type. */
export function isWholeItem(bytes: ByteRange): boolean {
  const type = bytes.length > 0 ? viewOf(bytes)[0]! : 0;
  switch (type) {
    case hashItemType.overflow:
      return bytes.length === 12;
    case hashItemType.offPageDuplicates:
      return bytes.length === 8;
    case hashItemType.externalFile:
      return bytes.length === 80;
    default:
      return type === hashItemType.keyData || type === hashItemType.duplicates;
  }
}
