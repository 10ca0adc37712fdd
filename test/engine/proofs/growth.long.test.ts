/** What an incremental reads and writes does not grow with the chain before it. */

import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { type BackupResult } from '../../../src/engine/backup/backup-options.ts';
import { describeNative } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { keptState, rehearsedState } from '../../support/proof-states.ts';
import { watchedFiles } from '../../support/watched-files.ts';

interface Cost {
  bytesRead: number;
  writes: number;
  operations: number;
}

/** Files that count what is done with them. */
function counting(cost: Cost): Files {
  return watchedFiles(nodeFiles, {
    before: (operation) => {
      cost.operations += 1;
      if (operation === 'writeAt') cost.writes += 1;
    },
    afterRead: (_file, bytes) => void (cost.bytesRead += bytes.length),
    showsWrites: true,
  });
}

describeNative('a chain that grows', () => {
  test('costs an incremental what is new', async () => {
    const { home, repository } = newPlace();
    const session = new Session(home, ['--log-max', '100000', '--cache-kb', '8192']);
    session.do('open b auto b.db - btree 512');
    for (let i = 0; i < 16; i++) session.do(`put b auto ${1 + i * 1000} 1000 80 base`);
    session.do('open x auto x.db - btree 512', 'put x auto 1 10 20 base', 'checkpoint', 'sync');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    // What was removed once is looked for with every set.
    session.do('close x', 'remove auto x.db -');
    const costs: Cost[] = [];
    let last: BackupResult | undefined;
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 2; j++) session.do(`put b auto ${1 + (((i * 2 + j) * 997) % 15_000)} 40 80 round${i}`);
      session.do('checkpoint', 'flush');
      const cost = { bytesRead: 0, writes: 0, operations: 0 };
      last = await takeBackup(counting(cost), 'incremental', { home, repository });
      costs.push(cost);
    }
    expect(last!.manifest.proof).toMatchObject({ from: last!.manifest.parent, pagesOnly: ['b.db'] });
    // The first one rehearses the log of the full set, too.
    const [first, twentieth] = [costs[1]!, costs[19]!];
    expect(twentieth.bytesRead).toBeLessThan((first.bytesRead * 4) / 3);
    expect(twentieth.writes).toBeLessThan((first.writes * 4) / 3);
    expect(last!.manifest.gone).toBeUndefined();
    expect(keptState(repository)).toEqual(await rehearsedState(repository));
  });
});
