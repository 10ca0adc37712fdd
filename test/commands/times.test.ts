/** Times in what commands print: nobody has to guess a zone. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatDuration, formatLocalTime, formatTime } from '../../src/measures.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';

const zoneBefore = process.env.TZ;
let directory: string;
let home: string;
let repo: string;

beforeAll(async () => {
  process.env.TZ = 'America/New_York';
  directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  home = path.join(directory, 'env');
  repo = path.join(directory, 'repo');
  layDemoEnvironment(home);
  const done: number[] = [];
  for (const args of [
    ['hot', '--home', home],
    ['verify', '--rehearse'],
    ['expire', '--keep-full', '1'],
  ]) {
    done.push((await figaro([...args, '--repo', repo])).exitCode);
  }
  expect(done).toEqual([0, 0, 0]);
});

afterAll(() => {
  if (zoneBefore === undefined) delete process.env.TZ;
  else process.env.TZ = zoneBefore;
  rmSync(directory, { recursive: true, force: true });
});

describe('with TZ=America/New_York', () => {
  test.each([
    ['list', '--repo', '@repo'],
    ['show', '--repo', '@repo', '--timeline'],
    ['check', '--repo', '@repo', '--verbose'],
    ['check', '--repo', '@repo', '--max-age', '0s'],
    ['verify', '--repo', '@repo', '--verbose'],
    ['expire', '--repo', '@repo', '--keep-within', '1d', '--dry-run'],
    ['logs', 'list', '--repo', '@repo'],
    ['logs', 'timeline', '--repo', '@repo', '--since', '2026-11-22 04:23:23'],
    ['logs', 'print', '--repo', '@repo', '--type', 'txn_regop'],
    ['inspect', 'environment', '--home', '@home'],
    ['recover', '--repo', '@repo', '--to', '@out', '--dry-run', '--to-time', '2026-11-22 04:23:23'],
    ['recover', '--repo', '@repo', '--to', '@out', '--dry-run', '--to-time', '2001-01-01'],
  ])('every time that %s %s %s %s %s prints has a zone', async (...args) => {
    const places: Record<string, string> = { '@repo': repo, '@home': home, '@out': path.join(directory, 'out') };
    const { stdout, stderr } = await figaro(args.map((arg) => places[arg] ?? arg));
    const text = stdout + stderr;
    expect(text).not.toBe('');
    const times = text.match(/\b\d{4}-\d\d-\d\d\b\S*/g) ?? [];
    const bare = times.filter((time) => !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\b/.test(time));
    expect(bare).toEqual([]);
  });

  test('the time that list prints means the same moment when it is given back to --to-time', async () => {
    const { stdout } = await figaro(['list', '--repo', repo]);
    const times = stdout.match(/\d{4}-\d\d-\d\dT[^\s,]+/g)!;
    const printed = times.find((time) => time.startsWith('2026-11-22T09:23:2'))!;
    const args = ['recover', '--repo', repo, '--to', path.join(directory, 'out'), '--dry-run', '--to-time', printed];
    expect((await figaro(args)).stdout).toContain(`recovered to            ${printed} `);
    const finished = times.find((time) => !time.startsWith('2026-11-22T09:23:'))!;
    const { chains } = JSON.parse((await figaro(['list', '--repo', repo, '--json'])).stdout) as {
      chains: { sets: { finished: string }[] }[];
    };
    expect(finished).toBe(`${chains[0]!.sets[0]!.finished.slice(0, 19)}Z`);
  });

  test('a time without a zone is taken for local time, and the output says in both what it was taken for', async () => {
    const recover = ['recover', '--repo', repo, '--to', path.join(directory, 'out'), '--dry-run', '--to-time'];
    const both = '(no zone was given: taken for local time, 2026-11-22T04:23:23-05:00)';
    const { stdout } = await figaro([...recover, '2026-11-22 04:23:23']);
    expect(stdout).toContain(`asked for               2026-11-22T09:23:23Z ${both}\n`);
    const json = JSON.parse((await figaro([...recover, '2026-11-22 04:23:23', '--json'])).stdout) as object;
    expect(json).toMatchObject({ restorePoint: { kind: 'time', time: '2026-11-22T09:23:23.000Z', zone: 'local' } });
    const { stderr } = await figaro([...recover, '2020-07-01 12:00']);
    expect(stderr).toContain(
      '2020-07-01T16:00:00Z (no zone was given: taken for local time, 2020-07-01T12:00:00-04:00) is',
    );
  });
});

test('times are printed in UTC, and by local clocks with their offset', () => {
  const time = new Date('2026-11-22T08:15:00.750Z');
  expect(formatTime(time)).toBe('2026-11-22T08:15:00Z');
  expect(formatTime(time.toISOString())).toBe('2026-11-22T08:15:00Z');
  expect(formatTime(Math.floor(time.getTime() / 1000))).toBe('2026-11-22T08:15:00Z');
  for (const [zone, local] of [
    ['America/New_York', '2026-11-22T03:15:00-05:00'],
    ['Asia/Kathmandu', '2026-11-22T14:00:00+05:45'],
    ['UTC', '2026-11-22T08:15:00+00:00'],
  ] as const) {
    process.env.TZ = zone;
    expect(formatLocalTime(time)).toBe(local);
  }
});

test.each([
  [0, '0s'],
  [999, 'under 1s'],
  [1999, '1s'],
  [90_000, '1m 30s'],
  [26 * 3_600_000, '1d 2h'],
])('%d ms are printed as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
