import { describe, expect, test } from 'vitest';
import { UnfinishedSets } from '../../../src/engine/packed/unfinished.ts';
import { bytesAsSource } from '../../../src/engine/store/object-source.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import {
  databaseOf,
  noise,
  objectsOf,
  openTestStore,
  packedBytes,
  plainKeys,
  readSet,
  setId,
  testHead,
  writeSet,
  type FilesByName,
} from '../../support/packed-files.ts';
import { expectFailure } from '../../support/trees.ts';
import { PackedStore } from '../../../src/engine/packed/packed-store.ts';

const files: FilesByName = {
  'a.dbxml': databaseOf(4096, 1, [1, 2, 3]),
  'log.0000000001': noise(1, 9000),
  empty: Buffer.alloc(0),
};
const names = Object.keys(files);

async function prepared(): Promise<MemoryStore> {
  const store = new MemoryStore();
  await writeSet(openTestStore(store), setId(1), files);
  return store;
}

/** The one object of a set whose name begins so. */
function objectOf(store: MemoryStore, set: string, name: string): string {
  const found = objectsOf(store, `sets/${set}/${name}`);
  expect(found).toHaveLength(1);
  return found[0]!;
}

function damage(store: MemoryStore, name: string, change: (bytes: Buffer) => Uint8Array | undefined): void {
  const { bytes } = store.objects.get(name)!;
  const changed = change(Buffer.from(bytes));
  if (changed) store.objects.set(name, { bytes: changed, changedMs: Date.now() });
  else store.objects.delete(name);
}

