/** Transactions begun with DB_TXN_BULK: what they insert on new pages is on disk when they commit, and not in the log. */

import { copyFileSync, cpSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { type Environment } from '../../../src/engine/environment/environment.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { effort } from '../../support/effort.ts';
import { contentsOf, describeNative, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';
import { slashed } from '../../support/windows.ts';

/** What the application has before the backup. */
const beginning = [
  'open old auto old.db - btree 512',
  'put old auto 0 20 40 first',
  'open sub auto shared.db one btree 512',
  'put sub auto 0 20 40 first',
  'open numbered auto numbered.db - recno 512',
  'put numbered auto 0 20 40 first',
  'checkpoint',
];

/** What the bulk transaction b does. */
const loads: Readonly<Record<string, readonly string[]>> = {
  'a container created': ['open new b new.db - btree 512', 'put new b 0 100 40 bulk'],
  'a container extended': ['put old b 100 200 40 bulk'],
  'a container extended by a page': ['put old b 100 10 40 bulk'],
  'a container extended in the middle': [
    'put old b 500 60 40 bulk',
    'put old b 100 60 40 bulk',
    'put old b 300 60 40 bulk',
  ],
  'a sub-database created': ['open new b shared.db two btree', 'put new b 0 100 40 bulk', 'put sub b 100 50 40 bulk'],
  'records by number': ['put numbered b 20 100 40 bulk'],
};

/** When it commits: before the nth operation of a kind on a file whose path ends so, or before the nth of all. */
interface Moment {
  readonly title: string;
  readonly operation?: string;
  readonly at?: RegExp;
  readonly nth: number;
}

const named: readonly Moment[] = [
  { title: 'before anything is copied', operation: 'create', at: /environment\/numbered\.db$/, nth: 1 },
  { title: 'when all is copied', operation: 'sync', at: /environment\/shared\.db$/, nth: 1 },
  { title: 'while pages are read again', operation: 'openToWrite', at: /environment\/shared\.db$/, nth: 1 },
  { title: 'when all pages were read again', operation: 'close', at: /environment\/shared\.db$/, nth: 2 },
];
const moments: readonly Moment[] = [
  ...named,
  ...Array.from({ length: effort('MOMENTS', 30) }, (_, i) => ({ title: `before operation ${i + 1}`, nth: i + 1 })),
];

/** Of so many cases one is tried: with 3, each load and each moment. */
const stride = effort('STRIDE', 1);

/** File operations that have something done at a moment. */
function atMoment({ operation: wanted, at = /^/, nth }: Moment, act: () => void): Files {
  let count = 0;
  return watchedFiles(nodeFiles, {
    before(operation, file) {
      if ((wanted === undefined || operation === wanted) && at.test(file) && ++count === nth) act();
    },
  });
}

describeNative('bulk transactions', () => {
  let directory: string;
  let home: string;
  let repository: string;
  let application: Session;

  beforeEach(() => {
    ({ directory, home, repository } = newPlace());
    application = new Session(home);
    application.do(...beginning);
  });

  const take = (kind: 'hot' | 'incremental', files = nodeFiles): Promise<BackupSet> =>
    takeBackup(files, kind, { home, repository });

  async function recovered(): Promise<Record<string, string>> {
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const target = path.join(directory, 'recovered');
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
    expect(verifyNatively(target)).toEqual([]);
    return contentsOf(target);
  }

  const all = Object.keys(loads).flatMap((what, i) =>
    moments.map((moment, j) => [what, moment.title, moment, (i + j) % 4 === 3] as const),
  );
  const cases = all.filter((_, i) => i % stride === 0);
  test.each(cases)('%s, committed %s: a hot set has all of it, or nothing', async (what, _title, moment, early) => {
    const before = contentsOf(home);
    application.do('begin b bulk', ...loads[what]!);
    // What is on disk before the commit is so by chance.
    if (early) application.do('sync');
    let committed = false;
    const commit = (): void => {
      application.do('commit b');
      committed = true;
    };
    await take('hot', atMoment(moment, commit));
    if (!committed) commit();
    application.do('checkpoint');
    const after = contentsOf(home);
    expect(after).not.toEqual(before);
    expect([before, after]).toContainEqual(await recovered());
  });

  test.each(Object.entries(loads))(
    '%s: an incremental is refused by name, and the next full set has it',
    async (_what, load) => {
      await take('hot');
      application.do('begin b bulk', ...load);
      // What does not commit needs none of its rows.
      await take('incremental');
      application.do('commit b', 'checkpoint');

      const error = await expectFailure('not-recoverable', () => take('incremental'));
      expect(error.message).toMatch(/(old|new|shared|numbered)\.db: page \d+ lacks rows/);
      expect(error.message).toContain('by a bulk transaction (DB_TXN_BULK)');
      expect(error.details.hint).toContain('`figaro-backup hot`');

      await take('hot');
      expect(await recovered()).toEqual(contentsOf(home));
    },
  );

  const since: Readonly<Record<string, readonly string[]>> = {
    'not changed since': [],
    // In memory only: the page is compared as it was.
    'changed since': ['put gaps auto 36 1 40 second', 'flush'],
    // The record of the split holds what the page had: but not what others have.
    'split since': ['put gaps auto 31 4 40 second', 'put gaps auto 36 4 40 second', 'flush'],
    'changed since by what has not committed': ['begin t', 'put gaps t 37 1 40 second', 'delete gaps t 50 1', 'sync'],
    'changed since by what never will': ['begin t', 'put gaps t 37 1 40 second', 'sync', 'abort t', 'flush'],
  };
  test.each(Object.entries(since))(
    'rows on the new half of a page whose split was for a row on the old half, %s: an incremental is refused by name',
    async (_how, changes) => {
      const keys = Array.from({ length: 21 }, (_, i) => i * 10);
      application.do('open gaps auto gaps.db - btree 512', ...keys.map((key) => `put gaps auto ${key} 1 40 first`));
      application.do('checkpoint');
      await take('hot');
      // Nothing in the log tells this transaction from others.
      application.do('begin b bulk', 'put gaps b 1 4 40 bulk', 'put gaps b 35 1 40 bulk', 'commit b', 'checkpoint');
      application.do(...changes);
      const error = await expectFailure('not-recoverable', () => take('incremental'));
      expect(error.message).toMatch(/gaps\.db: page \d+ lacks rows .* by a bulk transaction/);
    },
  );

  const removals: Readonly<Record<string, readonly string[]>> = {
    'removed since': ['close old', 'remove auto old.db -'],
    'emptied since': ['truncate old auto'],
    'deleted since, and the pages freed': ['delete old auto 0 400', 'compact old auto'],
  };
  test.each(Object.entries(removals))('rows that were %s do not stop an incremental', async (_how, removal) => {
    await take('hot');
    application.do('begin b bulk', 'open new b new.db - btree 512', 'put new b 0 100 40 bulk', 'commit b');
    application.do('close new', 'remove auto new.db -');
    application.do('begin b bulk', 'put old b 20 300 40 bulk', 'commit b', ...removal, 'checkpoint');
    await take('incremental');
    expect(await recovered()).toEqual(contentsOf(home));
  });

  const histories: Readonly<Record<string, readonly string[]>> = {
    'where a file was cut off': [
      'put old auto 100 200 40 bulk',
      'delete old auto 100 200',
      'compact old auto',
      'begin b bulk',
      'put old b 100 200 40 bulk',
      'commit b',
    ],
    'that were deleted since, and the pages cut off': [
      'begin b bulk',
      'put old b 100 5 30 bulk',
      'put old b 50 63 60 bulk',
      'commit b',
      'checkpoint',
      'delete old auto 50 100',
      'compact old auto',
    ],
    'beside a file that grew by rows that are logged': [
      'begin b bulk',
      'put numbered b 0 20 70 longer',
      'put old b 100 60 40 bulk',
      'commit b',
    ],
  };
  test.each(Object.entries(histories))('rows %s do not stop a hot backup, and are in it', async (_where, history) => {
    application.do(...history, 'flush');
    await take('hot');
    application.do('checkpoint');
    expect(await recovered()).toEqual(contentsOf(home));
  });

  test('a hot backup that meets one commit after the other gives up by name', async () => {
    application.do('put old auto 20 5 40 second');
    let first = 0;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        // Its pages are about to be read again.
        if (operation !== 'openToWrite' || !slashed(file).endsWith('environment/old.db')) return;
        first += 100;
        application.do('begin b bulk', `put old b ${first} 12 40 bulk`, 'commit b');
      },
    });
    const error = await expectFailure('not-recoverable', () => take('hot', files));
    expect(error.message).toContain('lacks rows that were put there without being logged');
  });

  test('a standby that follows past it is refused by name', async () => {
    const follow = (): Promise<unknown> =>
      followOnce(nodeFiles, {
        directory: path.join(directory, 'standby'),
        followed: { home, repo: undefined },
        watch: {},
      });
    application.do('begin b bulk', 'put old b 100 200 40 bulk', 'flush');
    await follow();
    application.do('commit b');
    const error = await expectFailure('not-recoverable', follow);
    expect(error.message).toContain('by a bulk transaction (DB_TXN_BULK)');
  });

  /** Copies the environment, has something done, and gives the copy the log of that. */
  function copyBefore(...commands: readonly string[]): Environment {
    const copy = path.join(directory, 'copy');
    cpSync(home, copy, { recursive: true });
    application.do(...commands, 'flush');
    copyFileSync(path.join(home, 'log.0000000001'), path.join(copy, 'log.0000000001'));
    return discoverEnvironment(nodeFiles, copy);
  }

  test('a copy made before is recovered to the moment before, and no further', async () => {
    application.do('put old auto 20 5 40 second', 'checkpoint');
    const before = contentsOf(home);
    const { logEnd } = await rehearse(nodeFiles, discoverEnvironment(nodeFiles, home));
    const environment = copyBefore('begin b bulk', 'put old b 100 200 40 bulk', 'commit b');
    const target = path.join(directory, 'recovered');
    const error = await expectFailure('not-recoverable', () => recoverEnvironment(nodeFiles, { environment, target }));
    expect(error.message).toContain('by a bulk transaction (DB_TXN_BULK)');
    await recoverEnvironment(nodeFiles, { environment, target, restorePoint: { kind: 'lsn', lsn: logEnd } });
    expect(contentsOf(target)).toEqual(before);
  });

  test('a copy made as the protocol of the library asks is recovered', async () => {
    application.do('begin b bulk', 'put old b 100 50 40 bulk', 'put old b 500 50 40 bulk', 'put old b 300 50 40 bulk');
    application.do('put sub b 100 50 40 bulk', 'hot-backup on');
    const environment = copyBefore(
      'put old b 400 50 40 bulk',
      'put old b 200 50 40 bulk',
      'commit b',
      'hot-backup off',
    );
    const target = path.join(directory, 'recovered');
    await recoverEnvironment(nodeFiles, { environment, target });
    application.do('checkpoint');
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });
});
