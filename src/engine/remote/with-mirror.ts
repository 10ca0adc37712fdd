/** A repository in a store for as long as a command works with it: locked where it writes, mirrored, and brought up to date. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logPlace } from '../environment/discover.ts';
import { writeNew } from '../files/durable.ts';
import { type FileStat, type Files } from '../files/files.ts';
import { filesWith } from '../files/files-with.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { beginStage, discardStage, sweepBeside } from '../recovery/leftovers.ts';
import { type Store } from '../store/store.ts';
import { repositoryName } from '../places.ts';
import { asOfSpool, spoolPlace } from '../transfer/spool.ts';
import { type OpenedStore } from '../store/stores.ts';
import { KeptProofs } from './kept-proofs.ts';
import { makeMirror, type Mirror } from './mirror.ts';
import { StandIn } from './stand-in.ts';
import { lockStore, seeWriter, type StoreLock } from './store-lock.ts';
import { unfinishedMs, upload, type Confirm } from './upload.ts';

export interface MirrorOptions {
  /** The directory that the mirror is made in. Proofs and manifests are kept there from run to run. */
  readonly spool: string;
  /** True for runs that change sets: only one at a time may. Others look, and note what they found. */
  readonly isWriter: boolean;
  /** True for runs that say what is sound, or may be removed: manifests are those that the store has now, and not those that were kept. */
  readonly asksAnew: boolean;
  /** True for a run that removes packs of runs that were killed, whether or not it removes a set. */
  readonly collects?: boolean;
  readonly lockWaitMs?: number;
  readonly signal?: AbortSignal | undefined;
  /**
   * The environment that a new set is made of, with its log directory if only its application names that: what cannot be read of the log in the sets before is read there.
   * Not for work that says, or relies on, what is stored.
   */
  readonly followed?: { readonly home: string; readonly logDirectory?: string | undefined };
  /** Has people see what is done before and after the work, which they are shown by itself. */
  readonly watched: <T>(work: (watch: Watch) => Promise<T>) => Promise<T>;
  /** Told where the mirror is going to be, before anything is done with it. */
  readonly onPlace: (directory: string) => void;
  /** Told what earlier runs left, and what nobody may note. */
  readonly onWarning: (warning: string) => void;
  /** Told what went wrong after work that is worth something all the same. */
  readonly onFailure: (error: FigaroError) => void;
}

/** What work gets: the repository as a directory, and files that everything there has to go through. */
export interface MirrorInUse {
  readonly directory: string;
  readonly files: Files;
  /** Sends what was changed so far, and makes room in the spool: for work that makes many sets. */
  readonly send: () => Promise<void>;
}

/**
 * Runs `work` with a mirror of a store. What it changed is in the store when this returns, or nothing that other runs see. Throws what
 * `work` throws, `busy` where another run writes, and what the store throws.
 */
export async function withMirror<T>(
  disk: Files,
  stores: OpenedStore,
  options: MirrorOptions,
  work: (mirror: MirrorInUse) => Promise<T>,
): Promise<T> {
  const { store, ending } = stores;
  const { isWriter, asksAnew, lockWaitMs = 0, watched, onWarning } = options;
  const place = spoolPlace(disk, options.spool);
  const lock = isWriter ? await watched((watch) => lockStore(store, { lockWaitMs, watch, ending })) : undefined;
  try {
    if (isWriter) await requireSameHead(stores);
    if (isWriter) await sweepUnfinished(store);
    const { stage, files, lease } = beginStage(disk, place, 'spooling');
    try {
      for (const warning of sweepBeside(files, place, stage, 'spooling')) onWarning(warning);
      const directory = path.join(stage, 'repository');
      options.onPlace(directory);
      const where = {
        directory,
        head: stores.head,
        keptIn: `${place}.manifests`,
        asksAnew,
        standIn: standInFrom(disk, options),
      };
      const reader = stores.readerOf();
      const made = await watched((watch) => makeMirror(files, store, reader, { ...where, watch }));
      if (isWriter && !made.known.isRepository) await requireApart(stores, made);
      const mirror = isWriter ? made : await withWriter(files, store, made);
      const kept = new KeptProofs(files, `${place}.proofs`, mirror);
      if (isWriter) kept.take();
      const result = await working(stores, mirror, lock, options, work);
      if (isWriter) kept.keep();
      return result;
    } catch (error) {
      throw asOfSpool(lease.reasonOf(error), stage);
    } finally {
      discardStage(disk, stage);
      lease.stop();
    }
  } finally {
    await lock?.release();
  }
}

