import { compareLsn, earlierLsn, type Lsn } from '../../format/lsn.ts';
import { type Analysis } from '../recovery/analysis.ts';

/**
 * The record with which a log has to begin for those who go on from pages that are as of its end: what was taken back is made
 * again when its transaction commits, and what is prepared is taken back when it does not (recovery document, J.3). What ids of
 * files mean there has to be known. Undefined for a log without a record.
 *
 * An abort leaves no record. But what began before the last checkpoint names as the oldest one, and has no record after it, was
 * over by then.
 */
export function neededFrom({ transactions, end }: Analysis): Lsn | undefined {
  if (!end.lastRecord) return undefined;
  const checkpoint = transactions.checkpoints.at(-1);
  let from = end.lastRecord;
  for (const { fate, firstLsn, chainEnds } of transactions.unfinished()) {
    if (fate !== 'undone') continue;
    const isOver =
      checkpoint &&
      compareLsn(firstLsn, checkpoint.redoFrom) < 0 &&
      chainEnds.every((last) => compareLsn(last, checkpoint.lsn) < 0);
    if (!isOver) from = earlierLsn(from, firstLsn);
  }
  for (const firstLsn of transactions.beginningsInDoubt()) from = earlierLsn(from, firstLsn);
  return from;
}
