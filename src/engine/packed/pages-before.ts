/** The pages of a file as they were in the set before, and where they are. */

import { pieceAt, type Pieces } from './contents.ts';
import { hashSize, type FilePages } from './page-table.ts';

/** A part of a pack. */
export interface Place {
  /** Its number in the contents of that set. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

export class PagesBefore {
  readonly #pages: FilePages;
  readonly #pieces: Pieces;
  readonly #lost: ReadonlySet<number>;
  /** Where the page was that was asked for before: mostly they are asked for in order. */
  #piece = 0;

  /** @param lost packs in which nothing is found */
  constructor(pages: FilePages, pieces: Pieces, lost: ReadonlySet<number>) {
    this.#pages = pages;
    this.#pieces = pieces;
    this.#lost = lost;
  }

  /** Where a page is, if it is the same; undefined otherwise. */
  find(page: number, hash: Uint8Array, length: number): Place | undefined {
    const { hashes, unit } = this.#pages;
    const at = page * hashSize;
    if (at + hashSize > hashes.length) return undefined;
    for (let i = 0; i < hashSize; i++) if (hashes[at + i] !== hash[i]) return undefined;
    return this.#placeOf(page * unit, length);
  }

  /** Undefined for what is not in one piece: pages never were in two. */
  #placeOf(position: number, length: number): Place | undefined {
    const { runs, starts, size } = this.#pieces;
    if (position + length > size) return undefined;
    const isNear = starts[this.#piece]! <= position && position < (starts[this.#piece + 1] ?? size);
    if (!isNear) this.#piece = pieceAt(this.#pieces, position);
    const [pack, begin, whole] = runs.subarray(3 * this.#piece, 3 * this.#piece + 3);
    const inside = position - starts[this.#piece]!;
    return inside + length <= whole! && !this.#lost.has(pack!)
      ? { pack: pack!, offset: begin! + inside, length }
      : undefined;
  }
}
