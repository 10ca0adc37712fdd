/** What a machine remembers of a store, for keys that may write and list. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { KeptObjects } from '../../../src/engine/remote/kept-objects.ts';
import { RememberedObjects, remembering } from '../../../src/engine/remote/remembered-objects.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { Unreachable } from '../../../src/engine/store/unreachable.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { MemoryStore, writeBytes } from '../../support/memory-store.ts';
import { refusing } from '../../support/refusing-store.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';

const [first, second] = ['20261128T115353Z-hot-aab420', '20261129T115353Z-hot-aab421'];
let top: string;
let store: MemoryStore;

beforeEach(() => {
  top = path.join(temporaryDirectory(), 'known');
  store = new MemoryStore();
});

/** As a run has it. */
const open = (): Store => remembering(store, new RememberedObjects(new KeptObjects(nodeFiles, top, 'store')));
const refuse = (): void => void (store.hooks = refusing(store, ({ operation }) => operation === 'read'));
const kept = (): readonly string[] => namesIn(path.join(top, 'store'));
const textOf = async (run: Store, name: string, length = 100): Promise<string | undefined> => {
  const bytes = await run.read(name, { start: 0, length });
  return bytes && Buffer.from(bytes).toString();
};

test('what one run has read or written, the next one knows, and no more than is asked for', async () => {
  await writeBytes(store, `${first}/manifest.json`, 'one');
  const run = open();
  await run.list('');
  expect(await textOf(run, `${first}/manifest.json`)).toBe('one');
  await writeBytes(run, `${second}/manifest.json`, 'two');
  expect(await run.create(`${second}/checks.jsonl.1`, Buffer.from('three'))).toBe(true);
  refuse();
  const next = open();
  expect(await textOf(next, `${first}/manifest.json`)).toBe('one');
  expect(await textOf(next, `${second}/manifest.json`, 2)).toBe('tw');
  expect(await textOf(next, `${second}/checks.jsonl.1`)).toBe('three');
  expect(kept()).toEqual([first, second]);
});

test('what is not there may not be read either, and is not there', async () => {
  refuse();
  expect(await open().read('repository.json')).toBeUndefined();
  expect(await open().read(`${first}/manifest.json`)).toBeUndefined();
});

test.each([
  ['was never read', 'pin.json', () => {}],
  [
    'was read in part',
    'manifest.json',
    async (run: Store) => void (await run.read(`${first}/manifest.json`, { start: 0, length: 2 })),
  ],
  [
    'was written by others since',
    'manifest.json',
    async (run: Store) => {
      await run.read(`${first}/manifest.json`);
      await writeBytes(store, `${first}/manifest.json`, 'two');
    },
  ],
  ['is of the environment', 'environment/a', async (run: Store) => void (await run.read(`${first}/environment/a`))],
])('an object that %s is not known', async (_what, name, prepare) => {
  await writeBytes(store, `${first}/manifest.json`, 'one');
  await writeBytes(store, `${first}/pin.json`, 'pin');
  await writeBytes(store, `${first}/environment/a`, 'a');
  const run = open();
  await run.list('');
  await prepare(run);
  refuse();
  for (const each of [run, open()]) {
    await each.list('');
    await expectFailure('not-permitted', () => each.read(`${first}/${name}`));
  }
});

test('the head is known as it is listed, whenever it was read', async () => {
  await writeBytes(store, 'repository.json', 'one');
  const run = open();
  // Before there is a list, as every run does it.
  expect(await textOf(run, 'repository.json')).toBe('one');
  await writeBytes(store, 'repository.json', 'two');
  await run.list('');
  refuse();
  expect(await textOf(open(), 'repository.json')).toBe('two');
});

test('a head that changes while it is looked at is not known', async () => {
  await writeBytes(store, 'repository.json', 'one');
  const { objects } = store;
  store.hooks = {
    before: ({ operation }) => {
      if (operation === 'read') objects.set('repository.json', { bytes: Buffer.from('two'), changedMs: 1 });
    },
  };
  await open().list('');
  store.hooks = {};
  await writeBytes(store, 'repository.json', 'one');
  refuse();
  await expectFailure('not-permitted', () => open().read('repository.json'));
});

test('a run that waited for another one of this machine knows what that one has written', async () => {
  const waiting = open();
  await writeBytes(open(), `${first}/manifest.json`, 'one');
  await writeBytes(open(), `${first}/pin.json`, 'pin');
  refuse();
  await waiting.list('');
  expect(await textOf(waiting, `${first}/manifest.json`)).toBe('one');
  expect(await textOf(waiting, `${first}/pin.json`)).toBe('pin');
});

test('what was written is known whether or not there was an answer, and whatever the store has for its tag', async () => {
  store.hooks = {
    after: ({ operation }) => {
      if (operation === 'create' || operation === 'write') throw new Unreachable('gone');
    },
  };
  await expectFailure('store-unreachable', () => open().create(`${first}/manifest.json`, Buffer.from('one')));
  await expectFailure('store-unreachable', () => writeBytes(open(), `${first}/pin.json`, 'pin'));
  store.hooks = {
    after: ({ operation, name }) => {
      if (operation === 'create') store.objects.set(name, { ...store.objects.get(name)!, tag: 'of what is encrypted' });
    },
  };
  await open().create(`${second}/manifest.json`, Buffer.from('two'));
  refuse();
  expect(await textOf(open(), `${first}/manifest.json`)).toBe('one');
  expect(await textOf(open(), `${first}/pin.json`)).toBe('pin');
  expect(await textOf(open(), `${second}/manifest.json`)).toBe('two');
});

test('of what says where pages are, that of the two newest full sets is kept; sets that are gone are forgotten', async () => {
  const run = open();
  const names = (set: string): string[] =>
    ['contents', 'pages', 'manifest.json'].map(
      (name) => `sets/${set}/${name}${name.includes('.') ? '' : '.0123abcd'}.zst`,
    );
  const third = '20261130T115353Z-hot-aab422';
  for (const name of [first, second, third].flatMap(names)) await writeBytes(run, name, name);
  expect(kept()).toEqual([first, second, third, 'pages']);
  refuse();
  for (const name of [second, third].flatMap(names)) expect(await textOf(open(), name)).toBe(name);
  await expectFailure('not-permitted', () => open().read(names(first)[0]!));
  await store.remove(names(first));
  await open().list('sets/');
  // It may be that of a run that is about to write it.
  expect(kept()).toEqual([first, second, third, 'pages']);
  const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
  for (const name of kept()) fs.utimesSync(path.join(top, 'store', name), twoDaysAgo, twoDaysAgo);
  await open().list('sets/');
  expect(kept()).toEqual([second, third, 'pages']);
});

test('who may not read removes nothing of sets, and its lock', async () => {
  for (const name of [`${first}/environment/a`, 'locks/a']) await writeBytes(store, name, name);
  const run = open();
  expect(await run.read(`${first}/manifest.json`)).toBeUndefined();
  await run.remove(['none']);
  refuse();
  expect(await run.read(`${first}/manifest.json`)).toBeUndefined();
  await expectFailure('not-permitted', () => run.remove([`${first}/environment/a`]));
  await run.remove(['locks/a']);
  expect([...store.objects.keys()]).toEqual([`${first}/environment/a`]);
});

test('a disk that fails keeps nobody from reading and writing', async () => {
  fs.writeFileSync(top, 'no directory');
  const run = open();
  await writeBytes(run, `${first}/manifest.json`, 'one');
  expect(await textOf(run, `${first}/manifest.json`)).toBe('one');
});
