import { randomBytes } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { freeMemory } from '../../../src/engine/free-memory.ts';
import { type Contents, type Pieces } from '../../../src/engine/packed/contents.ts';
import { packLimit, packName, packSize } from '../../../src/engine/packed/layout.ts';
import { Packing, type Packed } from '../../../src/engine/packed/packing.ts';
import { compressed } from '../../../src/engine/packed/sealing.ts';
import { Unpacking } from '../../../src/engine/packed/unpacking.ts';
import { inUnits } from '../../../src/engine/packed/units.ts';
import { effort } from '../../support/effort.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import {
  databaseOf,
  inPieces,
  noise,
  pack,
  packedBytes,
  setId,
  testKey,
  unpack,
  type FilesByName,
} from '../../support/packed-files.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { expectFailure } from '../../support/trees.ts';

const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => i + from);

/** Packs one set, then another one upon it, and expects both to be read back. Returns how many bytes the second one put into packs. */
async function second(first: FilesByName, next: FilesByName): Promise<number> {
  const store = new MemoryStore();
  const before = await pack(store, 1, first);
  const stored = packedBytes(store);
  const after = await pack(store, 2, next, { before });
  expect(await unpack(store, before)).toEqual(first);
  expect(await unpack(store, after)).toEqual(next);
  return packedBytes(store) - stored;
}

