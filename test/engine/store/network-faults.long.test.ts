/** What networks do to a store: it is tried again, or fails by name, and an object is whole or not there. */

import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { type StoreSettings } from '../../../src/engine/store/store-settings.ts';
import { type Retry } from '../../../src/engine/store/retrying.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { writeBytes } from '../../support/memory-store.ts';
import {
  faultyProxy,
  once,
  type Fault,
  type FaultyProxy,
  type SeenRequest,
} from '../../support/servers/faulty-proxy.ts';
import { serverStartMs } from '../../support/servers/live-servers.ts';
import { newBucket, s3Servers, type S3Environment } from '../../support/servers/s3-servers.ts';
import { describeWith } from '../../support/tools.ts';
import { expectFailure } from '../../support/trees.ts';

/** For how long a silent store is waited for: long enough for machines that are busy, or no longer than needed to notice. In ms. */
const patientMs = 30_000;
const briefMs = 500;

for (const server of s3Servers) {
  describeWith(server.program, server.packages, `a network in front of ${server.title}`, () => {
    let environment: S3Environment;
    let proxy: FaultyProxy;
    let bucket: string;
    /** Without faults. */
    let direct: Store;
    let store: Store;
    let retried: Retry[];

    const open = (endpoint: string, settings: Partial<StoreSettings> = {}): Promise<Store> =>
      openStore(`s3://${bucket}/repo`, { env: { ...environment, AWS_ENDPOINT_URL: endpoint }, ...settings });

    /** Tries some ten times, and waits little in between: a real server that is busy may need a moment of its own. */
    async function openThroughProxy(stallMs: number): Promise<void> {
      await store?.close();
      store = await open(proxy.url, {
        stallMs,
        onRetry: (retry) => retried.push(retry),
        now: () => retried.length * 20_000,
        sleep: () => setTimeout(100),
      });
    }

    beforeAll(async () => {
      environment = await server.environment();
      proxy = await faultyProxy(environment.AWS_ENDPOINT_URL);
    }, serverStartMs);
    afterAll(() => proxy.close());

    beforeEach(async () => {
      bucket = await newBucket(environment);
      direct = await open(environment.AWS_ENDPOINT_URL);
      retried = [];
      await openThroughProxy(patientMs);
      proxy.requests.length = 0;
    });
    afterEach(async () => {
      proxy.faultOf = () => undefined;
      await store.close();
      await direct.close();
    });

    const large = Buffer.alloc(17 << 20, 'of three parts. ');
    const isPart = (number: number) => (request: SeenRequest) =>
      request.method === 'PUT' && request.url.includes(`partNumber=${number}&`);
    /** Of an object, where one is named: what a test before gave up may still be on its way. */
    const is = (method: string, object?: string) => (request: SeenRequest) =>
      request.method === method && (object === undefined || new RegExp(`/${object}(?:\\?|$)`).test(request.url));

    /** What is done, which of its requests is hit, and how it is when it is done. */
    const works: readonly (readonly [string, (request: SeenRequest) => boolean, () => Promise<void>])[] = [
      [
        'a write',
        is('PUT', 'a'),
        async () => {
          await writeBytes(store, 'a', 'bytes of a');
          expect(Buffer.from((await direct.read('a'))!).toString()).toBe('bytes of a');
        },
      ],
      [
        'a part of a large object',
        isPart(2),
        async () => {
          await writeBytes(store, 'large', large);
          expect(Buffer.compare((await direct.read('large'))!, large)).toBe(0);
        },
      ],
      [
        'the beginning of a large object',
        ({ url }) => url.includes('?uploads'),
        async () => {
          await writeBytes(store, 'large', large);
          expect(Buffer.compare((await direct.read('large'))!, large)).toBe(0);
        },
      ],
      [
        'the end of a large object',
        ({ method, url }) => method === 'POST' && url.includes('uploadId'),
        async () => {
          await writeBytes(store, 'large', large);
          expect(Buffer.compare((await direct.read('large'))!, large)).toBe(0);
        },
      ],
      [
        'a read',
        is('GET', 'a'),
        async () => {
          await writeBytes(direct, 'a', large.subarray(0, 1 << 20));
          expect(Buffer.compare((await store.read('a'))!, large.subarray(0, 1 << 20))).toBe(0);
        },
      ],
      [
        'a read of a part',
        is('GET', 'a'),
        async () => {
          await writeBytes(direct, 'a', large.subarray(0, 1 << 20));
          const part = await store.read('a', { start: 1000, length: 200_000 });
          expect(Buffer.compare(part!, large.subarray(1000, 201_000))).toBe(0);
        },
      ],
      [
        'a list',
        is('GET'),
        async () => {
          for (const name of ['a', 'b', 'c']) await writeBytes(direct, name, name);
          expect((await store.list('')).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
        },
      ],
      [
        'a creation',
        is('PUT', 'lock'),
        async () => {
          expect(await store.create('lock', Buffer.from('mine'))).toBe(true);
          expect(Buffer.from((await direct.read('lock'))!).toString()).toBe('mine');
          expect(await direct.create('lock', Buffer.from('yours'))).toBe(false);
        },
      ],
      [
        'a removal',
        is('DELETE'),
        async () => {
          for (const name of ['a', 'b', 'c']) await writeBytes(direct, name, name);
          await store.remove(['a', 'b']);
          expect((await direct.list('')).map(({ name }) => name)).toEqual(['c']);
        },
      ],
    ];

    const faults: readonly (readonly [string, Fault])[] = [
      ['reset at once', { kind: 'reset', afterBytes: 0 }],
      ['answered by nothing', { kind: 'stall' }],
      ['done, and its answer lost', { kind: 'lose' }],
      ['answered by half an answer', { kind: 'cut', afterBytes: 100 }],
      ['answered by half an answer and then silence', { kind: 'hang', afterBytes: 100 }],
      ['answered with 500', { kind: 'answer', status: 500, code: 'InternalError' }],
      ['answered with 503', { kind: 'answer', status: 503, code: 'SlowDown' }],
      ['answered with 502 of something in between', { kind: 'answer', status: 502 }],
      ['answered with 429', { kind: 'answer', status: 429 }],
      ['damaged on its way', { kind: 'answer', status: 400, code: 'BadDigest' }],
    ];

    const cases = faults.flatMap(([how, fault]) =>
      works.map(([what, isMeant, work]) => [how, what, fault, isMeant, work] as const),
    );

    test.each(cases)('a request that is %s is sent again: %s', async (_, what, fault, isMeant, work) => {
      const isSilent = fault.kind === 'stall' || fault.kind === 'hang';
      await openThroughProxy(isSilent ? briefMs : patientMs);
      proxy.faultOf = once(fault, isMeant);
      await work();
      // Of an answer without a body, half of it is all.
      if (fault.kind !== 'cut' && fault.kind !== 'hang') expect(retried.length).toBeGreaterThanOrEqual(1);
      if (isSilent) return;
      // An upload of which the answer to its beginning was lost is known to nobody but the store.
      const isForgotten = what.startsWith('the beginning') && (fault.kind === 'lose' || fault.kind === 'cut');
      expect(await direct.sweep!(-60_000)).toBe(isForgotten ? 1 : 0);
    });

    const lasting: readonly (readonly [string, Fault])[] = [
      ['reset on the way', { kind: 'reset', afterBytes: 100_000 }],
      ['answered by nothing', { kind: 'stall' }],
      ['answered with 503', { kind: 'answer', status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } }],
    ];

    test.each(lasting)(
      'a large object of which a part is always %s is not there, and no part of it',
      async (_, fault) => {
        await openThroughProxy(fault.kind === 'stall' ? briefMs : patientMs);
        await writeBytes(direct, 'large', 'as it was');
        proxy.faultOf = (request) => (isPart(2)(request) ? fault : undefined);
        const error = await expectFailure('store-unreachable', () => writeBytes(store, 'large', large));
        expect(error.message).toMatch(/^s3:\/\/\S+: cannot write large: .* \(tried for /);
        expect(Buffer.from((await direct.read('large'))!).toString()).toBe('as it was');
        expect(await direct.sweep!(-60_000)).toBe(0);
      },
    );

    test('what cannot even be given up is swept once it is old enough', async () => {
      proxy.faultOf = (request) =>
        isPart(2)(request) || is('DELETE')(request) ? { kind: 'reset', afterBytes: 0 } : undefined;
      await expectFailure('store-unreachable', () => writeBytes(store, 'a b/+large', large));
      expect(await direct.list('')).toEqual([]);
      expect(await direct.sweep!(3_600_000)).toBe(0);
      expect(await direct.sweep!(-60_000)).toBe(1);
      expect(await direct.sweep!(-60_000)).toBe(0);
    });

    test('a store that says when it can be asked again is asked then', async () => {
      const slow: Fault = { kind: 'answer', status: 503, code: 'SlowDown', headers: { 'retry-after': '7' } };
      proxy.faultOf = once(slow, is('PUT'));
      await writeBytes(store, 'a', 'a');
      expect(retried.map(({ waitMs }) => waitMs)).toEqual([7000]);
    });

    test('a store that forbids in the middle what it allowed before is not asked again', async () => {
      proxy.faultOf = (request) =>
        isPart(3)(request) ? { kind: 'answer', status: 403, code: 'AccessDenied' } : undefined;
      const error = await expectFailure('not-permitted', () => writeBytes(store, 'large', large));
      expect(error.details.hint).toContain('policy');
      expect(retried).toEqual([]);
      expect(await direct.list('')).toEqual([]);
      expect(await direct.sweep!(-60_000)).toBe(0);
    });

    test('a signal ends a large write at once, and the store is left without parts of it', async () => {
      const stop = new AbortController();
      const stopped = await open(proxy.url, { signal: stop.signal });
      proxy.faultOf = (request) => {
        if (!isPart(2)(request)) return undefined;
        stop.abort('SIGTERM');
        return { kind: 'stall' };
      };
      await expectFailure('interrupted', () => writeBytes(stopped, 'large', large));
      await stopped.close();
      expect(await direct.list('')).toEqual([]);
      expect(await direct.sweep!(-60_000)).toBe(0);
    });

    test('a store whose tags say nothing of what was written is asked for the size of it', async () => {
      // Parts are known by theirs.
      proxy.faultOf = ({ url }) => (url.includes('partNumber=') ? undefined : { kind: 'retag' });
      await writeBytes(store, 'a', 'bytes of a');
      await writeBytes(store, 'large', large);
      expect(proxy.requests.filter(is('HEAD'))).toHaveLength(2);
      expect((await direct.list('')).map(({ size }) => size)).toEqual([10, large.length]);
    });

    test('a clock that is an hour off is no hindrance, since the store says what time it is', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
      try {
        await writeBytes(store, 'a', 'bytes of a');
        expect(Buffer.from((await store.read('a'))!).toString()).toBe('bytes of a');
        expect(await store.sweep!(3_600_000)).toBe(0);
      } finally {
        vi.useRealTimers();
      }
      expect(retried).toEqual([]);
    });
  });
}
