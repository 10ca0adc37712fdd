/** The random workload of Berkeley DB 5.3, which a test lets go on from pause to pause. */

import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { nativeProgram } from './native.ts';

export class PausedWorkload {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(home: string, seed: number, operations: number, options: readonly string[] = []) {
    fs.mkdirSync(home, { recursive: true });
    const args = [
      '--home',
      home,
      '--seed',
      `${seed}`,
      '--ops',
      '1000000',
      '--pause-every',
      `${operations}`,
      ...options,
    ];
    this.#process = spawn(nativeProgram('workload'), args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  /** Lets it work up to its next pause: then all of its log is on disk. */
  async goOn(isFirst = false): Promise<void> {
    if (!isFirst) this.#process.stdin!.write('\n');
    const { value } = await this.#lines.next();
    if (value !== 'paused') throw new Error(`the workload ended: ${String(value)}`);
  }
}
