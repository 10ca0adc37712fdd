/** `failover` from the command line: what it prints, how it exits, and as a service. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { requireStandby } from '../../src/engine/failover/standby.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type RecordedApplication } from '../../demo/application.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { isLongRun } from '../support/effort.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { inQuotes, lacks } from '../support/windows.ts';

let directory: string;
let home: string;
let standby: string;
let application: RecordedApplication;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  standby = path.join(directory, 'standby');
  application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
});

const failover = (...args: string[]): Promise<CliResult> => figaro(['failover', ...args], { directory });
const follow = (...args: string[]): Promise<CliResult> =>
  failover('follow', '--home', home, '--standby', standby, '--once', ...args);

test('follow is silent, status tells, promote makes an environment', async () => {
  expect(await follow()).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  application.commitUpTo([6, 5737]);
  const behind = await failover('status', '--standby', standby);
  expect(behind.exitCode).toBe(0);
  expect(behind.stdout).toMatch(/^behind +\d+\.\d KiB of log, [^,]+, up to \[6\]\[5739\]$/m);
  expect((await follow('--verbose')).stdout).toMatch(
    /^<dir>\/standby is as of 2026-11-22T09:23:25Z \[5\]\[254138\], log end \[6\]\[5739\]: /,
  );
  expect((await failover('status', '--standby', standby)).stdout).toContain('behind           nothing\n');
  const { exitCode, stdout, stderr } = await failover('promote', '--standby', standby);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout.replace(/(?<=promoted in ).*/, '<time>')).toBe(
    'promoted in <time>\n' +
      '  environment  <dir>/standby/environment\n' +
      '  as of        2026-11-22T09:23:25Z [5][254138]\n' +
      'open it with the application there, or move it to where the application looks for it\n',
  );
  expect((await failover('status', '--standby', standby)).stdout).toContain('no: it was promoted already\n');
});

test.each([[['follow', '--once', '--home']], [['promote', '--surviving-logs']]])(
  '%j does not end at a gap in the log of the primary as if that were its end',
  async (args) => {
    expect((await follow()).exitCode).toBe(0);
    application.commitUpTo([6, 5737]);
    const gap = path.join(home, 'log.0000000005');
    renameSync(gap, path.join(directory, 'away'));
    const refused = await failover(...args, home, '--standby', standby);
    expect(refused).toMatchObject({ exitCode: 3, stdout: '' });
    expect(refused.stderr).toContain(
      'error [log-missing]: <dir>/env/log.0000000005 is gone before it could be copied\n',
    );
    renameSync(path.join(directory, 'away'), gap);
    expect((await failover(...args, home, '--standby', standby)).exitCode).toBe(0);
    expect(requireStandby(nodeFiles, standby).state.end).toEqual({ file: 6, offset: 5739 });
  },
);

test('status --max-lag fails when the standby is further behind, and metrics say so', async () => {
  await follow();
  const metrics = path.join(directory, 'standby.prom');
  const check = (): Promise<CliResult> =>
    failover('status', '--standby', standby, '--max-lag', '1m', '--quiet', '--prometheus', metrics);
  expect(await check()).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(readFileSync(metrics, 'utf8')).toContain(`figaro_backup_standby_ok{standby="${inQuotes(standby)}"} 1\n`);
  // Its commits are of the day it was recorded.
  application.commitUpTo([6, 5737]);
  const behind = await check();
  expect(behind).toMatchObject({ exitCode: 11, stdout: '' });
  expect(behind.stderr).toMatch(
    /^error \[stale\]: <dir>\/standby is \d+d.* behind its primary \(limit 1m\)\nhint: see /,
  );
  expect(readFileSync(metrics, 'utf8')).toContain(`figaro_backup_standby_ok{standby="${inQuotes(standby)}"} 0\n`);
  expect(readFileSync(metrics, 'utf8')).toMatch(/figaro_backup_standby_lag_bytes\{.*\} [1-9]\d+\n/);
});

