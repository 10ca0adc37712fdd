/**
 * What one run holds on disk for as long as it lives: the lock of a repository, the stage of a recovery. On one machine a lock
 * of the kernel tells that it does. Others that see none and cannot ask its process take its last sign of life by the clock of
 * the file system, and take over when that is too long ago. So a run that stood still has to find out before it changes
 * anything. Its own clocks may have stood still with it: what gives names and takes them away is only done after a look.
 */

import { FigaroError } from '../errors.ts';
import { type Files, type OpenFile } from './files/files.ts';
import { filesWith } from './files/files-with.ts';

/** How often a run shows a sign of life, in ms. */
const beatMs = 10_000;
/** For so long after one, nobody can have taken over, in ms. */
export const trustedMs = 30_000;
/** A run without a sign of life for this long, in ms, is over as far as others can tell. */
export const expiryMs = 300_000;
/** A run that was without one for this long, in ms, has to make sure that nobody is just taking over. */
export const doubtMs = expiryMs - 2 * trustedMs;

export interface Lease {
  /** Throws when another run took over, as far as that can be seen without a look. */
  requireHeld(): void;
  /** Looks, and throws when another run took over. */
  confirm(): void;
  /** What a failure is to be told as: after another run took over, it is mostly because of that. */
  reasonOf(failure: unknown): unknown;
  /** Shows no further signs of life. */
  stop(): void;
}

/** A clock may stand still while the machine sleeps, or be set: only two that agree are believed. */
function now(): readonly number[] {
  return [performance.now(), Date.now()];
}

interface HeldThing {
  /** Shows a sign of life; throws `busy` or `target-in-use` when another run took over. */
  readonly renew: () => void;
  /** Throws the same, without a sign. */
  readonly requireMine: () => void;
}

export function holdLease({ renew, requireMine }: HeldThing): Lease {
  let confirmed = now();
  const beat = (): void => {
    const at = now();
    renew();
    confirmed = at;
  };
  const isFresh = (): boolean => now().every((at, i) => at >= confirmed[i]! && at - confirmed[i]! < trustedMs);
  const timer = setInterval(() => {
    try {
      beat();
    } catch {
      // Whatever it is, it is told when something is about to be changed.
    }
  }, beatMs);
  // A run does not go on for the sake of its lock.
  timer.unref();
  return {
    requireHeld() {
      if (!isFresh()) beat();
    },
    confirm() {
      if (isFresh()) requireMine();
      else beat();
    },
    reasonOf(failure) {
      try {
        beat();
      } catch (error) {
        if (error instanceof FigaroError && (error.code === 'busy' || error.code === 'target-in-use')) return error;
      }
      return failure;
    },
    stop: () => clearInterval(timer),
  };
}

/** The same files, for as long as the lease is held: after that, nothing is changed through them. */
export function fencedFiles(files: Files, lease: Lease): Files {
  type Around = <A extends unknown[], R>(operation: (...args: A) => R) => (...args: A) => R;
  const held: Around = (operation) => {
    return (...args) => {
      lease.requireHeld();
      return operation(...args);
    };
  };
  const confirmed: Around = (operation) => {
    return (...args) => {
      lease.confirm();
      return operation(...args);
    };
  };
  const fenced = (opened: OpenFile): OpenFile => ({
    path: opened.path,
    stat: () => opened.stat(),
    readAt: (target, position) => opened.readAt(target, position),
    writeAt: held((source, position) => opened.writeAt(source, position)),
    truncate: held((size) => opened.truncate(size)),
    sync: () => opened.sync(),
    syncBeside: () => opened.syncBeside(),
    close: () => opened.close(),
  });
  return filesWith(files, {
    create: held((file, mode) => fenced(files.create(file, mode))),
    openToWrite: held((file) => fenced(files.openToWrite(file))),
    append: held((file, bytes) => files.append(file, bytes)),
    makeDirectory: held((directory, mode) => files.makeDirectory(directory, mode)),
    copy: async (from, to) => {
      lease.requireHeld();
      await files.copy(from, to);
    },
    rename: confirmed((from, to) => files.rename(from, to)),
    link: confirmed((file, name) => files.link(file, name)),
    remove: confirmed((file) => files.remove(file)),
    removeEmptyDirectory: confirmed((directory) => files.removeEmptyDirectory(directory)),
    setTimes: held((file, mtimeMs) => files.setTimes(file, mtimeMs)),
    syncDirectory: held((directory) => files.syncDirectory(directory)),
    setOwner: held((file, owner) => files.setOwner(file, owner)),
  });
}
