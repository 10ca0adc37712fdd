/**
 * The application's own files that a run has looked into already. There may be many beside an environment, which a run looks
 * through several times: one that did not change since has not become a database.
 */

import { type Files, type FileStat } from '../files.ts';

/** By the password that was used; then by device and inode: the time of the last change, in ms. */
const seen = new WeakMap<object, Map<number, Map<number, number>>>();
const withoutPassword = {};

/** What changed so short a time ago can change again without getting another time. In ms. */
const restMs = 2000;

/** Notes what turned out to be a file of the application's own. `lookedAt` is when it was looked at, in ms since 1970. */
export function noteOwnFile({ cipher }: Files, { device, inode, changedMs }: FileStat, lookedAt: number): void {
  if (changedMs <= 0 || lookedAt - changedMs < restMs) return;
  const key = cipher ?? withoutPassword;
  const devices = seen.get(key) ?? new Map<number, Map<number, number>>();
  seen.set(key, devices);
  const inodes = devices.get(device) ?? new Map<number, number>();
  devices.set(device, inodes);
  inodes.set(inode, changedMs);
}

export function isOwnFile({ cipher }: Files, { device, inode, changedMs }: FileStat): boolean {
  return (
    seen
      .get(cipher ?? withoutPassword)
      ?.get(device)
      ?.get(inode) === changedMs
  );
}
