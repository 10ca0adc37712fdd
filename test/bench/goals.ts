/** What the rows of the table have to reach, and what they have reached: a row that reached its goal must not fall back. */

import { ratios, type Measure, type Row } from './rows.ts';

/** At the scale that is the default, at which `reached` was measured. */
export const defaultScale = 0.1;

interface Goal {
  readonly measure: Measure;
  /** The ratio to the peer that is wanted. */
  readonly goal: number;
  /** The ratio of the last release. */
  readonly reached: number;
}

/** A fifth more than what was reached is a step back, and not the machine. */
const tolerance = 1.2;

/** By the work of a row. */
export const goals: Readonly<Record<string, Goal>> = {
  '`--version`': { measure: 'cpu', goal: 2, reached: 2.13 },
  '`list` of a small repository': { measure: 'cpu', goal: 3, reached: 2.83 },
  '`hot`': { measure: 'cpu', goal: 0.77, reached: 2.04 },
  '`hot` of many containers': { measure: 'cpu', goal: 2, reached: 6.2 },
  '`offline` of many containers': { measure: 'cpu', goal: 2, reached: 3.07 },
  '`hot` of many log files': { measure: 'cpu', goal: 2, reached: 4.1 },
  '`offline` of many log files': { measure: 'cpu', goal: 2, reached: 3.54 },
  'late `incremental` of 1 MB': { measure: 'cpu', goal: 1.33, reached: 0.9 },
  'late `incremental` of 20 MB': { measure: 'cpu', goal: 1.33, reached: 1.14 },
  '`incremental` of 1 MB, large log file': { measure: 'read', goal: 0.15, reached: 0.09 },
  '`failover follow --once`, 200 records': { measure: 'cpu', goal: 3, reached: 1.14 },
  '`failover follow --once`, nothing new': { measure: 'cpu', goal: 1, reached: 0.7 },
  '`recover`: transactions of one put': { measure: 'cpu', goal: 1.5, reached: 1.93 },
  '`recover`: transactions of one put, default cache': { measure: 'cpu', goal: 3, reached: 0.71 },
  '`recover`: transactions of one put, one in ten taken back': { measure: 'cpu', goal: 1.5, reached: 2.63 },
  '`recover`: transactions of one put, one in ten taken back, default cache': {
    measure: 'cpu',
    goal: 3,
    reached: 0.89,
  },
  '`recover`: one open transaction': { measure: 'cpu', goal: 1.5, reached: 2.69 },
  '`recover`: one open transaction, default cache': { measure: 'cpu', goal: 3, reached: 2.05 },
  '`recover`: random keys': { measure: 'cpu', goal: 1.5, reached: 1.83 },
  '`recover`: random keys, default cache': { measure: 'cpu', goal: 3, reached: 1.45 },
  '`recover`: keys in order': { measure: 'cpu', goal: 1.5, reached: 2.21 },
  '`recover`: keys in order, default cache': { measure: 'cpu', goal: 3, reached: 2.24 },
  '`recover`: updates': { measure: 'cpu', goal: 1.5, reached: 1.77 },
  '`recover`: updates, default cache': { measure: 'cpu', goal: 3, reached: 1.1 },
  '`recover`: a hash database': { measure: 'cpu', goal: 1.5, reached: 1.52 },
  '`recover`: a hash database, default cache': { measure: 'cpu', goal: 3, reached: 0.96 },
  '`recover`: a queue': { measure: 'cpu', goal: 1.5, reached: 1.66 },
  '`recover`: a queue, default cache': { measure: 'cpu', goal: 3, reached: 1.79 },
  '`recover`: random keys, container larger than the cache': { measure: 'cpu', goal: 1, reached: 2.08 },
  '`recover`: a hash database larger than the cache': { measure: 'cpu', goal: 1, reached: 1.74 },
  '`recover`: random keys, with a container that has most of them': { measure: 'cpu', goal: 1.5, reached: 1.98 },
  '`recover`: random keys, with a container that has most of them, default cache': {
    measure: 'cpu',
    goal: 3,
    reached: 1.66,
  },
  '`hot`, packed, a hundredth of the records changed': { measure: 'stored', goal: 1.3, reached: 1.3 },
  '`dump` of binary data': { measure: 'cpu', goal: 1, reached: 0.31 },
  '`dump --printable` of binary data': { measure: 'cpu', goal: 1, reached: 0.57 },
};

/** What is to be said of a row that fell behind; undefined when all is well, or the goal was not reached before. */
export function setback(row: Row, all = goals): string | undefined {
  const known = all[row.work];
  if (!known || known.reached > known.goal) return undefined;
  const ratio = ratios[known.measure](row);
  if (ratio <= known.reached * tolerance) return undefined;
  return `${row.work}: ${ratio.toFixed(2)} times ${row.peerName} by ${known.measure}, ${known.reached} before (goal ${known.goal})`;
}
