import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatDuration, formatTime } from '../../measures.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { doubtMs, expiryMs, fencedFiles, holdLease } from '../lease.ts';
import { describeThisProcess, isAlive, parseOwner, type Owner } from '../owner.ts';
import { writeNew } from '../files/durable.ts';

/** The lock of a repository; only one run at a time may write to it. */
export interface Lock {
  /** Tells it from the locks of other runs. */
  readonly mark: string;
  /** For all that is written under the lock: they change nothing once another run has taken it over, and throw `busy`. */
  readonly files: Files;
  /** As of a `Lease`. */
  reasonOf(failure: unknown): unknown;
  release(): void;
}

/** What was seen of another run's lock, by a run that waits for it: a clock that was set makes no silence of it, and ends none. */
export class LockSight {
  #seen: Pick<Found, 'contents' | 'changedMs'> | undefined;
  #sinceMs = 0;

  /** For how long it has not changed before the eyes of this run. In ms. */
  unchangedMs({ contents, changedMs }: Pick<Found, 'contents' | 'changedMs'>): number {
    if (this.#seen?.contents !== contents || this.#seen.changedMs !== changedMs) {
      this.#seen = { contents, changedMs };
      this.#sinceMs = performance.now();
    }
    return performance.now() - this.#sinceMs;
  }
}

/**
 * Takes the lock. A lock is taken over when its owner is provably dead (the process is gone, or another one), and when an owner
 * of which that cannot be told showed no sign of life for minutes; never while the kernel knows that it is held. Throws
 * `busy` otherwise.
 *
 * @param sight of a run that tries again and again
 */
export function takeLock(files: Files, repository: string, sight = new LockSight()): Lock {
  const file = new LockFile(files, repository, path.join(repository, lockName), sight);
  const held = file.take(0);
  const hold = files.hold(path.join(repository, lockName));
  const lease = holdLease({ renew: () => file.renew(held), requireMine: () => file.requireMine(held) });
  return {
    mark: markOf(held.contents),
    files: fencedFiles(files, lease),
    reasonOf: (failure) => lease.reasonOf(failure),
    release: () => {
      lease.stop();
      try {
        file.release(held);
      } finally {
        hold?.release();
      }
    },
  };
}

const lockName = 'lock';

/** A lock as it looks to those who do not want it. */
interface SeenLock extends Pick<Found, 'owner'> {
  readonly mark: string;
  /** False where the next run takes it over, or would soon. */
  readonly isAlive: boolean;
}

/** Looks at the lock, and writes nothing to learn what time it is for the file system: that of this machine has to do. */
export function seeLock(files: Files, repository: string): SeenLock | undefined {
  const file = path.join(repository, lockName);
  const found = findLock(files, file);
  if (!found) return undefined;
  const isAlive = goesOn(found, () => Date.now() - found.changedMs) || files.isHeld(file);
  return { owner: found.owner, mark: markOf(found.contents), isAlive };
}

function markOf(contents: string): string {
  return createHash('sha256').update(contents).digest('hex').slice(0, 16);
}

function findLock(files: Files, file: string): Found | undefined {
  const bytes = readOwnIfThere(files, file);
  const stat = bytes && files.statIfThere(file);
  if (!stat) return undefined;
  const contents = Buffer.from(bytes).toString('utf8');
  return { contents, owner: parseOwner(contents), changedMs: stat.changedMs };
}

function goesOn({ owner }: Found, silentMs: () => number): boolean {
  return owner ? isAlive(owner, silentMs) : silentMs() < expiryMs;
}

/** Removes what runs left that were killed while they took the lock. Only for who holds it. */
export function sweepLocks(files: Files, repository: string): void {
  for (const name of files.listIfThere(repository) ?? []) {
    if (/^lock[-.]/.test(name)) files.remove(path.join(repository, name));
  }
}

/** Nobody dies this often while taking over from the dead. */
const maxDepth = 5;

/** A lock as it is on disk. */
interface Found {
  readonly contents: string;
  /** Undefined when it does not say whose it is: there was no room. */
  readonly owner: Owner | undefined;
  /** The last sign of life, by the clock of the file system. In ms. */
  readonly changedMs: number;
}

interface Held {
  readonly contents: string;
  changedMs: number;
}

class LockFile {
  readonly #files: Files;
  readonly #repository: string;
  readonly #file: string;
  readonly #sight: LockSight;

  constructor(files: Files, repository: string, file: string, sight: LockSight) {
    this.#sight = sight;
    this.#files = files;
    this.#repository = repository;
    this.#file = file;
  }

  take(depth: number): Held {
    let held = this.#tryCreate();
    if (!held) {
      this.#removeDead(depth);
      held = this.#tryCreate();
    }
    if (!held) throw this.#busy(this.#find()?.owner);
    return held;
  }

