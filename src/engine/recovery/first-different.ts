import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { lastLsn, type Analysis } from './analysis.ts';

/** The first record that counts in one of two states of an environment, and not in the other. */
export function firstDifferent(earlier: Analysis, later: Analysis): Lsn {
  let first = lastLsn(earlier);
  const consider = (lsn: Lsn): void => {
    if (compareLsn(lsn, first) < 0) first = lsn;
  };
  for (const { id, firstLsn } of earlier.transactions.unfinished()) {
    if (later.transactions.fateOf(id, firstLsn.file, firstLsn.offset) === 'committed') consider(firstLsn);
  }
  for (const lsn of earlier.transactions.beginningsInDoubt()) consider(lsn);
  return first;
}
