import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { chainsOf } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { manifestFormat, type Manifest, type SetKind } from '../../../src/engine/repository/manifest.ts';
import {
  asWriter,
  NewSet,
  createRepository,
  openRepository,
  readSets,
  type Repository,
} from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { takeLock } from '../../../src/engine/repository/lock.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure, failureOf, namesIn } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

let directory: string;

beforeEach(() => {
  directory = path.join(temporaryDirectory(), 'repo');
});

/** A set with nothing in it. */
function makeSet(repository: Repository, kind: SetKind, parent?: BackupSet, started = new Date()): BackupSet {
  const set = new NewSet(nodeFiles, repository, kind, started);
  return set.publish({ ...emptyManifest(set.id, kind, parent), started: started.toISOString() });
}

function emptyManifest(id: string, kind: SetKind, parent: BackupSet | undefined): Manifest {
  return {
    format: manifestFormat,
    program: 'test',
    id,
    kind,
    parent: parent?.id,
    chain: parent?.manifest.chain ?? id,
    source: '/srv/env',
    host: 'alto',
    started: '2026-11-22T08:15:00.000Z',
    finished: '2026-11-22T08:15:04.000Z',
    dataDirectories: [],
    logDirectory: undefined,
    files: [],
    leftOut: [],
    log: undefined,
    proof: undefined,
    warnings: [],
  };
}

describe('a repository', () => {
  test('that does not exist cannot be read', async () => {
    const error = await expectFailure('repository-missing', () => openRepository(nodeFiles, directory));
    expect(error.exitCode).toBe(5);
    expect(existsSync(directory)).toBe(false);
  });

  test('is created once, and is the same from then on', () => {
    const { id } = createRepository(nodeFiles, directory).repository;
    expect(createRepository(nodeFiles, directory).repository.id).toBe(id);
    expect(openRepository(nodeFiles, directory).id).toBe(id);
    expect(readdirSync(directory)).toEqual(['repository.json']);
  });

  test('is not created among other files', async () => {
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'thesis.txt'), '');
    await expectFailure('target-not-empty', () => createRepository(nodeFiles, directory));
    expect(readdirSync(directory)).toEqual(['thesis.txt']);
  });

  test('of a newer program is refused by the number of its format', async () => {
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'repository.json'), '{"format": 9, "shape": "round"}');
    const error = await expectFailure('format-unsupported', () => openRepository(nodeFiles, directory));
    expect(error.message).toContain('format 9, newer than 2');
  });

  test.each(['', '[]', 'null', '{"format":"1","id":"x"}', '{"format":1}', '{"format":0,"id":"x"}'])(
    'whose first file says %j is refused',
    async (contents) => {
      mkdirSync(directory);
      writeFileSync(path.join(directory, 'repository.json'), contents);
      await expectFailure('manifest-corrupt', () => createRepository(nodeFiles, directory));
    },
  );
});

