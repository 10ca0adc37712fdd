/** The lock of a store where answers take their time. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lockStore } from '../../../src/engine/remote/store-lock.ts';
import { MemoryStore } from '../../support/memory-store.ts';

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
