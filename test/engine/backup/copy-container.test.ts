import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ContainerCopy } from '../../../src/engine/backup/copy-container.ts';
import { DamagedPages } from '../../../src/engine/backup/page-source.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { pagedFiles } from '../../../src/engine/environment/paged-files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

test('a copy stays as short as its source was for a moment, when pages are read again after that one has grown', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  layDemoEnvironment(home);
  const paged = pagedFiles(nodeFiles, discoverEnvironment(nodeFiles, home))[0]!;
  const { pageSize } = paged.format;
  const source = paged.file.path;
  const whole = readFileSync(source);
  const pages = whole.length / pageSize;
  expect(pages).toBeGreaterThan(4);

  let isShort = false;
  const files = watchedFiles(nodeFiles, {
    before(operation, file) {
      if (file !== source || !isShort) return;
      if (operation === 'stat') truncateSync(source, 2 * pageSize);
      // It grows by other bytes than it had.
      if (operation === 'readAt')
        writeFileSync(source, Buffer.concat([whole.subarray(0, 2 * pageSize), whole.subarray(pageSize)]));
    },
  });
  const copy = new ContainerCopy(files, paged, path.join(directory, 'copy.db'), undefined, new DamagedPages());
  await copy.copy({});
  isShort = true;
  expect(await copy.confirm([...Array(pages).keys()], {})).toBe(true);
  await copy.finish({});

  expect(copy.size).toBe(2 * pageSize);
  expect(statSync(copy.target).size).toBe(copy.size);
  expect(readFileSync(copy.target)).toEqual(whole.subarray(0, copy.size));
});
