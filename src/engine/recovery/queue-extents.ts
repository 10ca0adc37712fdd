/** The pages of a queue that is kept in several files (format document, 4.9). */

import { type Piece } from './piece.ts';

/** Where a page is kept. */
export interface PagePlace {
  readonly piece: Piece;
  readonly position: number;
}

/** The extents of one queue: all of its pages but the first, numbered through. */
export class QueueExtents implements Iterable<readonly [number, Piece]> {
  readonly pagesPerExtent: number;
  readonly #pageSize: number;
  readonly #create: () => Piece;
  readonly #pieces = new Map<number, Piece>();
  /** By extent: bytes that pages in the cache make it longer than its piece is as yet. */
  readonly #reach = new Map<number, number>();

  constructor(pagesPerExtent: number, pageSize: number, create: () => Piece) {
    this.pagesPerExtent = pagesPerExtent;
    this.#pageSize = pageSize;
    this.#create = create;
  }

  [Symbol.iterator](): Iterator<readonly [number, Piece]> {
    return this.#pieces.entries();
  }

  has(number: number): boolean {
    return this.#pieces.has(number);
  }

  add(number: number, piece: Piece): void {
    this.#pieces.set(number, piece);
  }

  delete(number: number): void {
    this.#pieces.delete(number);
    this.#reach.delete(number);
  }

  /** Number of the extent that page `pgno` is in; not for page 0. */
  extentOf(pgno: number): number {
    return Math.floor((pgno - 1) / this.pagesPerExtent);
  }

  /** Where page `pgno` is; undefined when its extent is not there, or does not reach that far. */
  find(pgno: number): PagePlace | undefined {
    const number = this.extentOf(pgno);
    const piece = this.#pieces.get(number);
    if (!piece) return undefined;
    const position = this.#position(pgno);
    const end = Math.max(piece.size, this.#reach.get(number) ?? 0);
    return position + this.#pageSize <= end ? { piece, position } : undefined;
  }

  /**
   * The first page behind `pgno`, which is not there, that may be: extents have their pages from the first one on. `Infinity` when there is
   * none. What lies between may be more than anybody wants to count, since it is told by a first page.
   */
  nextBehind(pgno: number): number {
    const number = this.extentOf(pgno);
    let next = this.#pieces.has(number + 1) ? number + 1 : Infinity;
    if (next === Infinity) for (const each of this.#pieces.keys()) if (each > number && each < next) next = each;
    return next * this.pagesPerExtent + 1;
  }

  /** Where page `pgno` goes: from now on its extent reaches that far, though nothing may be written yet. */
  make(pgno: number): PagePlace {
    const number = this.extentOf(pgno);
    let piece = this.#pieces.get(number);
    if (!piece) this.#pieces.set(number, (piece = this.#create()));
    const position = this.#position(pgno);
    this.#reach.set(number, Math.max(this.#reach.get(number) ?? 0, position + this.#pageSize));
    return { piece, position };
  }

  #position(pgno: number): number {
    return ((pgno - 1) % this.pagesPerExtent) * this.#pageSize;
  }
}