describe('sets', () => {
  let repository: Repository;

  beforeEach(() => {
    ({ repository } = createRepository(nodeFiles, directory));
  });

  test('are named by time, kind and chance', () => {
    const { id } = makeSet(repository, 'hot', undefined, new Date('2026-11-22T08:15:00.999Z'));
    expect(id).toMatch(/^20261122T081500Z-hot-[0-9a-f]{6}$/);
    expect(namesIn(path.join(directory, id))).toEqual(['SHA256SUMS', 'environment', 'manifest.json']);
  });

  test('without a manifest are no sets', () => {
    const { id } = new NewSet(nodeFiles, repository, 'hot', new Date());
    const { sets, broken } = readSets(nodeFiles, repository);
    expect(sets).toEqual([]);
    expect(broken).toMatchObject([{ id, state: 'incomplete' }]);
  });

  test('of two runs at once are made one after the other, when the second waits', async () => {
    const order: string[] = [];
    const first = asWriter(nodeFiles, repository, async () => {
      await setTimeout(300);
      order.push('first');
    });
    await expectFailure('busy', () => asWriter(nodeFiles, repository, () => Promise.resolve()));
    const second = asWriter(nodeFiles, repository, () => Promise.resolve(order.push('second')), { lockWaitMs: 30_000 });
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });

  test('are not waited for longer than asked', async () => {
    const lock = takeLock(nodeFiles, directory);
    const before = performance.now();
    await expectFailure('busy', () => asWriter(nodeFiles, repository, () => Promise.resolve(), { lockWaitMs: 300 }));
    expect(performance.now() - before).toBeGreaterThanOrEqual(300);
    lock.release();
  });

  test('that are unfinished are swept by the next writer, and nothing else is', async () => {
    const whole = makeSet(repository, 'hot');
    const unfinished = new NewSet(nodeFiles, repository, 'hot', new Date());
    writeFileSync(path.join(unfinished.environment, 'a.dbxml'), 'half');
    const damaged = new NewSet(nodeFiles, repository, 'hot', new Date());
    writeFileSync(path.join(damaged.directory, 'manifest.json'), '{}');
    const elsewhere = temporaryDirectory();
    writeFileSync(path.join(elsewhere, 'precious'), '');
    const link = path.join(directory, '20261122T081500Z-hot-0123ab');
    if (!lacks.links) symlinkSync(elsewhere, link);
    mkdirSync(path.join(directory, 'notes'));
    await asWriter(nodeFiles, repository, () => Promise.resolve());
    const links = lacks.links ? [] : [path.basename(link)];
    const expected = [whole.id, damaged.id, ...links, 'notes', 'repository.json'].sort();
    expect(namesIn(directory)).toEqual(expected);
    expect(namesIn(elsewhere)).toEqual(['precious']);
  });

  test('whose manifest is another set’s are damaged', () => {
    const one = makeSet(repository, 'hot');
    const other = makeSet(repository, 'hot');
    const manifest = readFileSync(path.join(one.directory, 'manifest.json'));
    writeFileSync(path.join(other.directory, 'manifest.json'), manifest);
    const { sets, broken } = readSets(nodeFiles, repository);
    expect(sets.map(({ id }) => id)).toEqual([one.id]);
    expect(broken).toMatchObject([{ id: other.id, state: 'damaged' }]);
  });

  test('of one second are put in order by their parents', () => {
    const now = new Date();
    const full = makeSet(repository, 'offline', undefined, now);
    let last = full;
    const ids = [full.id];
    for (let i = 0; i < 5; i++) ids.push((last = makeSet(repository, 'incremental', last, now)).id);
    const { chains, orphans } = chainsOf(readSets(nodeFiles, repository).sets);
    expect(chains.map(({ sets }) => sets.map(({ id }) => id))).toEqual([ids]);
    expect(orphans).toEqual([]);
  });

  test('whose parent is gone, or has another successor, are in no chain', async () => {
    const full = makeSet(repository, 'hot', undefined, new Date(0));
    const first = makeSet(repository, 'incremental', full, new Date(1000));
    const second = makeSet(repository, 'incremental', first, new Date(2000));
    const rival = makeSet(repository, 'incremental', full, new Date(3000));
    expect(chainsOf([full, second]).orphans).toEqual([second]);
    expect(chainsOf([full, first, second, rival]).orphans).toEqual([rival]);
    const gap = await expectFailure('chain-gap', () => findChain([full, second], { chain: second.id }));
    expect(gap.message).toContain(`continues ${first.id}, which is not in the repository`);
    await expectFailure('chain-gap', () => findChain([full, first, rival], { toSet: rival.id }));
  });

  test('are found by chain and by where to stop', async () => {
    const old = makeSet(repository, 'hot', undefined, new Date(0));
    const oldNext = makeSet(repository, 'incremental', old, new Date(1000));
    const full = makeSet(repository, 'hot', undefined, new Date(2000));
    const { sets } = readSets(nodeFiles, repository);
    expect(findChain(sets).id).toBe(full.id);
    expect(findChain(sets, { chain: oldNext.id }).sets).toHaveLength(2);
    expect(findChain(sets, { toSet: old.id }).sets).toHaveLength(1);
    await expectFailure('set-missing', () => findChain(sets, { chain: 'nonsense' }));
    await expectFailure('set-missing', () => findChain(sets, { chain: full.id, toSet: oldNext.id }));
    expect((await failureOf(() => findChain([]))).details.hint).toContain('figaro-backup hot');
  });
});
