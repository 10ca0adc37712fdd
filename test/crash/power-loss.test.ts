import { createHash } from 'node:crypto';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeBackup } from '../../src/engine/backup/backup.ts';
import { type BackupKind, type BackupResult } from '../../src/engine/backup/backup-options.ts';
import { consolidate } from '../../src/engine/backup/consolidate.ts';
import { followOnce } from '../../src/engine/failover/follow.ts';
import { promote } from '../../src/engine/failover/promote.ts';
import { partsOf, requireStandby } from '../../src/engine/failover/standby.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { writeNew } from '../../src/engine/files/durable.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { readIfThere } from '../../src/engine/files/read.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { rehearse } from '../../src/engine/recovery/rehearse.ts';
import { discoverEnvironment } from '../../src/engine/environment/discover.ts';
import { type Environment } from '../../src/engine/environment/environment.ts';
import { chainEnvironment } from '../../src/engine/repository/chain.ts';
import { findChain } from '../../src/engine/repository/find-chain.ts';
import { expire } from '../../src/engine/repository/expire.ts';
import { asWriter, createRepository, openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { verifySets } from '../../src/engine/verify/verify-sets.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { keptState, rehearsedState } from '../support/proof-states.ts';
import { piecesOf } from '../support/standby.ts';
import { PowerLoss, VolatileDisk, type Survival } from '../support/power-loss.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { fingerprint } from '../support/trees.ts';
import { effort, isLongRun, sampled } from '../support/effort.ts';

const survivals: readonly Survival[] = ['none', 'names', 'some'];
/** In how many of these ways power is lost at each place; with one, in another way at the next place. */
const ways = effort('SURVIVALS', 1, survivals.length);

const disk = '/power-loss';
const repository = path.join(disk, 'repo');
const target = path.join(disk, 'recovered');

/** Numbers below one, the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function demo(): string {
  const home = path.join(temporaryDirectory(), 'env');
  demoApplication(home).commitUpTo([4, 72_115]);
  return home;
}

/** A full set, and an incremental with the tail of its last log file. */
async function chainInParts(): Promise<Environment> {
  const directory = temporaryDirectory();
  const options = { home: path.join(directory, 'env'), repository: path.join(directory, 'repo') };
  const application = demoApplication(options.home);
  application.commitUpTo([4, 72_115]);
  await takeBackup(nodeFiles, 'offline', options);
  application.commitUpTo([4, 100_000]);
  const { manifest } = await takeBackup(nodeFiles, 'incremental', options);
  expect(manifest.files.some(({ tailOf }) => tailOf)).toBe(true);
  return chainEnvironment(
    nodeFiles,
    findChain(readSets(nodeFiles, openRepository(nodeFiles, options.repository)).sets),
  );
}

/** Sets that are listed, after making sure that each of them is whole. */
async function soundSets({ files }: VolatileDisk): Promise<readonly string[]> {
  if (!files.statIfThere(path.join(repository, 'repository.json'))) return [];
  const opened = openRepository(files, repository);
  const { sets, broken } = readSets(files, opened);
  expect(broken.filter(({ state }) => state === 'damaged')).toEqual([]);
  if (sets.length > 0) expect((await verifySets(files, opened, { record: false })).findings).toEqual([]);
  return sets.map(({ id }) => id);
}

/** Tries the loss of power at every change that `work` makes to a disk, or at every so many; FAULT_EVERY=1 tries all. */
async function atEveryChange(
  prepared: VolatileDisk,
  work: (disk: VolatileDisk) => Promise<unknown>,
  check: (after: VolatileDisk, finished: boolean) => Promise<void>,
  every = 1,
): Promise<void> {
  const whole = prepared.copy();
  await work(whole);
  const total = whole.operations;
  expect(total).toBeGreaterThan(5);
  const stride = total < 20 ? 1 : effort('FAULT_EVERY', Math.ceil(total / 3), every);
  let places = 0;
  // The last one is after all of its work.
  for (let n = total % stride; n <= total; n += stride, places++) {
    const tried = prepared.copy();
    tried.losePowerAt(n);
    const outcome = await work(tried).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (outcome !== undefined && !(outcome instanceof PowerLoss)) throw outcome;
    for (let i = 0; i < ways; i++) {
      const survival = survivals[(places + i) % survivals.length]!;
      await check(tried.restarted(survival, randomNumbers(n)), outcome === undefined);
    }
  }
  console.log(`power lost at ${places} of ${total + 1} places in ${ways} of ${survivals.length} ways each`);
}

describe('the power may fail at any moment', () => {
  test('of a backup of many small files, which are synced together', async () => {
    const home = demo();
    for (let i = 0; i < 210; i++) writeNew(nodeFiles, path.join(home, `${i}.txt`), 'an invoice');
    const options = { home, repository, include: ['*.txt'] };
    let together = 0;
    await atEveryChange(
      new VolatileDisk(disk, nodeFiles),
      async ({ files }) =>
        await takeBackup(
          watchedFiles(files, { before: (operation) => void (together += operation === 'syncAll' ? 1 : 0) }),
          'hot',
          options,
        ),
      async (after, finished) => expect(await soundSets(after)).toHaveLength(finished ? 1 : 0),
      37,
    );
    expect(together).toBeGreaterThan(1);
  });

  test.each(sampled(['hot', 'offline', 'incremental', 'consolidate'] as const, 4))(
    'of a backup: %s',
    async (kind) => {
      const home = path.join(temporaryDirectory(), 'env');
      const application = demoApplication(home);
      application.commitUpTo([4, 72_115]);
      const prepared = new VolatileDisk(disk, nodeFiles);
      const options = { home, repository };
      const take = async (files: Files): Promise<unknown> =>
        kind === 'consolidate'
          ? await consolidate(files, openRepository(files, repository))
          : await takeBackup(files, kind, options);
      if (kind === 'incremental' || kind === 'consolidate') {
        await takeBackup(prepared.files, 'offline', options);
        application.commitUpTo([6, 5737]);
      }
      if (kind === 'consolidate') await takeBackup(prepared.files, 'incremental', options);
      const before = fingerprint(home);
      const earlier = await soundSets(prepared);
      await atEveryChange(
        prepared,
        async ({ files }) => await take(files),
        async (after, finished) => {
          const ids = await soundSets(after);
          for (const id of earlier) expect(ids).toContain(id);
          // A set that was reported is there for good.
          if (finished) expect(ids).toHaveLength(earlier.length + 1);
          after.files.remove(path.join(repository, 'lock'));
          await take(after.files);
          expect((await soundSets(after)).length).toBeGreaterThan(earlier.length);
        },
      );
      expect(fingerprint(home)).toEqual(before);
    },
    600_000,
  );

  test('of an incremental whose proof goes on from the one before', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const prepared = new VolatileDisk(disk, nodeFiles);
    const take = ({ files }: VolatileDisk, kind: BackupKind = 'incremental'): Promise<BackupResult> =>
      takeBackup(files, kind, { home, repository });
    await take(prepared, 'offline');
    application.commitUpTo([5, 28]);
    const { id } = await take(prepared);
    application.commitUpTo([5, 110_402]);
    const tried = prepared.copy();
    expect((await take(tried)).manifest.proof!.from).toBe(id);
    const [whole, source] = [await rehearsedState(repository, tried.files), fingerprint(home)];
    await atEveryChange(
      prepared,
      (during) => take(during),
      async (after) => {
        // What was left behind is of a set that is there, whole, or it counts for nothing.
        after.files.remove(path.join(repository, 'lock'));
        const set = await take(after);
        if (!set.nothingNew) expect(set.manifest.proof!.state).toBeDefined();
        expect(keptState(repository, after.files)).toEqual(whole);
      },
      2,
    );
    expect(fingerprint(home)).toEqual(source);
  }, 600_000);

  test('of a repository that is made', async () => {
    await atEveryChange(
      new VolatileDisk(disk, nodeFiles),
      async ({ files }) => createRepository(files, repository),
      async (after, finished) => {
        const found = after.files.statIfThere(path.join(repository, 'repository.json'));
        if (finished) expect(found).toBeDefined();
        const made = createRepository(after.files, repository);
        expect(made.created).toBe(found === undefined);
        await asWriter(after.files, made.repository, () => Promise.resolve());
        expect(after.files.listIfThere(repository)).toEqual(['repository.json']);
      },
    );
  });

  test.runIf(isLongRun)(
    'of chains that expire',
    async () => {
      const home = demo();
      const prepared = new VolatileDisk(disk, nodeFiles);
      for (let i = 0; i < 3; i++) await takeBackup(prepared.files, 'offline', { home, repository });
      const newest = (await soundSets(prepared)).at(-1)!;
      const keepOne = async ({ files }: VolatileDisk): Promise<unknown> =>
        await expire(files, openRepository(files, repository), { full: 1 });
      await atEveryChange(prepared, keepOne, async (after, finished) => {
        const ids = await soundSets(after);
        expect(ids).toContain(newest);
        if (finished) expect(ids).toEqual([newest]);
        after.files.remove(path.join(repository, 'lock'));
        await keepOne(after);
        expect(await soundSets(after)).toEqual([newest]);
        expect(after.files.listIfThere(repository)).toEqual([newest, 'repository.json']);
      });
    },
    600_000,
  );

  test.each([
    ['a plain copy', () => Promise.resolve(discoverEnvironment(nodeFiles, demo()))],
    ['a chain whose log is in parts', chainInParts],
  ] as const)(
    'of a recovery of %s',
    async (_what, prepare) => {
      const environment = await prepare();
      const tree = ({ files }: VolatileDisk): Map<string, string> =>
        new Map((files.listIfThere(target) ?? []).map((name) => [name, contentsOf(files, path.join(target, name))]));
      const prepared = new VolatileDisk(disk, nodeFiles);
      const whole = prepared.copy();
      await recoverEnvironment(whole.files, { environment, target });
      const result = tree(whole);
      await atEveryChange(
        prepared,
        async ({ files }) => await recoverEnvironment(files, { environment, target }),
        async (after, finished) => {
          // The target is there whole, or not at all.
          const found = after.files.statIfThere(target);
          if (finished) expect(found).toBeDefined();
          if (found) expect(tree(after)).toEqual(result);
          else await recoverEnvironment(after.files, { environment, target });
          expect(tree(after)).toEqual(result);
        },
      );
    },
    600_000,
  );
});

