/** The other byte order: page images that older logs hold in the writer's order (format document, 3.4). */

import { type DatabaseFormat } from './meta.ts';
import { deletedFlag, hashItemType, itemType, pageType } from './types.ts';

/** What one has to know of a page to swap it: `littleEndian` is its order before. */
type SwapFormat = Pick<DatabaseFormat, 'littleEndian' | 'indexStart'>;

/** Ranges `[from, to)` of u32 on metadata pages that are the same for all access methods. */
const commonMetaRanges = [
  [12, 24],
  [28, 52],
  [460, 464],
] as const;

/** Ends of the u32 that begin at 72 on metadata pages, external-file fields included. */
const metaEnds: ReadonlyMap<number, number> = new Map([
  [pageType.btreeMeta, 112],
  [pageType.hashMeta, 244],
  [pageType.queueMeta, 96],
  [pageType.heapMeta, 104],
]);

/**
 * Turns every integer of a page into the other byte order, in place: header, index and what the items hold. The bytes
 * are those of a whole page; where only its beginning and its items are known, the rest is to be zero. Contents that
 * make no sense are left alone: whoever uses the page checks it.
 *
 * Of heap pages only the header is turned (format document, 4.10.5).
 */
export function swapPage(bytes: Uint8Array, format: SwapFormat): void {
  const swap = new Swap(bytes, format.littleEndian);
  const type = bytes[25]!;
  const metaEnd = metaEnds.get(type);
  swap.u32s(0, 12);
  if (metaEnd !== undefined) {
    for (const [from, to] of commonMetaRanges) swap.u32s(from, to);
    swap.u32s(72, metaEnd);
    return;
  }
  if (type === pageType.queueData) return;
  const entries = swap.read16(20);
  swap.u32s(12, 20);
  swap.u16(20);
  swap.u16(22);
  if (!hasItems(type)) return;
  const indexEnd = format.indexStart + 2 * entries;
  // The key of duplicates on a leaf is stored once, and swapped once.
  const seen = new Set<number>();
  let end = bytes.length;
  for (let at = format.indexStart; at < indexEnd && at + 2 <= bytes.length; at += 2) {
    const offset = swap.read16(at);
    swap.u16(at);
    if (offset >= indexEnd && !seen.has(offset)) swap.item(type, offset, end);
    seen.add(offset);
    end = offset;
  }
}

function hasItems(type: number): boolean {
  switch (type) {
    case pageType.btreeInternal:
    case pageType.recnoInternal:
    case pageType.btreeLeaf:
    case pageType.recnoLeaf:
    case pageType.duplicateLeaf:
    case pageType.hash:
    case pageType.hashUnsorted:
      return true;
    default:
      return false;
  }
}

/** Swaps integers in place; what does not lie inside the bytes is left out. */
class Swap {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
  }

  /** As it is before swapping; 0 outside of the bytes. */
  read16(at: number): number {
    return at + 2 <= this.#bytes.length ? this.#view.getUint16(at, this.#littleEndian) : 0;
  }

  u16(at: number): void {
    if (at + 2 <= this.#bytes.length) this.#view.setUint16(at, this.#view.getUint16(at, true), false);
  }

  u32s(from: number, to: number): void {
    for (let at = from; at + 4 <= to && at + 4 <= this.#bytes.length; at += 4) {
      this.#view.setUint32(at, this.#view.getUint32(at, true), false);
    }
  }

  /** The item at `offset`; `end` is where it ends, known on hash pages only. */
  item(pageTypeOfItem: number, offset: number, end: number): void {
    switch (pageTypeOfItem) {
      case pageType.hash:
      case pageType.hashUnsorted:
        return this.#hashItem(offset, end);
      case pageType.recnoInternal:
        return this.u32s(offset, offset + 8);
      case pageType.btreeInternal:
        this.u16(offset);
        this.u32s(offset + 4, offset + 12);
        if (this.#type(offset) === itemType.overflow) this.#reference(offset + 12);
        return;
      default:
        this.u16(offset);
        if (this.#type(offset) === itemType.overflow || this.#type(offset) === itemType.duplicates) {
          this.u32s(offset + 4, offset + 12);
        }
    }
  }

  #type(offset: number): number {
    return (this.#bytes[offset + 2] ?? 0) & ~deletedFlag;
  }

  /** An overflow item inside an internal item. */
  #reference(offset: number): void {
    this.u16(offset);
    this.u32s(offset + 4, offset + 12);
  }

  #hashItem(offset: number, end: number): void {
    switch (this.#bytes[offset] ?? 0) {
      case hashItemType.overflow:
        return this.u32s(offset + 4, offset + 12);
      case hashItemType.offPageDuplicates:
        return this.u32s(offset + 4, offset + 8);
      case hashItemType.duplicates:
        for (let at = offset + 1; at + 4 <= end;) {
          const after = at + 2 + this.read16(at);
          if (after + 2 > end) return;
          this.u16(at);
          this.u16(after);
          at = after + 2;
        }
    }
  }
}
