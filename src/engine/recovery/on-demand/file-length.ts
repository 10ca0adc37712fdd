/** How long a file is at each record that is undone and redone, and where it was cut off. */

import { type Lsn } from '../../../format/lsn.ts';

/** How long a file is. */
interface Length {
  readonly pageCount: number;
  /** What its first page says of its last one. */
  readonly lastPgno: number;
}

/** A file lost its pages from one on. */
interface Cut {
  readonly pages: number;
  readonly lsn: Lsn;
}

/** The lengths of a file during undo, in which LSNs fall, or during redo, in which they grow. */
export class LengthsOfPass {
  readonly #direction: 1 | -1;
  readonly #before: Length;
  /** Those at which something became different, in columns. */
  readonly #files: number[] = [];
  readonly #offsets: number[] = [];
  readonly #pageCounts: number[] = [];
  readonly #lastPgnos: number[] = [];
  /** Each of them cuts off more than those before it: the last one that concerns a page is found by its number. */
  readonly #cuts: Cut[] = [];
  readonly #allCuts: Cut[] = [];
  #mostPages: number;

  /** @param before where the pass begins */
  constructor(direction: 'undo' | 'redo', before: Length) {
    this.#direction = direction === 'redo' ? 1 : -1;
    this.#before = before;
    this.#mostPages = before.pageCount;
  }

  /** Where the pass is. */
  get pageCount(): number {
    return this.#pageCounts.at(-1) ?? this.#before.pageCount;
  }
  /** Pages that the file has where it has most of them. */
  get mostPages(): number {
    return this.#mostPages;
  }
  get lastPgno(): number {
    return this.#lastPgnos.at(-1) ?? this.#before.lastPgno;
  }

  /** Takes note of what a record leaves; to be called in the order of the pass, and again where more comes of the same record. */
  set({ file, offset }: Lsn, pageCount: number, lastPgno: number): void {
    if (this.pageCount === pageCount && this.lastPgno === lastPgno) return;
    this.#mostPages = Math.max(this.#mostPages, pageCount);
    let at = this.#files.length - 1;
    if (this.#files[at] !== file || this.#offsets[at] !== offset) at += 1;
    this.#files[at] = file;
    this.#offsets[at] = offset;
    this.#pageCounts[at] = pageCount;
    this.#lastPgnos[at] = lastPgno;
  }

  cut(lsn: Lsn, pages: number): void {
    while (this.#cuts.length > 0 && this.#cuts.at(-1)!.pages >= pages) this.#cuts.pop();
    this.#cuts.push({ pages, lsn });
    this.#allCuts.push({ pages, lsn });
    this.set(lsn, pages, this.lastPgno);
  }

  get cutCount(): number {
    return this.#allCuts.length;
  }

  /** Where it lost a page last, among the cuts that count. */
  lastCutWith(pgno: number, counts: (lsn: Lsn) => boolean): Lsn | undefined {
    return this.#allCuts.findLast(({ pages, lsn }) => pages <= pgno && counts(lsn))?.lsn;
  }

  /** Where a page was cut off last. */
  lastCutOf(pgno: number): Lsn | undefined {
    let low = 0;
    for (let high = this.#cuts.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#cuts[middle]!.pages <= pgno) low = middle + 1;
      else high = middle;
    }
    return this.#cuts[low - 1]?.lsn;
  }

  /** Before a record is done. */
  pageCountBefore(lsn: Lsn): number {
    return this.#pageCounts[this.#find(lsn, false)] ?? this.#before.pageCount;
  }

  /** When a record has been done to the first page. */
  lastPgnoAt(lsn: Lsn): number {
    return this.#lastPgnos[this.#find(lsn, true)] ?? this.#before.lastPgno;
  }

  /** The last one before a record, or at it. */
  #find(lsn: Lsn, orAt: boolean): number {
    let low = 0;
    for (let high = this.#files.length; low < high;) {
      const middle = (low + high) >>> 1;
      const order = this.#direction * (this.#files[middle]! - lsn.file || this.#offsets[middle]! - lsn.offset);
      if (orAt ? order <= 0 : order < 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
