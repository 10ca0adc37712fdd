/** Whether anything changed since a round that found nothing new: where nothing did, nothing has to be read. */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { restMs } from '../environment/own-files.ts';
import { type Files } from '../files/files.ts';
import { type Standby, type Seen } from './standby.ts';

/** How everything lies that a round looks into. */
export interface Look {
  readonly seen: Seen;
  /** Nothing of it can change without showing from now on. */
  readonly isAtRest: boolean;
}

/**
 * Looks at files and directories, and at what is in one more directory; opens none of them.
 *
 * @param paths whether or not they are there
 * @param listed a repository: its sets are looked at, too
 */
export function lookAt(files: Files, paths: readonly string[], listed?: string): Look {
  const hash = createHash('sha256');
  const lookedAt = Date.now();
  let latest = 0;
  const all = [...paths, ...(listed === undefined ? [] : [listed, ...entriesOf(files, listed)])];
  for (const file of all) {
    const stat = files.statThrough(file);
    if (stat) latest = Math.max(latest, stat.changedMs, stat.mtimeMs);
    const { device, inode, size, mtimeMs, changedMs } = stat ?? {};
    hash.update(JSON.stringify([file, device, inode, size, mtimeMs, changedMs]));
  }
  return {
    seen: { paths, listed, print: hash.digest('hex') },
    isAtRest: lookedAt - latest >= restMs && all.every((file) => !files.statThrough(file) || files.showsWrites(file)),
  };
}

/** A set is published in its own directory. */
function entriesOf(files: Files, directory: string): string[] {
  return (files.listIfThere(directory) ?? []).map((name) => path.join(directory, name));
}

/** True when everything lies as it did when a round found nothing new that was told the same of where the log of the primary is. */
export function isUnchanged(files: Files, { state: { seen } }: Standby, logDirectory: string | undefined): boolean {
  if (seen === undefined || seen.logDirectory !== logDirectory) return false;
  return lookAt(files, seen.paths, seen.listed).seen.print === seen.print;
}
