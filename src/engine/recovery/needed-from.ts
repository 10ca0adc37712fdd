/** Where a log has to begin that brings databases any further which are as of the end of another (recovery document, J.3). */

import { compareLsn, earlierLsn, type Lsn } from '../../format/lsn.ts';
import { startOf } from '../log/log-files.ts';
import { type Transactions } from '../log/transactions.ts';
import { type Analysis } from './analysis.ts';
import { type PreparedRecovery } from './recovery.ts';

/** Where it has to begin for those who know nothing of the log before. */
export function neededFrom({ log, analysis: { transactions } }: PreparedRecovery): Lsn {
  const checkpoint = transactions.checkpoints.at(-1);
  return checkpoint ? earliestOpen(transactions, checkpoint.redoFrom) : startOf(log);
}

/** The record that it has to begin with where it is known what ids of files mean there. Undefined for a log without a record. */
export function neededWithNames({ transactions, end }: Analysis): Lsn | undefined {
  return end.lastRecord && earliestOpen(transactions, end.lastRecord);
}

/**
 * Where the first of those began that are open at the end, or `from` when that is earlier: what was taken back is made again when its
 * transaction commits, and what is prepared is taken back when it does not.
 *
 * An abort leaves no record. But what began before the last checkpoint names as the oldest one, and has no record after it, was
 * over by then.
 */
function earliestOpen(transactions: Transactions, from: Lsn): Lsn {
  const checkpoint = transactions.checkpoints.at(-1);
  let earliest = from;
  for (const { fate, firstLsn, chainEnds } of transactions.unfinished()) {
    if (fate !== 'undone') continue;
    const isOver =
      checkpoint &&
      compareLsn(firstLsn, checkpoint.redoFrom) < 0 &&
      chainEnds.every((last) => compareLsn(last, checkpoint.lsn) < 0);
    if (!isOver) earliest = earlierLsn(earliest, firstLsn);
  }
  for (const firstLsn of transactions.beginningsInDoubt()) earliest = earlierLsn(earliest, firstLsn);
  return earliest;
}
