import { copyFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { corpusCase } from '../../support/corpus.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';

const letter = 'Dear reader, '.repeat(10);

test('a backup opens each of many files beside an environment once, looks at it twice, and names them in one line', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  layDemoEnvironment(home);
  mkdirSync(path.join(home, 'letters'));
  for (let i = 0; i < 500; i++) writeFileSync(path.join(home, 'letters', `${i}.txt`), letter);
  // What changed just now is looked at again each time.
  await setTimeout(2100);
  let opened = 0;
  let lookedAt = 0;
  let listed = 0;
  const files = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (!name.includes('letters')) return;
      if (operation === 'openIfThere') opened++;
      if (operation === 'statThrough' && name.endsWith('.txt')) lookedAt++;
      if (operation === 'listIfThere') listed++;
    },
  });
  const { manifest } = await takeBackup(files, 'hot', { home, repository: path.join(directory, 'repo') });
  expect({ opened, lookedAt, listed }).toEqual({ opened: 500, lookedAt: 1000, listed: 2 });
  expect(manifest.leftOut.filter(({ path: name }) => name.includes('letters'))).toEqual([
    { path: 'letters/', reason: 'other', count: 500 },
  ]);
});

test.each([
  ['hot', 3],
  ['offline', 3],
] as const)(
  '%s looks at each of many containers %i times, and opens each once to see what it is',
  async (kind, looks) => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    layDemoEnvironment(home);
    await setTimeout(2100);
    let lookedAt = 0;
    let opened = 0;
    const files = watchedFiles(nodeFiles, {
      showsWrites: true,
      before(operation, name) {
        if (name !== path.join(home, 'd.dbxml')) return;
        if (operation === 'statThrough') lookedAt++;
        if (operation === 'openIfThere') opened++;
      },
    });
    await takeBackup(files, kind, { home, repository: path.join(directory, 'repo') });
    // To see what it is, and to copy it.
    expect({ lookedAt, opened }).toEqual({ lookedAt: looks, opened: 2 });
  },
);

test.each(['hot', 'offline'] as const)(
  '%s opens the copy of each of many small containers once to prove it, and looks at each copy once',
  async (kind) => {
    const { home, repository } = newPlace();
    layDemoEnvironment(home);
    copyFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'), path.join(home, 'wallet'));
    await setTimeout(2100);
    let opened = 0;
    let lookedAt = 0;
    const files = watchedFiles(nodeFiles, {
      showsWrites: true,
      before(operation, name) {
        if (!name.startsWith(repository)) return;
        if (path.basename(name) !== 'wallet') return;
        if (operation === 'openIfThere') opened++;
        if (operation === 'statIfThere' || operation === 'statThrough') lookedAt++;
      },
    });
    await takeBackup(files, kind, { home, repository });
    expect({ opened, lookedAt }).toEqual({ opened: 1, lookedAt: 1 });
  },
);

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

test('many files that are named like databases are told of in one warning', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  layDemoEnvironment(home);
  for (let i = 0; i < 150; i++) writeFileSync(path.join(home, `${i}.db`), letter);
  const { manifest } = await takeBackup(nodeFiles, 'hot', { home, repository: path.join(directory, 'repo') });
  expect(manifest.leftOut).toContainEqual({ path: './', reason: 'other', count: 150 });
  expect(manifest.warnings.filter((warning) => warning.includes('.db'))).toEqual([
    '150 files such as 0.db are no Berkeley DB databases and are left out: take them with --include, or silence this with --exclude',
  ]);
});

test.each([
  ['is empty', 0],
  ['does not begin as a database does', 200],
])('a database of earlier sets that %s is found among many files', async (problem, size) => {
  const { home, repository } = newPlace();
  layDemoEnvironment(home);
  const wallet = path.join(home, 'wallet');
  copyFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'), wallet);
  await takeBackup(nodeFiles, 'hot', { home, repository });
  for (let i = 0; i < 150; i++) writeFileSync(path.join(home, `letter-${i}`), letter.slice(0, size));
  writeFileSync(wallet, Buffer.alloc(size));
  const error = await expectFailure('page-type', () => takeBackup(nodeFiles, 'hot', { home, repository }));
  expect(error.message).toContain(`wallet ${problem}, and is a database in`);
});
