/** Keeps a standby current: the rounds, one after the other. */

import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { takeBackup } from '../backup/backup.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { requireOwnDirectories, requireOwnTree } from '../files/own-tree.ts';
import { requireAmounts, requireCounts } from '../given.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { placesOf, requireApart, requireNoneAbove, requireOutside, sourcesHere, standbyName } from '../places.ts';
import { findChain } from '../repository/find-chain.ts';
import { chooseChain } from '../repository/choose-chain.ts';
import { sweepLocks, takeLock } from '../repository/lock.ts';
import { openRepository, readSets } from '../repository/repository.ts';
import { createStandby, prepareDirectory, type Followed } from './create.ts';
import { applyJournal } from './journal.ts';
import { applyLog } from './round.ts';
import { isUnchanged } from './rest.ts';
import { hasLogToApply, partsOf, readStandby, writeStandby, type Standby, type StandbyState } from './standby.ts';
import { takeLogFrom, takeLogOf } from './take-log.ts';
import { clearTrouble, noteTrouble } from './trouble.ts';
import { wholeEnvironment, type Directories } from '../environment/outside.ts';

export interface FollowOptions {
  readonly directory: string;
  readonly followed: Followed;
  /** Of a primary: directories that its application's code names, and DB_CONFIG does not. */
  readonly directories?: Directories | undefined;
  /** Memory for pages, in bytes. */
  readonly cacheBytes?: number;
  readonly watch?: Watch;
}

/** Runs `work` as the only one that writes to a standby, as `asWriter`. Throws `busy`. Finishes first what a run before it began. */
export async function asFollower<T>(files: Files, directory: string, work: (files: Files) => Promise<T>): Promise<T> {
  makeDirectories(files, directory);
  const lock = takeLock(files, directory);
  try {
    sweepLocks(lock.files, directory);
    const { home, pieces, base, incoming } = partsOf(directory);
    requireOwnDirectories(lock.files, [home, base, incoming], 'standby-corrupt');
    requireOwnTree(lock.files, pieces, 'standby-corrupt');
    applyJournal(lock.files, directory);
    return await work(lock.files);
  } catch (error) {
    throw lock.reasonOf(error);
  } finally {
    try {
      lock.release();
    } catch {
      // The lock of a process that is no more is taken over.
    }
  }
}

/** One round, or the making of the standby where there is none yet. What goes wrong is noted for `status`. */
export async function followOnce(files: Files, options: FollowOptions): Promise<StandbyState> {
  const { directory } = options;
  requireCounts({ cacheBytes: options.cacheBytes });
  requireOwnPlace(files, options);
  return await asFollower(files, directory, async (held) => {
    try {
      const standby = readStandby(held, directory);
      const { state } = standby ? await goOn(held, standby, options) : await begin(held, options);
      clearTrouble(held, directory);
      return state;
    } catch (error) {
      noteTrouble(held, directory, error);
      throw error;
    }
  });
}

/** A standby lies apart from all that it is made from. What links of the primary lead to is looked at when it is made. */
function requireOwnPlace(disk: Files, { directory, followed, directories: known }: FollowOptions): void {
  const { home, repo } = followed;
  const standby = { what: 'the standby', path: directory };
  requireNoneAbove(disk, standby);
  const isNew = !disk.statIfThere(path.join(directory, standbyName));
  const files = isNew && home !== undefined ? wholeEnvironment(disk, path.resolve(home), known).files : disk;
  if (repo !== undefined) {
    requireApart(files, standby, { what: 'the repository', path: repo });
    if (!isNew) return;
    const { sets } = readSets(files, openRepository(files, repo));
    for (const source of sourcesHere(
      files,
      sets.map(({ manifest }) => manifest),
    ))
      requireOutside(files, standby, source);
    return;
  }
  const directories = isNew ? discoverEnvironment(files, path.resolve(home!)).directories : [];
  for (const place of placesOf(files, 'the environment', home!, directories)) requireApart(files, standby, place);
}

async function begin(files: Files, { directory, followed, directories, watch = {} }: FollowOptions): Promise<Standby> {
  prepareDirectory(files, directory);
  if (followed.repo !== undefined) {
    const hint = 'take a full set, and begin again. Look at `figaro-backup list` first.';
    const { chain } = chooseChain(files, openRepository(files, followed.repo), { hint });
    return await createStandby(files, directory, chain, followed, watch);
  }
  const { base } = partsOf(directory);
  await takeBackup(files, 'hot', { ...directories, home: followed.home!, repository: base, watch });
  const chain = findChain(readSets(files, openRepository(files, base)).sets);
  const standby = await createStandby(files, directory, chain, followed, watch);
  removeTree(files, base);
  return standby;
}

