import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths, type Environment } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { listLogFiles } from '../../../src/engine/history/log-list.ts';
import { inspectEnvironment } from '../../../src/engine/inspect/environment.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { type Watch } from '../../../src/engine/pause.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { withSurvivingLogs } from '../../../src/engine/recovery/surviving-logs.ts';
import { chainsOf } from '../../../src/engine/repository/chain.ts';
import { verifyLog } from '../../../src/engine/verify/log.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { newPlace } from '../../support/place.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const works: Readonly<Record<string, (files: Files, environment: Environment, watch: Watch) => Promise<unknown>>> = {
  'a recovery': (files, environment, watch) => rehearse(files, environment, { watch }),
  'a list of log files': (files, environment, watch) =>
    listLogFiles(files, openLog(files, logPaths(environment)), watch),
  'a look at an environment': (files, environment, watch) => inspectEnvironment(files, environment, watch),
  'a look for surviving logs': (files, environment, watch) =>
    withSurvivingLogs(files, environment, environment.home, watch),
  'a check of a set': async (files, { home }, watch) => {
    const set = await takeBackup(nodeFiles, 'hot', { home, repository: path.join(home, '../repo') });
    await verifyLog(files, chainsOf([set]).chains[0]!, () => {}, watch);
  },
};

describe.each(Object.entries(works))('%s that is stopped while it reads the log', (_, work) => {
  // Windows would let nobody remove or rename it.
  test('leaves no log file open', async () => {
    const { home } = newPlace();
    layDemoEnvironment(home);
    const environment = discoverEnvironment(nodeFiles, home);
    const stop = new AbortController();
    let open = 0;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (!/log\.\d+$/.test(file)) return;
        if (operation === 'openIfThere') open += 1;
        if (operation === 'close') open -= 1;
        if (operation !== 'readAt' || !/log\.000000000[3-6]$/.test(file)) return;
        stop.abort();
        // Long enough for the next turn of signals to be due.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      },
    });
    await expectFailure('interrupted', () => work(files, environment, { signal: stop.signal }));
    expect(open).toBe(0);
  });
});
