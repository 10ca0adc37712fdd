/** Recovery of an environment: analysis, undo, redo, over whatever storage (recovery document, A.14). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { requireReadable } from '../environment/damaged.ts';
import { normalDirectory } from '../environment/db-config.ts';
import { filesOfKind, logPaths, type Environment } from '../environment/discover.ts';
import { separateTwins, warningsOfCopies } from '../environment/twins.ts';
import { type Files } from '../files/files.ts';
import { isOpaque } from '../environment/opaque.ts';
import { encryptedFile } from '../locked.ts';
import { openLog, type Log } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { analyse, lastLsn, type Analysis } from './analysis.ts';
import { FileOperations } from './record-operations/fileops.ts';
import { finishQueue } from './record-operations/queue.ts';
import { noteOverdueSlots } from './record-operations/queue-slots.ts';
import { FileTable } from './file-table.ts';
import { everything, Passes, type Scope } from './passes.ts';
import { type StoredFile } from './page-store.ts';
import { restoreWindow, type Commit, type RestorePoint, type RestoreWindow } from './restore-point.ts';
import { DiskComparison, type PagesOnDisk } from './disk-comparison.ts';
import { OverlayStorage, type Storage } from './storage.ts';

/** Memory for pages unless told otherwise, in bytes. */
export const defaultCacheBytes = 256 << 20;

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

/** A log that has been read: what recovery will have to do. */
export interface PreparedRecovery {
  readonly log: Log;
  readonly analysis: Analysis;
}

/** The state after undo and redo, before anything is made to last. */
export interface RecoveredState extends PreparedRecovery {
  readonly table: FileTable;
  /** The files of the table that are in scope. */
  readonly recovered: readonly StoredFile[];
  readonly report: RecoveryReport;
}

export interface RecoveryOptions {
  readonly restorePoint?: RestorePoint;
  readonly cacheBytes?: number;
  /** What is recorded before this place was on disk, for certain, when the pages were copied. */
  readonly copiedAfter?: Lsn | undefined;
  /** Pages of the source, to be compared with what the log makes of them. */
  readonly onDisk?: PagesOnDisk | undefined;
  /** Databases whose pages are recovered; file operations are gone through for all. */
  readonly scope?: Scope;
  readonly watch?: Watch;
}

export interface RehearsalOptions extends RecoveryOptions {
  /** The log, when it has been read already. */
  readonly prepared?: PreparedRecovery;
  /** Looks at the recovered state while it is in memory. */
  readonly inspect?: (state: RecoveredState) => Promise<void>;
}

/** Reads the log of an environment and finds out what recovery to the point asked for means. */
export async function prepareRecovery(
  files: Files,
  environment: Environment,
  { restorePoint = { kind: 'end' }, watch = {} }: RecoveryOptions,
): Promise<PreparedRecovery> {
  requireWhole(environment);
  requireKey(environment);
  const log = openLog(files, logPaths(environment));
  return { log, analysis: await analyse(files, log, restorePoint, watch) };
}

/**
 * Recovers an environment in memory, over files that are only read. Returns when every committed change of the log is on
 * its page and every other one is not; throws `not-recoverable` and others when that can not be brought about. Pages
 * that the log does not name are not looked at.
 */
export async function rehearse(
  files: Files,
  environment: Environment,
  options: RehearsalOptions = {},
): Promise<RecoveryReport> {
  const prepared = options.prepared ?? (await prepareRecovery(files, environment, options));
  const storage = new OverlayStorage(files);
  try {
    const paths = new Map(environment.files.map(({ name, path }) => [name, path]));
    const pathOf = (name: string): string => paths.get(name)!;
    const state = await runPasses(files, environment, prepared, storage, pathOf, options);
    await options.inspect?.(state);
    return state.report;
  } finally {
    storage.close();
  }
}

/** Undo and redo. Pages are in the cache or in storage afterwards; nothing is synced. */
export async function runPasses(
  files: Files,
  environment: Environment,
  { log, analysis }: PreparedRecovery,
  storage: Storage,
  pathOf: (name: string) => string,
  { cacheBytes = defaultCacheBytes, scope = everything, copiedAfter, onDisk, watch = {} }: RecoveryOptions,
): Promise<RecoveredState> {
  const separated = separateTwins(environment, (uid) => analysis.names.of(uid));
  const table = new FileTable(separated.environment, storage, pathOf, cacheBytes, log.files.at(-1)!.version);
  const fileOperations = new FileOperations(table, analysis.creations);
  const passes = new Passes(files, log, analysis, table, fileOperations, scope, watch);
  passes.change.copiedAfter = copiedAfter;
  const comparison = onDisk && new DiskComparison(onDisk);
  passes.change.comparison = comparison;
  await passes.undo();
  await passes.redo();
  dropNameless(table, fileOperations, scope);
  for (const file of table) {
    noteOverdueSlots(file, passes.change);
    finishQueue(file, lastLsn(analysis));
    comparison?.finish(file, lastLsn(analysis));
  }
  const excluded = excludedOf(environment, table, fileOperations, analysis);
  requireSettled(table, fileOperations, scope, excluded);
  if (comparison) for (const file of table) comparison.requireCompared(file);
  const recovered = [...table].filter(({ uid }) => scope.has(uid!));
  const made = report(analysis, table, recovered, fileOperations, passes, log);
  const warnings = [...warningsOfCopies(separated), ...made.warnings];
  const paths = [...new Set(excluded.values())].sort();
  return { log, analysis, table, recovered, report: { ...made, excluded: paths, warnings } };
}

