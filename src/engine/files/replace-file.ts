/** A small file that other programs read, in a place that the operator chose. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { removeIfPossible, writeNew } from './durable.ts';
import { withFile } from './read.ts';
import { type Files } from './files.ts';

/**
 * Replaces a file, or makes it: there is always the whole old or the whole new one. Everybody may read a new one, as far as the umask
 * lets them; mode and owner of the old one stay. Of a link, it replaces what it leads to. Throws `io` for what is no file, and
 * `target-not-empty` for one that does not begin as it does when this program has written it.
 */
export function replaceFile(files: Files, name: string, contents: string, beginning: string): void {
  const file = files.statIfThere(name)?.kind === 'link' ? targetOf(files, name) : name;
  const before = files.statIfThere(file);
  if (before && before.kind !== 'file') throw noFile(name, 'is not a regular file');
  if (before && before.size > 0) requireBeginning(files, file, beginning);
  const draft = `${file}.tmp-${randomBytes(6).toString('hex')}`;
  try {
    writeNew(files, draft, contents, 0o644);
    if (before) files.setOwner(draft, { ...before, mode: before.mode & 0o777 });
    files.rename(draft, file);
  } catch (error) {
    removeIfPossible(files, draft);
    throw error;
  }
  files.syncDirectory(path.dirname(file));
}

function requireBeginning(files: Files, file: string, beginning: string): void {
  const found = Buffer.alloc(Buffer.byteLength(beginning));
  withFile(files, file, (opened) => opened.readAt(found, 0));
  if (found.toString() === beginning) return;
  throw new FigaroError('target-not-empty', `${file} holds something else: it is not replaced`, {
    path: file,
    hint: 'name another file, or empty this one first.',
  });
}

function targetOf(files: Files, link: string): string {
  if (!files.statThrough(link)) throw noFile(link, 'is a link that leads nowhere');
  return files.realPath(link);
}

function noFile(file: string, problem: string): FigaroError {
  return new FigaroError('io', `${file} ${problem}`, {
    path: file,
    hint: 'name a file, or one that is still to be made.',
  });
}
