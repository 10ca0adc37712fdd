/** The blocks of a file that come from a store when they are read, each once. */

import { isClosed } from '../../errors.ts';
import { type OpenFile } from '../files/files.ts';
import { type Range } from '../store/store.ts';
import { largestRead } from '../store/sync-reader.ts';
import { type ObjectBytes } from './object-bytes.ts';

/** What is fetched at once, in bytes: a page alone is not worth a question. */
const blockSize = 64 << 10;
/** Of a file that is read from one end to the other. */
const mostAhead = largestRead / blockSize;

/** Writes all bytes of an object into a file; false where they are not to be had. */
export type Elsewhere = (target: OpenFile) => boolean;

/** Which blocks of an object are in a file that is as long. */
export class FetchedBlocks {
  readonly #object: ObjectBytes;
  readonly #elsewhere: Elsewhere | undefined;
  /** A byte a block: 1 for those that are there. */
  readonly #present: Uint8Array;
  /** The block after the last one that was fetched. The first of a file may be all that is wanted of it: it says what the file is. */
  #next = -1;
  /** How many blocks to fetch at once. */
  #ahead = 1;

  /** @param elsewhere asked where nobody here can read the object */
  constructor(object: ObjectBytes, elsewhere?: Elsewhere) {
    this.#elsewhere = elsewhere;
    this.#object = object;
    this.#present = new Uint8Array(Math.ceil(object.size / blockSize));
  }

  /** Whether nothing is missing. */
  get areAll(): boolean {
    return !this.#present.includes(0);
  }

  /** Brings what is missing between two places of the file. */
  fetch(opened: OpenFile, start: number, end: number): void {
    const present = this.#present;
    const last = Math.min(Math.ceil(end / blockSize), present.length);
    for (let at = Math.floor(start / blockSize); at < last;) {
      if (present[at] === 1) {
        at += 1;
        continue;
      }
      this.#ahead = at === this.#next ? Math.min(2 * this.#ahead, mostAhead) : 1;
      const to = this.#endOfMissing(at, Math.max(last, at + this.#ahead));
      if (this.#fetchBlocks(opened, at, to) === 'whole') {
        present.fill(1);
        return;
      }
      present.fill(1, at, to);
      this.#next = to;
      at = to;
    }
  }

  /** The end of the blocks from one on that are missing, as far as they are to be fetched at once. */
  #endOfMissing(from: number, limit: number): number {
    const present = this.#present;
    const most = Math.min(present.length, from + mostAhead, limit);
    let to = from + 1;
    while (to < most && present[to] === 0) to += 1;
    return to;
  }

  /** What is going to be fetched after some blocks; undefined where that is not known. */
  #rangeAfter(from: number, to: number): Range | undefined {
    if (to - from < mostAhead || this.#present[to] !== 0) return undefined;
    return this.#rangeOf(to, this.#endOfMissing(to, Infinity));
  }

  #rangeOf(from: number, to: number): Range {
    const start = from * blockSize;
    return { start, length: Math.min(to * blockSize, this.#object.size) - start };
  }

  /** Returns `whole` where all of the file came. */
  #fetchBlocks(opened: OpenFile, from: number, to: number): 'blocks' | 'whole' {
    const range = this.#rangeOf(from, to);
    let bytes: Uint8Array;
    try {
      bytes = this.#object.read(range, opened.path, this.#rangeAfter(from, to));
    } catch (error) {
      if (isClosed(error) && this.#elsewhere?.(opened) === true) return 'whole';
      throw error;
    }
    opened.writeAt(bytes, range.start);
    return 'blocks';
  }
}
