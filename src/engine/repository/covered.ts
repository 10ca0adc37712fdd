/** Up to when it is known what was committed. */

import { isInFuture } from './chain-order.ts';
import { type Chain } from './chain.ts';

/**
 * The moment up to which a chain holds everything that was committed: its last commit, or the beginning of the run that read the
 * log to its end after that. A clock that was wrong says nothing.
 */
export function coveredUntil({ sets }: Chain): Date {
  const { log, started } = sets.at(-1)!.manifest;
  const last = (log?.lastCommit?.time ?? 0) * 1000;
  return new Date(Math.max(last, isInFuture(started) ? 0 : Date.parse(started)));
}
