/** What a round reads and writes: what is new, and nothing where nothing is. */

import { appendFileSync, cpSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { promote } from '../../../src/engine/failover/promote.ts';
import { partsOf, requireStandby, writeStandby, type StandbyState } from '../../../src/engine/failover/standby.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { formatLsn } from '../../../src/format/lsn.ts';
import { type RecordedApplication } from '../../../demo/application.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

let directory: string;
let home: string;
let standby: string;

beforeEach(() => {
  ({ directory, home } = newPlace());
  standby = path.join(directory, 'standby');
});

/** What was read and written, in bytes, by the names of the files. */
interface Cost {
  readonly state: StandbyState;
  readonly read: Record<string, number>;
  readonly written: Record<string, number>;
}

/** Bytes of the notes that a round keeps, and of its lock: they tell that it lives. */
const notes = /^(standby\.json|lock)/;

/** @param ageMs how long ago everything is said to have changed */
async function follow({
  ageMs = 0,
  repo,
  logDirectory,
}: { ageMs?: number; repo?: string; logDirectory?: string } = {}): Promise<Cost> {
  const read: Record<string, number> = {};
  const written: Record<string, number> = {};
  const count = (sums: Record<string, number>, file: string, bytes: number): void => {
    const name = path.basename(file);
    if (!notes.test(name)) sums[name] = (sums[name] ?? 0) + bytes;
  };
  const copying: Files = {
    ...nodeFiles,
    async copy(from, to) {
      count(read, from, statSync(from).size);
      count(written, to, statSync(from).size);
      await nodeFiles.copy(from, to);
    },
  };
  const files = watchedFiles(copying, {
    afterRead: (file, bytes) => count(read, file, bytes.length),
    afterWrite: (file, bytes) => count(written, file, bytes.length),
    afterStat: (_file, stat) => ({ ...stat, mtimeMs: stat.mtimeMs - ageMs, changedMs: stat.changedMs - ageMs }),
    showsWrites: true,
  });
  const followed = repo === undefined ? { home, repo: undefined } : { home: undefined, repo };
  const directories = logDirectory === undefined ? undefined : { logDirectory };
  return { state: await followOnce(files, { directory: standby, followed, directories, watch: {} }), read, written };
}

const sum = (bytes: Record<string, number>): number => Object.values(bytes).reduce((a, b) => a + b, 0);

async function recovered(): Promise<Record<string, string>> {
  const target = path.join(directory, `recovered-${namesIn(directory).length}`);
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });
  return contentsOf(target);
}

const longAgo = 10_000;

describe('a standby at rest', () => {
  let application: RecordedApplication;

  beforeEach(async () => {
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await follow({ ageMs: longAgo });
    await follow({ ageMs: longAgo });
  });

  test('reads nothing, and says that it looked', async () => {
    const before = requireStandby(nodeFiles, standby).state;
    const { state, read, written } = await follow({ ageMs: longAgo });
    expect({ read, written }).toEqual({ read: {}, written: {} });
    expect(state).toEqual({ ...before, rounds: before.rounds + 1, lastRound: state.lastRound });
    expect(Date.parse(state.lastRound.finished)).toBeGreaterThan(Date.parse(before.lastRound.finished));
  });

  test('sees what is written into a log file whose size does not change', async () => {
    const log = path.join(home, 'log.0000000004');
    const { size } = statSync(log);
    application.commitUpTo([4, 110_000]);
    expect(statSync(log).size).toBe(size);
    expect(formatLsn((await follow({ ageMs: longAgo })).state.end)).toMatch(/^\[4\]\[1\d{5}\]$/);
    expect(contentsOf((await promote(nodeFiles, { directory: standby })).home)).toEqual(await recovered());
  });

  test.each([
    ['a log file whose times somebody put back', () => utimesSync(path.join(home, 'log.0000000004'), 1, 1)],
    ['another DB_CONFIG', () => writeFileSync(path.join(home, 'DB_CONFIG'), '')],
    ['a new file beside the log', () => writeFileSync(path.join(home, 'log.0000000005'), Buffer.alloc(28))],
    ['a file in the standby itself', () => writeFileSync(path.join(partsOf(standby).home, 'mine'), '')],
  ])('looks again at %s', async (_what, change) => {
    change();
    const { read } = await follow({ ageMs: longAgo });
    expect(sum(read)).toBeGreaterThan(0);
  });

  test('looks where it is told that the log is now', async () => {
    const logDirectory = path.join(directory, 'logs');
    demoApplication(logDirectory).commitUpTo([5, 110_402]);
    expect(formatLsn((await follow({ ageMs: longAgo, logDirectory })).state.end)).toBe('[5][110402]');
    for (let i = 0; i < 2; i++) await follow({ ageMs: longAgo, logDirectory });
    expect((await follow({ ageMs: longAgo, logDirectory })).read).toEqual({});
  });

  test('looks again as long as something changed a moment ago', async () => {
    application.commitUpTo([4, 110_000]);
    await follow();
    for (let i = 0; i < 2; i++) expect(sum((await follow()).read)).toBeGreaterThan(0);
  });
});

