import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { type OpenFile } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { corpusCase } from '../../support/corpus.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { slashed } from '../../support/windows.ts';

test('a damaged page in an extent of a queue is refused by name and number', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  fs.cpSync(corpusCase('queue-ext-48-hot').backup, home, { recursive: true });
  const extent = '__dbq.qe.db.11';
  const bytes = fs.readFileSync(path.join(home, extent));
  // The type of its first page.
  bytes[25] = 5;
  fs.writeFileSync(path.join(home, extent), bytes);
  const environment = discoverEnvironment(nodeFiles, home);
  const target = path.join(directory, 'recovered');
  const error = await expectFailure('page-type', () => recoverEnvironment(nodeFiles, { environment, target }));
  expect(error.message).toContain(extent);
  expect(fs.readdirSync(directory)).toEqual(['env']);
});

test('a queue that is cut off inside its first page is refused', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  fs.cpSync(corpusCase('queue-ext-48-hot').backup, home, { recursive: true });
  fs.truncateSync(path.join(home, 'qe.db'), 511);
  const read = (): ReturnType<typeof discoverEnvironment> => discoverEnvironment(nodeFiles, home);
  await expectFailure('page-type', () => rehearse(nodeFiles, read()));
  fs.writeFileSync(
    path.join(home, 'qe.db'),
    fs.readFileSync(path.join(corpusCase('queue-ext-48-hot').backup, 'qe.db')),
  );
  // Its pages have 1024 bytes; half of the first is enough to recognise it by.
  fs.truncateSync(path.join(home, 'qe2.db'), 600);
  await expectFailure('page-type', () => rehearse(nodeFiles, read()));
});

test('a container is copied to the name that it keeps, opened once for that, and a small one once more to be checked', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  fs.cpSync(corpusCase('txn-181-hot').backup, home, { recursive: true });
  // The log is about the others.
  fs.cpSync(path.join(corpusCase('btree-48-hot').backup, 'small.db'), path.join(home, 'beside.db'));
  const environment = discoverEnvironment(nodeFiles, home);
  const opened: string[] = [];
  const renamed: string[] = [];
  const short = (file: string): string => slashed(path.relative(directory, file)).replace(/recovered\.[^/]*/, 'stage');
  const note =
    (how: string, open: (file: string) => OpenFile) =>
    (file: string): OpenFile => {
      opened.push(`${how} ${short(file)}`);
      return open(file);
    };
  const files = filesWith(nodeFiles, {
    openIfThere: note('read', (file) => nodeFiles.openIfThere(file)!),
    openToWrite: note('write', (file) => nodeFiles.openToWrite(file)),
    rename(from, to) {
      renamed.push(`${short(from)} ${short(to)}`);
      nodeFiles.rename(from, to);
    },
  });
  const target = path.join(directory, 'recovered');
  await recoverEnvironment(files, { environment, target });
  expect(opened.filter((line) => line.endsWith('/beside.db'))).toEqual([
    'read env/beside.db',
    'read stage/environment/beside.db',
  ]);
  expect(renamed).toEqual(['stage/environment recovered']);
});
