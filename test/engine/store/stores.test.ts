/** What every store does, whatever it is. */

import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { someAtOnce } from '../../../src/engine/at-once.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { serverStartMs } from '../../support/servers/live-servers.ts';
import { describeStores, type StoreKind } from '../../support/stores.ts';
import { expectFailure } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

describeStores((kind: StoreKind) => {
  const { mostWinners, manyObjects, isOfFiles, broken } = kind;
  let store: Store;
  /** What the names of a test begin with. */
  let at: string;
  let tests = 0;

  beforeAll(async () => {
    store = await kind.open();
  }, serverStartMs);
  afterAll(() => store.close());
  beforeEach(() => {
    at = `test-${tests++}/`;
  });

  const text = async (name: string): Promise<string | undefined> => {
    const bytes = await store.read(name);
    return bytes && Buffer.from(bytes).toString();
  };
  const namesWith = async (prefix: string): Promise<readonly string[]> =>
    (await store.list(prefix)).map(({ name }) => name);

  test('an object is what was written, and is written anew as a whole', async () => {
    await writeBytes(store, `${at}a`, 'first and longer');
    expect(await text(`${at}a`)).toBe('first and longer');
    await writeBytes(store, `${at}a`, 'second');
    expect(await text(`${at}a`)).toBe('second');
    const [found] = await store.list(`${at}a`);
    expect(found).toMatchObject({ name: `${at}a`, size: 6 });
    expect(Math.abs(found!.changedMs - Date.now())).toBeLessThan(60_000);
  });

  test('an object may be empty', async () => {
    await writeBytes(store, `${at}empty`, '');
    expect(await text(`${at}empty`)).toBe('');
    expect(await store.read(`${at}empty`, { start: 0, length: 10 })).toHaveLength(0);
    expect(await store.list(at)).toMatchObject([{ name: `${at}empty`, size: 0 }]);
  });

  test('what is not there is not there', async () => {
    expect(await store.read(`${at}none`)).toBeUndefined();
    expect(await store.read(`${at}none`, { start: 0, length: 10 })).toBeUndefined();
    expect(await store.read(`${at}none`, { start: 0, length: 0 })).toBeUndefined();
    expect(await store.list(at)).toEqual([]);
  });

  test.each([
    [0, 4, '0123'],
    [3, 4, '3456'],
    [0, 10, '0123456789'],
    [8, 4, '89'],
    [9, 1, '9'],
    [10, 4, ''],
    [50, 4, ''],
    [4, 0, ''],
  ])('of an object of 10 bytes, those from %d on, %d of them, are %j', async (start, length, expected) => {
    await writeBytes(store, `${at}digits`, '0123456789');
    const bytes = await store.read(`${at}digits`, { start, length });
    expect(Buffer.from(bytes!).toString()).toBe(expected);
  });

  test('objects are listed by what their names begin with, in order', async () => {
    const same = isOfFiles ? 'a+' : 'a';
    const names = ['b', 'a/z', 'a/b/c', same, 'a-', 'ab/c'].map((name) => at + name);
    for (const name of names) await writeBytes(store, name, name);
    expect(await namesWith(at)).toEqual(names.toSorted());
    expect(await namesWith(`${at}a/`)).toEqual([`${at}a/b/c`, `${at}a/z`]);
    expect(await namesWith(`${at}a`)).toHaveLength(5);
  });

  const odd = [
    'a b',
    'a+b',
    'a%b',
    'a%20b',
    'a&b<c>"\'',
    'b\\c',
    'ünï/日本',
    'e\u0301',
    '\u00e9',
    '😀',
    '\uffee',
    "~!$()*,;=:@'",
  ];

  test('names may have spaces, signs and letters of all kinds', async () => {
    // Of files there, some signs are for other things.
    const names = isOfFiles && lacks.anyName ? odd.filter((name) => !/["*:<>\\]/.test(name)) : odd;
    for (const name of names) await writeBytes(store, at + name, name);
    expect(await namesWith(at)).toEqual(names.map((name) => at + name).toSorted());
    for (const name of names) {
      expect(await text(at + name)).toBe(name);
      expect(await namesWith(at + name)).toEqual([at + name]);
    }
    await store.remove(names.map((name) => at + name));
    expect(await store.list(at)).toEqual([]);
  });

  test('more objects than one answer holds are all listed, and all removed', async () => {
    const names = Array.from({ length: manyObjects }, (_, i) => `${at}${String(i).padStart(5, '0')}`);
    await someAtOnce(8, names, (name) => writeBytes(store, name, name));
    expect(await namesWith(at)).toEqual(names);
    await store.remove(names);
    expect(await store.list(at)).toEqual([]);
  }, 300_000);

  test('objects that are not there are removed, too', async () => {
    await writeBytes(store, `${at}b`, 'b');
    await store.remove([`${at}a`, `${at}b`, `${at}c`]);
    await store.remove([]);
    expect(await store.list(at)).toEqual([]);
  });

  test('an object of many megabytes is what was written, byte for byte', async () => {
    const bytes = randomBytes((19 << 20) + 12_345);
    const size = bytes.length;
    const asked: string[] = [];
    await store.write(`${at}large`, {
      size,
      async *open(start, length) {
        asked.push(`${start}+${length}`);
        // One buffer for all pieces, as a source may do it.
        const piece = Buffer.alloc(100_000);
        for (let done = 0; done < length; done += piece.length) {
          const copied = bytes.copy(piece, 0, start + done, start + Math.min(length, done + piece.length));
          yield piece.subarray(0, copied);
        }
      },
    });
    const sha256 = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex');
    expect(sha256((await store.read(`${at}large`))!)).toBe(sha256(bytes));
    const range = { start: (8 << 20) - 5, length: 10 };
    const part = await store.read(`${at}large`, range);
    expect(Buffer.compare(part!, bytes.subarray(range.start, range.start + range.length))).toBe(0);
    expect(await store.list(at)).toMatchObject([{ size }]);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('a name is created once', async () => {
    expect(await store.create(`${at}lock`, Buffer.from('mine'))).toBe(true);
    expect(await store.create(`${at}lock`, Buffer.from('yours'))).toBe(false);
    expect(await text(`${at}lock`)).toBe('mine');
    await store.remove([`${at}lock`]);
    expect(await store.create(`${at}lock`, Buffer.from('yours'))).toBe(true);
  });

  test('of ten that create a name at once one is told that it did, where the store can tell', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.create(`${at}lock`, Buffer.from(`number ${i}`))),
    );
    const winners = results.flatMap((isMine, i) => (isMine ? [`number ${i}`] : []));
    expect(winners.length).toBeGreaterThanOrEqual(1);
    expect(winners.length).toBeLessThanOrEqual(mostWinners);
    expect(winners).toContain(await text(`${at}lock`));
  });

  test.each([
    ['small', 1000],
    ['large', 20 << 20],
  ])('a %s object whose source fails on the way is not there, and one of that name stays', async (_, size) => {
    const source = {
      size,
      async *open(start: number, length: number) {
        yield Buffer.alloc(Math.floor(length / 2));
        if (start + length >= size) throw new Error('the disk is gone');
        yield Buffer.alloc(length - Math.floor(length / 2));
      },
    };
    await expect(store.write(`${at}new`, source)).rejects.toThrow('the disk is gone');
    await writeBytes(store, `${at}old`, 'as it was');
    await expect(store.write(`${at}old`, source)).rejects.toThrow('the disk is gone');
    expect(await namesWith(at)).toEqual([`${at}old`]);
    expect(await text(`${at}old`)).toBe('as it was');
    if (store.sweep) expect(await store.sweep(-60_000)).toBe(0);
  });

  test.each([
    ['shorter', 999],
    ['longer', 1001],
  ])('an object whose source is %s than it said is not there', async (_, length) => {
    const source = {
      size: 1000,
      async *open() {
        yield Buffer.alloc(length);
      },
    };
    await expectFailure('io', () => store.write(`${at}a`, source));
    expect(await store.list(at)).toEqual([]);
  });

  if (!broken) return;

  const operations: readonly (readonly [string, (on: Store) => Promise<unknown>])[] = [
    ['list', (on) => on.list('')],
    ['read', (on) => on.read('a')],
    ['write', (on) => writeBytes(on, 'a', 'a')],
    ['write of a large object', (on) => writeBytes(on, 'a', Buffer.alloc(20 << 20))],
    ['create', (on) => on.create('a', Buffer.from('a'))],
    ['remove', (on) => on.remove(['a'])],
  ];
  const codes = {
    unreachable: 'store-unreachable',
    notPermitted: 'not-permitted',
    missing: 'repository-missing',
  } as const;

  const ways = Object.entries(codes).filter(([how]) => broken[how as keyof typeof codes]);
  describe.each(ways)('where the store is %s', (how, code) => {
    let bad: Store;

    beforeAll(async () => {
      bad = await broken[how as keyof typeof codes]!();
    }, serverStartMs);
    afterAll(() => bad.close());

    test.each(operations)(`a %s fails with ${code}`, async (_, operation) => {
      const error = await expectFailure(code, () => operation(bad));
      expect(error.message).toContain(bad.place);
      expect(error.details.hint).toMatch(/\w/);
      expect(error.message + error.details.hint).not.toMatch(/SKTEST|testing|not-the-right-one/);
    });
  });
});