test('a standby of a repository at rest reads none of its sets', async () => {
  const repo = path.join(directory, 'repo');
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  await takeBackup(nodeFiles, 'hot', { home, repository: repo });
  for (let i = 0; i < 2; i++) await follow({ ageMs: longAgo, repo });
  expect((await follow({ ageMs: longAgo, repo })).read).toEqual({});
  application.commitUpTo([5, 110_402]);
  await takeBackup(nodeFiles, 'incremental', { home, repository: repo });
  expect(formatLsn((await follow({ ageMs: longAgo, repo })).state.end)).toBe('[5][110402]');
});

describeNative('a round', () => {
  test.each([
    ['that grow', 0],
    ['that have their full size from the start', 32 << 20],
  ])('reads and writes what is new, with large log files %s', async (_how, size) => {
    const application = new Session(home, ['--log-max', `${32 << 20}`]);
    application.do('open a auto a.db - btree 4096', 'begin t', 'put a t 0 1500 8000 old', 'commit t', 'checkpoint');
    const log = path.join(home, 'log.0000000001');
    expect(statSync(log).size).toBeGreaterThan(12e6);
    if (size > 0) truncateSync(log, size);
    await follow();
    application.do('put a auto 2000 50 800 new', 'flush');
    const before = requireStandby(nodeFiles, standby).state;
    const { state, read, written } = await follow();
    expect(state.lastRound.logBytes).toBe(state.end.offset - before.end.offset);
    expect(state.lastRound.logBytes).toBeGreaterThan(50_000);
    expect(state.lastRound.logBytes).toBeLessThan(200_000);
    expect(read['log.0000000001']).toBeLessThan(1_700_000);
    expect(sum(read)).toBeLessThan(2_200_000);
    expect(sum(written)).toBeLessThan(600_000);
    // The next one has nothing to take.
    const idle = await follow();
    expect(sum(idle.read)).toBeLessThan(1_200_000);
    expect(idle.written).toEqual({});
  });
});

describe('what a run added to the log of a standby and did not come to note', () => {
  let application: RecordedApplication;
  let ours: string;

  beforeEach(async () => {
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await follow();
    application.commitUpTo([5, 110_402]);
    ours = partsOf(standby).home;
  });

  /** Half of what was to be appended, then zeros and bytes of nobody; and a whole file that was to follow. */
  function tear(): void {
    const bytes = readFileSync(path.join(home, 'log.0000000004')).subarray(72_115);
    const torn = Buffer.concat([
      bytes.subarray(0, 20_000),
      Buffer.alloc(8192),
      bytes.subarray(28_192),
      Buffer.alloc(3000, 7),
    ]);
    appendFileSync(path.join(ours, 'log.0000000004'), torn);
    cpSync(path.join(home, 'log.0000000005'), path.join(ours, 'log.0000000005'));
  }

  test('is overwritten by the next round', async () => {
    tear();
    await follow();
    expect(contentsOf((await promote(nodeFiles, { directory: standby })).home)).toEqual(await recovered());
  });

  test('is no part of a standby that is promoted as of its last round', async () => {
    const before = requireStandby(nodeFiles, standby).state;
    tear();
    const { state } = await promote(nodeFiles, { directory: standby, withoutLog: true });
    expect(state.end).toEqual(before.end);
    expect(namesIn(ours)).not.toContain('log.0000000005');
  });

  test('counts as soon as it is noted: the primary is not needed for it any more', async () => {
    const expected = await recovered();
    const { state } = requireStandby(nodeFiles, standby);
    await follow();
    const after = requireStandby(nodeFiles, standby).state;
    // As after the first half of a round.
    const stopped = path.join(directory, 'stopped');
    cpSync(standby, stopped, { recursive: true });
    expect(after.taken).toBeUndefined();
    writeStandby(nodeFiles, stopped, { ...state, taken: { end: after.end, lastRecord: after.lastRecord } });
    const { home: promoted, state: last } = await promote(nodeFiles, { directory: stopped, withoutLog: true });
    expect(last.end).toEqual(after.end);
    expect(contentsOf(promoted)).toEqual(expected);
  });
});