test('status tells when the primary cannot be seen, and what went wrong last', async () => {
  await follow();
  renameSync(home, `${home}.away`);
  expect((await follow()).exitCode).toBe(3);
  const { stdout, exitCode } = await failover('status', '--standby', standby, '--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ trouble: { code: 'environment-missing' } });
});

test('an environment of the configuration file is followed where it is', async () => {
  const config = path.join(directory, 'config.toml');
  writeFileSync(config, `[environments.orders]\nhome = '${home}'\nrepo = '${directory}/repo'\n`);
  const args = ['follow', 'orders', '--config', config, '--standby', standby, '--once'];
  expect(await failover(...args)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(requireStandby(nodeFiles, standby).state).toMatchObject({ home });
});

describe('wrong input', () => {
  test.each([
    [['status'], 2, 'error [usage]: --standby is missing'],
    [
      ['status', '--standby', '/nonesuch'],
      5,
      `error [standby-missing]: ${path.resolve('/nonesuch')}: there is no standby here`,
    ],
    [['promote', '--standby', '/nonesuch'], 5, 'error [standby-missing]'],
    [['follow', '--standby', '/nonesuch/x', '--home', '/a', '--repo', '/b'], 2, 'cannot be used together'],
    [['follow', '--standby', 'x', '--interval', 'soon'], 2, 'Write a duration'],
  ])('%j is told', async (args, exitCode, message) => {
    const result = await failover(...args);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain(message);
  });
});

describe('as a service', () => {
  const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');

  function start(): {
    readonly stderr: () => string;
    readonly stop: (signal: NodeJS.Signals) => Promise<number | null>;
  } {
    const args = [program, 'failover', 'follow', '--home', home, '--standby', standby, '--interval', '1s'];
    const service = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void service.kill('SIGKILL'));
    let text = '';
    service.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = once(service, 'exit');
    return {
      stderr: () => text,
      stop: async (signal) => {
        service.kill(signal);
        return (await ended)[0] as number | null;
      },
    };
  }

  async function until(done: () => boolean): Promise<void> {
    for (let i = 0; i < 600 && !done(); i++) await setTimeout(50);
    expect(done()).toBe(true);
  }
  const endOf = (): number => {
    try {
      return requireStandby(nodeFiles, standby).state.end.file;
    } catch {
      return 0;
    }
  };

  test.runIf(isLongRun && !lacks.signals)('it goes on until it is told to stop, and says nothing', async () => {
    const service = start();
    await until(() => endOf() === 4);
    application.commitUpTo([6, 5737]);
    await until(() => endOf() === 6);
    expect(await service.stop('SIGTERM')).toBe(0);
    expect(service.stderr()).toBe('');
    expect((await failover('promote', '--standby', standby)).exitCode).toBe(0);
  });

  test('it ends when there is the file that it is told to stop at, and while that is there', async () => {
    const stop = path.join(directory, 'stop');
    const args = ['follow', '--home', home, '--standby', standby, '--interval', '1m', '--stop-file', stop];
    const service = failover(...args);
    await until(() => endOf() === 4);
    writeFileSync(stop, '');
    expect(await service).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await failover(...args)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await failover('follow', '--once', '--home', home, '--standby', standby)).toMatchObject({ exitCode: 0 });
  });

  test.runIf(isLongRun && !lacks.signals)(
    'it tells trouble that may pass once, and goes on when it is over',
    async () => {
      const service = start();
      await until(() => endOf() === 4);
      renameSync(home, `${home}.away`);
      await until(() => service.stderr() !== '');
      await setTimeout(2500);
      expect(service.stderr().match(/warning: \[environment-missing\] .*; it will be tried again\n/g)).toHaveLength(1);
      renameSync(`${home}.away`, home);
      application.commitUpTo([6, 5737]);
      await until(() => endOf() === 6);
      expect(await service.stop('SIGINT')).toBe(0);
    },
  );
});
