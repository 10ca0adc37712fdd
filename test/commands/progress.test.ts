/** What a long run shows of itself. */

import { utimesSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Progress } from '../../src/engine/pause.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  repo = path.join(directory, 'repo');
  layDemoEnvironment(home);
});

test('hot knows how much there is to do in all, and does not show 100 % from the start', async () => {
  const seen: Progress[] = [];
  const watch = { onProgress: (progress: Progress) => void seen.push(structuredClone(progress)) };
  await takeBackup(nodeFiles, 'hot', { home, repository: repo, watch });
  const parts = seen.flatMap(({ plan }) => (plan ? [plan.done / plan.total] : []));
  expect(parts.length).toBeGreaterThan(4);
  expect(parts[0]).toBeLessThan(0.2);
  expect(parts).toEqual(parts.toSorted((a, b) => a - b));
  expect(parts.at(-1)).toBeGreaterThan(0.7);
  expect(parts.at(-1)).toBeLessThan(1.25);
});

test('phases come in the same order each time, however short they are', async () => {
  // As if they had just been written to, however slow the machine is: what was at rest for a while is read once.
  const later = new Date(Date.now() + 3_600_000);
  for (const name of ['d.dbxml', 'e.dbxml']) utimesSync(path.join(home, name), later, later);
  const phases = async (name: string): Promise<string> =>
    (await figaro(['hot', '--verbose', '--home', home, '--repo', path.join(directory, name)])).stderr
      // Others write to the disk, too.
      .replace(/where [\d.]+ \w+ are free/, 'where there is room');
  const first = await phases('repo1');
  expect(first).toContain('copy d.dbxml\ncopy e.dbxml\nread again d.dbxml\nread again e.dbxml\n');
  expect((await phases('repo2')).replaceAll('repo2', 'repo1')).toBe(first);
});

test('recover prints once how much room it needs', async () => {
  const count = async (...args: string[]): Promise<number> => {
    const to = path.join(directory, `out${args.length}`);
    const { stdout, stderr } = await figaro(['recover', '--from', home, '--to', to, '--verbose', ...args]);
    return (stdout + stderr).match(/at least .* at /g)!.length;
  };
  expect(await count()).toBe(1);
  expect(await count('--dry-run')).toBe(1);
});

test.each(['SIGINT', 'SIGTERM'])(
  '%s ends failover follow with success, and says as of when the standby is',
  async (reason) => {
    const standby = path.join(directory, 'standby');
    const args = ['failover', 'follow', '--home', home, '--standby', standby];
    expect((await figaro([...args, '--once'])).exitCode).toBe(0);
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 50);
    const { exitCode, stdout, stderr } = await figaro(args, { signal: stop.signal, directory });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^<dir>\/standby is as of 2026-11-22T09:23:25Z \[5\]\[254138\], log end \[6\]\[5739\]: /);
  },
);

test('follow that is stopped before there is a standby is no success', async () => {
  const standby = path.join(directory, 'standby');
  const stop = AbortSignal.abort('SIGINT');
  const { exitCode, stdout } = await figaro(['failover', 'follow', '--home', home, '--standby', standby], {
    signal: stop,
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
});
