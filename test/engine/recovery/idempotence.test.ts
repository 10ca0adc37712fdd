import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { compareDatabases, corpusCase } from '../../support/corpus.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';

/** Hashes of all files but log files, which recovery adds to. */
function contents(directory: string): ReadonlyMap<string, string> {
  return new Map(
    fs
      .readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => !path.basename(name).startsWith('log.') && fs.statSync(path.join(directory, name)).isFile())
      .sort()
      .map((name) => [
        name,
        createHash('sha256')
          .update(fs.readFileSync(path.join(directory, name)))
          .digest('hex'),
      ]),
  );
}

test.each([
  'btree-48-hot',
  'btree-recnum-53-logs',
  'byteorder-48-crash',
  'dbxml-hot',
  'extfile-62-hot',
  'fileops-53-hot',
  'hash-48-hot',
  'nested-60-crash',
  'recno-181-logs',
  'recycle-53-crash',
  'truncate-48-hot',
])('recovery of what was recovered changes nothing: %s', async (id) => {
  const directory = temporaryDirectory();
  const once = path.join(directory, 'once');
  const twice = path.join(directory, 'twice');
  await recoverEnvironment(nodeFiles, { environment: corpusCase(id).environment, target: once });
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, once), target: twice });
  const result = contents(once);
  expect(result.size).toBeGreaterThan(0);
  expect(contents(twice)).toEqual(result);
});

// Pages that a truncation in the log cuts off are made anew each time: how full the regions of a heap say they are, and
// whether an empty page of a queue was ever written, may differ.
test.each(['heaptrunc-62-hot', 'queue-ext-48-hot'])('and no record: %s', async (id) => {
  const directory = temporaryDirectory();
  const once = path.join(directory, 'once');
  const twice = path.join(directory, 'twice');
  const { environment, expected } = corpusCase(id);
  await recoverEnvironment(nodeFiles, { environment, target: once });
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, once), target: twice });
  expect(expected.length).toBeGreaterThan(0);
  expect(compareDatabases(twice, expected)).toEqual([]);
});
