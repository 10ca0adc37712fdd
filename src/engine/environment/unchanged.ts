/** Whether files stood still while they were read: what is left to look at where other processes cannot be seen. */

import { FigaroError } from '../../errors.ts';
import { formatSizes } from '../../measures.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { type Environment } from './environment.ts';

/** How a file differs from an earlier look, as the end of a sentence; undefined when it does not. */
export function differenceSince(before: FileStat, now: FileStat | undefined): string | undefined {
  if (!now) return 'it is gone';
  if (now.size !== before.size) {
    const [had, has] = formatSizes(before.size, now.size);
    return `it had ${had}, and has ${has}`;
  }
  if (now.mtimeMs !== before.mtimeMs || now.inode !== before.inode) return 'it was written to';
  return undefined;
}

/** What file systems do, by their numbers. */
const shown = new WeakMap<Files, Map<number, boolean>>();

/** As `Files.showsWrites`, of a file of which it is known where it is: each file system is asked once. */
export function showsWrites(files: Files, file: string, { device }: FileStat): boolean {
  let known = shown.get(files);
  if (!known) shown.set(files, (known = new Map()));
  let answer = known.get(device);
  if (answer === undefined) known.set(device, (answer = files.showsWrites(file)));
  return answer;
}

/**
 * True when nothing at all was done to a file between two looks: where it shows writes (`Files.showsWrites`), none was begun.
 */
export function stoodStill(before: FileStat, now: FileStat): boolean {
  return (
    differenceSince(before, now) === undefined && before.changedMs === now.changedMs && before.device === now.device
  );
}

/** Throws `environment-changed` when a file of an environment is not as it was when the environment was listed. */
export function requireStill(files: Files, environment: Environment): void {
  for (const { path, stat } of environment.files) {
    const difference = differenceSince(stat, files.statThrough(path));
    if (difference === undefined) continue;
    throw new FigaroError('environment-changed', `${path} changed while it was read: ${difference}`, {
      path,
      hint: 'what is recovered has to stand still. Stop what writes to it, and try again.',
    });
  }
}
