import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

test('a backup opens each of many files beside an environment once, and names them in one line', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  layDemoEnvironment(home);
  mkdirSync(path.join(home, 'letters'));
  for (let i = 0; i < 500; i++) writeFileSync(path.join(home, 'letters', `${i}.txt`), 'Dear reader');
  // What changed just now is looked at again each time.
  await setTimeout(2100);
  let opened = 0;
  const files = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (operation === 'openIfThere' && name.includes('letters')) opened++;
    },
  });
  const { manifest } = await takeBackup(files, 'hot', { home, repository: path.join(directory, 'repo') });
  expect(opened).toBe(500);
  expect(manifest.leftOut.filter(({ path: name }) => name.includes('letters'))).toEqual([
    { path: 'letters/', reason: 'other', count: 500 },
  ]);
});

test('a file that became a database since it was looked at is one, whatever its times say', async () => {
  const home = path.join(temporaryDirectory(), 'env');
  layDemoEnvironment(home);
  const found = discoverEnvironment(nodeFiles, home).files.find(({ kind }) => kind === 'database')!;
  const { size, mtimeMs } = found.stat;
  const bytes = nodeFiles.openIfThere(found.path)!;
  const whole = new Uint8Array(size);
  bytes.readAt(whole, 0);
  bytes.close();
  const copy = path.join(home, 'copy.bin');
  writeFileSync(copy, new Uint8Array(size).fill(7));
  utimesSync(copy, mtimeMs / 1000, mtimeMs / 1000);
  await setTimeout(2100);
  const kindOf = (): string | undefined =>
    discoverEnvironment(nodeFiles, home).files.find(({ path: file }) => file === copy)?.kind;
  expect([kindOf(), kindOf()]).toEqual([undefined, undefined]);
  writeFileSync(copy, whole);
  utimesSync(copy, mtimeMs / 1000, mtimeMs / 1000);
  expect(kindOf()).toBe('database');
});
