import { describe, expect, test } from 'vitest';
import { type KeyedRecord } from '../../../src/engine/database/records.ts';
import { changesBetween, gather } from '../../../src/engine/differences/join.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

type Pair = readonly [key: string, data: string];

const recordsOf = (pairs: readonly Pair[]) =>
  function* (): Generator<KeyedRecord> {
    // As the readers of databases do: bytes are valid until the next record.
    const room = Buffer.alloc(64);
    for (const [key, data] of pairs) {
      room.write(key + data);
      yield { key: room.subarray(0, key.length), data: room.subarray(key.length, key.length + data.length) };
    }
  };

async function changes(
  before: readonly Pair[],
  after: readonly Pair[],
  { hasDuplicates = false, memoryBytes }: { hasDuplicates?: boolean; memoryBytes?: number } = {},
): Promise<string[]> {
  const [from, to] = await Promise.all([before, after].map((pairs) => gather(recordsOf(pairs), {}, memoryBytes)));
  const options = { hasDuplicates, watch: {}, label: 'a.db', ...(memoryBytes && { memoryBytes }) };
  const isSame = (one: KeyedRecord, other: KeyedRecord): boolean => Buffer.compare(one.data, other.data) === 0;
  const found: string[] = [];
  const text = (record: KeyedRecord | undefined): string => (record ? Buffer.from(record.data).toString() : '-');
  for await (const { kind, key, before: old, after: now } of changesBetween(from!, to!, isSame, options)) {
    found.push(`${kind} ${Buffer.from(key as Uint8Array).toString()} ${text(old)} ${text(now)}`);
  }
  return found;
}

describe('records of two states', () => {
  test('are matched by their keys, whatever their order', async () => {
    const before: Pair[] = [
      ['b', '1'],
      ['a', '1'],
      ['d', '1'],
    ];
    const after: Pair[] = [
      ['c', '1'],
      ['d', '2'],
      ['b', '1'],
    ];
    expect(await changes(before, after)).toEqual(['put c - 1', 'changed d 1 2', 'deleted a 1 -']);
    expect(await changes(before, [])).toEqual(['deleted b 1 -', 'deleted a 1 -', 'deleted d 1 -']);
    expect(await changes([], after)).toEqual(['put c - 1', 'put d - 2', 'put b - 1']);
  });

  test('of keys with duplicates are put and deleted, each as often as it is', async () => {
    const before: Pair[] = [
      ['a', '1'],
      ['a', '1'],
      ['a', '2'],
    ];
    const after: Pair[] = [
      ['a', '2'],
      ['a', '1'],
      ['a', '3'],
    ];
    expect(await changes(before, after, { hasDuplicates: true })).toEqual(['put a - 3', 'deleted a 1 -']);
  });

  test('are the same differences where only some of them fit into memory', async () => {
    const below = randomNumbers(7);
    const some = (): Pair[] => {
      const records = new Map<string, string>();
      for (let i = 0; i < 500; i++) records.set(`key${below(700)}`, `data${below(3)}`);
      return [...records];
    };
    const [before, after] = [some(), some()];
    const expected = await changes(before, after);
    expect(expected.length).toBeGreaterThan(300);
    const found = await changes(before, after, { memoryBytes: 4000 });
    expect(found).not.toEqual(expected);
    expect(found.sort()).toEqual(expected.sort());
  });

  test('of one key again and again are refused, before they fill the memory', async () => {
    const before = Array.from({ length: 5000 }, (): Pair => ['a', 'b']);
    await expect(changes(before, [['a', 'b']], { memoryBytes: 4000 })).rejects.toThrow(
      'a.db: it has records of one key again and again',
    );
  });
});
