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
  return command
    .optionsGroup('How far:')
    .option('--to-set <set>', 'only as far as this set; latest: the newest')
    .addOption(
      new Option('--to-time <time>', 'as committed at this moment: ISO 8601, local time when without zone')
        .argParser(timeArgument)
        .conflicts(['toLsn', 'toTxn']),
    )
    .addOption(
      new Option('--to-lsn <lsn>', 'as committed up to this LSN: [12][4096] or 12/4096')
        .argParser(lsnArgument)
        .conflicts('toTxn'),
    )
    .addOption(
      new Option('--to-txn <id>', 'as just after this transaction committed: its id in hex').argParser(txnArgument),
    )
    .optionsGroup('');
}

export function restorePointOf({ toTime, toLsn, toTxn }: RestorePointOptions): RestorePoint {
  if (toTxn !== undefined) return { kind: 'transaction', id: toTxn };
  if (toTime) return { kind: 'time', ...toTime };
  return toLsn ? { kind: 'lsn', lsn: toLsn } : { kind: 'end' };
}
