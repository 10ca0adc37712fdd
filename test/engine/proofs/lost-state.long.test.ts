/** What a proof leaves behind is a cache: whatever becomes of it, nothing is refused for that, and nothing less is proven. */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RecordedApplication } from '../../../demo/application.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { type BackupKind, type BackupResult } from '../../../src/engine/backup/backup-options.ts';
import { FigaroError } from '../../../src/errors.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { expire } from '../../../src/engine/repository/expire.ts';
import { openRepository } from '../../../src/engine/repository/repository.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { newPlace, placeIn, type Place } from '../../support/place.ts';
import { keptState, rehearsedState } from '../../support/proof-states.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { lacks, slashed } from '../../support/windows.ts';

let place: Place;
let application: RecordedApplication;
/** Where the state of the chain is. */
let state: string;
let newest: BackupResult;

const take = (kind: BackupKind = 'incremental', files: Files = nodeFiles): Promise<BackupResult> =>
  takeBackup(files, kind, { home: place.home, repository: place.repository });

/** A chain of three sets, made once: every test has a copy. */
const prepared = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
afterAll(() => rmSync(prepared, { recursive: true, force: true }));

beforeAll(async () => {
  place = placeIn(prepared);
  application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  const { id } = await take('offline');
  state = path.join(place.repository, 'proofs', id);
  application.commitUpTo([5, 28]);
  await take();
  cpSync(state, path.join(place.directory, 'earlier'), { recursive: true });
  application.commitUpTo([5, 110_402]);
  newest = await take();
  application.commitUpTo([6, 5737]);
});

beforeEach(() => {
  place = newPlace();
  cpSync(prepared, place.directory, { recursive: true, preserveTimestamps: true });
  state = path.join(place.repository, 'proofs', newest.manifest.chain);
});

const inState = (name: string): string => path.join(state, name);
const blocks = (): string[] =>
  readdirSync(state)
    .filter((name) => name.endsWith('.blocks'))
    .map(inState);

function flip(file: string, every: number): void {
  const bytes = readFileSync(file);
  for (let at = every / 2; at < bytes.length; at += every) bytes[at]! ^= 4;
  writeFileSync(file, bytes);
}

async function expectProven(set: BackupResult): Promise<void> {
  expect(keptState(place.repository)).toEqual(await rehearsedState(place.repository));
  expect(set.manifest.warnings).toEqual(newest.manifest.warnings);
}

test('a proof goes on from the one before, and says so', async () => {
  expect(newest.manifest.proof).toMatchObject({ from: newest.manifest.parent, structure: 'changed' });
  const set = await take();
  expect(set.manifest.proof).toMatchObject({ from: newest.id });
  expect(set.manifest.proof!.anew).toBeUndefined();
  await expectProven(set);
});

test.each<[string, () => void]>([
  ['is lost', () => rmSync(state, { recursive: true })],
  ['has lost what tells of it', () => rmSync(inState('state.json'))],
  ['has lost its blocks', () => blocks().forEach((file) => rmSync(file))],
  ['is torn', () => blocks().forEach((file) => truncateSync(file, statSync(file).size / 2))],
  ['has other bits', () => blocks().forEach((file) => flip(file, 512))],
  ['has another bit in what tells of it', () => flip(inState('state.json'), 400)],
  [
    'is of an earlier set',
    () => {
      rmSync(state, { recursive: true });
      cpSync(path.join(place.directory, 'earlier'), state, { recursive: true });
    },
  ],
  [
    'tells of itself what its blocks are not',
    () => {
      for (const file of blocks()) cpSync(path.join(place.directory, 'earlier', path.basename(file)), file);
    },
  ],
  [
    'is forged',
    () => {
      const told = JSON.parse(readFileSync(inState('state.json'), 'utf8')) as { files: { baseBytes: number }[] };
      for (const file of told.files) file.baseBytes = 0;
      writeFileSync(inState('state.json'), JSON.stringify(told));
    },
  ],
  [
    'is a directory where it should be told of',
    () => (rmSync(inState('state.json')), mkdirSync(inState('state.json'))),
  ],
])('where it %s, the whole chain is rehearsed', async (_what, damage) => {
  damage();
  const set = await take();
  expect(set.manifest.proof!.from).toBeUndefined();
  // Wherever the repository is when somebody reads it.
  expect(slashed(set.manifest.proof!.anew!)).toContain('proofs/');
  expect(set.manifest.proof!.anew).not.toContain(place.repository);
  if (set.manifest.proof!.state === undefined) return;
  await expectProven(set);
});

