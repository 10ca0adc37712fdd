/** The lock of a store where answers take their time. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { lockStore } from '../../../src/engine/remote/store-lock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { refusing } from '../../support/refusing-store.ts';

let laterMs: number;
let store: MemoryStore;

beforeEach(() => {
  laterMs = 0;
  store = new MemoryStore();
  vi.spyOn(Date, 'now').mockImplementation(() => new Date().getTime() + laterMs);
});
afterEach(() => void vi.restoreAllMocks());

/** Has the next call of a kind take so long. */
function delay(operation: string, ms: number): void {
  store.hooks = {
    before: (call) => {
      if (call.operation !== operation) return;
      laterMs += ms;
      store.hooks = {};
    },
  };
}

test('a lock that took long to get is as old as it looks to others', async () => {
  delay('list', 100_000);
  const lock = await lockStore(store);
  const calls = store.calls;
  await lock.confirm();
  // It was written again.
  expect(store.calls).toBe(calls + 2);
  await lock.release();
  delay('list', 250_000);
  const old = await lockStore(store);
  await expect(old.confirm()).rejects.toMatchObject({ code: 'busy' });
  await old.release();
  expect(store.objects.size).toBe(0);
});

test('a sign of life that arrives when others may have taken over is none', async () => {
  const lock = await lockStore(store);
  laterMs += 31_000;
  delay('write', 200_000);
  await lock.confirm();
  laterMs += 31_000;
  delay('write', 300_000);
  await expect(lock.confirm()).rejects.toMatchObject({ code: 'busy' });
  await expect(lock.confirm()).rejects.toMatchObject({ code: 'busy' });
  await lock.release();
  expect(store.objects.size).toBe(0);
});

describe('with keys that may write and list', () => {
  /** Has all locks be as old as this. */
  const silence = (ms: number): void => {
    for (const [name, { bytes }] of store.objects) store.objects.set(name, { bytes, changedMs: Date.now() - ms });
  };
  const sizes = (): number[] => [...store.objects.values()].map(({ bytes }) => bytes.length);
  beforeEach(() => {
    store.hooks = refusing(store, ({ operation }) => operation === 'read' || operation === 'remove');
  });

  test('a lock is held by somebody until it is old, whoever that is', async () => {
    const lock = await lockStore(store);
    silence(60_000);
    await expect(lockStore(store)).rejects.toMatchObject({ code: 'busy' });
    silence(299_000);
    await expect(lockStore(store)).rejects.toMatchObject({ code: 'busy' });
    silence(301_000);
    await (await lockStore(store)).release();
    await lock.release();
  });

  test('a lock is given back by writing', async () => {
    const lock = await lockStore(store);
    silence(60_000);
    await expect(lockStore(store)).rejects.toMatchObject({ code: 'busy' });
    // Who stepped back keeps nobody out.
    expect(sizes().filter((size) => size > 0)).toHaveLength(1);
    await lock.confirm();
    await lock.release();
    expect(sizes()).toEqual([0, 0]);
    await (await lockStore(store)).release();
  });

  test('of two that want it at once, one has it at a time', async () => {
    let holders = 0;
    const take = async (): Promise<void> => {
      const lock = await lockStore(store, { lockWaitMs: 60_000 });
      expect(++holders).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders -= 1;
      await lock.release();
    };
    await Promise.all([take(), take()]);
  });
});