describe('a packed store', () => {
  test('shows a set under the names that a plain one has', async () => {
    const store = await prepared();
    const packed = openTestStore(store);
    await packed.write(`${setId(1)}/pin.json`, bytesAsSource(Buffer.from('{}')));
    await packed.write('locks/a.json', bytesAsSource(Buffer.from('{}')));
    store.objects.set('repository.json', { bytes: Buffer.from('{}'), changedMs: 0 });
    const listed = (await packed.list('')).map(({ name }) => name.replace(/\.[0-9a-f]{8}$/, '.X'));
    expect(listed).toEqual([
      `${setId(1)}/contents.X`,
      `${setId(1)}/manifest.json`,
      `${setId(1)}/pages.X`,
      `${setId(1)}/pin.json`,
      'repository.json',
    ]);
    expect((await packed.list('locks/')).map(({ name }) => name)).toEqual(['locks/a.json']);
    expect((await packed.list(`${setId(1)}/pin`)).map(({ name }) => name)).toEqual([`${setId(1)}/pin.json`]);
    expect(await readSet(openTestStore(store), setId(1), names)).toEqual(files);
    expect(await packed.read(`${setId(1)}/environment/none`)).toBeUndefined();
    expect(await packed.read(`${setId(1)}/none`)).toBeUndefined();
    expect(Buffer.from((await packed.read(`${setId(1)}/manifest.json`, { start: 2, length: 4 }))!).toString()).toBe(
      'id":',
    );
  });

  test('lists objects in order of their names', async () => {
    const store = await prepared();
    const packed = openTestStore(store);
    for (const name of ['checks.jsonl', 'checks.jsonl.2026', 'a-b', 'a'])
      await packed.write(`${setId(1)}/${name}`, bytesAsSource(Buffer.from('x')));
    const listed = (await packed.list('')).map(({ name }) => name);
    expect(listed).toEqual([...listed].sort());
  });

  test('has what lies beside repository.json made again with a full set, where it is missing', async () => {
    const store = await prepared();
    expect(Buffer.from(store.objects.get('README.txt')!.bytes).toString()).toBe('read me\n');
    store.objects.set('README.txt', { bytes: Buffer.from('own'), changedMs: 0 });
    await writeSet(openTestStore(store), setId(2), files);
    expect(Buffer.from(store.objects.get('README.txt')!.bytes).toString()).toBe('own');
  });

  test('stores of a full set what changed since the newest one, up to the depth that the repository has', async () => {
    const store = await prepared();
    const stored: number[] = [];
    for (let n = 2; n <= 9; n++) {
      const before = packedBytes(store);
      await writeSet(openTestStore(store), setId(n), files);
      stored.push(packedBytes(store) - before);
    }
    expect(testHead.packed.mostDepth).toBe(3);
    const all = stored[3]!;
    expect(all).toBeGreaterThan(9000);
    expect(stored).toEqual([0, 0, 0, all, 0, 0, 0, all]);
    for (let n = 1; n <= 9; n++) expect(await readSet(openTestStore(store), setId(n), names)).toEqual(files);
  });

  test('builds upon no incremental, and has no pages of one', async () => {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2, 'incremental'), files);
    expect(objectsOf(store, `sets/${setId(2, 'incremental')}/pages`)).toEqual([]);
    const before = packedBytes(store);
    await writeSet(openTestStore(store), setId(3), files);
    expect(packedBytes(store)).toBe(before);
  });

  test.each([
    ['contents', (bytes: Buffer) => bytes.subarray(1)],
    ['contents', () => undefined],
    ['pages', (bytes: Buffer) => bytes.fill(0)],
    ['pages', () => undefined],
    ['manifest.json', (bytes: Buffer) => bytes.subarray(0, 20)],
    ['manifest.json', () => Buffer.alloc(0)],
  ])('makes a set of its own where %s of the newest one cannot be read', async (name, change) => {
    const store = await prepared();
    damage(store, objectOf(store, setId(1), name), change);
    await writeSet(openTestStore(store), setId(2), files);
    expect(await readSet(openTestStore(store), setId(2), names)).toEqual(files);
  });

  test('makes a set of its own where a pack of the newest one is gone', async () => {
    const store = await prepared();
    store.objects.delete(objectsOf(store, 'packs/')[0]!);
    await writeSet(openTestStore(store), setId(2), files);
    expect(await readSet(openTestStore(store), setId(2), names)).toEqual(files);
  });

  test('stores again what is in packs of a set in which something was found, and no more', async () => {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2), { ...files, 'log.0000000001': noise(2, 9000) });
    const before = packedBytes(store);
    // What the second one brought is in packs of its own.
    const third = { ...files, 'log.0000000001': noise(2, 9000) };
    await writeSet(openTestStore(store), setId(3), third, { newest: setId(2), doubted: [setId(1)] });
    const again = packedBytes(store) - before;
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThan(3 * 4096 + 1000);
    for (const name of objectsOf(store, `packs/${setId(1)}`)) store.objects.delete(name);
    expect(await readSet(openTestStore(store), setId(3), names)).toEqual(third);
  });

  test('is built upon nothing where it is not known which packs a set has in which something was found', async () => {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2), files);
    damage(store, objectOf(store, setId(1), 'contents'), () => undefined);
    await writeSet(openTestStore(store), setId(3), files, { newest: setId(2), doubted: [setId(1)] });
    for (const n of [1, 2]) for (const name of objectsOf(store, `packs/${setId(n)}`)) store.objects.delete(name);
    expect(await readSet(openTestStore(store), setId(3), names)).toEqual(files);
  });

  test('makes a set of its own where the pages of the newest one are those of another one', async () => {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2), { ...files, 'a.dbxml': databaseOf(4096, 1, [7, 8, 9]) });
    const [one, two] = [1, 2].map((n) => objectOf(store, setId(n), 'pages'));
    store.objects.set(two!, store.objects.get(one!)!);
    await writeSet(openTestStore(store), setId(3), files);
    expect(await readSet(openTestStore(store), setId(3), names)).toEqual(files);
  });

  test('believes no contents but those that the manifest names', async () => {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2), { ...files, 'a.dbxml': databaseOf(4096, 1, [7, 8, 9]) });
    const [one, two] = [1, 2].map((n) => objectOf(store, setId(n), 'contents'));
    store.objects.set(one!, store.objects.get(two!)!);
    const { message } = await expectFailure('file-checksum', () => readSet(openTestStore(store), setId(1), names));
    expect(message).toContain(one);
  });

  test('keeps a set that is there when another run, which stood still, goes on with the same one', async () => {
    const store = new MemoryStore();
    const slow = openTestStore(store);
    for (const [name, bytes] of Object.entries(files))
      await slow.write(`${setId(1)}/environment/${name}`, bytesAsSource(bytes));
    await writeSet(openTestStore(store), setId(1), files);
    // Who took over removed what no set refers to.
    expect(await openTestStore(store).collect([], async () => {})).toBeUndefined();
    await slow.finish(setId(1));
    expect(await slow.create(`${setId(1)}/manifest.json`, Buffer.from('{}'))).toBe(false);
    expect(await readSet(openTestStore(store), setId(1), names)).toEqual(files);
    // What it left goes with the set, and until then takes nothing from it.
    expect(await openTestStore(store).collect([setId(1)], async () => {})).toBeUndefined();
    expect(await readSet(openTestStore(store), setId(1), names)).toEqual(files);
    expect(await openTestStore(store).isWhole(setId(1))).toBe(true);
  });

  test('has no set without its files finished', async () => {
    const store = openTestStore(new MemoryStore());
    await expect(store.create(`${setId(1)}/manifest.json`, Buffer.from('{}'))).rejects.toThrow('not finished');
  });

  test('writes nothing that is sealed where there is no key to write', async () => {
    const store = await prepared();
    const calls = [...store.objects.keys()];
    const reader = new PackedStore(store, testHead, { ...plainKeys, hashKey: undefined });
    await expectFailure('password', () => reader.write(`${setId(1)}/pin.json`, bytesAsSource(Buffer.from('{}'))));
    await expectFailure('password', () => writeSet(reader, setId(2), files));
    expect([...store.objects.keys()]).toEqual(calls);
  });

  test('discards what was written of a set, and what was still on its way', async () => {
    const store = await prepared();
    const before = [...store.objects.keys()];
    const unfinished = new UnfinishedSets();
    const [working, ending] = [openTestStore(store, unfinished), openTestStore(store, unfinished)];
    store.hooks = {
      before: async ({ operation }) =>
        operation === 'write' ? await new Promise((resolve) => setTimeout(resolve, 20)) : undefined,
    };
    await working.write(`${setId(2)}/environment/large`, bytesAsSource(noise(5, 3 << 20)));
    await ending.discard(setId(2));
    expect([...store.objects.keys()]).toEqual(before);
    // It can be written again, from the beginning.
    await writeSet(working, setId(2), files);
    expect(await readSet(openTestStore(store), setId(2), names)).toEqual(files);
    await ending.discard(setId(3));
  });

  test('closes once nothing is written any more', async () => {
    const store = await prepared();
    let [begun, going] = [0, 0];
    let letGo: () => void = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    store.hooks = {
      before: async ({ operation, name }) => {
        if (operation !== 'write' || !name.startsWith('packs/')) return;
        begun += 1;
        going += 1;
        await held;
        going -= 1;
      },
    };
    const packed = openTestStore(store);
    await packed.write(`${setId(2)}/environment/large`, bytesAsSource(noise(5, 3 << 20)));
    while (begun < 3) await new Promise(setImmediate);
    const closing = packed.close();
    letGo();
    await closing;
    expect(going).toBe(0);
  });
});

