/**
 * Where proofs ended, from one run on this machine to the next. They are a cache: nothing of them is trusted but what the manifest of
 * the newest set has the hash of.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { isOurs } from '../files/own-tree.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { findRepository, proofsIn } from '../repository/repository.ts';
import { type Mirror } from './mirror.ts';

export class KeptProofs {
  readonly #files: Files;
  readonly #directory: string;
  readonly #mirror: Mirror;

  constructor(files: Files, directory: string, mirror: Mirror) {
    this.#files = files;
    this.#directory = directory;
    this.#mirror = mirror;
  }

  /** Another run may have them now. */
  take(): void {
    const kept = this.#kept();
    if (kept !== undefined && this.#files.statIfThere(kept)?.kind === 'directory') {
      this.#attempt(() => this.#files.rename(kept, this.#proofs));
    }
  }

  keep(): void {
    const kept = this.#kept();
    if (kept === undefined) return;
    this.#attempt(() => {
      removeTree(this.#files, kept);
      if (!this.#files.statIfThere(this.#proofs)) return;
      makeDirectories(this.#files, this.#directory);
      this.#files.rename(this.#proofs, kept);
    });
  }

  get #proofs(): string {
    return proofsIn({ directory: this.#mirror.directory, id: '' });
  }

  /** Undefined where there is no repository, and where somebody else may have put the directory there. */
  #kept(): string | undefined {
    const repository = findRepository(this.#files, this.#mirror.directory);
    const stat = this.#files.statIfThere(this.#directory);
    const isUsable = !stat || (stat.kind === 'directory' && isOurs(stat));
    return repository && isUsable ? path.join(this.#directory, repository.id) : undefined;
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      // The next proof begins with the chain.
      if (!(error instanceof FigaroError)) throw error;
    }
  }
}