describe('files that are packed', () => {
  test.each([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])(
    'come back with pages of %i, and pages that are the same are not stored again',
    async (pageSize) => {
      const pages = range(Math.max(20, Math.ceil((2.5 * packSize) / pageSize)));
      const first = databaseOf(pageSize, 1, pages);
      const changed = new Set([0, 1, 7, pages.length - 1]);
      const next = databaseOf(
        pageSize,
        1,
        pages.map((page) => (changed.has(page) ? page + 5_000_000 : page)),
      );
      const bytes = await second({ 'environment/a': first }, { 'environment/a': next });
      expect(bytes).toBeGreaterThanOrEqual(changed.size * pageSize);
      expect(bytes).toBeLessThan((changed.size + 1) * pageSize);
    },
  );

  test('store nothing where nothing changed', async () => {
    const files = { 'environment/a': databaseOf(4096, 1, range(600)), 'environment/b': noise(1, 100_000) };
    expect(await second(files, files)).toBe(0);
  });

  test('come back when they are empty, shorter than a unit, and of every length around it', async () => {
    const lengths = [0, 1, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 8193];
    const files = Object.fromEntries(lengths.map((length) => [`environment/${length}`, noise(length, length)]));
    expect(await second(files, files)).toBe(0);
  });

  test('come back when a page was added in part, or cut in part', async () => {
    const whole = databaseOf(4096, 1, range(10));
    const cut = whole.subarray(0, whole.length - 100);
    expect(await second({ 'environment/a': cut }, { 'environment/a': whole })).toBeLessThan(2 * 4096);
    expect(await second({ 'environment/a': whole }, { 'environment/a': cut })).toBeLessThan(2 * 4096);
    expect(
      await second({ 'environment/a': cut }, { 'environment/a': Buffer.concat([cut, Buffer.alloc(1)]) }),
    ).toBeLessThan(2 * 4096);
  });

  test('come back with pages that trade places, stand twice, and return from sets before the last', async () => {
    const store = new MemoryStore();
    const first = { 'environment/a': databaseOf(512, 1, [1, 2, 3, 4, 5]) };
    const next = { 'environment/a': databaseOf(512, 1, [5, 2, 2, 1, 5]) };
    const last = { 'environment/a': databaseOf(512, 1, [1, 2, 3, 4, 5]) };
    const one = await pack(store, 1, first);
    const two = await pack(store, 2, next, { before: one });
    const three = await pack(store, 3, last, { before: two });
    expect([await unpack(store, one), await unpack(store, two), await unpack(store, three)]).toEqual([
      first,
      next,
      last,
    ]);
    expect([one, two, three].map(({ contents }) => contents.depth)).toEqual([0, 1, 2]);
  });

  test('share what they have in common under another name, by the id of the database', async () => {
    const database = databaseOf(4096, 1, range(100));
    expect(await second({ 'environment/a': database }, { 'environment/b': database })).toBe(0);
    // A new one under the name of another one has nothing of it.
    const other = databaseOf(4096, 2, range(100));
    const renamed = { 'environment/a': other, 'environment/b': database };
    expect(await second({ 'environment/a': database }, renamed)).toBeLessThan(other.length + 4096);
  });

  test('of which one has other pages now have nothing of what was there', async () => {
    const small = databaseOf(512, 1, range(64));
    const large = databaseOf(1024, 1, range(32));
    expect(await second({ 'environment/a': small }, { 'environment/a': large })).toBeGreaterThan(0.95 * large.length);
    expect(await second({ 'environment/a': small }, { 'environment/a': noise(9, small.length) })).toBeGreaterThan(
      0.95 * small.length,
    );
  });

  test('share packs when they are many and small', async () => {
    const store = new MemoryStore();
    const files = Object.fromEntries(range(500).map((i) => [`environment/${i}`, noise(i, 5000)]));
    const packed = await pack(store, 1, files);
    expect(store.objects.size).toBe(3);
    expect(await unpack(store, packed)).toEqual(files);
  });

  test('whose rests do not fit into one pack go into packs that can be read', async () => {
    // Each rest is more than half of a pack, and all of them end at the same time while the store is slow.
    const store = new MemoryStore({ before: async () => await new Promise((resolve) => setTimeout(resolve, 2)) });
    const files = Object.fromEntries(range(40).map((i) => [`environment/${i}`, noise(i, Math.floor(packSize * 0.6))]));
    const packing = new Packing(store, compressed, (i) => packName(setId(1), '00000000', i), testKey);
    await Promise.all(Object.entries(files).map(([name, bytes]) => packing.add(name, inPieces(bytes, 100_000))));
    const { contents } = await packing.finish();
    for (const { runs } of contents.files.values()) {
      for (let i = 0; i < runs.length; i += 3) expect(runs[i + 1]! + runs[i + 2]!).toBeLessThanOrEqual(packLimit);
    }
    const read = await unpack(store, { contents });
    for (const [name, bytes] of Object.entries(files)) expect(Buffer.from(read[name]!)).toEqual(bytes);
  });

  test('are described in few pieces where few pages changed among many', async () => {
    const store = new MemoryStore();
    const pages = range(5000);
    const before = await pack(store, 1, { 'environment/a': databaseOf(512, 1, pages) });
    const changed = {
      'environment/a': databaseOf(
        512,
        1,
        pages.map((page) => (page === 3 ? 9999 : page)),
      ),
    };
    const { contents } = await pack(store, 2, changed, { before });
    expect(contents.files.get('environment/a')!.starts.length).toBeLessThan(10);
  });

  test('beyond what is remembered of a set are stored again, and come back', async () => {
    const store = new MemoryStore();
    const files = { 'environment/a': databaseOf(512, 1, range(100)), 'environment/b': databaseOf(512, 2, range(100)) };
    const one = await pack(store, 1, files, { limits: { pieces: 1000, hashes: 101 * 16 } });
    expect([...one.pages.keys()]).toEqual(['environment/a']);
    const scattered = databaseOf(
      512,
      1,
      range(100).map((page) => (page % 2 === 0 ? page : page + 500)),
    );
    const two = await pack(
      store,
      2,
      { ...files, 'environment/a': scattered },
      { before: one, limits: { pieces: 20, hashes: 1 << 20 } },
    );
    expect(two.contents.files.get('environment/a')!.starts.length).toBeLessThan(25);
    expect(await unpack(store, two)).toEqual({ ...files, 'environment/a': scattered });
  });

  test.each([
    ['ends early', 10_000, 10_001],
    ['ends at once', 0, 5000],
    ['goes on', 10_000, 9999],
    ['goes on where there should be nothing', 10, 0],
  ])('of which one %s are refused by name', async (_, length, size) => {
    const store = new MemoryStore();
    const packing = new Packing(store, compressed, () => 'never', testKey);
    const source = { size, open: () => inPieces(noise(1, length), 1000).open(0, length) };
    const { message } = await expectFailure('io', () => packing.add('environment/a', source));
    expect(message).toContain('environment/a');
  });

  test('are not there where a pack could not be written, and who packs them is told', async () => {
    const store = new MemoryStore({
      before: ({ operation, name }) => {
        if (operation === 'write' && name.endsWith('000002.zst')) throw new Error('no room');
      },
    });
    await expect(pack(store, 1, { 'environment/a': noise(1, 5 * packSize) })).rejects.toThrow('no room');
  });

  test('are read in parts as they are read whole', async () => {
    const store = new MemoryStore();
    const file = databaseOf(4096, 1, range(700));
    const before = await pack(store, 1, { 'environment/a': file });
    const other = databaseOf(
      4096,
      1,
      range(700).map((page) => (page % 100 === 7 ? page + 1000 : page)),
    );
    const { contents } = await pack(store, 2, { 'environment/a': other }, { before });
    const pieces = contents.files.get('environment/a')!;
    const unpacking = new Unpacking(store, compressed);
    const random = randomNumbers(1);
    for (let i = 0; i < 200; i++) {
      const [start, length] = [random(other.length + 5000), random(300_000)];
      expect(Buffer.from(await unpacking.read(contents, pieces, { start, length }))).toEqual(
        other.subarray(start, start + length),
      );
    }
  });
});

