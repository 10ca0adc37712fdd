/** Up to when it is known what was committed. */

import { type Files } from '../files/files.ts';
import { type BackupSet } from './backup-set.ts';
import { isInFuture } from './chain-order.ts';
import { type Chain } from './chain.ts';
import { readLook } from './last-look.ts';

/**
 * The moment up to which a chain holds everything that was committed: its last commit, or the beginning of the last run that
 * read the log to its end, whether or not that found something new. A clock that was wrong says nothing.
 */
export function coveredUntil(files: Files, { sets }: Chain): Date {
  const newest = sets.at(-1)!;
  return coveredBy(newest, readLook(files, newest));
}

/** The same, by the newest set of a chain and when an incremental last found nothing newer than it, ISO 8601. */
export function coveredBy({ manifest: { log, started } }: BackupSet, lastLook: string | undefined): Date {
  const looks = [started, lastLook].filter((time) => time !== undefined && !isInFuture(time)) as string[];
  return new Date(Math.max((log?.lastCommit?.time ?? 0) * 1000, ...looks.map((time) => Date.parse(time))));
}
