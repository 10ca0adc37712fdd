/** Which names objects may have where they are files, and which are those of files that are no objects yet. */

import { randomBytes } from 'node:crypto';
import path from 'node:path/posix';

/** What is written has such a name, in the directory that it is for, until it is whole. */
const unfinished = /^\.unfinished-[0-9a-f]{16}$/;

/** How long names are at most, with all their directories, in characters: nothing can lead us deeper. */
export const longestName = 1024;

/** True for what may stand between the slashes of the name of an object. */
export function isPart(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/** True for what a write has left that never ended, or goes on. */
export function isUnfinished(name: string): boolean {
  return unfinished.test(path.basename(name));
}

/** A name for what is going to be written in a directory. */
export function newUnfinished(): string {
  return `.unfinished-${randomBytes(8).toString('hex')}`;
}
