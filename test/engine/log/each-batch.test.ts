import { describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths, type Environment } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { listLogFiles } from '../../../src/engine/history/log-list.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { type Watch } from '../../../src/engine/pause.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const works: Readonly<Record<string, (files: Files, environment: Environment, watch: Watch) => Promise<unknown>>> = {
  'a recovery': (files, environment, watch) => rehearse(files, environment, { watch }),
  'a list of log files': (files, environment, watch) =>
    listLogFiles(files, openLog(files, logPaths(environment)), watch),
};

describe.each(Object.entries(works))('%s that is stopped while it reads the log', (_, work) => {
  // Windows would let nobody remove or rename it.
  test('leaves no file open', async () => {
    const directory = temporaryDirectory();
    layDemoEnvironment(directory);
    const environment = discoverEnvironment(nodeFiles, directory);
    const stop = new AbortController();
    let open = 0;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'openIfThere') open += 1;
        if (operation === 'close') open -= 1;
        if (operation !== 'readAt' || !file.endsWith('log.0000000003')) return;
        stop.abort();
        // Long enough for the next turn of signals to be due.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      },
    });
    await expectFailure('interrupted', () => work(files, environment, { signal: stop.signal }));
    expect(open).toBe(0);
  });
});