async function goOn(
  files: Files,
  found: Standby,
  { followed, directories, cacheBytes, watch = {} }: FollowOptions,
): Promise<Standby> {
  const { directory, state } = found;
  requireFollowing(found);
  requireSame(directory, state, followed);
  const logDirectory = directories?.logDirectory ?? state.logDirectory;
  if (isUnchanged(files, found, logDirectory)) return writeStandby(files, directory, { ...state, ...idleRound(state) });
  const options = { watch, ...(cacheBytes === undefined ? {} : { cacheBytes }) };
  // The run before was ended in between.
  const before = hasLogToApply(state) ? await applyLog(files, found, options) : found;
  removeTree(files, partsOf(directory).base);
  const { standby, look } =
    followed.repo === undefined
      ? await takeLogOf(files, before, followed.home!, logDirectory)
      : await takeLogFrom(files, before, followed.repo);
  if (hasLogToApply(standby.state)) return await applyLog(files, standby, options);
  const seen = look.isAtRest ? { ...look.seen, logDirectory } : undefined;
  return writeStandby(files, directory, { ...standby.state, ...idleRound(standby.state), seen });
}

/** A round that finds nothing new is one: it says that all is well. */
function idleRound({ rounds }: StandbyState): Pick<StandbyState, 'rounds' | 'lastRound'> {
  return { rounds: rounds + 1, lastRound: { finished: new Date().toISOString(), durationMs: 0, logBytes: 0 } };
}

/** Throws `chain-mismatch` for a standby that was promoted: it has a history of its own. */
export function requireFollowing({ directory, state: { phase, promoted } }: Standby): void {
  if (phase === 'following') return;
  const what = phase === 'promoted' ? `was promoted at ${promoted}` : 'is being promoted';
  throw new FigaroError('chain-mismatch', `${directory} ${what}: it follows nobody any more`, {
    path: directory,
    hint:
      phase === 'promoted'
        ? 'make a new standby in another directory.'
        : 'finish that with `figaro-backup failover promote`.',
  });
}

function requireSame(directory: string, { home, repo }: StandbyState, followed: Followed): void {
  const is = (one: string | undefined, other: string | undefined): boolean =>
    one === other || (one !== undefined && other !== undefined && path.resolve(one) === path.resolve(other));
  if (is(home, followed.home) && is(repo, followed.repo)) return;
  throw new FigaroError('usage', `${directory} follows ${home ?? repo}, and not ${followed.home ?? followed.repo}`, {
    hint: 'name what it follows, or make a standby in another directory.',
  });
}

/** Troubles that may pass; of others, only a person can make an end. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'environment-missing',
  'log-missing',
  'log-corrupt',
  'repository-missing',
  'standby-missing',
  'no-space',
  'not-permitted',
  'io',
  'busy',
  'page-unstable',
]);

/** Beyond this, waiting longer helps nobody. */
const longestWaitMs = 5 * 60_000;

export const defaultIntervalMs = 5000;

export interface ServiceOptions extends FollowOptions {
  /** How long to wait between rounds; 5 s by default. */
  readonly intervalMs?: number;
  /** Told what went wrong, once for as long as it goes on, and when it is over. */
  readonly onTrouble?: (error: FigaroError) => void;
  readonly onRelief?: () => void;
}

/** Round after round, until told to stop, which throws `interrupted`, or until something is wrong that will not pass. */
export async function followForEver(files: Files, options: ServiceOptions): Promise<never> {
  const { intervalMs = defaultIntervalMs, watch = {}, onTrouble, onRelief } = options;
  requireAmounts({ intervalMs });
  let failures = 0;
  let told = '';
  for (;;) {
    try {
      await followOnce(files, options);
      if (failures > 0) onRelief?.();
      failures = 0;
      told = '';
    } catch (error) {
      if (!(error instanceof FigaroError) || !passing.has(error.code)) throw error;
      failures += 1;
      if (told !== error.message) onTrouble?.(error);
      told = error.message;
    }
    await rest(Math.min(intervalMs * 2 ** Math.min(failures, 20), Math.max(longestWaitMs, intervalMs)), watch);
  }
}

async function rest(ms: number, watch: Watch): Promise<void> {
  try {
    await setTimeout(ms, undefined, watch.signal ? { signal: watch.signal } : {});
  } catch {
    throwIfStopped(watch);
  }
}
