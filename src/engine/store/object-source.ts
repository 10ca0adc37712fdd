/** Bytes that are to become an object. */

import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { openToRead } from '../files/read.ts';
import { type ObjectSource } from './store.ts';

/** Bytes in memory. */
export function bytesAsSource(bytes: Uint8Array): ObjectSource {
  return {
    size: bytes.length,
    async *open(start, length) {
      yield bytes.subarray(start, start + length);
    },
  };
}

/**
 * Fills `target` with the bytes of a source from `start` on. Throws `io` where there are more or fewer of them: the source is not
 * what it was when its size was taken.
 */
export async function fill(target: Uint8Array, source: ObjectSource, start: number, name: string): Promise<void> {
  let filled = 0;
  for await (const piece of source.open(start, target.length)) {
    if (filled + piece.length > target.length) throw wrongLength(name, source, `more than ${source.size}`);
    target.set(piece, filled);
    filled += piece.length;
  }
  if (filled < target.length) throw wrongLength(name, source, `${start + filled}`);
}

/** The source is not what it was when its size was taken. */
export function wrongLength(name: string, { size }: ObjectSource, found: string): FigaroError {
  return new FigaroError('io', `${name}: what is to be written had ${size} bytes, and now has ${found}`, {
    hint: 'something changed it meanwhile. Run the same command again.',
  });
}

/** How much of a file is read at a time, in bytes. */
const unit = 1 << 20;

/** A file that nobody writes to. */
export function fileAsSource(files: Files, file: string, size: number): ObjectSource {
  return {
    size,
    async *open(start, length) {
      const opened = openToRead(files, file);
      try {
        const buffer = new Uint8Array(Math.min(unit, length));
        for (let done = 0; done < length;) {
          const wanted = buffer.subarray(0, Math.min(buffer.length, length - done));
          const read = opened.readAt(wanted, start + done);
          if (read === 0) return;
          yield wanted.subarray(0, read);
          done += read;
        }
      } finally {
        opened.close();
      }
    },
  };
}
