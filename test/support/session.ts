/** An application of Berkeley DB 5.3 that does what a test tells it, also in the middle of a backup. */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished, TestRunner } from 'vitest';
import { nativeProgram } from './native.ts';

const longestWaitMs = 30_000;

/** A running native/session.c. Its commands are described there. */
export class Session {
  readonly #process: ChildProcess;
  readonly #commands: number;
  readonly #answers: number;

  constructor(home: string, options: readonly string[] = []) {
    fs.mkdirSync(home, { recursive: true });
    const pipes = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-session-'));
    const [commands, answers] = ['commands', 'answers'].map((name) => path.join(pipes, name)) as [string, string];
    execFileSync('mkfifo', [commands, answers]);
    const { O_RDWR, O_RDONLY, O_NONBLOCK } = fs.constants;
    // Opened to read and write, a pipe waits for nobody at its other end.
    this.#commands = fs.openSync(commands, O_RDWR);
    this.#answers = fs.openSync(answers, O_RDONLY | O_NONBLOCK);
    const output = fs.openSync(answers, O_RDWR);
    this.#process = spawn(nativeProgram('session'), ['--home', home, ...options], {
      stdio: [this.#commands, output, 'inherit'],
    });
    fs.closeSync(output);
    fs.rmSync(pipes, { recursive: true });
    // Before all tests, whoever starts it ends it.
    if (TestRunner.getCurrentTest() !== undefined) onTestFinished(async () => await this.die());
  }

  /** Has commands done, one after the other, without giving way to anybody in this process. */
  do(...commands: readonly string[]): void {
    for (const command of commands) {
      fs.writeSync(this.#commands, `${command}\n`);
      const answer = this.#answer();
      if (answer !== 'ok') throw new Error(`${command}: ${answer}`);
    }
  }

  #answer(): string {
    const buffer = Buffer.alloc(1000);
    const until = Date.now() + longestWaitMs;
    let text = '';
    while (!text.endsWith('\n')) {
      try {
        text += buffer.toString('utf8', 0, fs.readSync(this.#answers, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      if (Date.now() > until) throw new Error('the session does not answer');
      if (!text.endsWith('\n')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
    return text.trimEnd();
  }

  /** Ends as in a crash: what is in its memory is lost. */
  async die(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await this.#ended();
  }

  /** Closes the environment and ends. */
  async leave(): Promise<void> {
    this.do('leave');
    if (this.#process.exitCode === null) await this.#ended();
  }

  async #ended(): Promise<void> {
    await once(this.#process, 'exit');
    fs.closeSync(this.#commands);
    fs.closeSync(this.#answers);
  }
}
