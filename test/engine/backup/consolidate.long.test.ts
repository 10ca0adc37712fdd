/** Full sets made of a chain, on the recorded DB XML application: what they say of themselves, what goes on from them, what is refused. */

import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { consolidate, type Consolidation } from '../../../src/engine/backup/consolidate.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { type BackupOptions } from '../../../src/engine/backup/backup-options.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverFrom } from '../../../src/engine/recovery/recover-from.ts';
import { type RestorePoint } from '../../../src/engine/recovery/restore-point.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { chainsOf } from '../../../src/engine/repository/chain.ts';
import { expire } from '../../../src/engine/repository/expire.ts';
import { assessHealth } from '../../../src/engine/repository/health.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import {
  openRepository,
  readSets,
  removeSet,
  setNames,
  type Repository,
} from '../../../src/engine/repository/repository.ts';
import { verifySets } from '../../../src/engine/verify/verify-sets.ts';
import { type RecordedApplication } from '../../../demo/application.ts';
import { corpusCase } from '../../support/corpus.ts';
import { flipBit } from '../../support/damage.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

const ends = [
  [4, 72_115],
  [4, 110_000],
  [5, 110_402],
  [6, 5737],
] as const;

let directory: string;
let home: string;
let at: string;
let application: RecordedApplication;

beforeEach(() => {
  ({ directory, home, repository: at } = newPlace());
  application = demoApplication(home);
});
afterEach(() => {
  vi.useRealTimers();
});

const repository = (): Repository => openRepository(nodeFiles, at);
const make = (chain?: string): Promise<Consolidation> =>
  consolidate(nodeFiles, repository(), chain === undefined ? {} : { chain });

/** The application goes on to the end with this number, and a set is taken. */
async function take(kind: 'hot' | 'incremental', end: number, more: Partial<BackupOptions> = {}): Promise<BackupSet> {
  application.commitUpTo(ends[end]!);
  return await takeBackup(nodeFiles, kind, { home, repository: at, ...more });
}

async function recovered(options: { chain?: string; restorePoint?: RestorePoint } = {}): Promise<{
  readonly contents: Record<string, string>;
  readonly chain: string;
}> {
  const { restorePoint, ...choice } = options;
  const target = mkdtempSync(path.join(directory, 'recovered-'));
  const from = { repository: repository(), ...choice };
  const { chain } = await recoverFrom(nodeFiles, from, { target, ...(restorePoint ? { restorePoint } : {}) });
  return { contents: contentsOf(target), chain: chain!.id };
}

const chainsNow = (): readonly string[] => chainsOf(readSets(nodeFiles, repository()).sets).chains.map(({ id }) => id);

test('a chain becomes a full set when its environment is gone, and neither its sets nor anything else changes', async () => {
  const full = await take('hot', 0);
  const last = await take('incremental', 2);
  const wanted = await recovered();
  rmSync(home, { recursive: true });
  const before = [full, last].map((set) => fingerprint(set.directory));
  const { set, chain, upTo } = await make();
  expect({ chain, upTo: upTo.id }).toEqual({ chain: full.id, upTo: last.id });
  expect([full, last].map((one) => fingerprint(one.directory))).toEqual(before);
  expect(namesIn(set!.directory)).toEqual(['SHA256SUMS', 'environment', 'manifest.json']);
  expect(setNames(nodeFiles, at).toSorted()).toEqual([full.id, last.id, set!.id].sort());
  const { manifest } = set!;
  expect(manifest).toMatchObject({
    kind: 'consolidated',
    chain: set!.id,
    after: full.id,
    source: home,
    proof: { changesRedone: 0, changesUndone: 0, structure: 'all' },
    log: { end: last.manifest.log!.end, lastCommit: last.manifest.log!.lastCommit, recoveryRequired: false },
  });
  expect((await verifySets(nodeFiles, repository(), { rehearse: true })).findings).toEqual([]);
  expect(await recovered()).toEqual({ contents: wanted.contents, chain: set!.id });
});