  within(depth: number, act: () => void): void {
    const held = this.take(depth);
    try {
      act();
    } finally {
      this.release(held);
    }
  }

  /** Somebody may have removed it by hand, and another run may hold it now. */
  release({ contents }: Held): void {
    if (this.#find()?.contents === contents) this.#files.remove(this.#file);
  }

  /** Shows a sign of life. Throws `busy` when it is another run's lock now, or may be. */
  renew(held: Held): void {
    this.requireMine(held);
    this.#files.setTimes(this.#file, Date.now());
    const found = this.#find();
    if (found?.contents !== held.contents) throw this.#lost();
    if (found.changedMs - held.changedMs >= doubtMs) {
      // Somebody may be about to remove it, but only inside this guard. One without a name may be anybody's.
      if (!found.owner) throw this.#lost();
      this.#guardOf(found.contents).within(1, () => this.requireMine(held));
    }
    held.changedMs = found.changedMs;
  }

  /** Throws `busy` when it is another run's lock now. */
  requireMine({ contents }: Held): void {
    if (this.#find()?.contents !== contents) throw this.#lost();
  }

  #find(): Found | undefined {
    return findLock(this.#files, this.#file);
  }

  /** The lock appears with its contents, or not at all. */
  #tryCreate(): Held | undefined {
    if (this.#files.statIfThere(this.#file)) return undefined;
    const draft = this.#draftName();
    try {
      const contents = this.#makeDraft(draft);
      if (!this.#link(draft)) return undefined;
      return { contents, changedMs: this.#files.statIfThere(this.#file)?.changedMs ?? 0 };
    } finally {
      this.#files.remove(draft);
    }
  }

  #draftName(): string {
    return `${this.#file}.new-${randomBytes(6).toString('hex')}`;
  }

  /**
   * Returns what it says. On a full disk, where a lock has to be had to make room, it stays empty; where there cannot be a file
   * more, it is a second name of one that is there. Either way, only its signs of life tell others that it is held.
   */
  #makeDraft(draft: string): string {
    const contents = describeThisProcess();
    try {
      writeNew(this.#files, draft, contents);
      return contents;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      if (this.#files.statIfThere(draft)) {
        this.#files.remove(draft);
        this.#files.create(draft).close();
        return '';
      }
      const other = path.join(this.#repository, 'repository.json');
      const bytes = readOwnIfThere(this.#files, other);
      if (!bytes || !this.#files.link(other, draft)) throw error;
      return Buffer.from(bytes).toString('utf8');
    }
  }

  #link(draft: string): boolean {
    try {
      return this.#files.link(draft, this.#file);
    } catch (error) {
      // Another run was faster, and has swept.
      if (!this.#files.statIfThere(draft)) return false;
      throw error;
    }
  }

  /**
   * Removes the lock of a dead owner. A lock may only be removed by who holds a second lock, named after the contents of
   * the first: of two runs that find the same dead owner one waits outside, and when it comes in, the lock is another one.
   */
  #removeDead(depth: number): void {
    const found = this.#find();
    if (!found) return;
    if (this.#isAlive(found) || depth === maxDepth) throw this.#busy(found.owner);
    this.#guardOf(found.contents).within(depth + 1, () => {
      const now = this.#find();
      if (now?.contents === found.contents && !this.#isAlive(now)) this.#files.remove(this.#file);
    });
  }

  #guardOf(contents: string): LockFile {
    return new LockFile(this.#files, this.#repository, `${this.#file}-${markOf(contents)}`, new LockSight());
  }

  #isAlive(found: Found): boolean {
    const unchangedMs = this.#sight.unchangedMs(found);
    const silentMs = (): number => Math.max(this.#now() - found.changedMs, unchangedMs);
    return goesOn(found, silentMs) || this.#files.isHeld(this.#file);
  }

  /** The clock of the file system: those of the machines that share it may differ. */
  #now(): number {
    const probe = this.#draftName();
    try {
      this.#files.create(probe).close();
      return this.#files.statIfThere(probe)?.changedMs ?? 0;
    } catch (error) {
      if (isNoSpace(error)) return Date.now();
      throw error;
    } finally {
      this.#files.remove(probe);
    }
  }

  #busy(owner?: Owner): FigaroError {
    const who = owner ? ` by process ${owner.pid} on ${owner.host} since ${formatTime(owner.since)}` : '';
    return new FigaroError('busy', `${this.#repository} is being written to${who}`, {
      path: this.#file,
      hint: `try again when it is done. A run on another machine, or in another container, that was killed counts as over when it showed no sign of life for ${formatDuration(expiryMs)}.`,
    });
  }

  #lost(): FigaroError {
    return new FigaroError('busy', `${this.#repository} was taken over by another run while this one stood still`, {
      path: this.#file,
      hint: 'this run changed nothing from then on. Run the same command again.',
    });
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof FigaroError && error.code === 'no-space';
}
