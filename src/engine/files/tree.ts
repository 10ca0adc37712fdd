/** Whole directories. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files, type OpenFile } from './files.ts';

/** Creates a directory and those above it that are missing, each synced into its parent. */
export function makeDirectories(files: Files, directory: string): void {
  const stat = files.statIfThere(directory);
  if (stat?.kind === 'link' && !files.statThrough(directory)) {
    throw new FigaroError('io', `${directory} is a link that leads nowhere`, {
      path: directory,
      hint: 'is the disk mounted that it leads to?',
    });
  }
  if (stat) return;
  const parent = path.dirname(directory);
  makeDirectories(files, parent);
  if (files.makeDirectory(directory)) files.syncDirectory(parent);
}

/** Creates a file, as `Files.create`, and the directories above it that are missing. */
export function createInTree(files: Files, file: string, mode?: number): OpenFile {
  try {
    return files.create(file, mode);
  } catch (error) {
    // Of thousands of files in one directory, none but the first finds it missing.
    const parent = path.dirname(file);
    if (files.statIfThere(parent)) throw error;
    makeDirectories(files, parent);
    return files.create(file, mode);
  }
}

/** Removes a directory and everything in it; links are removed, not followed, and one in the place of the directory, too. */
export function removeTree(files: Files, directory: string): void {
  const kind = files.statIfThere(directory)?.kind;
  if (kind === undefined) return;
  if (kind !== 'directory') {
    files.remove(directory);
    return;
  }
  for (const name of files.listIfThere(directory) ?? []) removeTree(files, path.join(directory, name));
  files.removeEmptyDirectory(directory);
}
