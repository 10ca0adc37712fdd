/** Following and promoting, on the recorded DB XML application: what is refused, and what is as it has to be. */

import {
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { promote } from '../../../src/engine/failover/promote.ts';
import { partsOf, requireStandby, writeStandby } from '../../../src/engine/failover/standby.ts';
import { standbyStatus } from '../../../src/engine/failover/status.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { formatLsn } from '../../../src/format/lsn.ts';
import { type RecordedApplication } from '../../../demo/application.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { sampled } from '../../support/effort.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { contentsOf } from '../../support/native.ts';
import { prepared } from '../../support/prepared.ts';
import { lacks } from '../../support/windows.ts';

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

const followed = (repo?: string): { home: string | undefined; repo: string | undefined } =>
  repo === undefined ? { home, repo } : { home: undefined, repo };
const follow = (repo?: string): ReturnType<typeof followOnce> =>
  followOnce(nodeFiles, { directory: standby, followed: followed(repo), watch: {} });
const bringUp = (options: object = {}): ReturnType<typeof promote> =>
  promote(nodeFiles, { directory: standby, watch: {}, ...options });

/** What a recovery of the primary as it is now comes to. */
async function recovered(from = home): Promise<Record<string, string>> {
  const target = path.join(directory, `recovered-${readdirSync(directory).length}`);
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, from), target });
  return contentsOf(target);
}

test('a standby follows round after round, and is promoted to what the primary was', async () => {
  const before = fingerprint(home);
  await follow();
  expect(fingerprint(home)).toEqual(before);
  for (const end of [
    [4, 110_000],
    [5, 28],
    [5, 110_402],
    [6, 5737],
  ] as const) {
    application.commitUpTo(end);
    await follow();
  }
  const { home: promoted, state, warnings } = await bringUp();
  expect(warnings).toEqual([]);
  expect(formatLsn(state.lastCommit!.lsn)).toBe('[5][254138]');
  expect(contentsOf(promoted)).toEqual(await recovered());
  // It is an environment like any other: it can be backed up, and recovered.
  await takeBackup(nodeFiles, 'hot', { home: promoted, repository: path.join(directory, 'repo') });
  expect(await recovered(promoted)).toEqual(await recovered());
});

test('what the primary committed after the last round is there all the same', async () => {
  await follow();
  application.commitUpTo([6, 5737]);
  const { home: promoted } = await bringUp();
  expect(contentsOf(promoted)).toEqual(await recovered());
});

test('a round reads and keeps no more log than it needs', async () => {
  await follow();
  application.commitUpTo([6, 5737]);
  const { neededFrom } = await follow();
  const kept = namesIn(partsOf(standby).home).filter((name) => name.startsWith('log.'));
  expect(kept[0]).toBe(`log.000000000${neededFrom.file}`);
  expect(neededFrom.file).toBeGreaterThan(1);
});

test('a round without news changes nothing but its time', async () => {
  await follow();
  const { rounds: _, lastRound: _before, ...before } = await follow();
  const { rounds, lastRound, ...after } = await follow();
  expect(after).toEqual(before);
  expect(lastRound.logBytes).toBe(0);
  expect(rounds).toBeGreaterThan(1);
});

test('a repository is followed as well, also into its next chain', async () => {
  const repository = path.join(directory, 'repo');
  await takeBackup(nodeFiles, 'hot', { home, repository });
  await follow(repository);
  application.commitUpTo([5, 110_402]);
  await takeBackup(nodeFiles, 'incremental', { home, repository });
  expect(formatLsn((await follow(repository)).end)).toBe('[5][110402]');
  application.commitUpTo([6, 5737]);
  await takeBackup(nodeFiles, 'hot', { home, repository });
  await follow(repository);
  const expected = await recovered();
  rmSync(home, { recursive: true });
  const { home: promoted, warnings } = await bringUp();
  expect(warnings.join()).toContain('--surviving-logs');
  expect(contentsOf(promoted)).toEqual(expected);
});

test('a standby of a repository that has lost its last log file says so', async () => {
  const repository = path.join(directory, 'repo');
  await takeBackup(nodeFiles, 'hot', { home, repository });
  await follow(repository);
  application.commitUpTo([5, 110_402]);
  await takeBackup(nodeFiles, 'incremental', { home, repository });
  rmSync(path.join(partsOf(standby).home, 'log.0000000004'));
  const error = await expectFailure('standby-corrupt', () => follow(repository));
  expect(error.message).toContain('log.0000000004');
});

