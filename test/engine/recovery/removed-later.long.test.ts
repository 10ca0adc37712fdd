/** Recovery to a moment at which a database was there that was removed before anybody copied it. */

import { cpSync, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { lookIntoContainer } from '../../../src/engine/recovery/look-into.ts';
import { type SeenContainer } from '../../../src/engine/recovery/seen-container.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { recoverFrom, type RecoverFromOptions } from '../../../src/engine/recovery/recover-from.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { type RestorePoint } from '../../../src/engine/recovery/restore-point.ts';
import { openRepository } from '../../../src/engine/repository/repository.ts';
import { compareLsn, type Lsn } from '../../../src/format/lsn.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { newPlace, type Place } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

/** A transaction that removes a database, and one after it. */
const removal = ['begin t', 'remove t gone.db -', 'commit t', 'put kept auto 903 3 100 after', 'checkpoint'];

describeNative('a database that is removed before it is copied', () => {
  /** The log no longer has how it was made. */
  const made = [
    'open kept auto kept.db - btree 1024',
    'open gone auto gone.db - btree 1024',
    'put gone auto 0 50 100 first',
    'close gone',
    'checkpoint',
    'put kept auto 0 900 100 first',
    'checkpoint',
    'remove-logs',
    'put kept auto 900 3 100 before',
  ];
  const smallLogs = ['--log-max', '40000'];

  test('is missed at moments before, and these are out of reach', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made);
    expect(existsSync(path.join(place.home, 'log.0000000001'))).toBe(false);
    const before = await lastCommit(place);
    application.do(...removal);
    await application.die();
    await expectOutOfReach(place, before);
  });

  test('is missed as well where a checkpoint comes before the removal commits, the first one of the log', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made, 'put kept auto 2000 500 100 more', 'put kept auto 3000 3 100 last');
    const before = await lastCommit(place);
    application.do('begin t', 'remove t gone.db -', 'checkpoint', 'commit t', 'put kept auto 4000 3 100 after');
    await application.die();
    await expectOutOfReach(place, before);
  });

  test('is missed until the removal commits, whatever commits before that', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made, 'begin t', 'remove t gone.db -', 'put kept auto 2000 3 100 meanwhile');
    const before = await lastCommit(place);
    application.do('checkpoint', 'commit t', 'put kept auto 4000 3 100 after');
    await application.die();
    await expectOutOfReach(place, before);
  });

  test('is had from the chain before, though the newest has the log of that moment', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made.slice(0, -1));
    await takeBackup(nodeFiles, 'hot', place);
    application.do(made.at(-1)!);
    application.do('flush', 'checkpoint');
    const expected = contentsOf(place.home);
    const before = await lastCommit(place);
    await takeBackup(nodeFiles, 'incremental', place);
    application.do(...removal);
    await application.die();
    await takeBackup(nodeFiles, 'hot', place);
    await recoverTo(place, before);
    expect(contentsOf(place.target)).toEqual(expected);
  });

  test('does not keep another one from being recovered to that moment, or looked into', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made);
    const restorePoint: RestorePoint = { kind: 'lsn', lsn: await lastCommit(place) };
    const copy = path.join(place.home, '..', 'copy');
    cpSync(place.home, copy, { recursive: true });
    application.do(...removal);
    await application.die();
    const environment = discoverEnvironment(nodeFiles, place.home);
    const { target } = place;
    await recoverEnvironment(nodeFiles, { environment, target, only: ['kept.db'], restorePoint });
    const before = path.join(place.home, '..', 'before');
    await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, copy), target: before });
    expect(contentsOf(target)).toEqual(contentsOf(before, ['gone.db']));
    const look = async ({ files }: SeenContainer) => files.statIfThere('kept.db')?.size;
    const size = await lookIntoContainer(nodeFiles, environment, 'kept.db', { restorePoint, watch: {} }, look);
    expect(size).toBe(statSync(path.join(target, 'kept.db')).size);
    await expectFailure(
      'container-missing',
      async () =>
        await recoverEnvironment(nodeFiles, { environment, target: `${target}-2`, only: ['gone.db'], restorePoint }),
    );
  });

  test('is refused by its name where only recovery finds out', async () => {
    const place = newPlace();
    const application = new Session(place.home, smallLogs);
    application.do(...made);
    const lsn = await lastCommit(place);
    application.do(...removal);
    await application.die();
    // What was excluded is not known before.
    const environment = { ...discoverEnvironment(nodeFiles, place.home), excludes: () => false };
    const error = await expectFailure(
      'container-missing',
      async () => await recoverEnvironment(nodeFiles, { environment, ...upTo(place, lsn) }),
    );
    expect(error.message).toMatch(
      /^gone\.db is missing: log record \[\d+\]\[\d+\] removes it, after the restore point/,
    );
    expect(existsSync(place.target)).toBe(false);
  });

  test('comes back where the log creates it', async () => {
    const place = newPlace();
    const application = new Session(place.home);
    application.do('open kept auto kept.db - btree 1024', 'open gone auto gone.db - btree 1024');
    application.do('put gone auto 0 50 100 first', 'close gone', 'checkpoint');
    const expected = contentsOf(place.home);
    const before = await lastCommit(place);
    application.do(...removal);
    await application.die();
    await takeBackup(nodeFiles, 'hot', place);
    await recoverTo(place, before);
    expect(contentsOf(place.target)).toEqual(expected);
  });

  test('is not missed where it was made after the moment, too', async () => {
    const place = newPlace();
    const application = new Session(place.home);
    application.do('open kept auto kept.db - btree 1024', 'put kept auto 0 3 100 first', 'checkpoint');
    const expected = contentsOf(place.home);
    const before = await lastCommit(place);
    application.do('open gone auto gone.db - btree 1024', 'put gone auto 0 50 100 first', 'close gone', ...removal);
    await application.die();
    await takeBackup(nodeFiles, 'hot', place);
    await recoverTo(place, before);
    expect(contentsOf(place.target)).toEqual(expected);
  });
});

/** Copies an environment, and expects that the set is recovered to no moment up to one at which the removed database was there. */
async function expectOutOfReach(place: Place, before: Lsn): Promise<void> {
  const { manifest } = await takeBackup(nodeFiles, 'hot', place);
  expect(compareLsn(manifest.log!.firstCommit!.lsn, before)).toBeGreaterThan(0);
  await expectFailure('restore-point-unreachable', async () => await recoverTo(place, before));
  expect(existsSync(place.target)).toBe(false);
  await recoverTo(place, manifest.log!.firstCommit!.lsn);
  expect(Object.keys(contentsOf(place.target))).toEqual(['kept.db ']);
}

/** Recovers the chain that has a commit; the newest to its end. */
async function recoverTo(place: Place, lsn?: Lsn): Promise<void> {
  const { repository } = place;
  await recoverFrom(nodeFiles, { repository: openRepository(nodeFiles, repository) }, upTo(place, lsn));
}

function upTo({ target }: Place, lsn?: Lsn): RecoverFromOptions {
  return { target, ...(lsn ? { restorePoint: { kind: 'lsn', lsn } } : {}) };
}

async function lastCommit({ home }: Place): Promise<Lsn> {
  return (await rehearse(nodeFiles, discoverEnvironment(nodeFiles, home))).recoveredTo!.lsn;
}
