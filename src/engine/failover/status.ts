/** How a standby is doing: how far behind it is, and whether it can be promoted. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { noLsn, type Lsn } from '../../format/lsn.ts';
import { commit } from '../../format/log/records/txn.ts';
import { type Files } from '../files/files.ts';
import { requireAmounts } from '../given.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { readToEnd } from '../log/each-batch.ts';
import { openLog } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { requireStandby, type StandbyState } from './standby.ts';
import { readTrouble, type Trouble } from './trouble.ts';
import { logPlace } from '../environment/discover.ts';

/** How far a standby is behind its primary. */
export interface Lag {
  /** Where the primary's log ends. */
  readonly end: Lsn;
  /** Log that was not taken yet. */
  readonly bytes: number;
  /** Since the oldest commit that is not applied; 0 when all are. */
  readonly seconds: number;
}

/** How a standby is doing. */
export interface StandbyStatus {
  readonly state: StandbyState;
  /** Undefined when it is not known: the primary's log cannot be read, or the standby follows a repository. */
  readonly lag: Lag | undefined;
  readonly lagUnknown: string | undefined;
  /** Since the last round, in ms. */
  readonly ageMs: number;
  readonly trouble: Trouble | undefined;
  readonly canBePromoted: boolean;
  /** Further behind than it may be; false where nobody asked. */
  readonly isBehind: boolean;
}

export interface StatusOptions {
  /** How far behind the standby may be; without a look at the primary, how old the last round. */
  readonly maxLagMs?: number;
  readonly now?: Date;
}

/** Looks at a standby and at its primary; only reads. Throws `standby-missing` when there is no standby. */
export function standbyStatus(
  files: Files,
  directory: string,
  { maxLagMs, now = new Date() }: StatusOptions = {},
): StandbyStatus {
  requireAmounts({ maxLagMs });
  const { state } = requireStandby(files, directory);
  let lag: Lag | undefined;
  let lagUnknown: string | undefined;
  try {
    if (state.home === undefined) lagUnknown = 'it follows a repository';
    else if (state.phase !== 'following') lagUnknown = 'it follows nobody any more';
    else lag = lagOf(files, state, state.home, now);
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    lagUnknown = error.message;
  }
  const ageMs = now.getTime() - Date.parse(state.lastRound.finished);
  const behindMs = state.phase === 'following' ? (lag ? lag.seconds * 1000 : ageMs) : Infinity;
  return {
    state,
    lag,
    lagUnknown,
    ageMs,
    trouble: readTrouble(files, directory),
    canBePromoted: state.phase !== 'promoted',
    isBehind: maxLagMs !== undefined && behindMs > maxLagMs,
  };
}

/** So much of the primary's log is read at a time, and looked at behind its end. In bytes. */
const reach = 1 << 20;

function lagOf(files: Files, { end, logDirectory }: StandbyState, home: string, now: Date): Lag {
  const from = logPlace(files, home, { logDirectory });
  const names = files.listIfThere(from);
  if (!names) throw new FigaroError('environment-missing', `${from} cannot be read`, { path: from });
  const numbers = names
    .map(logFileNumber)
    .filter((number) => number !== undefined)
    .filter((number) => number >= end.file);
  if (!numbers.includes(end.file) && !numbers.includes(end.file + 1)) {
    throw new FigaroError('chain-gap', `${from} does not hold ${logFileName(end.file)} any more`, { path: from });
  }
  const log = openLog(
    files,
    new Map(numbers.map((number) => [number, wholeLogFile(path.join(from, logFileName(number)))])),
  );
  let bytes = 0;
  let oldest: number | undefined;
  // What is damaged there is for the next round to say.
  const { lsn } = readToEnd(files, log, { from: end, acceptDamageAfter: noLsn, reach }, (record) => {
    bytes += record.length;
    oldest ??= bodyAs(record, commit)?.timestamp;
  });
  const seconds = oldest === undefined ? 0 : Math.max(0, Math.round(now.getTime() / 1000) - oldest);
  return { end: lsn, bytes, seconds };
}