test('what another chain has left behind counts for nothing', async () => {
  const other = { ...newPlace(), home: path.join(place.directory, 'other') };
  const elsewhere = demoApplication(other.home);
  elsewhere.commitUpTo([4, 72_115]);
  await takeBackup(nodeFiles, 'offline', other);
  elsewhere.commitUpTo([5, 110_402]);
  const { manifest } = await takeBackup(nodeFiles, 'incremental', other);
  rmSync(state, { recursive: true });
  cpSync(path.join(other.repository, 'proofs', manifest.chain), state, { recursive: true });
  const set = await take();
  expect(set.manifest.proof!.from).toBeUndefined();
  await expectProven(set);
});

test.skipIf(lacks.links).each(['the chain', 'all chains'])(
  'a link in the place of what was left behind of %s leads nowhere',
  async (of) => {
    const outside = path.join(place.directory, 'outside');
    const there = of === 'the chain' ? state : path.dirname(state);
    renameSync(there, outside);
    symlinkSync(outside, there);
    const before = fingerprint(outside);
    const set = await take();
    expect(set.manifest.proof!.from).toBeUndefined();
    expect(set.manifest.proof!.state).toBeUndefined();
    await expire(nodeFiles, openRepository(nodeFiles, place.repository), { full: 1 });
    await take('offline');
    await expire(nodeFiles, openRepository(nodeFiles, place.repository), { full: 1 });
    expect(fingerprint(outside)).toEqual(before);
  },
);

test.skipIf(lacks.openRemoval)(
  'a disk that is too full for what a proof leaves behind takes the set all the same',
  async () => {
    const full = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation !== 'writeAt' || !file.startsWith(state)) return;
        throw new FigaroError('no-space', `${file}: no space left on device`, { path: file });
      },
    });
    const set = await take('incremental', full);
    expect(set.manifest.proof!.from).toBe(newest.id);
    expect(set.manifest.proof!.state).toBeUndefined();
    expect(existsSync(state)).toBe(false);
  },
);

test('a chain that is expired leaves nothing of its proofs', async () => {
  const { id } = await take('offline');
  const repository = openRepository(nodeFiles, place.repository);
  await expire(nodeFiles, repository, { full: 1 });
  expect(namesIn(place.repository)).toEqual([id, 'repository.json'].sort());
});

test('what is left of a chain that is gone is swept', async () => {
  const other = path.join(path.dirname(state), '20250101T000000Z-hot-abcdef');
  cpSync(state, other, { recursive: true });
  await take();
  expect(readdirSync(path.dirname(other))).toEqual([path.basename(state)]);
});

test('a set without anything new leaves what was left behind as it is', async () => {
  await take();
  const before = fingerprint(state);
  expect((await take()).nothingNew).toBeDefined();
  expect(fingerprint(state)).toEqual(before);
});

test('a source that does not go on is refused as it would be without what was left behind', async () => {
  const log = path.join(place.home, 'log.0000000006');
  const bytes = readFileSync(log);
  bytes[3000]! ^= 1;
  writeFileSync(log, bytes);
  const error = await expectFailure('log-corrupt', () => take());
  rmSync(state, { recursive: true });
  expect((await expectFailure('log-corrupt', () => take())).message).toBe(error.message);
});
