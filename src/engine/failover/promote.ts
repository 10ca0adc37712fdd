/** A standby becomes an environment that an application opens. There is no way back. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn } from '../../format/lsn.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type FileOwner, type Files } from '../files/files.ts';
import { logFile, openLog } from '../log/log-files.ts';
import { logFileName } from '../../format/names.ts';
import { requireOwnTree } from '../files/own-tree.ts';
import { requireApart } from '../places.ts';
import { type Watch } from '../pause.ts';
import { analyse } from '../recovery/analysis.ts';
import { appendRecords, finishingRecords, registeredAtEnd } from '../recovery/finish-log.ts';
import { syncTree } from '../files/sync-tree.ts';
import { giveOwners, ownersByRecord } from '../recovery/owners.ts';
import { checkStored } from '../recovery/check-stored.ts';
import { requireSound } from '../structure/report.ts';
import { asFollower, requireFollowing } from './follow.ts';
import { applyLog } from './round.ts';
import { logDirectoryIn } from './standby-environment.ts';
import { hasLogToApply, partsOf, requireStandby, writeStandby, type Standby, type StandbyState } from './standby.ts';
import { takeLogFrom, takeLogOf } from './take-log.ts';
import { wholeEnvironment } from '../environment/outside.ts';

export interface PromoteOptions {
  readonly directory: string;
  /** What is left of the primary's log, when it is not where it was. */
  readonly survivingLogs?: string;
  /** The primary will never run again: whether a process has it open does not matter. */
  readonly primaryGone?: boolean;
  /** Take no log: as of the last round. */
  readonly withoutLog?: boolean;
  /** Check the structure of the result; true by default. */
  readonly check?: boolean;
  /** The application orders keys in a way of its own. */
  readonly anyOrder?: boolean;
  readonly watch?: Watch;
}

/** The environment that a standby has become. */
export interface Promotion {
  /** The environment. */
  readonly home: string;
  readonly state: StandbyState;
  readonly durationMs: number;
  readonly warnings: readonly string[];
}

/**
 * Takes what survives of the primary's log, applies it, checks every tree, gives the databases their names and ends the
 * log. A run that was ended in between is finished by the next one. Throws `environment-in-use` when the primary is, and
 * `chain-mismatch` for a standby that was promoted already.
 */
export async function promote(files: Files, options: PromoteOptions): Promise<Promotion> {
  const { directory } = options;
  const began = performance.now();
  requireStandby(files, directory);
  if (options.survivingLogs !== undefined) {
    const logs = { what: 'the surviving log in', path: options.survivingLogs };
    requireApart(files, { what: 'the standby', path: directory }, logs);
  }
  return await asFollower(files, directory, async (held) => {
    const warnings: string[] = [];
    const found = requireStandby(held, directory);
    if (found.state.phase === 'promoted') requireFollowing(found);
    const standby = found.state.phase === 'following' ? await catchUp(held, found, options, warnings) : found;
    const { state } = await makePrimary(held, standby, options, warnings);
    return {
      home: partsOf(directory).home,
      state,
      durationMs: Math.round(performance.now() - began),
      warnings,
    };
  });
}

/** The last round, with what survives of the log. After it there is no way back. */
async function catchUp(files: Files, found: Standby, options: PromoteOptions, warnings: string[]): Promise<Standby> {
  const { check = true, anyOrder = false, watch = {} } = options;
  const before = hasLogToApply(found.state) ? await applyLog(files, found, { watch }) : found;
  const { standby, notes } = await takeLog(files, before, options);
  warnings.push(...notes);
  const { directory, state } = await applyLog(files, standby, {
    watch,
    inspect: async ({ recovered }) => {
      if (check) warnings.push(...requireSound(await checkStored(recovered, { anyOrder, watch })));
    },
  });
  return writeStandby(files, directory, { ...state, phase: 'promoting' });
}

/** Takes what survives of the log, and tells what is to be known of what does not. */
async function takeLog(
  files: Files,
  before: Standby,
  options: PromoteOptions,
): Promise<{ readonly standby: Standby; readonly notes: readonly string[] }> {
  const { survivingLogs, primaryGone = false, withoutLog = false } = options;
  const { home, repo } = before.state;
  const primary = survivingLogs ?? home;
  if (primary !== undefined && !primaryGone && files.statThrough(primary)) {
    const { files: shown, home: at } = wholeEnvironment(files, primary, { logAlone: true, asFarAsThere: true });
    requireNotInUse(shown, discoverEnvironment(shown, at, { insideOnly: true }), () => inUseHint);
  }
  if (withoutLog) {
    const note = 'the log of the primary was not looked at: what it committed since the last round is not there';
    return { standby: before, notes: [note] };
  }
  const standby = repo === undefined ? before : (await takeLogFrom(files, before, repo)).standby;
  if (primary === undefined) {
    return { standby, notes: ['only what the repository has is there: --surviving-logs adds what is left of the log'] };
  }
  try {
    return { standby: (await takeLogOf(files, standby, primary)).standby, notes: [] };
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    const { code, message, details } = error;
    throw new FigaroError(code, message, {
      ...details,
      hint: 'name what is left of the log with --surviving-logs DIR. If nothing is, --without-log promotes as of the last round.',
    });
  }
}

