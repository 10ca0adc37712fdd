import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { readIfThere, type Files } from '../files.ts';
import { describeThisProcess, isAlive, parseOwner, type Owner } from '../owner.ts';

/** The lock of a repository; only one run at a time may write to it. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock. A lock whose owner is provably dead (same host, and rebooted, or the process gone or another one) is
 * taken over. Throws `busy` otherwise.
 */
export function takeLock(files: Files, repository: string): Lock {
  return new LockFile(files, repository, path.join(repository, lockName)).take(0);
}

const lockName = 'lock';

/** Removes what runs left that were killed while they took the lock. Only for who holds it. */
export function sweepLocks(files: Files, repository: string): void {
  for (const name of files.listIfThere(repository) ?? []) {
    if (/^lock[-.]/.test(name)) files.remove(path.join(repository, name));
  }
}

/** Nobody dies this often while taking over from the dead. */
const maxDepth = 5;

class LockFile {
  readonly #files: Files;
  readonly #repository: string;
  readonly #file: string;

  constructor(files: Files, repository: string, file: string) {
    this.#files = files;
    this.#repository = repository;
    this.#file = file;
  }

  take(depth: number): Lock {
    const contents = describeThisProcess();
    if (!this.#tryCreate(contents)) {
      this.#removeDead(depth);
      if (!this.#tryCreate(contents)) throw this.#busy();
    }
    return {
      release: () => {
        // Somebody may have removed it by hand, and another run may hold it now.
        if (this.#read() === contents) this.#files.remove(this.#file);
      },
    };
  }

  #read(): string | undefined {
    const bytes = readIfThere(this.#files, this.#file);
    return bytes && Buffer.from(bytes).toString('utf8');
  }

  /** The lock appears with its contents, or not at all: an empty one could be nobody's, and never be taken over. */
  #tryCreate(contents: string): boolean {
    if (this.#files.statIfThere(this.#file)) return false;
    const draft = `${this.#file}.new-${randomBytes(6).toString('hex')}`;
    try {
      const opened = this.#files.create(draft);
      try {
        opened.writeAt(Buffer.from(contents), 0);
        opened.sync();
      } finally {
        opened.close();
      }
      return this.#link(draft);
    } finally {
      this.#files.remove(draft);
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
   * the first: of two runs that find the same dead owner one waits outside, and when it comes in, the lock has other
   * contents.
   */
  #removeDead(depth: number): void {
    const contents = this.#read();
    if (contents === undefined) return;
    const owner = parseOwner(contents);
    if (!owner || isAlive(owner) || depth === maxDepth) throw this.#busy(owner);
    const name = createHash('sha256').update(contents).digest('hex').slice(0, 16);
    const guard = new LockFile(this.#files, this.#repository, `${this.#file}-${name}`).take(depth + 1);
    try {
      if (this.#read() === contents) this.#files.remove(this.#file);
    } finally {
      guard.release();
    }
  }

  #busy(owner?: Owner): FigaroError {
    const who = owner ? ` by process ${owner.pid} on ${owner.host} since ${owner.since}` : '';
    return new FigaroError('busy', `${this.#repository} is being written to${who}`, {
      path: this.#file,
      hint: `wait until that is done. If you are sure that nobody writes to it any more, remove ${this.#file}.`,
    });
  }
}