describe('is refused by name', () => {
  const laid = prepared(async (place) => {
    ({ directory, home } = place);
    standby = path.join(directory, 'standby');
    demoApplication(home).commitUpTo([4, 72_115]);
    await follow();
  });
  beforeEach(() => {
    ({ directory, home } = laid());
    standby = path.join(directory, 'standby');
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
  });

  test('log that was removed before it was followed', async () => {
    application.commitUpTo([6, 5737]);
    for (const number of [1, 2, 3, 4, 5]) rmSync(path.join(home, `log.000000000${number}`));
    const error = await expectFailure('chain-gap', follow);
    expect(error.message).toContain(home);
    expect(standbyStatus(nodeFiles, standby).trouble).toMatchObject({ code: 'chain-gap', message: error.message });
  });

  test('a primary that was restored to an earlier point', async () => {
    application.commitUpTo([6, 5737]);
    await follow();
    const back = path.join(directory, 'back');
    const environment = discoverEnvironment(nodeFiles, home);
    await recoverEnvironment(nodeFiles, {
      environment,
      target: back,
      restorePoint: { kind: 'lsn', lsn: { file: 4, offset: 72_115 } },
    });
    rmSync(home, { recursive: true });
    cpSync(back, home, { recursive: true });
    await expectFailure('chain-mismatch', follow);
  });

  test('a primary that is another environment', async () => {
    const log = path.join(home, 'log.0000000004');
    const bytes = readFileSync(log);
    bytes[5000]! ^= 1;
    writeFileSync(log, bytes);
    await expectFailure('chain-mismatch', follow);
  });

  test('a standby of something else', async () => {
    const other = followOnce(nodeFiles, {
      directory: standby,
      followed: { home: path.join(directory, 'other'), repo: undefined },
      watch: {},
    });
    await expectFailure('usage', () => other);
  });

  test('a standby that was promoted, to be followed or promoted again', async () => {
    await bringUp();
    expect((await expectFailure('chain-mismatch', follow)).message).toContain('was promoted at');
    await expectFailure('chain-mismatch', bringUp);
    expect(standbyStatus(nodeFiles, standby)).toMatchObject({ canBePromoted: false });
  });

  test.each(['__db.001', '__db.register', 'd.dbxml'])(
    'a standby that an application opened, and left %s',
    async (name) => {
      if (name === 'd.dbxml') cpSync(path.join(home, name), path.join(partsOf(standby).home, name));
      else writeFileSync(path.join(partsOf(standby).home, name), Buffer.alloc(8192));
      application.commitUpTo([6, 5737]);
      const error = await expectFailure('chain-mismatch', follow);
      expect(error.message).toContain(`${name}: an application opened the standby`);
      await expectFailure('chain-mismatch', bringUp);
    },
  );

  test('a directory that holds something else', async () => {
    const elsewhere = path.join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, 'mine'), '');
    const begin = followOnce(nodeFiles, { directory: elsewhere, followed: followed(), watch: {} });
    await expectFailure('target-not-empty', () => begin);
    expect(namesIn(elsewhere)).toEqual(['mine']);
  });

  test('a state, a journal or a database that is damaged', async () => {
    const file = path.join(standby, 'standby.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"following"', '"promoted"'));
    await expectFailure('standby-corrupt', follow);
    writeFileSync(file, text);
    writeFileSync(partsOf(standby).journal, 'no journal at all, and certainly not a complete one of any kind');
    await expectFailure('standby-corrupt', follow);
    rmSync(partsOf(standby).journal);
    const { piece } = requireStandby(nodeFiles, standby).state.files[0]!;
    truncateSync(path.join(partsOf(standby).pieces, piece), 100);
    application.commitUpTo([6, 5737]);
    await expectFailure('page-type', follow);
  });

  test('a primary that is gone, unless its log is somewhere, or nowhere', async () => {
    application.commitUpTo([6, 5737]);
    const rescued = path.join(directory, 'rescued');
    cpSync(home, rescued, { recursive: true });
    const expected = await recovered();
    rmSync(home, { recursive: true });
    const error = await expectFailure('environment-missing', bringUp);
    expect(error.details.hint).toContain('--surviving-logs');
    const copy = path.join(directory, 'copy');
    cpSync(standby, copy, { recursive: true });
    const { home: promoted } = await bringUp({ survivingLogs: rescued });
    expect(contentsOf(promoted)).toEqual(expected);
    const late = await promote(nodeFiles, { directory: copy, withoutLog: true, watch: {} });
    expect(formatLsn(late.state.end)).toBe('[4][72115]');
    expect(late.warnings[0]).toContain('since the last round is not there');
  });
});

