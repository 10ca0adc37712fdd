/** Recovery of an environment: analysis, undo, redo, over whatever storage (recovery document, A.14). */

import path from 'node:path';
import { type Lsn } from '../../format/lsn.ts';
import { normalDirectory } from '../../format/names.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { separateTwins, warningsOfCopies, type Separated } from '../environment/twins.ts';
import { type Files } from '../files/files.ts';
import { openLog } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { analyse, lastLsn, type KnownBefore } from './analysis.ts';
import { FileOperationPasses } from './file-operation-passes.ts';
import { FileOperations } from './record-operations/fileops.ts';
import { finishQueue } from './record-operations/queue.ts';
import { noteOverdueSlots } from './record-operations/queue-slots.ts';
import { FileTable } from './file-table.ts';
import { type Change } from './page-change.ts';
import { Passes } from './passes.ts';
import { type StoredFile } from './page-store.ts';
import { everything, type PreparedRecovery, type Recovery, type Scope } from './recovery.ts';
import { type RestorePoint } from './restore-point.ts';
import { DiskComparison, type PagesOnDisk } from './disk-comparison.ts';
import { OverlayStorage, type Storage } from './storage.ts';
import { type RecoveryReport, reportOf } from './report.ts';
import { requireSettled, requireKey, requireWhole } from './requirements.ts';
import { SeenPages } from './seen-pages.ts';

/** Memory for pages unless told otherwise, in bytes. */
export const defaultCacheBytes = 256 << 20;

/** The state after undo and redo, before anything is made to last. */
export interface RecoveredState extends PreparedRecovery {
  readonly table: FileTable;
  /** The files of the table that are in scope. */
  readonly recovered: readonly StoredFile[];
  readonly report: RecoveryReport;
  /** Names of databases that native recovery would lose. */
  readonly lostNatively: readonly string[];
  /** What there is to say of files, whatever the log does. */
  readonly notes: readonly string[];
  /** There were records of files that nothing in the log registers. */
  readonly hasPassedOver: boolean;
}

/** What those know who go on with a log, over files as they are after the log before. */
export interface Continued {
  /** The record to start with, and what is known of the log before. */
  readonly from: Lsn;
  readonly known: KnownBefore;
  /** Unique ids of the databases that the log before has made. */
  readonly made: ReadonlySet<string>;
  readonly lostNatively: readonly string[];
  readonly notes: readonly string[];
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
  /** Not all of them are recovered, and it is not known yet which. */
  readonly isPart?: boolean;
  readonly continued?: Continued | undefined;
  /** What it sees of the log and of pages is kept, for one that goes through the log before as well. */
  readonly keepsSeen?: boolean | undefined;
  /** Nobody has written to the files since the environment was listed. */
  readonly isAsListed?: boolean | undefined;
  readonly watch?: Watch;
}

interface RehearsalOptions extends RecoveryOptions {
  /** The log, when it has been read already. */
  readonly prepared?: PreparedRecovery;
  /** Looks at the recovered state while it is in memory. */
  readonly inspect?: (state: RecoveredState) => Promise<void>;
  /** Where the bytes of files are; whoever gives it closes it. Memory over the files of the environment by default. */
  readonly storage?: Storage | undefined;
}

/** Reads the log of an environment and finds out what recovery to the point asked for means. */
export async function prepareRecovery(
  files: Files,
  environment: Environment,
  { restorePoint = { kind: 'end' }, isPart, continued, keepsSeen: keepsNoted, watch = {} }: RecoveryOptions,
): Promise<PreparedRecovery> {
  requireWhole(environment);
  requireKey(environment);
  const opened = openLog(files, logPaths(environment));
  const log = continued ? { ...opened, start: continued.from } : opened;
  const known = continued?.known;
  return { log, analysis: await analyse(files, log, restorePoint, watch, { known, environment, isPart, keepsNoted }) };
}

/**
 * Recovers an environment in memory, over files that are only read. Returns when every committed change of the log is on
 * its page and every other one is not; throws `not-recoverable` and others when that cannot be brought about. Pages
 * that the log does not name are not looked at.
 */
export async function rehearse(
  files: Files,
  environment: Environment,
  options: RehearsalOptions = {},
): Promise<RecoveryReport> {
  const prepared = options.prepared ?? (await prepareRecovery(files, environment, options));
  const ownStorage = options.storage ? undefined : new OverlayStorage(files);
  const storage = options.storage ?? ownStorage!;
  try {
    const state = await runPasses(files, { ...prepared, environment, storage }, options);
    await options.inspect?.(state);
    return state.report;
  } finally {
    ownStorage?.close();
  }
}

const nothing: Scope = { has: () => false };

/** The files of an environment, in memory, as a recovery leaves them, but for what is on their pages. */
export interface FilesAtTheEnd {
  readonly table: FileTable;
  /** Those that were there before. */
  readonly initial: ReadonlySet<StoredFile>;
}

/**
 * Recovers the names of files alone, for which only those records are read that are about files. Throws what keeps files from being
 * recovered; what keeps pages from it shows only when they are.
 */