/** Of the databases that the log changes and that are missing, those that were excluded: their paths by unique id. */
function excludedOf(
  { excludes, config }: Environment,
  table: FileTable,
  { missing }: FileOperations,
  { names }: Analysis,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!excludes) return found;
  const directories = ['', ...config.dataDirectories.map(normalDirectory)];
  for (const [uid, { name }] of missing) {
    if (table.byUid(uid)) continue;
    const paths = [...names.of(uid), name]
      .reverse()
      .flatMap((known) => directories.map((directory) => path.posix.join(directory, known)));
    const excluded = paths.find(excludes);
    if (excluded !== undefined) found.set(uid, excluded);
  }
  return found;
}

/** Throws what `requireReadable` throws. */
export function requireWhole(environment: Environment): void {
  requireReadable(environment, 'use an older copy of this file.');
}

/** Throws `password` when databases are encrypted and it was not given. */
export function requireKey(environment: Environment): void {
  for (const { path: file, format } of filesOfKind(environment, 'database')) {
    if (isOpaque(format!)) throw encryptedFile(file);
  }
}

/** Files that lost their name to a later file, and stand-ins nobody needs any more, are not part of the result. */
function dropNameless(table: FileTable, operations: FileOperations, scope: Scope): void {
  for (const file of [...table]) {
    if (file.name !== undefined && !file.isEmpty && !file.isPlaceholder) continue;
    if (file.uid !== undefined && scope.has(file.uid)) operations.requireNamed(file);
    table.remove(file);
  }
}

/** Throws when a committed change could not be made, and nothing later in the log makes up for it (A.15). */
function requireSettled(
  table: FileTable,
  { missing }: FileOperations,
  scope: Scope,
  excluded: ReadonlyMap<string, string>,
): void {
  for (const [uid, { name, lsn }] of missing) {
    if (table.byUid(uid) || !scope.has(uid) || excluded.has(uid)) continue;
    throw new FigaroError(
      'container-missing',
      `${name} is missing: log record ${formatLsn(lsn)} changes it, and the log does not create it`,
      { path: name, lsn: formatLsn(lsn), hint: 'add the file from an older copy that this log continues.' },
    );
  }
  table.externalFiles.requireContents();
  for (const file of table) {
    for (const overdue of file.overdue.values()) throw overdue;
    for (const [pgno, { lsn }] of file.lacking) throw lackingRows(file, pgno, lsn);
    for (const unfit of file.unfit.values()) throw unfit;
    for (const [pgno, { lsn, reason }] of file.questions) {
      throw new FigaroError(
        'not-recoverable',
        `${file.label}: log record ${formatLsn(lsn)} changes page ${pgno}, ${reasons[reason]}`,
        {
          path: file.label,
          pgno,
          lsn: formatLsn(lsn),
          hint: 'the file is cut off or was changed without the log. Use another copy of it.',
        },
      );
    }
  }
}

function lackingRows(file: StoredFile, pgno: number, lsn: Lsn): FigaroError {
  return new FigaroError(
    'not-recoverable',
    `${file.label}: page ${pgno} lacks rows that were put there without being logged, by a bulk transaction (DB_TXN_BULK), which committed at ${formatLsn(lsn)} or before`,
    {
      path: file.label,
      pgno,
      lsn: formatLsn(lsn),
      hint: 'the copy is older than the commit, and no log can bring such rows to it. Use a full backup taken since, or recover to a moment before.',
    },
  );
}

const reasons = {
  missing: 'which the file does not have, and which the log does not allocate',
  zero: 'which was never written, and which the log does not allocate',
  unlogged: 'which was last written without the log',
} as const;

function report(
  analysis: Analysis,
  table: FileTable,
  recovered: readonly StoredFile[],
  { nativeWouldLose }: FileOperations,
  passes: Passes,
  log: Log,
): Omit<RecoveryReport, 'excluded'> {
  const { transactions, limit } = analysis;
  const committed = limit
    ? transactions.commits.filter(({ lsn }) => compareLsn(lsn, limit.lsn) <= 0)
    : transactions.commits;
  let undone = 0;
  for (const { fate } of transactions.all()) if (fate === 'undone') undone += 1;
  const inDoubt = transactions.inDoubt(limit?.lsn).map(({ id, prepared }) => ({
    id,
    gid: Buffer.from(prepared!.gid)
      .toString('hex')
      .replace(/(00)+$/, ''),
  }));
  const warnings = [...analysis.warnings];
  for (const name of table.strayExtents) {
    warnings.push(`${name} is an extent of a queue that is not there, and is left out`);
  }
  for (const file of log.incomplete) warnings.push(`${file} holds no records and is left out`);
  for (const name of nativeWouldLose) {
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
    recoveredTo: limit ?? transactions.commits.at(-1),
    window: restoreWindow(log, transactions),
    logEnd: lastLsn(analysis),
    transactionsCommitted: committed.length,
    transactionsUndone: undone,
    changesRedone: passes.change.counts.applied,
    changesUndone: passes.change.undone,
    changesPresent: passes.change.counts.present,
    pagesRead: table.cache.pagesRead,
    pagesWritten: table.cache.pagesWritten,
    databases: recovered.map(({ name }) => name!).sort(),
    inDoubt,
    warnings,
  };
}
