/** Applications that write at full speed, in several processes or threads: see native/storm.c. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../src/engine/repository/chain.ts';
import { findChain } from '../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { appendTails, copyOver } from './by-hand.ts';
import { contentsOf, nativeProgram, recoverNatively, verifyNatively } from './native.ts';

export interface StormOptions {
  readonly seed: number;
  readonly writers: number;
  readonly pageSize: number;
  /** Further options of the program. */
  readonly more: readonly string[];
}

/** How far each writer is. */
export interface Marks {
  /** Transactions that are surely in the log file, by writer. */
  readonly written: readonly number[];
  /** Transactions begun. */
  readonly begun: readonly number[];
}

/** A running application with several writers. */
export class Storm {
  readonly home: string;
  readonly #directory: string;
  readonly #options: StormOptions;
  readonly #marks: string;
  readonly #process: ChildProcess;
  #errors = '';

  /** @param directory gets the environment and the marks */
  constructor(directory: string, options: StormOptions) {
    this.#directory = directory;
    this.home = path.join(directory, 'env');
    this.#marks = path.join(directory, 'marks');
    this.#options = options;
    fs.mkdirSync(this.home);
    const args = [
      'write',
      ...optionsOf(this.home, options),
      '--marks',
      this.#marks,
      '--seconds',
      '100',
      ...options.more,
    ];
    this.#process = spawn(nativeProgram('storm'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own: its processes rest and end together.
      detached: true,
    });
    this.#process.stderr!.on('data', (data: Buffer) => (this.#errors += data.toString()));
  }

  marks(): Marks {
    const bytes = fs.readFileSync(this.#marks);
    const numbers = Array.from({ length: this.#options.writers * 2 }, (_, i) =>
      i * 4 + 4 <= bytes.length ? bytes.readUInt32LE(i * 4) : 0,
    );
    return { written: numbers.filter((_, i) => i % 2 === 0), begun: numbers.filter((_, i) => i % 2 === 1) };
  }

  /** Returns when every writer has done so many transactions more. */
  async advance(transactions: number): Promise<void> {
    const wanted = fs.existsSync(this.#marks) ? this.marks().written.map((n) => n + transactions) : [];
    for (;;) {
      this.requireRunning();
      if (fs.existsSync(this.#marks)) {
        const { written } = this.marks();
        if (written.every((n, i) => n >= (wanted[i] ?? transactions))) return;
      }
      await setTimeout(10);
    }
  }

  /** Copies all containers, while nothing is written, into a directory; returns it. */
  async snapshot(name: string): Promise<string> {
    const directory = path.join(this.#directory, name);
    const isContainer = (file: string): boolean => file === this.home || /\.(db|dbxml)$/.test(file);
    await this.whileResting(async () => fs.cpSync(this.home, directory, { recursive: true, filter: isContainer }));
    return directory;
  }

  requireRunning(): void {
    if (this.#hasEnded) throw new Error(`storm ended with ${this.#process.exitCode}: ${this.#errors}`);
  }

  /** All of it stands still while `work` is done. */
  async whileResting<T>(work: () => Promise<T>): Promise<T> {
    this.#signal('SIGSTOP');
    try {
      return await work();
    } finally {
      this.#signal('SIGCONT');
    }
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    this.#signal('SIGKILL');
    await once(this.#process, 'exit');
    // The other processes of the group end a moment later.
    await setTimeout(50);
  }

  get #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    if (!this.#hasEnded) process.kill(-this.#process.pid!, name);
  }
}

function optionsOf(home: string, { seed, writers, pageSize }: StormOptions): string[] {
  return ['--home', home, '--seed', `${seed}`, '--writers', `${writers}`, '--page-size', `${pageSize}`];
}

/** Compares every record of a recovered environment with what must be in it; the transactions of each writer. */
export function transactionsIn(home: string, options: StormOptions): readonly number[] {
  const args = ['check', ...optionsOf(home, options)];
  const { status, stdout, stderr } = spawnSync(nativeProgram('storm'), args, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`${home} is not of one moment: ${status} ${stdout}${stderr}`);
  return stdout.trim().split(' ').map(Number);
}

/**
 * Recovers the newest chain in the `repo` of a directory, with this program and, from a plain copy, with Berkeley DB:
 * both come to the same, and every record is there. Returns the transactions of each writer, and the changes redone.
 */
export async function recoverBothWays(
  directory: string,
  options: StormOptions,
): Promise<{ readonly counts: readonly number[]; readonly redone: number }> {
  const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, path.join(directory, 'repo'))).sets);
  const ours = path.join(directory, 'ours');
  const plain = path.join(directory, 'plain');
  try {
    const environment = chainEnvironment(nodeFiles, chain);
    const { report } = await recoverEnvironment(nodeFiles, { environment, target: ours });
    copyOver(chain.sets, plain);
    appendTails(plain);
    expect(recoverNatively(plain)).toMatchObject({ ok: true });
    expect(verifyNatively(ours)).toEqual([]);
    expect(verifyNatively(plain)).toEqual([]);
    expect(contentsOf(ours)).toEqual(contentsOf(plain));
    return { counts: transactionsIn(ours, options), redone: report!.changesRedone };
  } finally {
    for (const made of [ours, plain]) fs.rmSync(made, { recursive: true, force: true });
  }
}
