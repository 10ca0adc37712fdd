import path from 'node:path';
import { expect, test } from 'vitest';
import { LogCopy } from '../../../src/engine/backup/copy-log.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

test('an application that writes faster than its log is copied does not keep us for ever', () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  const application = demoApplication(home);
  application.commitUpTo([2, 210_000]);
  // The next file is there as soon as one is begun to be copied.
  const files = watchedFiles(nodeFiles, {
    before(operation, file) {
      const number = Number(/log\.(\d{10})$/.exec(file)?.[1]);
      if (operation === 'create' && number < 6) application.commitUpTo([number + 1, 5000]);
    },
  });
  const log = new LogCopy(files, { from: home, to: path.join(directory, 'copy'), first: 2, observers: [] });
  log.begin();
  expect([3, 4, 5].map(() => log.follow().file)).toEqual([3, 4, 5]);
  log.close();
});
