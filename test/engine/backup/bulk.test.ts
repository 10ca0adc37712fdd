/** Bulk transactions put rows without logging them: no log brings them forward (recovery document, G.3). */

import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment, findChain } from '../../../src/engine/repository/chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

describeNative('rows of a bulk transaction that commits after the copy', () => {
  test('are missed by the incremental, which says so, and are in the next full set', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const repository = path.join(directory, 'repo');
    const session = new Session(home);
    session.do('open a auto a.db - btree 1024', 'put a auto 0 10 40 first', 'checkpoint');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    session.do('begin t bulk', 'put a t 100 3000 40 bulk');
    // What does not commit needs none of its rows.
    await takeBackup(nodeFiles, 'incremental', { home, repository });
    session.do('commit t');

    const error = await expectFailure('not-recoverable', () =>
      takeBackup(nodeFiles, 'incremental', { home, repository }),
    );
    expect(error.message).toContain('a.db: ');
    expect(error.message).toContain('by a bulk transaction (DB_TXN_BULK)');
    expect(error.details.hint).toContain('`figaro-backup hot`');

    await takeBackup(nodeFiles, 'hot', { home, repository });
    await session.leave();
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const target = path.join(directory, 'out');
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });
});
