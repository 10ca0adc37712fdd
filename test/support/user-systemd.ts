/** A systemd of a user of its own, in a space of mounts of its own: nothing of it is seen outside, and it ends with the test. */

import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const runtime = '/run/user/0';

/** Where systemd runs there is `/run/systemd/system`. It ends with the process that has it, however that ends. */
const beginning = [
  'mount -t tmpfs tmpfs /run',
  `mkdir -p /run/systemd/system ${runtime}`,
  'exec setpriv --pdeathsig TERM systemd --user',
].join(' && ');

/** True where this user may have one. */
export const canHaveSystemd =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/run']).status === 0;

export class UserSystemd {
  readonly #process: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;

  /** @param home where it has its units and its state, in `config` and `data` */
  private constructor(home: string) {
    for (const name of ['config', 'data']) fs.mkdirSync(path.join(home, name), { recursive: true });
    this.#env = {
      PATH: process.env['PATH'],
      HOME: home,
      XDG_CONFIG_HOME: path.join(home, 'config'),
      XDG_DATA_HOME: path.join(home, 'data'),
      XDG_RUNTIME_DIR: runtime,
    };
    const own = ['--mount', '--propagation', 'private', 'sh', '-c', beginning];
    this.#process = spawn('unshare', own, { env: this.#env, stdio: 'ignore' });
  }

  /** Returns when it runs. */
  static async start(home: string): Promise<UserSystemd> {
    const started = new UserSystemd(home);
    onTestFinished(async () => await started.#stop());
    for (let i = 0; i < 300; i++) {
      const { stdout } = started.run('systemctl', '--user', 'is-system-running');
      if (/^(running|degraded)$/m.test(stdout)) return started;
      await setTimeout(100);
    }
    throw new Error('systemd does not start');
  }

  /** Runs a program where it is. */
  run(...words: readonly string[]): SpawnSyncReturns<string> {
    const inside = ['--mount', '--target', String(this.#process.pid), '--wd=/', ...words];
    return spawnSync('nsenter', inside, { env: this.#env, encoding: 'utf8' });
  }

  /** What a unit is, by the names that `systemctl show` has. */
  show(unit: string, ...properties: readonly string[]): string {
    return this.run('systemctl', '--user', 'show', unit, ...properties.map((name) => `--property=${name}`)).stdout;
  }

  async #stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGTERM');
    await ended;
  }
}
