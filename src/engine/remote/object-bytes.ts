/** The bytes of one object of a store, for whoever waits for them. */

import { FigaroError, Withheld } from '../../errors.ts';
import { type Range } from '../store/store.ts';
import { type SyncReader } from '../store/sync-reader.ts';

export class ObjectBytes {
  /** In bytes. */
  readonly size: number;
  readonly #object: string;
  readonly #reader: SyncReader;

  constructor(object: string, size: number, reader: SyncReader) {
    this.#object = object;
    this.size = size;
    this.#reader = reader;
  }

  /**
   * A part of it, which is there until the next one is asked for. Throws `io` where the object is not as long as it was, and what the store
   * throws.
   *
   * @param file the path of what it is a file as
   * @param next as of `SyncReader.read`
   */
  read(range: Range, file: string, next?: Range): Uint8Array {
    const bytes = this.#ask(range, next);
    if (bytes?.length === range.length) return bytes;
    const problem = bytes
      ? `it ends after ${range.start + bytes.length} bytes of ${this.size}`
      : 'it is not there any more';
    throw new FigaroError('io', `${this.#object} changed while it was read: ${problem}`, {
      path: file,
      hint: 'another run may have removed its set. Run the same command again.',
    });
  }

  /** As of a disk, failures have a cause: without one, an error is about what is in a file. */
  #ask(range: Range, next: Range | undefined): Uint8Array | undefined {
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
