/** The blocks of a file that come from a store when they are read, each once. */

import { FigaroError, isClosed, Withheld } from '../../errors.ts';
import { type OpenFile } from '../files/files.ts';
import { type Range } from '../store/store.ts';
import { largestRead, type SyncReader } from '../store/sync-reader.ts';

/** What is fetched at once, in bytes: a page alone is not worth a question. */
const blockSize = 64 << 10;
/** Of a file that is read from one end to the other. */
const mostAhead = largestRead / blockSize;

/** Writes all bytes of an object into a file; false where they are not to be had. */
export type Elsewhere = (target: OpenFile) => boolean;

/** Which blocks of an object are in a file that is as long. */
export class FetchedBlocks {
  readonly #object: string;
  /** In bytes. */
  readonly #size: number;
  readonly #reader: SyncReader;
  readonly #elsewhere: Elsewhere | undefined;
  /** A byte a block: 1 for those that are there. */
  readonly #present: Uint8Array;
  /** The block after the last one that was fetched. */
  #next = 0;
  /** How many blocks to fetch at once. */
  #ahead = 1;

  /** @param elsewhere asked where nobody here can read the object */
  constructor(object: string, size: number, reader: SyncReader, elsewhere?: Elsewhere) {
    this.#elsewhere = elsewhere;
    this.#object = object;
    this.#size = size;
    this.#reader = reader;
    this.#present = new Uint8Array(Math.ceil(size / blockSize));
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
    return { start, length: Math.min(to * blockSize, this.#size) - start };
  }

  /** Returns `whole` where all of the file came. */
  #fetchBlocks(opened: OpenFile, from: number, to: number): 'blocks' | 'whole' {
    const { start, length } = this.#rangeOf(from, to);
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#read({ start, length }, this.#rangeAfter(from, to));
    } catch (error) {
      if (isClosed(error) && this.#elsewhere?.(opened) === true) return 'whole';
      throw error;
    }
    if (bytes?.length !== length) {
      const problem = bytes
        ? `it ends after ${start + bytes.length} bytes of ${this.#size}`
        : 'it is not there any more';
      throw new FigaroError('io', `${this.#object} changed while it was read: ${problem}`, {
        path: opened.path,
        hint: 'another run may have removed its set. Run the same command again.',
      });
    }
    opened.writeAt(bytes, start);
    return 'blocks';
  }

  /** As of a disk, failures have a cause: without one, an error is about what is in a file. */
  #read(range: Range, next: Range | undefined): Uint8Array | undefined {
    try {
      return this.#reader.read(this.#object, range, next);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      const details = { ...error.details, cause: error.details.cause ?? error };
      if (error.code === 'not-permitted') throw new Withheld(error.message, details);
      throw new FigaroError(error.code, error.message, details);
    }
  }
}