describe('packs that no set needs', () => {
  const confirm = async (): Promise<void> => {};

  async function twoSets(): Promise<MemoryStore> {
    const store = await prepared();
    await writeSet(openTestStore(store), setId(2), { ...files, 'log.0000000001': noise(2, 9000) });
    return store;
  }

  test('are removed with the last set that needs them, and not before', async () => {
    const store = await twoSets();
    const packed = openTestStore(store);
    const [first, second] = objectsOf(store, 'packs/');
    expect((await packed.unused()).map(({ name }) => name)).toEqual([]);
    await packed.remove([`${setId(1)}/manifest.json`]);
    await packed.collect([], confirm);
    expect(objectsOf(store, 'packs/')).toEqual([first, second]);
    expect(await readSet(openTestStore(store), setId(2), names)).toEqual({
      ...files,
      'log.0000000001': noise(2, 9000),
    });
    await packed.remove([`${setId(2)}/manifest.json`]);
    expect((await packed.unused()).map(({ name }) => name)).toEqual([first, second]);
    await packed.collect([], confirm);
    expect(objectsOf(store, 'packs/')).toEqual([]);
  });

  test('of a run that was killed are removed, and nothing else', async () => {
    const store = await twoSets();
    const before = objectsOf(store, 'packs/');
    const killed = openTestStore(store);
    await killed.write(`${setId(3)}/environment/a`, bytesAsSource(noise(9, 3 << 20)));
    await killed.finish(setId(3));
    for (const name of ['packs/other', 'packs/x/000001.zst', 'packs/x/000001'])
      store.objects.set(name, { bytes: Buffer.alloc(1), changedMs: 0 });
    const packed = openTestStore(store);
    expect((await packed.unused()).length).toBe(3);
    await packed.collect([], confirm);
    expect(objectsOf(store, 'packs/')).toEqual(
      [...before, 'packs/other', 'packs/x/000001', 'packs/x/000001.zst'].sort(),
    );
  });

  test.each([
    ['is damaged', (bytes: Buffer) => bytes.subarray(2)],
    ['is something else', () => Buffer.from('text')],
    ['is gone', () => undefined],
  ])('are not known where the contents of a set %s: nothing is removed', async (_, change) => {
    const store = await twoSets();
    const packed = openTestStore(store);
    await packed.remove([`${setId(1)}/manifest.json`]);
    damage(store, objectOf(store, setId(2), 'contents'), change);
    const before = objectsOf(store, 'packs/');
    expect(await packed.unused()).toEqual([]);
    expect((await packed.collect([], confirm))?.code).toMatch(/file-checksum|manifest-corrupt|set-incomplete/);
    expect(objectsOf(store, 'packs/')).toEqual(before);
  });

  test('are not known where a set is not listed that is there', async () => {
    const store = await twoSets();
    const packed = openTestStore(store);
    await packed.remove([`${setId(1)}/manifest.json`]);
    for (const name of objectsOf(store, `sets/${setId(2)}/`)) store.objects.delete(name);
    expect((await packed.collect([setId(2)], confirm))?.code).toBe('set-incomplete');
    expect(objectsOf(store, 'packs/')).toHaveLength(2);
  });

  test('are looked for where there may be some, and only full sets need those of others', async () => {
    const store = await twoSets();
    const third = setId(3, 'incremental');
    await writeSet(openTestStore(store), third, { 'log.0000000002': noise(4, 5000) });
    const read: string[] = [];
    store.hooks = {
      before: ({ operation, name }) => {
        if (operation === 'read') read.push(name.split('/')[1]!);
      },
    };
    await openTestStore(store).collect([], confirm);
    expect(read).toEqual([]);
    const killed = openTestStore(store);
    await killed.write(`${setId(4)}/environment/a`, bytesAsSource(noise(9, 3 << 20)));
    await killed.finish(setId(4));
    read.length = 0;
    const packed = openTestStore(store);
    expect(await packed.collect([], confirm)).toBeUndefined();
    expect(new Set(read)).toEqual(new Set([setId(1), setId(2)]));
    expect(objectsOf(store, `packs/${third}`)).toHaveLength(1);
    expect(objectsOf(store, `packs/${setId(4)}`)).toEqual([]);
    // Its packs are not of no set where nothing says that they are its own.
    for (const name of objectsOf(store, `sets/${third}/contents`)) store.objects.delete(name);
    expect((await packed.collect([], confirm))?.code).toBe('set-incomplete');
    expect(objectsOf(store, `packs/${third}`)).toHaveLength(1);
  });

  test('are left there while they may be those of a set that is on its way', async () => {
    const store = await twoSets();
    const packed = openTestStore(store);
    await packed.remove([1, 2].map((n) => `${setId(n)}/manifest.json`));
    const [first, second] = objectsOf(store, 'packs/');
    store.objects.set(first!, { bytes: store.objects.get(first!)!.bytes, changedMs: Date.now() - 61_000 });
    await packed.collect([], confirm, 60_000);
    expect(objectsOf(store, 'packs/')).toEqual([second]);
  });

  test('are left to who took over', async () => {
    const store = await twoSets();
    const packed = openTestStore(store);
    await packed.remove([1, 2].map((n) => `${setId(n)}/manifest.json`));
    await expect(packed.collect([], () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(objectsOf(store, 'packs/')).toHaveLength(2);
  });
});