describe('packs that were read', () => {
  const pieces = (contents: Contents, name: string): Pieces => contents.files.get(name)!;

  test('are kept for the next question, as far as they are not too large together', async () => {
    const store = new MemoryStore();
    const bytes = Buffer.alloc(24 << 20);
    for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at);
    const large = await pack(store, 1, { large: bytes });
    const small: Packed[] = [];
    for (let n = 2; n < 60; n++) small.push(await pack(store, n, { [`small-${n}`]: noise(n, 500) }));
    const reads: string[] = [];
    store.hooks = { before: ({ operation, name }) => void (operation === 'read' && reads.push(name)) };
    const unpacking = new Unpacking(store, compressed);
    const readAll = async ({ contents }: Packed): Promise<void> => {
      for (const [name, { size }] of contents.files) {
        for (let start = 0; start < size; start += 1 << 20) {
          const length = Math.min(1 << 20, size - start);
          const found = await unpacking.read(contents, pieces(contents, name), { start, length });
          expect(found.length).toBe(length);
        }
      }
    };
    for (const each of [...small, ...small]) await readAll(each);
    expect(reads).toHaveLength(small.length);
    reads.length = 0;
    await readAll(large);
    expect(reads).toHaveLength(24);
    // The last ones are still there, the first ones are not.
    reads.length = 0;
    const { contents } = large;
    await unpacking.read(contents, pieces(contents, 'large'), { start: 20 << 20, length: 4 << 20 });
    expect(reads).toEqual([]);
    await unpacking.read(contents, pieces(contents, 'large'), { start: 0, length: 1 << 20 });
    expect(reads.length).toBeGreaterThan(0);
  });

  test('are not fetched where there is no key to any, and missed where they are gone', async () => {
    const store = new MemoryStore();
    const { contents } = await pack(store, 1, { file: noise(1, 500) });
    const reads: string[] = [];
    store.hooks = { before: ({ operation, name }) => void (operation === 'read' && reads.push(name)) };
    const requireKey = (): void => {
      throw new FigaroError('password', 'there is no key');
    };
    const unpacking = new Unpacking(store, { ...compressed, requireKey });
    const read = (): Promise<Uint8Array> =>
      unpacking.read(contents, pieces(contents, 'file'), { start: 0, length: 500 });
    await expectFailure('password', read);
    store.objects.clear();
    expect((await expectFailure('file-checksum', read)).message).toContain('it is not there any more');
    expect(reads).toEqual([]);
  });

  test('take no more memory than is kept, however many there are', async () => {
    const store = new MemoryStore();
    const bytes = randomBytes(64 * packSize);
    const { contents } = await pack(store, 1, { large: bytes });
    const unpacking = new Unpacking(store, compressed);
    // From the second turn on, memory is freed at once.
    freeMemory(new Uint8Array(packSize));
    await after(10);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let start = 0; start < bytes.length; start += packSize) {
      freeMemory(await unpacking.read(contents, pieces(contents, 'large'), { start, length: packSize }));
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(most).toBeLessThan(16 << 20);
  });

  test('are whole for all who read them at once, also where that is more than is kept', async () => {
    const store = new MemoryStore();
    const bytes = randomBytes(32 * packSize);
    const { contents } = await pack(store, 1, { large: bytes });
    const unpacking = new Unpacking(store, compressed);
    const starts = [...range(32), ...range(32).reverse(), ...range(32)].map((n) => n * packSize);
    const found = await Promise.all(
      starts.map((start) => unpacking.read(contents, pieces(contents, 'large'), { start, length: packSize })),
    );
    for (const [i, start] of starts.entries()) {
      expect(Buffer.compare(found[i]!, bytes.subarray(start, start + packSize))).toBe(0);
    }
  });
});

describe('files of any kind, changed at random from set to set', () => {
  test.each(range(effort('PACKING_SEEDS', 12, 600), Number(process.env['FIRST_SEED'] ?? 0)))(
    'come back, seed %i',
    async (seed) => {
      const random = randomNumbers(seed);
      const store = new MemoryStore();
      const pageSize = [512, 1024, 4096, 65_536][random(4)]!;
      let files: Record<string, Buffer> = {};
      for (let i = 0; i < 1 + random(4); i++) files[`environment/${i}`] = databaseOf(pageSize, i, range(random(300)));
      for (let i = 0; i < random(4); i++) files[`environment/log.${i}`] = noise(i, random(200_000));
      let before: Awaited<ReturnType<typeof pack>> | undefined;
      for (let set = 1; set <= 4; set++) {
        const packed = await pack(store, set, files, before ? { before } : {});
        expect(await unpack(store, packed)).toEqual(files);
        before = packed;
        const changed: Record<string, Buffer> = {};
        for (const [name, bytes] of Object.entries(files)) {
          const what = random(6);
          const copy = Buffer.from(bytes);
          for (let i = 0; i < random(5) && copy.length > 0; i++) copy[random(copy.length)]! ^= 1 + random(255);
          if (what === 0) continue;
          const resized =
            what === 1
              ? copy.subarray(0, random(copy.length + 1))
              : what === 2
                ? Buffer.concat([copy, noise(set, random(9000))])
                : copy;
          changed[what === 3 ? `${name}x` : name] = resized;
        }
        files = changed;
      }
    },
  );
});

describe('units of a source', () => {
  test.each([1, 7, 511, 512, 513, 100_000])(
    'are whole but for the last, in whatever pieces of %i it comes',
    async (piece) => {
      const bytes = noise(1, 5000);
      const found: Buffer[] = [];
      for await (const part of inUnits(inPieces(bytes, piece), 512)) found.push(Buffer.from(part));
      expect(found.slice(0, -1).every(({ length }) => length % 512 === 0)).toBe(true);
      expect(Buffer.concat(found)).toEqual(bytes);
    },
  );
});
