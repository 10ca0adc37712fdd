/** One round of a standby: new log is applied to its databases (recovery document, J.4). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { filesOfKind, logPaths, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { openLog, type Log } from '../log/log-files.ts';
import { type LogParts } from '../log/log-parts.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { analyse, type Analysis } from '../recovery/analysis.ts';
import { neededFrom } from '../recovery/needed-from.ts';
import { recoveredPieces } from '../recovery/recovered-pieces.ts';
import { runPasses, type RecoveredState } from '../recovery/rehearse.ts';
import { applyJournal, JournalStorage, type JournaledPiece } from './journal.ts';
import { logDirectoryIn, standbyEnvironment } from './standby-environment.ts';
import { writeStandby, type Standby, type StandbyFile, type StandbyState } from './standby.ts';

/** So much log is applied at a time, in bytes: what a round changes is kept until its end. */
const roundBytes = 256 << 20;

interface RoundOptions {
  readonly cacheBytes?: number;
  readonly watch: Watch;
  /** Looks at what the last round comes to before it happens. */
  readonly inspect?: ((state: RecoveredState) => Promise<void>) | undefined;
}

/** Applies all log that the standby has and that is not applied yet. Returns the standby after it. */
export async function applyLog(files: Files, before: Standby, options: RoundOptions): Promise<Standby> {
  let standby = before;
  for (;;) {
    const environment = standbyEnvironment(files, standby);
    const { paths, isAll } = portion(environment, standby.state);
    const round = isAll ? options : { ...options, inspect: undefined };
    standby = await applyPortion(files, standby, environment, paths, round);
    if (!isAll) continue;
    requireApplied(files, standby);
    removeOldLog(files, standby, environment);
    return standby;
  }
}

/** The log files of the next round: all that is needed, and as much new log as fits. */
function portion(
  environment: Environment,
  { end, neededFrom }: StandbyState,
): { paths: Map<number, LogParts>; isAll: boolean } {
  const all = [...logPaths(environment)].sort(([a], [b]) => a - b);
  const sizes = new Map(filesOfKind(environment, 'log').map(({ logNumber, stat }) => [logNumber, stat.size]));
  const paths = new Map<number, LogParts>();
  let fresh = 0;
  for (const [number, parts] of all) {
    if (number < neededFrom.file) continue;
    if (number > end.file && fresh >= roundBytes) return { paths, isAll: false };
    paths.set(number, parts);
    const size = sizes.get(number)!;
    fresh += number < end.file ? 0 : number === end.file ? Math.max(0, size - end.offset) : size;
  }
  return { paths, isAll: true };
}

async function applyPortion(
  files: Files,
  { directory, state: before }: Standby,
  environment: Environment,
  paths: Map<number, LogParts>,
  { cacheBytes, watch, inspect }: RoundOptions,
): Promise<Standby> {
  const began = performance.now();
  const log = neededLog(openLog(files, paths), directory, before.neededFrom);
  const analysis = await analyse(files, log, { kind: 'end' }, watch);
  const storage = new JournalStorage(files, directory);
  try {
    const recovery = { watch, ...(cacheBytes === undefined ? {} : { cacheBytes }) };
    const after = await runPasses(files, { environment, log, analysis, storage }, recovery);
    await inspect?.(after);
    // The last moment at which nothing has happened.
    throwIfStopped(watch);
    for (const file of after.recovered) file.flushToEnd();
    const kept = filesOf(after, before);
    const logBytes = [...log.files].reduce((sum, { number, size }) => sum + newBytes(number, size, before.end), 0);
    const { end } = analysis;
    const isMoreTaken = before.taken !== undefined && compareLsn(end.lsn, before.taken.end) < 0;
    const state: StandbyState = {
      ...before,
      ...positionOf(log, analysis),
      taken: isMoreTaken ? before.taken : undefined,
      seen: undefined,
      rounds: before.rounds + 1,
      lastRound: {
        finished: new Date().toISOString(),
        durationMs: Math.round(performance.now() - began),
        logBytes,
      },
      files: kept.map(({ file }) => file),
    };
    const changed = kept.filter(({ piece }) => piece.isChanged);
    storage.commit({ state, changed: changed.map(({ file, piece }) => piece.toChanged(file.piece)) });
    applyJournal(files, directory);
    return { directory, state };
  } catch (error) {
    storage.close();
    throw error;
  }
}

/** The log from where a round needs it: what is before is on the pages. Throws `standby-corrupt` when it begins later. */
function neededLog(log: Log, directory: string, start: Lsn): Log {
  const [first] = log.files;
  if (first!.number === start.file) return start.offset === 0 ? log : { ...log, start };
  throw new FigaroError(
    'standby-corrupt',
    `the log of ${directory} begins with ${path.basename(first!.path)}, but the next round needs it from ${formatLsn(start)} on`,
    {
      path: first!.path,
      lsn: formatLsn(start),
      hint: 'log files were removed from it. Make a new standby with `figaro-backup failover follow` in another directory.',
    },
  );
}

/** What was taken has to be there. When it is not, it is taken once more. */
function requireApplied(files: Files, { directory, state }: Standby): void {
  const { taken, end } = state;
  if (!taken) return;
  writeStandby(files, directory, { ...state, taken: undefined });
  throw new FigaroError(
    'log-corrupt',
    `the log of ${directory} ends at ${formatLsn(end)}, but went on to ${formatLsn(taken.end)} when it was taken`,
    { path: directory, lsn: formatLsn(end), hint: 'the next round takes it again. Look for the cause on the disk.' },
  );
}

function newBytes(number: number, size: number, end: Lsn): number {
  return number < end.file ? 0 : number === end.file ? Math.max(0, size - end.offset) : size;
}

/** Where the databases are after a log was applied. */
function positionOf(
  log: Log,
  analysis: Analysis,
): Pick<StandbyState, 'end' | 'lastRecord' | 'neededFrom' | 'lastCommit'> {
  const { end, commits } = analysis;
  const lastCommit = commits.last;
  return {
    end: end.lsn,
    lastRecord: end.lastRecord,
    neededFrom: neededFrom({ log, analysis }),
    lastCommit: lastCommit && { lsn: lastCommit.lsn, time: lastCommit.time },
  };
}

/** The files after a round, and what is known of their bytes. */
function filesOf(
  state: RecoveredState,
  before: StandbyState,
): { readonly file: StandbyFile; readonly piece: JournaledPiece }[] {
  const known = new Map(before.files.map((file) => [file.piece, file]));
  const usual = before.files[0] ?? { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  let created = 0;
  return [...recoveredPieces(state)].map(({ kind, name, logName, dataDirectory, ...recovered }) => {
    const piece = recovered.piece as JournaledPiece;
    const base = piece.base === undefined ? undefined : path.basename(piece.base);
    const { mode, uid, gid } = (base === undefined ? undefined : known.get(base)) ?? {
      ...usual,
      ...(piece.mode === 0 ? {} : { mode: piece.mode & 0o777 }),
    };
    const file: StandbyFile = {
      kind,
      name,
      logName,
      dataDirectory,
      piece: base ?? `r${before.rounds + 1}-${++created}`,
      mode,
      uid,
      gid,
    };
    return { file, piece };
  });
}

/** Removes log files that no round will need. */
function removeOldLog(files: Files, { state }: Standby, environment: Environment): void {
  const log = logDirectoryIn(environment);
  for (const name of files.listIfThere(log) ?? []) {
    const number = logFileNumber(name);
    if (number !== undefined && number < state.neededFrom.file) files.remove(path.join(log, logFileName(number)));
  }
}
