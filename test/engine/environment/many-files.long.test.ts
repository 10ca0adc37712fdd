import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { findGone, RemovedFiles } from '../../../src/engine/backup/gone.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { pagedFiles } from '../../../src/engine/environment/paged-files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Chain } from '../../../src/engine/repository/chain.ts';
import { metaAt } from '../../../src/format/page/meta.ts';
import { corpusCase } from '../../support/corpus.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace, type Place } from '../../support/place.ts';

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
  ['hot', 1],
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
  '%s reads the copy of each of many small containers once to prove it, when it is written, and looks at each copy once',
  async (kind) => {
    const { home, repository } = newPlace();
    layDemoEnvironment(home);
    copyFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'), path.join(home, 'wallet'));
    await setTimeout(2100);
    let [opened, read, lookedAt] = [0, 0, 0];
    const files = watchedFiles(nodeFiles, {
      showsWrites: true,
      before(operation, name) {
        if (!name.startsWith(repository)) return;
        if (path.basename(name) !== 'wallet') return;
        if (operation === 'openIfThere') opened++;
        if (operation === 'readAt') read++;
        if (operation === 'statIfThere' || operation === 'statThrough') lookedAt++;
      },
    });
    await takeBackup(files, kind, { home, repository });
    expect({ opened, read, lookedAt }).toEqual({ opened: 0, read: 1, lookedAt: 1 });
  },
);

/** An environment with so many databases that differ in their ids alone. */
function layWallets(count: number): Place {
  const place = newPlace();
  layDemoEnvironment(place.home);
  const bytes = readFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'));
  for (let i = 0; i < count; i++) {
    bytes.writeUInt32LE(i, metaAt.uid);
    writeFileSync(path.join(place.home, `wallet${i}`), bytes);
  }
  return place;
}

test.each(['hot', 'offline'] as const)('%s does no more for each of twice as many containers', async (kind) => {
  const [few, many] = [layWallets(10), layWallets(20)];
  await setTimeout(2100);
  const workOf = async (place: Place): Promise<{ readonly calls: number; readonly buffers: number }> => {
    let calls = 0;
    const buffers = new Set<ArrayBufferLike>();
    const files = watchedFiles(nodeFiles, {
      showsWrites: true,
      before: (_, file) => void (calls += file.includes('wallet') ? 1 : 0),
      afterRead: (file, { buffer }) => void (file.startsWith(place.home) && buffers.add(buffer)),
    });
    await takeBackup(files, kind, place);
    return { calls, buffers: buffers.size };
  };
  const [ofFew, ofMany] = [await workOf(few), await workOf(many)];
  expect(ofMany.calls).toBe(2 * ofFew.calls);
  // They are read one after the other, into the same memory: the first run may take some that the second finds.
  expect(ofMany.buffers).toBeLessThan(ofFew.buffers + 10 / 2);
});

test('a queue is opened once to tell where its extents begin, however many there are', () => {
  const environment = discoverEnvironment(nodeFiles, corpusCase('queue-ext-48-hot').backup);
  const opened: Record<string, number> = {};
  const files = watchedFiles(nodeFiles, {
    before(operation, file) {
      const name = path.basename(file);
      if (operation === 'openIfThere') opened[name] = (opened[name] ?? 0) + 1;
    },
  });
  const extents = pagedFiles(files, environment).filter(({ file }) => file.kind === 'queue-extent');
  expect(extents.map(({ file }) => file.name)).toEqual(['__dbq.qe.db.11', '__dbq.qe.db.12']);
  expect(opened).toEqual({ 'qe.db': 1 });
});

/** How often a database is asked for its id, when those of a source are compared with those of the chain before. */
function idsAsked(count: number): number {
  let asked = 0;
  const named = (i: number): { readonly path: string; readonly databaseId: string } => ({
    path: `${i}.db`,
    get databaseId() {
      asked += 1;
      return String(i).padStart(40, '0');
    },
  });
  const databases = Array.from({ length: count }, (_, i) => named(i));
  const before = { id: 'before', sets: [{ manifest: { files: [], created: databases } }] } as unknown as Chain;
  const now = { source: '/env', databases: [...databases].reverse(), leftOut: [], removed: new RemovedFiles() };
  const rest = { sourceLog: new Map(), firstCopied: undefined, isOpaque: false, chains: new Set<string>() };
  expect(findGone(nodeFiles, before, { ...now, ...rest })).toEqual([]);
  return asked;
}

test('twice as many databases are looked for in the chain before by twice as many looks', () => {
  expect(idsAsked(200)).toBe(2 * idsAsked(100));
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
