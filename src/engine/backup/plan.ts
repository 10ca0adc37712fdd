/** How much a backup reads, for who watches it. */

import { type Environment } from '../environment/environment.ts';
import { type Plan } from '../pause.ts';
import { type BackupKind } from './backup-options.ts';
import { mostEarlierBytes } from './older-copies.ts';

/**
 * Full sets read containers twice while they are copied, and once for their structure; every set reads the log of its chain
 * twice for the proof, full sets as often what comes before it in the source, to find older copies of containers. In bytes, roughly: what
 * is written meanwhile comes on top.
 */
export class BackupPlan implements Plan {
  done = 0;
  total: number;
  readonly #kind: BackupKind;
  /** Of the log that there is. */
  readonly #log: number;

  /** @param environment of the source for full sets, of the chain so far for incrementals */
  constructor(kind: BackupKind, environment: Environment) {
    this.#kind = kind;
    const { databases, log } = sizesOf(environment);
    this.#log = log;
    this.total = kind === 'incremental' ? 2 * log : 3 * databases + 2 * log;
  }

  /** Everything is copied, whatever that took: what is left is the proof, of a set and those before it. */
  beginProof(whole: Environment): void {
    const { databases, log } = sizesOf(whole);
    const earlier = Math.min(mostEarlierBytes, Math.max(0, this.#log - log));
    this.total = this.done + (this.#kind === 'incremental' ? 2 * log : databases + 2 * (log + earlier));
  }
}

function sizesOf({ files }: Environment): { readonly databases: number; readonly log: number } {
  let databases = 0;
  let log = 0;
  for (const { kind, stat } of files) {
    if (kind === 'log') log += stat.size;
    else databases += stat.size;
  }
  return { databases, log };
}