test('files keep their names, owners, permissions and directories, and those of the application what they hold', async () => {
  application.commitUpTo(ends[0]);
  writeFileSync(path.join(home, 'DB_CONFIG'), 'set_data_dir data\n');
  mkdirSync(path.join(home, 'data'));
  mkdirSync(path.join(home, 'attachments'));
  writeFileSync(path.join(home, 'attachments/one.xml'), '<one/>');
  chmodSync(path.join(home, 'data'), 0o710);
  chmodSync(path.join(home, 'd.dbxml'), 0o604);
  copyFileSync(path.join(home, 'd.dbxml'), path.join(home, 'd.bak'));
  const include = ['attachments/**'];
  await take('hot', 0, { include });
  writeFileSync(path.join(home, 'attachments/two.xml'), '<two/>');
  const last = await take('incremental', 2, { include });
  const { set } = await make();
  const copy = path.join(set!.directory, 'environment');
  expect(readFileSync(path.join(copy, 'attachments/two.xml'), 'utf8')).toBe('<two/>');
  const { mode } = statSync(path.join(home, 'd.dbxml'));
  if (!lacks.owners) expect(mode & 0o777).toBe(0o604);
  expect(statSync(path.join(copy, 'd.dbxml')).mode).toBe(mode);
  const data = statSync(path.join(home, 'data')).mode & 0o777;
  if (!lacks.owners) expect(data).toBe(0o710);
  expect(set!.manifest.directories).toContainEqual(expect.objectContaining({ path: 'data', mode: data }));
  const entry = (manifest: Manifest, name: string): object | undefined =>
    manifest.files.find((file) => file.path === name);
  const full = readSets(nodeFiles, repository()).sets[0]!.manifest;
  for (const name of ['d.bak', 'attachments/one.xml']) expect(entry(set!.manifest, name)).toEqual(entry(full, name));
  expect(entry(set!.manifest, 'attachments/two.xml')).toEqual(entry(last.manifest, 'attachments/two.xml'));
  expect(set!.manifest.settings).toEqual({ dbConfig: 'set_data_dir data\n' });
  expect((await verifySets(nodeFiles, repository())).findings).toEqual([]);
});

test('its age is that of the state: neither check nor expire take an old state for a new one', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-01T00:00:00Z') });
  await take('hot', 0);
  vi.setSystemTime(new Date('2026-11-02T00:00:00Z'));
  const last = await take('incremental', 2);
  vi.setSystemTime(new Date('2026-11-02T06:00:00Z'));
  expect((await take('incremental', 2)).id).toBe(last.id);
  vi.setSystemTime(new Date('2026-11-05T00:00:00Z'));
  const { set } = await make();
  expect(set!.id).toMatch(/^20261105T000000Z-consolidated-/);
  const { started, finished, consolidated } = set!.manifest;
  expect({ started, finished }).toEqual({ started: last.manifest.started, finished: last.manifest.finished });
  expect(consolidated!.started).toBe('2026-11-05T00:00:00.000Z');
  const { newest, problems } = assessHealth(nodeFiles, repository());
  // The last look at the source goes along.
  expect(newest).toMatchObject({ set: set!.id, lastLook: '2026-11-02T06:00:00.000Z', ageMs: 66 * 3_600_000 });
  expect(problems.map(({ code }) => code)).toEqual(['stale']);
});

test('the next incremental continues it, and earlier moments stay with the chain that it was made of', async () => {
  const full = await take('hot', 0);
  const middle = await take('incremental', 1);
  await take('incremental', 2);
  const { set } = await make();
  const next = await take('incremental', 3);
  expect(next.manifest).toMatchObject({ parent: set!.id, chain: set!.id });
  const commit = (one: BackupSet): RestorePoint => ({ kind: 'lsn', lsn: one.manifest.log!.lastCommit!.lsn });
  const early = await recovered({ restorePoint: commit(middle) });
  expect(early.chain).toBe(full.id);
  // Its state is the first moment that it has itself.
  expect(next.manifest.log!.firstCommit).toEqual(set!.manifest.log!.lastCommit);
  expect((await recovered({ restorePoint: commit(set!) })).chain).toBe(set!.id);
  expect((await recovered({ restorePoint: commit(next) })).chain).toBe(set!.id);
  const point = { chain: set!.id, restorePoint: commit(middle) };
  await expectFailure('restore-point-unreachable', () => recovered(point));
  await expire(nodeFiles, repository(), { full: 1 });
  expect(chainsNow()).toEqual([set!.id]);
  await expectFailure('restore-point-unreachable', () => recovered({ restorePoint: commit(middle) }));
});

test('an older chain that is consolidated stays older, also when the chain is gone', async () => {
  const first = await take('hot', 0);
  await take('incremental', 1);
  const second = await take('hot', 2);
  const { set } = await make(first.id);
  expect(chainsNow()).toEqual([first.id, set!.id, second.id]);
  for (const one of readSets(nodeFiles, repository()).sets.toReversed()) {
    if (one.manifest.chain === first.id) removeSet(nodeFiles, repository(), one);
  }
  expect(chainsNow()).toEqual([set!.id, second.id]);
  expect((await take('incremental', 3)).manifest.chain).toBe(second.id);
});

test('what it was made of may be damaged afterwards: that is nothing newer', async () => {
  await take('hot', 0);
  const last = await take('incremental', 2);
  const { set } = await make();
  writeFileSync(path.join(last.directory, 'manifest.json'), '{}');
  expect((await recovered()).chain).toBe(set!.id);
  expect((await take('incremental', 3)).manifest.chain).toBe(set!.id);
});

test('a standby that follows the repository goes on from it', async () => {
  await take('hot', 0);
  const follow = (): ReturnType<typeof followOnce> =>
    followOnce(nodeFiles, { directory: path.join(directory, 'standby'), followed: { home: undefined, repo: at } });
  await follow();
  await take('incremental', 2);
  await make();
  const next = await take('incremental', 3);
  expect((await follow()).end).toEqual(next.manifest.log!.end);
});