const inUseHint =
  'stop the application first. If that machine will never run again, and what is seen of it is wrong, add --primary-gone.';

async function makePrimary(
  files: Files,
  standby: Standby,
  { watch = {} }: PromoteOptions,
  warnings: string[],
): Promise<Standby> {
  const { directory, state } = standby;
  const { home } = partsOf(directory);
  await nameFiles(files, standby, watch);
  await endLog(files, standby, watch);
  warnings.push(...giveOwners(files, withOwners(files, standby), home));
  await syncTree(files, home, watch);
  return writeStandby(files, directory, { ...state, phase: 'promoted', promoted: new Date().toISOString() });
}

/** Gives every database its name. It keeps the other one until this one is sure to last. */
async function nameFiles(files: Files, { directory, state }: Standby, watch: Watch): Promise<void> {
  const { home, pieces } = partsOf(directory);
  requireOwnTree(files, home, 'standby-corrupt');
  const named = state.files.filter(({ piece }) => files.statIfThere(path.join(pieces, piece)));
  for (const { piece, name } of named) {
    const to = path.join(home, name);
    makeDirectories(files, path.dirname(to));
    // What a run before this one left may be half a copy, where files can have no second name.
    files.remove(to);
    files.link(path.join(pieces, piece), to);
  }
  await syncTree(files, home, watch);
  for (const { piece } of named) files.remove(path.join(pieces, piece));
  files.syncDirectory(pieces);
}

/** Appends what a recovery leaves at the end of a log (recovery document, A.10). */
async function endLog(files: Files, { directory, state }: Standby, watch: Watch): Promise<void> {
  const environment = discoverEnvironment(files, partsOf(directory).home);
  const log = openLog(files, logPaths(environment));
  const last = logFile(log, state.end.file)!;
  const { size } = files.statIfThere(last.path)!;
  const analysis = await analyse(files, log, { kind: 'end' }, watch);
  const { bindings, transactions, end } = analysis;
  // A run before this one got as far as this.
  if (compareLsn(end.lsn, state.end) > 0) return;
  if (compareLsn(end.lsn, state.end) < 0 || size < state.end.offset) {
    throw new FigaroError('log-corrupt', `${last.path} ends before ${formatLsn(state.end)}, where it ended before`, {
      path: last.path,
      lsn: formatLsn(state.end),
    });
  }
  const formats = new Map(environment.files.map(({ uid, format }) => [uid, format]));
  const open = registeredAtEnd(bindings, end.lastRecord!, (uid) => formats.get(uid));
  const lastCheckpoint = transactions.checkpoints.at(-1)?.lsn;
  const records = finishingRecords(
    { open, inDoubt: transactions.inDoubt(), lastRecord: end.lastRecord!, lastCheckpoint },
    last.version,
    new Date(),
  );
  // Beside the log, so that it is as it was or ended, whatever happens.
  const { incoming } = partsOf(directory);
  removeTree(files, incoming);
  makeDirectories(files, incoming);
  await files.copy(last.path, path.join(incoming, logFileName(last.number)));
  appendRecords(files, incoming, last, end.lsn, end.lastRecord!, records);
  await syncTree(files, incoming, watch);
  // Later files first: the one that has an end takes its place last.
  for (const name of [...(files.listIfThere(incoming) ?? [])].sort().toReversed()) {
    files.rename(path.join(incoming, name), path.join(logDirectoryIn(environment), name));
  }
  files.syncDirectory(logDirectoryIn(environment));
  removeTree(files, incoming);
}

/** The environment, with what its databases were like at the primary. */
function withOwners(files: Files, { directory, state }: Standby): Environment {
  const environment = discoverEnvironment(files, partsOf(directory).home);
  const own = new Map([
    ...environment.files.map(({ name, stat }): [string, FileOwner] => [name, stat]),
    ...environment.owners,
  ]);
  const here = [...own].map(([name, { mode }]) => ({ path: name, mode, own: own.get(name) }));
  const recorded = state.files.map(({ name, ...owner }) => ({ path: name, ...owner, own: own.get(name) }));
  const { owners, refused } = ownersByRecord([...here, ...recorded], false);
  return {
    ...environment,
    owners: new Map([...environment.owners, ...owners]),
    ...(refused ? { refusedOwner: refused } : {}),
  };
}
