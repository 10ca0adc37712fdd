/** Transactions begun with DB_TXN_BULK: what they insert on new pages is on disk when they commit, and not in the log. */

import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles, type Files } from '../../../src/engine/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment, findChain } from '../../../src/engine/repository/chain.ts';
import { openRepository, readSets, type BackupSet } from '../../../src/engine/repository/repository.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { effort } from '../../support/effort.ts';
import { contentsOf, describeNative, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

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
  ...Array.from({ length: effort('MOMENTS', 0, 420) }, (_, i) => ({ title: `before operation ${i + 1}`, nth: i + 1 })),
];

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
    directory = temporaryDirectory();
    home = path.join(directory, 'env');
    repository = path.join(directory, 'repo');
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

  const cases = Object.keys(loads).flatMap((what, i) =>
    moments.map((moment, j) => [what, moment.title, moment, (i + j) % 4 === 3] as const),
  );
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

  test('the incremental misses rows, and says so; the next full set has them', async () => {
    await take('hot');
    application.do('begin t bulk', 'put old t 100 3000 40 bulk');
    // What does not commit needs none of its rows.
    await take('incremental');
    application.do('commit t');

    const error = await expectFailure('not-recoverable', () => take('incremental'));
    expect(error.message).toContain('old.db: ');
    expect(error.message).toContain('by a bulk transaction (DB_TXN_BULK)');
    expect(error.details.hint).toContain('`figaro-backup hot`');

    await take('hot');
    await application.leave();
    expect(await recovered()).toEqual(contentsOf(home));
  });
});