export async function withFilesAtTheEnd<T>(
  files: Files,
  environment: Environment,
  { log, analysis }: PreparedRecovery,
  watch: Watch,
  look: (found: FilesAtTheEnd) => T | Promise<T>,
): Promise<T> {
  const storage = new OverlayStorage(files);
  try {
    const { table } = tableOf({ environment, log, analysis, storage }, defaultCacheBytes);
    const initial = new Set(table);
    const fileOperations = new FileOperations(table, analysis.creations);
    const recovery = { files, environment, log, analysis, table, fileOperations, scope: nothing, watch };
    await new FileOperationPasses(recovery).run();
    dropNameless(recovery);
    requireSettled(recovery, new Map());
    return await look({ table, initial });
  } finally {
    storage.close();
  }
}

/** What undo and redo need. */
export interface RecoveryInput extends PreparedRecovery {
  readonly environment: Environment;
  readonly storage: Storage;
  /** Where the storage has the file of a name; where the environment has it, unless told otherwise. */
  readonly pathOf?: ((name: string) => string) | undefined;
  /** See `RecoveryOptions`. */
  readonly isAsListed?: boolean | undefined;
}

export function pathsIn({ files }: Environment): (name: string) => string {
  const paths = new Map(files.map(({ name, path: file }) => [name, file]));
  return (name) => paths.get(name)!;
}

/** The files as they were copied. */
export function tableOf(
  { environment, log, analysis, storage, pathOf = pathsIn(environment), isAsListed }: RecoveryInput,
  cacheBytes: number,
): { readonly separated: Separated; readonly table: FileTable } {
  const separated = separateTwins(environment, (uid) => analysis.names.of(uid));
  const { version } = log.files.at(-1)!;
  return { separated, table: new FileTable(separated.environment, storage, pathOf, cacheBytes, version, isAsListed) };
}

/** Undo and redo. Pages are in the cache or in storage afterwards; nothing is synced. */
export async function runPasses(
  files: Files,
  { environment, log, analysis, storage, pathOf }: RecoveryInput,
  options: RecoveryOptions,
): Promise<RecoveredState> {
  const { cacheBytes = defaultCacheBytes, scope = everything, continued, copiedAfter, onDisk, watch = {} } = options;
  const { isAsListed } = options;
  const { separated, table } = tableOf({ environment, log, analysis, storage, pathOf, isAsListed }, cacheBytes);
  const fileOperations = new FileOperations(table, analysis.creations, continued);
  const recovery: Recovery = { files, environment, log, analysis, table, fileOperations, scope, watch };
  const passes = new Passes(recovery);
  passes.change.copiedAfter = copiedAfter;
  const comparison = onDisk && new DiskComparison(onDisk, continued?.from);
  passes.change.comparison = comparison;
  await passes.undo();
  if (options.keepsSeen) for (const file of table) file.seen = new SeenPages();
  await passes.redo();
  const excluded = settle(recovery, passes.change);
  if (comparison) for (const file of table) comparison.requireCompared(file);
  const recovered = [...table].filter(({ uid }) => uid !== undefined && scope.has(uid));
  const made = reportOf(recovery, recovered, passes.change);
  const notes = continued?.notes ?? warningsOfCopies(separated);
  const paths = [...new Set(excluded.values())].sort();
  const report = { ...made, excluded: paths, warnings: [...notes, ...made.warnings] };
  const lostNatively = [...fileOperations.nativeWouldLose];
  return { log, analysis, table, recovered, report, lostNatively, notes, hasPassedOver: passes.hasPassedOver };
}

/**
 * To be called when all is undone and redone. Throws what `requireSettled` throws.
 *
 * @returns of the databases that the log changes and that are missing, those that may be: see `excludedOf`
 */
export function settle(recovery: Recovery, change: Change): ReadonlyMap<string, string> {
  const { table, analysis } = recovery;
  dropNameless(recovery);
  for (const file of table) {
    noteOverdueSlots(file, change);
    finishQueue(file, lastLsn(analysis));
    change.comparison?.finish(file, lastLsn(analysis));
  }
  const excluded = excludedOf(recovery);
  requireSettled(recovery, excluded);
  return excluded;
}

/**
 * Of the databases that the log changes and that are missing, those that were excluded, and those outside of all directories of the
 * environment: their paths by unique id.
 */
function excludedOf({ environment, table, fileOperations, analysis }: Recovery): ReadonlyMap<string, string> {
  const { excludes, config } = environment;
  const found = new Map<string, string>();
  const directories = ['', ...config.dataDirectories.map(normalDirectory)];
  for (const [uid, { name }] of fileOperations.missing) {
    if (table.byUid(uid)) continue;
    const logged = [...analysis.names.of(uid), name].reverse();
    const elsewhere = logged.find((known) => fileOperations.isElsewhere(known));
    const paths = logged.flatMap((known) => directories.map((directory) => path.posix.join(directory, known)));
    const excluded = elsewhere ?? (excludes && paths.find(excludes));
    if (excluded !== undefined) found.set(uid, excluded);
  }
  return found;
}

/** Files that lost their name to a later file, and stand-ins nobody needs any more, are not part of the result. */
function dropNameless({ table, fileOperations, scope }: Recovery): void {
  for (const file of [...table]) {
    if (file.name !== undefined && !file.isEmpty && !file.isPlaceholder) continue;
    if (file.uid !== undefined && scope.has(file.uid)) fileOperations.requireNamed(file);
    table.remove(file);
  }
}
