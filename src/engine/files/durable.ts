/** Small files that are there whole or not at all, whatever happens meanwhile. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type Files } from './files.ts';

/**
 * Writes a small file so that it is there whole or not at all: temporary name, sync, rename, sync of the directory. A
 * temporary file that cannot become the file is removed.
 */
export function writeDurably(files: Files, file: string, contents: Uint8Array | string): void {
  const temporary = `${file}.tmp`;
  files.remove(temporary);
  try {
    writeNew(files, temporary, contents);
    files.rename(temporary, file);
  } catch (error) {
    removeIfPossible(files, temporary);
    throw error;
  }
  files.syncDirectory(path.dirname(file));
}

/**
 * As `writeDurably`, for a file that is made once, however many try at the same time: false when it is there. What a
 * killed run leaves is called `file.new-…`, and is in nobody's way.
 */
export function createDurably(files: Files, file: string, contents: Uint8Array | string, mode?: number): boolean {
  if (files.statIfThere(file)) return false;
  const draft = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    writeNew(files, draft, contents, mode);
    if (!files.link(draft, file)) return false;
  } catch (error) {
    // Another run was faster, and has swept.
    if (files.statIfThere(file)) return false;
    throw error;
  } finally {
    removeIfPossible(files, draft);
  }
  files.syncDirectory(path.dirname(file));
  return true;
}

/** Writes and syncs a file that is not there yet. Its name lasts when its directory is synced. */
export function writeNew(files: Files, file: string, contents: Uint8Array | string, mode?: number): void {
  const opened = files.create(file, mode);
  try {
    opened.writeAt(typeof contents === 'string' ? Buffer.from(contents) : contents, 0);
    opened.sync();
  } finally {
    opened.close();
  }
}

/** Where something else went wrong before, that is what has to be told. */
export function removeIfPossible(files: Files, file: string): void {
  try {
    files.remove(file);
  } catch {
    // Temporary files are in nobody's way.
  }
}
