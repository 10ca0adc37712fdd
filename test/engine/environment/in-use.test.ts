import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative, nativeProgram } from '../../support/native.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';

const program = path.join(import.meta.dirname, '../../../bin/figaro-backup.js');

let directory: string;
let home: string;

/** An environment with a container that was closed by nobody. */
beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  mkdirSync(home);
});

async function hold(...options: readonly string[]): Promise<ChildProcess> {
  const holder = spawn(nativeProgram('hold'), ['--home', home, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  return holder;
}

function leave(): void {
  expect(spawnSync(nativeProgram('hold'), ['--home', home, '--leave', '--register']).status).toBe(0);
}

async function refused(...args: readonly string[]): Promise<CliResult> {
  const result = await figaro(args, { directory });
  return { ...result, stderr: result.stderr.replaceAll(/process \d+ \([^)]*\)/g, 'process <pid> (<name>)') };
}

const offline = (): Promise<CliResult> => refused('offline', '--home', home, '--repo', path.join(directory, 'repo'));
const recover = (...more: readonly string[]): Promise<CliResult> =>
  refused('recover', '--from', home, '--to', path.join(directory, 'recovered'), ...more);

describeNative('an environment that a process has open', () => {
  test.each([
    ['with its regions shared', []],
    ['for itself', ['--private']],
    ['and registered', ['--register']],
    ['to read a container only', ['--read-only']],
  ])('%s is neither backed up offline nor recovered', async (_how, options) => {
    leave();
    const holder = await hold(...options);
    for (const [outcome, hint] of [
      [await offline(), 'stop it, or use `figaro-backup hot`.'],
      [await recover(), 'stop it first: what is recovered has to stand still.'],
      [await recover('--dry-run'), 'stop it first: what is recovered has to stand still.'],
    ] as const) {
      expect(outcome).toMatchObject({ exitCode: 8, stdout: '' });
      expect(outcome.stderr).toMatch(
        /^error \[environment-in-use\]: <dir>\/env is in use: process <pid> \(<name>\) has <dir>\/env\/\S+ open\nhint: /,
      );
      expect(outcome.stderr).toContain(hint);
    }
    const { stderr } = await figaro(['offline', '--home', home, '--repo', path.join(directory, 'repo')]);
    expect(stderr).toContain(`process ${holder.pid} (figaro-native-`);
  });

  test('gives no logs to go on with', async () => {
    leave();
    const repo = path.join(directory, 'repo');
    expect((await figaro(['offline', '--quiet', '--home', home, '--repo', repo])).exitCode).toBe(0);
    await hold();
    const args = ['recover', '--repo', repo, '--surviving-logs', home, '--to', path.join(directory, 'recovered')];
    expect(await refused(...args)).toMatchObject({
      exitCode: 8,
      stderr: expect.stringContaining('hint: stop it first: what it goes on to commit would be lost.') as string,
    });
  });

  test('is free again when the process has gone, whatever it left behind', async () => {
    leave();
    const holder = await hold('--register');
    expect((await offline()).exitCode).toBe(8);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect((await offline()).exitCode).toBe(0);
    expect((await recover()).exitCode).toBe(0);
  });

  test.runIf(process.getuid?.() === 0)('is seen to be so by its registry when another user has it open', async () => {
    leave();
    const holder = await hold('--register');
    const repo = path.join(directory, 'repo');
    mkdirSync(repo);
    chmodSync(repo, 0o777);
    spawnSync('chmod', ['-R', 'a+rX', directory]);
    const backUp = (): { status: number | null; stderr: string } => {
      const { status, stderr } = spawnSync(process.execPath, [program, 'offline', '--home', home, '--repo', repo], {
        uid: 65534,
        gid: 65534,
        encoding: 'utf8',
      });
      return { status, stderr };
    };
    const { status, stderr } = backUp();
    expect(status).toBe(8);
    expect(stderr).toContain(`is in use: process ${holder.pid} (figaro-native-h) has ${home}/__db.register open`);
    // The registry stays, and its slot with it; the lock does not.
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(backUp().status).toBe(0);
  });

  test('is not in use by this program itself', async () => {
    leave();
    const own = openSync(path.join(home, 'held.db'), 'r+');
    onTestFinished(() => closeSync(own));
    expect((await offline()).exitCode).toBe(0);
  });

  test('is not in use by one that only looks at its files', async () => {
    leave();
    const reader = spawn('sleep', ['100'], { stdio: ['ignore', 'ignore', 'ignore'], cwd: home });
    const pager = spawn('tail', ['-f', path.join(home, 'held.db')], { stdio: 'ignore' });
    onTestFinished(() => void [reader.kill(), pager.kill()]);
    expect((await offline()).exitCode).toBe(0);
  });
});