/** Of log files only the size: finishing records tell the time. */
function contentsOf(files: VolatileDisk['files'], file: string): string {
  const bytes = readIfThere(files, file)!;
  return path.basename(file).startsWith('log.')
    ? String(bytes.length)
    : createHash('sha256').update(bytes).digest('hex');
}

describe.runIf(isLongRun)('the power may fail at any moment of a standby', () => {
  const standby = path.join(disk, 'standby');
  const follow = ({ files }: VolatileDisk, home: string): Promise<unknown> =>
    followOnce(files, { directory: standby, followed: { home, repo: undefined }, watch: {} });

  test.each([
    ['that is made', undefined],
    ['that goes on', [4, 72_115] as const],
  ])(
    '%s',
    async (_what, before) => {
      const home = path.join(temporaryDirectory(), 'env');
      const application = demoApplication(home);
      application.commitUpTo([4, 72_115]);
      const prepared = new VolatileDisk(disk, nodeFiles);
      if (before) {
        await follow(prepared, home);
        application.commitUpTo([6, 5737]);
      }
      const whole = prepared.copy();
      await follow(whole, home);
      const result = piecesOf(whole.files, standby);
      await atEveryChange(
        prepared,
        async (tried) => await follow(tried, home),
        async (after, finished) => {
          after.files.remove(path.join(standby, 'lock'));
          if (finished) expect(requireStandby(after.files, standby).state.phase).toBe('following');
          await follow(after, home);
          expect(piecesOf(after.files, standby)).toEqual(result);
        },
        11,
      );
    },
    600_000,
  );

  test('that is promoted', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const prepared = new VolatileDisk(disk, nodeFiles);
    await follow(prepared, home);
    application.commitUpTo([6, 5737]);
    const bringUp = ({ files }: VolatileDisk): Promise<unknown> => promote(files, { directory: standby, watch: {} });
    const whole = prepared.copy();
    await bringUp(whole);
    const result = piecesOf(whole.files, standby);
    await atEveryChange(
      prepared,
      bringUp,
      async (after, finished) => {
        after.files.remove(path.join(standby, 'lock'));
        const { phase } = requireStandby(after.files, standby).state;
        if (finished) expect(phase).toBe('promoted');
        if (phase !== 'promoted') await bringUp(after);
        expect(piecesOf(after.files, standby)).toEqual(result);
        // Its log is whole, and ends where the promotion ended it.
        const promoted = discoverEnvironment(after.files, partsOf(standby).home);
        const { transactionsUndone, changesRedone, logEnd } = await rehearse(after.files, promoted);
        expect({ transactionsUndone, changesRedone }).toEqual({ transactionsUndone: 15, changesRedone: 0 });
        expect(logEnd.offset).toBeGreaterThan(5739);
      },
      5,
    );
  }, 600_000);
});
