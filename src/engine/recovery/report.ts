/** What a recovery did, or would do, in numbers and warnings. */

import { type Lsn } from '../../format/lsn.ts';
import { type Commit, type RestoreWindow } from './restore-point.ts';
import { lastLsn } from './analysis.ts';
import { type StoredFile } from './page-store.ts';
import { type Change } from './page-change.ts';
import { type Recovery } from './recovery.ts';

/** A transaction in doubt: prepared, and neither committed nor aborted by the log. */
export interface InDoubt {
  readonly id: number;
  /** The global id the application gave it, hex, without trailing zeros. */
  readonly gid: string;
}

/** What a recovery did, or would do. */
export interface RecoveryReport {
  readonly records: number;
  readonly logBytes: number;
  /** The last commit that is part of the result. */
  readonly recoveredTo: Commit | undefined;
  /** The commits that recovery can end with. */
  readonly window: RestoreWindow;
  /** Where the log that was used ends. */
  readonly logEnd: Lsn;
  /** Without nested ones. */
  readonly transactionsCommitted: number;
  /** With nested ones that were taken back by themselves. */
  readonly transactionsUndone: number;
  readonly changesRedone: number;
  readonly changesUndone: number;
  readonly changesPresent: number;
  readonly pagesRead: number;
  readonly pagesWritten: number;
  /** Names of the database files of the result. */
  readonly databases: readonly string[];
  /** Paths of databases that the log changes, and that were excluded when it was copied. They are not in the result. */
  readonly excluded: readonly string[];
  readonly inDoubt: readonly InDoubt[];
  readonly warnings: readonly string[];
}

export function reportOf(
  { log, analysis, table, fileOperations }: Recovery,
  recovered: readonly StoredFile[],
  { counts, undone: changesUndone }: Change,
): Omit<RecoveryReport, 'excluded'> {
  const { transactions, commits, limit } = analysis;
  const inDoubt = transactions.inDoubt().map(({ id, prepared }) => ({
    id,
    gid: Buffer.from(prepared.gid)
      .toString('hex')
      .replace(/(00)+$/, ''),
  }));
  const warnings = [...analysis.warnings];
  for (const name of table.strayExtents) {
    warnings.push(`${name} is an extent of a queue that is not there, and is left out`);
  }
  for (const file of log.incomplete) warnings.push(`${file} holds no records and is left out`);
  for (const name of fileOperations.nativeWouldLose) {
    if (recovered.some((file) => file.name === name)) {
      warnings.push(`${name} was created and renamed after the copy: db_recover would lose it, this recovery does not`);
    }
  }
  for (const { gid } of inDoubt) {
    warnings.push(`prepared transaction ${gid} has no outcome: its changes are in place, and the application decides`);
  }
  return {
    records: analysis.records,
    logBytes: analysis.logBytes,
    recoveredTo: limit ?? commits.last,
    window: commits.window,
    logEnd: lastLsn(analysis),
    transactionsCommitted: commits.count,
    transactionsUndone: transactions.undoneCount,
    changesRedone: counts.applied,
    changesUndone,
    changesPresent: counts.present,
    pagesRead: table.cache.pagesRead,
    pagesWritten: table.cache.pagesWritten,
    databases: recovered.map(({ name }) => name!).sort(),
    inDoubt,
    warnings,
  };
}
