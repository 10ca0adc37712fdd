/**
 * Byte order of items in log records. Up to v16 they are in the order of the machine that wrote the log, from v17 on in
 * the order of the database (format document, 3.4). Matters for big-endian databases only.
 */

import { copyOf, rangeOf, type ByteRange } from '../../../format/byte-range.ts';
import { deletedFlag, itemType, pageType } from '../../../format/page/types.ts';
import { type Change } from '../page-change.ts';

/** The item, or the head of one, in the byte order of the change's database. */
export function itemInOrder(change: Change, type: number, item: ByteRange): ByteRange {
  if (!change.isSwapped || item.length === 0) return item;
  return rangeOf(swappedItem(type, copyOf(item), true));
}

/**
 * Swaps the integers of a btree or recno item in place, and returns it.
 *
 * @param type of the page the item is for
 * @param fromLittleEndian byte order it is in now
 */
export function swappedItem(type: number, item: Uint8Array, fromLittleEndian: boolean): Uint8Array {
  const view = new DataView(item.buffer, item.byteOffset, item.byteLength);
  const swap16 = (at: number): void => {
    if (at + 2 <= item.length) view.setUint16(at, view.getUint16(at, fromLittleEndian), !fromLittleEndian);
  };
  const swap32 = (at: number): void => {
    if (at + 4 <= item.length) view.setUint32(at, view.getUint32(at, fromLittleEndian), !fromLittleEndian);
  };
  const swapReference = (at: number): void => {
    swap32(at + 4);
    swap32(at + 8);
  };
  if (type === pageType.recnoInternal) {
    swap32(0);
    swap32(4);
    return item;
  }
  const kind = item.length >= 3 ? item[2]! & ~deletedFlag : itemType.keyData;
  swap16(0);
  if (type === pageType.btreeInternal) {
    swap32(4);
    swap32(8);
    if (kind === itemType.overflow) swapReference(12);
  } else if (kind === itemType.overflow || kind === itemType.duplicates) {
    swapReference(0);
  }
  return item;
}
