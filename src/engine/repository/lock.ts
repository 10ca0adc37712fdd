import { createHash } from 'node:crypto';
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
  return new LockFile(files, repository, path.join(repository, 'lock')).take(0);
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

  #tryCreate(contents: string): boolean {
    if (this.#files.statIfThere(this.#file)) return false;
    let opened;
    try {
      opened = this.#files.create(this.#file);
    } catch (error) {
      // Another run was faster.
      if (this.#files.statIfThere(this.#file)) return false;
      throw error;
    }
    try {
      opened.writeAt(Buffer.from(contents), 0);
      opened.sync();
    } catch (error) {
      this.#files.remove(this.#file);
      throw error;
    } finally {
      opened.close();
    }
    return true;
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