/**
 * A new repository lies in no other one, and none in it: what is listed, copied and removed of one would be that of both. Throws `usage` as for directories, and
 * `target-not-empty` where there is one below.
 */
async function requireApart({ store, above }: OpenedStore, { known }: Mirror): Promise<void> {
  const outer = await above?.();
  if (outer !== undefined) {
    throw new FigaroError('usage', `the repository ${store.place} lies inside the repository ${outer}`, {
      path: store.place,
      hint: 'choose a place outside of it: repositories lie beside each other.',
    });
  }
  if (known.below === undefined) return;
  throw new FigaroError(
    'target-not-empty',
    `${store.place} is not a repository, and already holds the repository ${store.place}/${known.below}`,
    { path: store.place, hint: 'choose a place beside that one for a new repository.' },
  );
}

/** What cannot be read of the sets can be had from their source. */
function standInFrom(disk: Files, { followed }: MirrorOptions): StandIn | undefined {
  if (!followed) return undefined;
  const { home, logDirectory } = followed;
  return new StandIn(disk, () => logPlace(disk, home, { logDirectory }));
}

/** For whom what is written is sealed was read before this run was the only one that writes. Throws `busy` where another one has changed it. */
async function requireSameHead({ store, head }: OpenedStore): Promise<void> {
  if (!head || store.packs?.isEncrypted !== true) return;
  const now = await store.read(repositoryName, { start: 0, length: head.length + 1 });
  if (now && Buffer.compare(now, head) === 0) return;
  throw new FigaroError(
    'busy',
    `another run changed for whom ${store.place} is encrypted while this one waited for it`,
    {
      path: repositoryName,
      hint: 'run the same command again.',
    },
  );
}

/** What nobody may remove is missed by nobody: it is no object. */
async function sweepUnfinished(store: Store): Promise<void> {
  try {
    await store.sweep?.(unfinishedMs);
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'not-permitted') throw error;
  }
}

/** What failed may have left something behind all the same, as in a directory: what was checked, what was removed. */
async function working<T>(
  { store, ending }: OpenedStore,
  mirror: Mirror,
  lock: StoreLock | undefined,
  { collects = false, signal, watched, onWarning, onFailure }: MirrorOptions,
  work: (mirror: MirrorInUse) => Promise<T>,
): Promise<T> {
  const confirm: Confirm = async (by) => await lock?.confirm(by);
  const send = async (watch: Watch, isLast = false): Promise<void> =>
    await upload({ store, ending }, mirror, { confirm, watch, collects: isLast && collects, onWarning });
  let result: T;
  try {
    // Who works shows what is done already.
    result = await work({ ...mirror, send: async () => await send(signal ? { signal } : {}) });
  } catch (error) {
    // A store that cannot be reached was waited for.
    const isReached = !(error instanceof FigaroError) || error.code !== 'store-unreachable';
    if (isReached && !signal?.aborted) await watched((watch) => send(watch)).catch(() => undefined);
    throw error;
  }
  if (lock) throwIfStopped(signal ? { signal } : {});
  try {
    await watched((watch) => send(watch, true));
  } catch (error) {
    if (lock || !(error instanceof FigaroError)) throw error;
    // Who may only read can look all the same; and what was found was found, whether or not it can be noted.
    if (error.code === 'not-permitted' || error.code === 'password')
      onWarning(`what was found could not be noted: ${error.message}`);
    else if (error.code === 'store-unreachable') onFailure(error);
    else throw error;
  }
  return result;
}

/** Lets those who look see the run that writes, as they would in a directory. */
async function withWriter(files: Files, store: Store, mirror: Mirror): Promise<Mirror> {
  const writer = await seeWriter(store);
  if (!writer) return mirror;
  const lock = path.join(mirror.directory, 'lock');
  writeNew(files, lock, writer.contents);
  // What tells whether it lives is its last sign of life, and not when that came here.
  const statIfThere = (file: string): FileStat | undefined => {
    const stat = mirror.files.statIfThere(file);
    return stat && file === lock ? { ...stat, changedMs: writer.changedMs } : stat;
  };
  return { ...mirror, files: filesWith(mirror.files, { statIfThere }) };
}
