/** An application that makes and removes files for as long as it is backed up: the backup ends all the same. */

import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { contentsOf, describeNative, verifyNatively } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { rebuilt } from '../../support/rebuilt.ts';
import { Session } from '../../support/session.ts';
import { watchedFiles } from '../../support/watched-files.ts';

/** What is done each time the backup begins to copy the newest file, by the number of the next one. */
const turns: Readonly<Record<string, (next: number) => readonly string[]>> = {
  'removes each new container as soon as it is copied, and creates the next': (next) => [
    ...(next > 1 ? [`close new${next - 1}`, `remove auto new${next - 1}.db -`] : []),
    `open new${next} auto new${next}.db - btree 1024`,
    `put new${next} auto 0 40 100 row`,
  ],
  'creates another container as soon as one is copied, and renames that': (next) => [
    ...(next > 1 ? [`close new${next - 1}`, `rename auto new${next - 1}.db - old${next - 1}.db`] : []),
    `open new${next} auto new${next}.db - btree 1024`,
    `put new${next} auto 0 40 100 row`,
  ],
  'fills each new extent of a queue as soon as it is copied, and consumes it': (next) => [
    'consume queue auto 40',
    `put queue auto ${next * 40} 40 0 row`,
  ],
};

describeNative('a hot backup ends, and its set is of one moment, while an application', () => {
  test.each(Object.entries(turns))('%s', async (_what, turn) => {
    const { directory, home, repository } = newPlace();
    const application = new Session(home, ['--log-max', '60000']);
    application.do(
      'open first auto first.db - btree 1024',
      'put first auto 0 100 100 row',
      'open queue auto queue.db - queue 512 1',
      'put queue auto 0 40 0 row',
      'checkpoint',
    );
    let next = 1;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        // What is copied for the first time, or after it came.
        if (operation !== 'create' || !/environment\/(first\.db|(new|old)\d+\.db|__dbq\.queue\.db\.\d+)$/.test(file))
          return;
        if (next > most) throw new Error(`the backup goes on after ${most} turns`);
        application.do(...turn(next++), 'sync');
      },
    });
    const { manifest } = await takeBackup(files, 'hot', { home, repository });
    expect(next).toBeGreaterThan(3);
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const target = path.join(directory, 'recovered');
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
    expect(verifyNatively(target)).toEqual([]);
    expect(contentsOf(target)).toEqual(await rebuilt(home, manifest.log!.end, path.join(directory, 'rebuilt')));
  });
});

/** Turns that the backup may be kept up by. */
const most = 60;