test('status tells how far behind it is', async () => {
  await follow();
  expect(standbyStatus(nodeFiles, standby).lag).toMatchObject({ bytes: 0, seconds: 0 });
  application.commitUpTo([6, 5737]);
  const { lag } = standbyStatus(nodeFiles, standby, { now: new Date('2026-11-22T09:24:22Z') });
  expect(formatLsn(lag!.end)).toBe('[6][5739]');
  expect(lag!.bytes).toBeGreaterThan(400_000);
  expect(lag!.seconds).toBeGreaterThanOrEqual(57);
  expect(lag!.seconds).toBeLessThanOrEqual(64);
});

test('whatever a round leaves undone is done by the next one', async () => {
  await follow();
  application.commitUpTo([6, 5737]);
  const stop = new AbortController();
  stop.abort();
  await expectFailure('interrupted', () =>
    followOnce(nodeFiles, { directory: standby, followed: followed(), watch: { signal: stop.signal } }),
  );
  await follow();
  const { home: promoted } = await bringUp();
  expect(contentsOf(promoted)).toEqual(await recovered());
});

describe('a standby that somebody else could write to', () => {
  /** Puts a link in the place of something. */
  const lead = (name: string, elsewhere: string): void => {
    const at = path.join(standby, name);
    if (!namesIn(elsewhere).length) cpSync(at, elsewhere, { recursive: true });
    rmSync(at, { recursive: true, force: true });
    symlinkSync(elsewhere, at);
  };

  // All of them in the long run.
  test
    .skipIf(lacks.links)
    .each(sampled(['environment', 'pieces', 'pieces/0', 'environment/log.0000000004', 'base', 'incoming'], 3))(
    'leads nowhere by a link in the place of %s',
    async (name) => {
      await follow();
      const elsewhere = path.join(directory, 'elsewhere');
      if (!name.includes('/') && !namesIn(standby).includes(name)) {
        mkdirSync(elsewhere);
        writeFileSync(path.join(elsewhere, 'precious'), 'mine');
      }
      lead(name, elsewhere);
      const before = namesIn(elsewhere).length > 0 ? fingerprint(elsewhere) : readFileSync(elsewhere);
      application.commitUpTo([6, 5737]);
      await expectFailure('standby-corrupt', () => follow());
      await expectFailure('standby-corrupt', () => bringUp());
      expect(namesIn(elsewhere).length > 0 ? fingerprint(elsewhere) : readFileSync(elsewhere)).toEqual(before);
    },
  );

  test.skipIf(lacks.links)('is not emptied through a link when it is made anew', async () => {
    const precious = path.join(directory, 'precious');
    mkdirSync(precious);
    writeFileSync(path.join(precious, 'data'), 'mine');
    mkdirSync(standby);
    for (const name of ['environment', 'pieces', 'base', 'incoming']) symlinkSync(precious, path.join(standby, name));
    await expectFailure('standby-corrupt', () => follow());
    expect(namesIn(precious)).toEqual(['data']);
  });

  test.skipIf(lacks.owners)('gives nothing to users to whom nothing in it belongs', async () => {
    await follow();
    const { state } = requireStandby(nodeFiles, standby);
    const files = state.files.map((file) => ({ ...file, uid: 4321, gid: 4321, mode: 0o777 }));
    writeStandby(nodeFiles, standby, { ...state, files });
    const { home: promoted, warnings } = await bringUp();
    expect(warnings).toEqual([expect.stringContaining('files were not given to user 4321, group 4321')]);
    const { uid, mode } = statSync(path.join(promoted, 'd.dbxml'));
    expect({ uid, mode: mode & 0o022 }).toEqual({ uid: process.getuid!(), mode: 0 });
  });

  test.runIf(process.getuid?.() === 0)('keeps the owners of the primary, also of what was made since', async () => {
    for (const name of ['d.dbxml', 'e.dbxml']) chownSync(path.join(home, name), 1234, 2345);
    await follow();
    application.commitUpTo([6, 5737]);
    const { home: promoted, warnings } = await bringUp();
    expect(warnings).toEqual([]);
    const { uid, gid } = statSync(path.join(promoted, 'd.dbxml'));
    expect({ uid, gid }).toEqual({ uid: 1234, gid: 2345 });
  });
});