test('a chain that is nothing but a full set is left alone, and a dry run writes nothing', async () => {
  const full = await take('hot', 0);
  expect(await make()).toMatchObject({ chain: full.id, set: undefined, room: undefined });
  await take('incremental', 2);
  const before = fingerprint(at);
  const { set, room } = await consolidate(nodeFiles, repository(), { dryRun: true });
  expect(set).toBeUndefined();
  expect(room!.bytesNeeded).toBeGreaterThan(500_000);
  expect(fingerprint(at)).toEqual(before);
});

describe('is refused by name, and leaves nothing behind', () => {
  let full: BackupSet;
  let last: BackupSet;
  beforeEach(async () => {
    full = await take('hot', 0);
    await take('incremental', 1);
    last = await take('incremental', 2);
  });

  const inSet = ({ directory: of }: BackupSet, name: string): string => path.join(of, 'environment', name);

  test.each([
    ['a container with other bytes', () => flipBit(inSet(full, 'd.dbxml'), 20_000), 'file-checksum'],
    ['log with other bytes', () => flipBit(inSet(last, 'log.0000000005'), 20_000), 'log-corrupt'],
    ['a log file that is missing', () => rmSync(inSet(last, 'log.0000000005')), 'set-incomplete'],
    ['a container that is missing', () => rmSync(inSet(full, 'd.dbxml')), 'set-incomplete'],
  ] as const)('%s', async (_what, damage, code) => {
    damage();
    const before = fingerprint(at);
    await expectFailure(code, () => make());
    expect(namesIn(at).filter((name) => name.includes('consolidated'))).toEqual([]);
    expect(fingerprint(at).length).toBe(before.length);
  });

  test('a set in the middle that is missing, unless the chain is named', async () => {
    const middle = readSets(nodeFiles, repository()).sets[1]!;
    rmSync(middle.directory, { recursive: true });
    await expectFailure('chain-gap', () => make());
    expect(await make(full.id)).toMatchObject({ set: undefined });
  });

  test('a copy of a damaged source', async () => {
    const file = path.join(full.directory, 'manifest.json');
    const manifest = decodeManifest(readFileSync(file, 'utf8'), file);
    const unsound = [{ path: 'd.dbxml', code: 'page-type', message: 'd.dbxml: page 3 is damaged' }];
    writeFileSync(file, encodeManifest({ ...manifest, unsound }));
    await expectFailure('not-recoverable', () => make(full.id));
  });

  test('a disk without room for it', async () => {
    const files = { ...nodeFiles, freeSpace: () => 1000 };
    await expectFailure('no-space', () => consolidate(files, repository()));
    expect(setNames(nodeFiles, at)).toHaveLength(3);
  });

  test('a manifest that does not say what a consolidated set was made of', async () => {
    const { set } = await make();
    const { consolidated: _made, ...manifest } = set!.manifest;
    writeFileSync(path.join(set!.directory, 'manifest.json'), encodeManifest(manifest));
    expect(readSets(nodeFiles, repository()).broken).toMatchObject([{ id: set!.id, code: 'manifest-corrupt' }]);
  });
});

describeNative('a database that is written without the log', () => {
  test('is as it was when it was copied, and every set says in which', async () => {
    rmSync(home, { recursive: true, force: true });
    const session = new Session(home, ['--log-max', '60000']);
    session.do('open a auto a.db - btree 1024', 'open b none b.db - btree 1024', 'put a auto 0 50 80 first');
    session.do('put b none 0 50 80 first', 'sync', 'checkpoint');
    const backUp = (kind: 'hot' | 'incremental'): Promise<BackupSet> =>
      takeBackup(nodeFiles, kind, { home, repository: at });
    const full = await backUp('hot');
    let first = full.manifest.log!.firstFile;
    for (const text of ['second', 'third']) {
      session.do(`put a auto 0 500 200 ${text}`, 'put b none 0 50 80 second', 'sync', 'checkpoint');
      await backUp('incremental');
      const { set } = await make();
      // The log that nobody needs any more is not in it.
      expect(set!.manifest.log!.firstFile).toBeGreaterThan(first);
      first = set!.manifest.log!.firstFile;
      const entry = set!.manifest.files.find((file) => file.path === 'b.db');
      expect(entry).toMatchObject({ unlogged: true, copiedIn: full.id });
      expect(set!.manifest.warnings.join()).toContain(`b.db is written without the log: it is as it was in ${full.id}`);
    }
    session.do('put a auto 0 50 80 fourth', 'flush');
    const { manifest } = await backUp('incremental');
    expect(manifest.warnings.join()).toContain(`the chain has it as it was in ${full.id}`);
  });
});

test('an environment without a log has nothing to consolidate', async () => {
  const { backup } = corpusCase('dbxml-ds');
  await takeBackup(nodeFiles, 'offline', { home: backup, repository: at });
  await expectFailure('usage', () => make());
});
