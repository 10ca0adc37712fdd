/**
 * Bytes of log files of sets that cannot be read, since nobody here has a key to them: the source still has the same ones, and the manifest has
 * the hash by which they are known. They say what a set holds, for one that is to follow it, and nothing of whether the store still has it: only commands that
 * make a set of that source get them.
 */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { withFile } from '../files/read.ts';
import { type ManifestFile } from '../repository/manifest.ts';

/** What the bytes of a file of a set have to be. */
export interface Expected {
  /** The log file that they are of. */
  readonly number: number;
  /** Where in it they begin, and how many they are, in bytes. */
  readonly from: number;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** Undefined for what is not of a log. */
export function expectedOf({ path: name, size, sha256, tailOf }: ManifestFile): Expected | undefined {
  const number = logFileNumber(path.posix.basename(tailOf?.path ?? name));
  return number === undefined ? undefined : { number, from: tailOf?.from ?? 0, size, sha256 };
}

const unit = 1 << 20;

/** Finds such bytes in the log of an environment. */
export class StandIn {
  readonly #files: Files;
  readonly #logDirectory: () => string;

  constructor(files: Files, logDirectory: () => string) {
    this.#files = files;
    this.#logDirectory = logDirectory;
  }

  /** Writes the bytes into a file that is to have them; false where they are not to be had. */
  fill(target: OpenFile, { number, from, size, sha256 }: Expected): boolean {
    try {
      return withFile(this.#files, path.join(this.#logDirectory(), logFileName(number)), (log) => {
        const hash = createHash('sha256');
        const buffer = new Uint8Array(Math.min(unit, size));
        for (let done = 0; done < size;) {
          const bytes = buffer.subarray(0, Math.min(buffer.length, size - done));
          if (log.readAt(bytes, from + done) < bytes.length) return false;
          hash.update(bytes);
          target.writeAt(bytes, done);
          done += bytes.length;
        }
        return hash.digest('hex') === sha256;
      });
    } catch (error) {
      // The application removes log files.
      if (error instanceof FigaroError) return false;
      throw error;
    }
  }
}
