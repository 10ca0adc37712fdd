/** Applications that write at full speed, in several processes or threads: see native/storm.c. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { nativeProgram } from './native.ts';

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
  readonly #options: StormOptions;
  readonly #marks: string;
  readonly #process: ChildProcess;
  #errors = '';

  /** @param directory gets the environment and the marks */
  constructor(directory: string, options: StormOptions) {
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
