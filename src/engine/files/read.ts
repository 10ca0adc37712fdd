/** Reading a file that has to be there, and small ones whole. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { openOnceIfThere, type Files, type OpenFile } from './files.ts';

/** Opens a file that has to be there. */
export function openToRead(files: Files, file: string): OpenFile {
  return mustBeThere(files.openIfThere(file), file);
}

/** As `openToRead`, for reading it once (`Disk.openOnceIfThere`). */
export function openToReadOnce(files: Files, file: string): OpenFile {
  return mustBeThere(openOnceIfThere(files, file), file);
}

function mustBeThere(opened: OpenFile | undefined, file: string): OpenFile {
  if (!opened) throw new FigaroError('io', `${file}: no such file`, { path: file });
  return opened;
}

/** Runs `use` on a file opened for reading, and closes it whatever happens. */
export function withFile<T>(files: Files, file: string, use: (opened: OpenFile) => T): T {
  const opened = openToRead(files, file);
  try {
    return use(opened);
  } finally {
    opened.close();
  }
}

/** More than any small file of ours or of the library has, in bytes. */
const smallFileLimit = 16 << 20;

/** The whole contents of a small file; undefined when it is not there. Throws `io` for one that is not small. */
export function readIfThere(files: Files, file: string): Uint8Array | undefined {
  return readWhole(files.openIfThere(file), smallFileLimit);
}

/**
 * As `readIfThere`, for files that this program made: links are not followed.
 *
 * @param limit in bytes
 */
export function readOwnIfThere(files: Files, file: string, limit = smallFileLimit): Uint8Array | undefined {
  return readWhole(files.openOwnIfThere(file), limit);
}

/**
 * Reads a file that need not be there. In a directory that may not be searched, the system refuses it whether it is there or
 * not: then the failure is that of the directory.
 */
export function readIn<T>(
  files: Files,
  directory: string,
  name: string,
  read: (files: Files, file: string) => T | undefined,
): T | undefined {
  try {
    return read(files, path.join(directory, name));
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'not-permitted') throw error;
    if (files.listIfThere(directory)?.includes(name)) throw error;
    return undefined;
  }
}

/**
 * As `readOwnIfThere`, of a file that only grows: its end, where there is more than `most`.
 *
 * @param most in bytes
 */
export function readEndIfThere(files: Files, file: string, most: number): Uint8Array | undefined {
  const opened = files.openOwnIfThere(file);
  if (!opened) return undefined;
  try {
    const { size } = opened.stat();
    const bytes = new Uint8Array(Math.min(size, most));
    return bytes.subarray(0, opened.readAt(bytes, size - bytes.length));
  } finally {
    opened.close();
  }
}

function readWhole(opened: OpenFile | undefined, limit: number): Uint8Array | undefined {
  if (!opened) return undefined;
  try {
    const { size } = opened.stat();
    if (size > limit) {
      throw new FigaroError(
        'io',
        `${opened.path}: has ${formatBytes(size)}, more than the ${formatBytes(limit)} that such a file can have`,
        {
          path: opened.path,
          hint: 'this is not what it was written as: find out what overwrote it.',
        },
      );
    }
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, opened.readAt(bytes, 0));
  } finally {
    opened.close();
  }
}
