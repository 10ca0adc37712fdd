/** The options that say how far a recovery goes. */

import { Option, type Command } from 'commander';
import { type RestorePoint } from '../engine/recovery/restore-point.ts';
import { type Lsn } from '../format/lsn.ts';
import { lsnArgument, timeArgument, txnArgument, type GivenTime } from './options.ts';

export interface RestorePointOptions {
  readonly toSet?: string;
  readonly toTime?: GivenTime;
  readonly toLsn?: Lsn;
  readonly toTxn?: number;
}

export function withRestorePoint(command: Command): Command {
  return withMoment(command, 'to', 'How far:', 'only as far as this set');
}

/** The options that say which of two moments comes first. */
export interface FirstMomentOptions {
  readonly fromSet?: string;
  readonly fromTime?: GivenTime;
  readonly fromLsn?: Lsn;
  readonly fromTxn?: number;
}

/** Adds the options that say which two moments are meant. */
export function withTwoMoments(command: Command): Command {
  const first = withMoment(command, 'from', 'From when:', 'the end of this set');
  return withMoment(first, 'to', 'Until when (default: the end):', 'the end of this set');
}

function withMoment(command: Command, which: 'from' | 'to', heading: string, ofSet: string): Command {
  return command
    .optionsGroup(heading)
    .option(`--${which}-set <set>`, `${ofSet}; latest: the newest`)
    .addOption(
      new Option(`--${which}-time <time>`, 'as committed at this moment: ISO 8601, local time when without zone')
        .argParser(timeArgument)
        .conflicts([`${which}Lsn`, `${which}Txn`]),
    )
    .addOption(
      new Option(`--${which}-lsn <lsn>`, 'as committed up to this LSN: [12][4096] or 12/4096')
        .argParser(lsnArgument)
        .conflicts(`${which}Txn`),
    )
    .addOption(
      new Option(`--${which}-txn <id>`, 'as just after this transaction committed: its id in hex').argParser(
        txnArgument,
      ),
    )
    .optionsGroup('');
}

export function restorePointOf({ toTime, toLsn, toTxn }: RestorePointOptions): RestorePoint {
  if (toTxn !== undefined) return { kind: 'transaction', id: toTxn };
  if (toTime) return { kind: 'time', ...toTime };
  return toLsn ? { kind: 'lsn', lsn: toLsn } : { kind: 'end' };
}

/** The first of two moments; the end where none is given. */
export function firstMomentOf({ fromTime, fromLsn, fromTxn }: FirstMomentOptions): RestorePoint {
  return restorePointOf({
    ...(fromTime && { toTime: fromTime }),
    ...(fromLsn && { toLsn: fromLsn }),
    ...(fromTxn === undefined ? {} : { toTxn: fromTxn }),
  });
}
