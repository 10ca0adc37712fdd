/** What this program made and comes back to must not have become a way to somewhere else. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type FileKind, type FileStat, type Files } from './files.ts';

const words: Readonly<Record<FileKind, string>> = {
  file: 'a file',
  directory: 'a directory',
  link: 'a link',
  other: 'neither a file nor a directory',
};

type Corrupt = 'manifest-corrupt' | 'standby-corrupt';

/** True for what belongs to this user, and nobody else can write to. */
export function isOurs({ uid, mode }: FileStat): boolean {
  const me = process.getuid?.();
  return me === undefined || (uid === me && (mode & 0o022) === 0);
}

/** Throws `code` for the first of the paths that is there and no directory itself. */
export function requireOwnDirectories(files: Files, directories: Iterable<string>, code: Corrupt): void {
  for (const own of directories) {
    const stat = files.statIfThere(own);
    if (!stat || stat.kind === 'directory') continue;
    throw new FigaroError(code, `${own} is ${words[stat.kind]}, not a directory`, {
      path: own,
      hint: 'find out who put it there, and put back the directory itself.',
    });
  }
}

/** Throws `code` where a directory, or anything in it, is neither a directory nor a file: a link leads elsewhere. */
export function requireOwnTree(files: Files, directory: string, code: Corrupt): void {
  requireOwnDirectories(files, [directory], code);
  for (const name of files.listIfThere(directory) ?? []) {
    const own = path.join(directory, name);
    const kind = files.statIfThere(own)?.kind;
    if (kind === 'directory') requireOwnTree(files, own, code);
    if (kind !== 'link' && kind !== 'other') continue;
    throw new FigaroError(code, `${own} is ${words[kind]}`, {
      path: own,
      hint: 'nothing here is meant to be one. Find out who put it there, and remove it.',
    });
  }
}
