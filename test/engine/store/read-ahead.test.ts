import { expect, test } from 'vitest';
import { ReadAhead } from '../../../src/engine/store/read-ahead.ts';
import { type Range } from '../../../src/engine/store/store.ts';

/** A store of one object, whose bytes say where they are in it. Notes what it is asked for. */
class CountedStore {
  readonly asked: string[] = [];
  failure: Error | undefined;

  read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    const { start, length } = range!;
    this.asked.push(`${name} ${start} ${length}`);
    if (this.failure) return Promise.reject(this.failure);
    return Promise.resolve(Uint8Array.from({ length }, (_, i) => start + i));
  }
}

test('what was begun is read once, when it is asked for', async () => {
  const store = new CountedStore();
  const ahead = new ReadAhead(store);
  ahead.begin({ name: 'pack', start: 4, length: 2 });
  expect(store.asked).toEqual(['pack 4 2']);
  expect(await ahead.read({ name: 'pack', start: 4, length: 2 })).toEqual(Uint8Array.of(4, 5));
  expect(store.asked).toEqual(['pack 4 2']);
  // Its memory is that of whoever got it.
  expect(await ahead.read({ name: 'pack', start: 4, length: 2 })).toEqual(Uint8Array.of(4, 5));
  expect(store.asked.length).toBe(2);
});

test.each([
  { name: 'other', start: 4, length: 2 },
  { name: 'pack', start: 3, length: 2 },
  { name: 'pack', start: 4, length: 3 },
])('what is asked for instead, $name $start $length, is read as if nothing had been begun', async (part) => {
  const store = new CountedStore();
  const ahead = new ReadAhead(store);
  ahead.begin({ name: 'pack', start: 4, length: 2 });
  const expected = Uint8Array.from({ length: part.length }, (_, i) => part.start + i);
  expect(await ahead.read(part)).toEqual(expected);
  expect(store.asked).toEqual(['pack 4 2', `${part.name} ${part.start} ${part.length}`]);
});

test('a read that fails before it is asked for fails when it is, and is nobody else’s failure', async () => {
  const store = new CountedStore();
  const ahead = new ReadAhead(store);
  store.failure = new Error('unreachable');
  const begin = async (): Promise<void> => {
    ahead.begin({ name: 'pack', start: 0, length: 1 });
    // A rejection that nobody has caught by now ends the process.
    await new Promise((resolve) => setImmediate(resolve));
  };
  await begin();
  await expect(ahead.read({ name: 'pack', start: 0, length: 1 })).rejects.toThrow('unreachable');
  await begin();
  store.failure = undefined;
  expect(await ahead.read({ name: 'pack', start: 7, length: 1 })).toEqual(Uint8Array.of(7));
});
