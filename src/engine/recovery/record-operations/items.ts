/** Operations on the items of btree and recno pages (recovery document, C.1). All of them check before they change. */

import { type ByteRange, writeRange } from '../../../format/byte-range.ts';
import { accessMethodOf } from '../../../format/magic.ts';
import { metaAt, type DatabaseFormat } from '../../../format/page/meta.ts';
import { Page } from '../../../format/page/page.ts';
import { deletedFlag, isMetaType, itemType, pageType } from '../../../format/page/types.ts';
import { swapPage } from '../../../format/page/swap.ts';
import { type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';

export function align4(n: number): number {
  return (n + 3) & ~3;
}

/** Bytes that the leaf item at `offset` takes on a page. */
function leafItemSize(page: Page, offset: number): number {
  switch (page.bytes[offset + 2]! & ~deletedFlag) {
    case itemType.duplicates:
    case itemType.overflow:
      return 12;
    case itemType.externalFile:
      return 80;
    default:
      return align4(page.u16(offset) + 3);
  }
}

/** Bytes that the item at `offset` takes, by the type of its page. */
export function itemSize(page: Page, offset: number): number {
  switch (page.type) {
    case pageType.btreeInternal:
      return align4(page.u16(offset) + 12);
    case pageType.recnoInternal:
      return 8;
    default:
      return leafItemSize(page, offset);
  }
}

/** Offset of item `indx`, checked: the item lies inside the item area, with at least `least` bytes. */
export function checkedItem(change: Change, page: CachedPage, indx: number, least: number): number {
  if (indx >= page.entries) throw change.misfit(page, `it names item ${indx} of ${page.entries}`);
  const offset = page.itemAt(indx);
  if (offset < page.itemsStart || offset + least > page.size) {
    throw change.misfit(page, `item ${indx} lies at ${offset}, outside of the items`);
  }
  return offset;
}

/** As `checkedItem`, with the whole of the item inside the page. */
export function wholeItem(change: Change, page: CachedPage, indx: number): { offset: number; size: number } {
  const least = page.type === pageType.btreeInternal ? 12 : page.type === pageType.recnoInternal ? 8 : 3;
  const offset = checkedItem(change, page, indx, least);
  const size = itemSize(page, offset);
  if (offset + size > page.size) throw change.misfit(page, `item ${indx} is longer than the page`);
  return { offset, size };
}

function requireSane(change: Change, page: CachedPage): void {
  const indexEnd = page.indexStart + 2 * page.entries;
  if (indexEnd > page.itemsStart || page.itemsStart > page.size) {
    throw change.misfit(page, `its index ends at ${indexEnd} and its items start at ${page.itemsStart}`);
  }
}

/** Makes room for an item of `nbytes` as entry `indx`; returns its offset. */
function makeRoom(change: Change, page: CachedPage, indx: number, nbytes: number): number {
  requireSane(change, page);
  const { entries, itemsStart, indexStart } = page;
  if (indx > entries) throw change.misfit(page, `it adds item ${indx} to ${entries}`);
  const free = itemsStart - indexStart - 2 * (entries + 1);
  if (nbytes > free) throw change.misfit(page, `it adds ${nbytes} bytes where ${free} are free`);
  const slot = indexStart + 2 * indx;
  page.bytes.copyWithin(slot + 2, slot, indexStart + 2 * entries);
  const offset = itemsStart - nbytes;
  page.highFree = offset;
  page.setItemAt(indx, offset);
  page.entries = entries + 1;
  return offset;
}

/** Adds an item as entry `indx`. An empty `hdr` stands for the head of a plain leaf item. */
export function putItem(
  change: Change,
  page: CachedPage,
  indx: number,
  nbytes: number,
  hdr: ByteRange,
  data: ByteRange,
): void {
  const needed = (hdr.length === 0 ? 3 : hdr.length) + data.length;
  if (needed > nbytes) throw change.misfit(page, `an item of ${needed} bytes does not go into ${nbytes}`);
  const offset = makeRoom(change, page, indx, nbytes);
  if (hdr.length === 0) {
    page.setU16(offset, data.length);
    page.bytes[offset + 2] = itemType.keyData;
    writeRange(data, page.bytes, offset + 3);
  } else {
    writeRange(hdr, page.bytes, offset);
    writeRange(data, page.bytes, offset + hdr.length);
  }
}

/** Removes item `indx`, which takes `nbytes`. */
export function deleteItem(change: Change, page: CachedPage, indx: number, nbytes: number): void {
  requireSane(change, page);
  const { entries, itemsStart, indexStart } = page;
  const offset = checkedItem(change, page, indx, nbytes);
  if (entries === 1) {
    page.entries = 0;
    page.highFree = page.size;
    return;
  }
  page.highFree = itemsStart + nbytes;
  // What was added last lies lowest, so that undo mostly has nothing to move.
  if (offset > itemsStart) {
    page.bytes.copyWithin(itemsStart + nbytes, itemsStart, offset);
    page.shiftItems(offset - 1, nbytes);
  }
  const slot = indexStart + 2 * indx;
  page.bytes.copyWithin(slot, slot + 2, indexStart + 2 * entries);
  page.entries = entries - 1;
}

/** Adds entry `indx` with the offset of entry `from`: a duplicate's key is stored once. */
export function shareItem(change: Change, page: CachedPage, indx: number, from: number): void {
  requireSane(change, page);
  const { entries, indexStart } = page;
  if (indx > entries || from >= entries) {
    throw change.misfit(page, `it shares item ${from} as ${indx} of ${entries}`);
  }
  change.require(indexStart + 2 * (entries + 1) <= page.itemsStart, page, 'there is no room in its index');
  const offset = page.itemAt(from);
  const slot = indexStart + 2 * indx;
  page.bytes.copyWithin(slot + 2, slot, indexStart + 2 * entries);
  page.setItemAt(indx, offset);
  page.entries = entries + 1;
}

/** Removes entry `indx` and leaves the item. */
export function unshareItem(change: Change, page: CachedPage, indx: number): void {
  requireSane(change, page);
  const { entries, indexStart } = page;
  if (indx >= entries) throw change.misfit(page, `it names item ${indx} of ${entries}`);
  const slot = indexStart + 2 * indx;
  page.bytes.copyWithin(slot, slot + 2, indexStart + 2 * entries);
  page.entries = entries - 1;
}

/** Gives item `indx` another size on the page; its contents are to be written at the offset returned. */
export function resizeItem(change: Change, page: CachedPage, indx: number, oldSize: number, newSize: number): number {
  const offset = checkedItem(change, page, indx, oldSize);
  const shift = oldSize - newSize;
  if (shift === 0) return offset;
  requireSane(change, page);
  const { entries, itemsStart } = page;
  const free = itemsStart - page.indexStart - 2 * entries;
  if (-shift > free) throw change.misfit(page, `item ${indx} grows by ${-shift} bytes where ${free} are free`);
  page.bytes.copyWithin(itemsStart + shift, itemsStart, offset);
  page.shiftItems(offset, shift);
  page.highFree = itemsStart + shift;
  return offset + shift;
}

/** Records below a page, over its entries `[from, to)` (format document, 4.6.6). */
export function countRecords(page: Page, from: number, to: number): number {
  let count = 0;
  switch (page.type) {
    case pageType.btreeLeaf:
      for (let i = from; i + 1 < to; i += 2) {
        if ((page.bytes[page.itemAt(i + 1) + 2]! & deletedFlag) === 0) count += 1;
      }
      return count;
    case pageType.duplicateLeaf:
      for (let i = from; i < to; i++) {
        if ((page.bytes[page.itemAt(i) + 2]! & deletedFlag) === 0) count += 1;
      }
      return count;
    case pageType.btreeInternal:
      for (let i = from; i < to; i++) count += page.u32(page.itemAt(i) + 8);
      return count;
    case pageType.recnoInternal:
      for (let i = from; i < to; i++) count += page.u32(page.itemAt(i) + 4);
      return count;
    default:
      return to - from;
  }
}

/** Appends entries `[from, to)` of `source`, a checked image, to `target`, as a split does. */
export function copyItems(change: Change, source: Page, target: CachedPage, from: number, to: number): void {
  const isLeafPairs = source.type === pageType.btreeLeaf;
  let start = target.size;
  let entries = 0;
  for (let i = from; i < to; i++) {
    const offset = source.itemAt(i);
    if (isLeafPairs && i >= from + 2 && i % 2 === 0 && offset === source.itemAt(i - 2)) {
      // The key of a duplicate is stored once.
      target.setItemAt(entries, target.itemAt(entries - 2));
    } else {
      const keyless = source.type === pageType.btreeInternal && i === from && from !== 0;
      const size = keyless ? 12 : itemSize(source, offset);
      start -= size;
      change.require(start >= target.indexStart + 2 * (entries + 1), target, 'the items of a split do not fit');
      if (keyless) {
        // The first key of an internal page is not significant.
        target.setU16(start, 0);
        target.bytes[start + 2] = itemType.keyData;
        target.bytes[start + 3] = 0;
        target.setU32(start + 4, source.u32(offset + 4));
        target.setU32(start + 8, source.u32(offset + 8));
      } else {
        target.bytes.set(source.bytes.subarray(offset, offset + size), start);
      }
      target.setItemAt(entries, start);
    }
    entries += 1;
  }
  target.entries = entries;
  target.highFree = start;
}

/** Throws unless every item of a whole page image lies inside it. */
export function requireWholeItems(change: Change, image: Page, page: CachedPage): void {
  const indexEnd = image.indexStart + 2 * image.entries;
  change.require(
    indexEnd <= image.itemsStart && image.itemsStart <= image.size,
    page,
    'the logged page image is damaged',
  );
  for (let i = 0; i < image.entries; i++) {
    const offset = image.itemAt(i);
    const inside =
      offset >= image.itemsStart && offset + 3 <= image.size && offset + itemSize(image, offset) <= image.size;
    change.require(inside, page, 'the logged page image is damaged');
  }
}

/**
 * A page image from a record, as a page of its own: `header` holds its beginning, `data` (if any) its items. Older logs
 * hold images in the other byte order than the database's; the result is in the database's.
 */
export function imageOf(change: Change, page: CachedPage, header: ByteRange, data?: ByteRange): Page {
  const { format } = change.file;
  const bytes = new Uint8Array(page.size);
  change.require(header.length >= 26 && header.length <= page.size, page, 'the logged page image has no page’s size');
  writeRange(header, bytes, 0);
  if (data && data.length > 0) {
    const start = page.size - data.length;
    change.require(start >= header.length, page, 'the logged items overlap the page header');
    writeRange(data, bytes, start);
  }
  const swapped = isMetaType(bytes[metaAt.type]!) ? isForeignMeta(bytes, format) : change.isSwapped;
  if (swapped) swapPage(bytes, { ...format, littleEndian: !format.littleEndian });
  return new Page(bytes, format);
}

/**
 * True when the image of a metadata page is in the other byte order than its database's. 5.3 logs such images in its own
 * order when compaction moves them, and in the database's otherwise; the magic number tells.
 */
function isForeignMeta(bytes: Uint8Array, { littleEndian }: DatabaseFormat): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return accessMethodOf(view.getUint32(metaAt.magic, !littleEndian)) !== undefined;
}
