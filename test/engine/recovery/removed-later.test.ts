/** Recovery to a moment at which a database was there that was removed before anybody copied it. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverFrom } from '../../../src/engine/recovery/recover-from.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { openRepository } from '../../../src/engine/repository/repository.ts';
import { type Lsn } from '../../../src/format/lsn.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { newPlace, type Place } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

/** A transaction that removes a database, and one after it. */
const removal = ['begin t', 'remove t gone.db -', 'commit t', 'put kept auto 903 3 100 after', 'checkpoint'];

describeNative('a database that is removed before it is copied', () => {
  test('is missed at a moment before, and that moment is refused by its name', async () => {
    const place = newPlace();
    const application = new Session(place.home, ['--log-max', '40000']);
    application.do('open kept auto kept.db - btree 1024', 'open gone auto gone.db - btree 1024');
    application.do('put gone auto 0 50 100 first', 'close gone', 'checkpoint');
    application.do('put kept auto 0 900 100 first', 'checkpoint', 'remove-logs', 'put kept auto 900 3 100 before');
    expect(existsSync(path.join(place.home, 'log.0000000001'))).toBe(false);
    const before = await lastCommit(place);
    application.do(...removal);
    await application.die();
    await takeBackup(nodeFiles, 'hot', place);

    const error = await expectFailure('container-missing', async () => await recoverTo(place, before));
    expect(error.message).toMatch(
      /^gone\.db is missing: log record \[\d+\]\[\d+\] removes it, after the restore point/,
    );
    expect(existsSync(place.target)).toBe(false);
    await recoverTo(place);
    expect(contentsOf(place.target)).toEqual(contentsOf(place.home));
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

/** Recovers the newest chain; up to a commit, or to its end. */
async function recoverTo({ repository, target }: Place, lsn?: Lsn): Promise<void> {
  await recoverFrom(
    nodeFiles,
    { repository: openRepository(nodeFiles, repository) },
    { target, ...(lsn ? { restorePoint: { kind: 'lsn', lsn } } : {}) },
  );
}

async function lastCommit({ home }: Place): Promise<Lsn> {
  return (await rehearse(nodeFiles, discoverEnvironment(nodeFiles, home))).recoveredTo!.lsn;
}
