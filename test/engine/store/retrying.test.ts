import { describe, expect, test } from 'vitest';
import { retries, withRetries, type Retry, type RetryOptions } from '../../../src/engine/store/retrying.ts';
import { Unreachable } from '../../../src/engine/store/unreachable.ts';
import { FigaroError } from '../../../src/errors.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { MemoryStore, writeBytes, type StoreHooks } from '../../support/memory-store.ts';
import { expectFailure } from '../../support/trees.ts';

/** Fails with these errors, one call after the other, then no more. */
function failing(...errors: readonly Error[]): StoreHooks {
  const left = [...errors];
  return {
    before() {
      const error = left.shift();
      if (error) throw error;
    },
  };
}

/** Options on a clock that moves only while somebody waits. */
function onFakeClock(random = 0.5): RetryOptions & { readonly waits: number[] } {
  const clock = fakeClock();
  const waits: number[] = [];
  return {
    waits,
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms),
    random: () => random,
    onRetry: ({ waitMs }: Retry) => waits.push(waitMs),
  };
}

const lost = (): Unreachable => new Unreachable('memory://store: connection refused');

test('what fails in passing is tried again, later and later', async () => {
  const options = onFakeClock();
  const store = withRetries(new MemoryStore(failing(lost(), lost(), lost())), options);
  await writeBytes(store, 'a', 'bytes');
  expect(options.waits).toEqual([375, 750, 1500]);
  expect(await store.list('')).toMatchObject([{ name: 'a', size: 5 }]);
});

test('waits are spread, so that many do not come back at once', async () => {
  const waits = [0, 0.999].map(async (random) => {
    const options = onFakeClock(random);
    await withRetries(new MemoryStore(failing(lost())), options).list('');
    return Math.round(options.waits[0]!);
  });
  expect(await Promise.all(waits)).toEqual([250, 500]);
});

test('no wait is longer than 20 seconds, and all are within the budget', async () => {
  const options = onFakeClock(0.999);
  const store = withRetries(new MemoryStore({ before: () => Promise.reject(lost()) }), {
    ...options,
    budgetMs: 100_000,
  });
  const error = await expectFailure('store-unreachable', () => store.read('a'));
  expect(error.message).toBe('memory://store: connection refused (tried for 1m 40s)');
  expect(error.details.hint).toContain('Run the same command again later');
  expect(error.exitCode).toBe(13);
  expect(Math.max(...options.waits)).toBeLessThanOrEqual(20_000);
  expect(options.waits.reduce((sum, ms) => sum + ms)).toBeCloseTo(100_000);
});

test('a store that says when it wants to be asked again is asked then', async () => {
  const options = onFakeClock();
  const slow = new Unreachable('memory://store: slow down', { retryAfterMs: 7000 });
  await withRetries(new MemoryStore(failing(slow)), options).list('');
  expect(options.waits).toEqual([7000]);
});

test('a store that wants to be asked again after the budget is not waited for', async () => {
  const options = onFakeClock();
  const slow = new Unreachable('memory://store: slow down', { retryAfterMs: 3_600_000 });
  const error = await expectFailure('store-unreachable', () =>
    withRetries(new MemoryStore(failing(slow)), options).list(''),
  );
  expect(error.message).toBe('memory://store: slow down, which wants to be asked again in 1h (tried for 0s)');
  expect(options.waits).toEqual([]);
});

test('what will not be better by trying is told at once', async () => {
  const options = onFakeClock();
  const forbidden = new FigaroError('not-permitted', 'memory://store: no');
  await expectFailure('not-permitted', () =>
    withRetries(new MemoryStore(failing(lost(), forbidden)), options).list(''),
  );
  expect(options.waits).toHaveLength(1);
});

test('what was given up is not tried again by whoever calls', async () => {
  const options = onFakeClock();
  const inner = withRetries(new MemoryStore({ before: () => Promise.reject(lost()) }), { ...options, budgetMs: 1000 });
  const outer: Retry[] = [];
  await expectFailure('store-unreachable', () =>
    retries({ onRetry: (retry) => outer.push(retry) })(() => inner.list('')),
  );
  expect(outer).toEqual([]);
});

describe('a name whose creation was answered by nothing', () => {
  const losingFirstAnswer = (): StoreHooks => ({
    after({ number }) {
      if (number === 1) throw lost();
    },
  });

  test('is known to be created by its bytes', async () => {
    const store = withRetries(new MemoryStore(losingFirstAnswer()), onFakeClock());
    expect(await store.create('lock', Buffer.from('mine'))).toBe(true);
    expect(await store.create('lock', Buffer.from('mine'))).toBe(false);
  });

  test('is taken when it has those of another', async () => {
    const memory = new MemoryStore({
      before({ number }) {
        if (number === 2) throw lost();
      },
    });
    await memory.create('lock', Buffer.from('mine and longer'));
    const store = withRetries(memory, onFakeClock());
    expect(await store.create('lock', Buffer.from('mine'))).toBe(false);
  });

  test('is known by the tag in a list where it may not be read', async () => {
    const refusal = new FigaroError('not-permitted', 'the store does not allow it');
    const createWhere = async (bytes: string | undefined, tag?: string): Promise<boolean> => {
      const memory = new MemoryStore({
        before: ({ operation }) => {
          if (operation === 'read') throw refusal;
        },
        after: ({ number }) => {
          if (number !== 1) return;
          const now = bytes === undefined ? memory.objects.get('lock')!.bytes : Buffer.from(bytes);
          memory.objects.set('lock', { bytes: now, changedMs: 1, ...(tag === undefined ? {} : { tag }) });
          throw lost();
        },
      });
      return await withRetries(memory, onFakeClock()).create('lock', Buffer.from('mine'));
    };
    expect(await createWhere(undefined)).toBe(true);
    expect(await createWhere('longer')).toBe(false);
    await expect(createWhere('else')).rejects.toBe(refusal);
    await expect(createWhere(undefined, 'of what the store has encrypted')).rejects.toBe(refusal);
  });
});

describe('a signal that is aborted', () => {
  test('ends a wait at once', async () => {
    const stop = new AbortController();
    const store = withRetries(new MemoryStore({ before: () => Promise.reject(lost()) }), {
      signal: stop.signal,
      onRetry: () => setImmediate(() => stop.abort('SIGINT')),
      random: () => 1,
    });
    const before = performance.now();
    await expectFailure('interrupted', () => store.list(''));
    expect(performance.now() - before).toBeLessThan(400);
  });

  test('ends a call that never would', async () => {
    const stop = new AbortController();
    const store = withRetries(new MemoryStore({ before: () => new Promise(() => {}) }), { signal: stop.signal });
    const list = expectFailure('interrupted', () => store.list(''));
    stop.abort();
    await list;
  });

  test('lets nothing begin', async () => {
    const memory = new MemoryStore();
    const store = withRetries(memory, { signal: AbortSignal.abort() });
    await expectFailure('interrupted', () => store.list(''));
    expect(memory.calls).toBe(0);
  });
});
