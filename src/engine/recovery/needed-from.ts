import { compareLsn, earlierLsn, type Lsn } from '../../format/lsn.ts';
import { startOf } from '../log/log-files.ts';
import { type PreparedRecovery } from './recovery.ts';

/**
 * Where the log has to begin that brings what a recovery to the end of a log came to any further: what was taken back now has to be
 * made when its transaction commits (recovery document, J.3).
 *
 * An abort leaves no record. But what had no record after the last checkpoint and began before it names as the oldest one
 * was over by then.
 */
export function neededFrom({ log, analysis: { transactions } }: PreparedRecovery): Lsn {
  const checkpoint = transactions.checkpoints.at(-1);
  if (!checkpoint) return startOf(log);
  let from = checkpoint.redoFrom;
  for (const { fate, firstLsn, chainEnds } of transactions.unfinished()) {
    const isOpen = fate === 'undone' && compareLsn(chainEnds[0]!, checkpoint.lsn) > 0;
    if (isOpen) from = earlierLsn(from, firstLsn);
  }
  return from;
}
