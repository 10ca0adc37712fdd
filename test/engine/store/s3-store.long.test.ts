/** What stores in S3 do beyond what all stores do. */

import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutBucketPolicyCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { type StoreSettings } from '../../../src/engine/store/store-settings.ts';
import { partSizeOf } from '../../../src/engine/store/s3-upload.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { faultyProxy } from '../../support/servers/faulty-proxy.ts';
import { serverStartMs } from '../../support/servers/live-servers.ts';
import { newBucket, rgw, s3Client, s3Servers, type S3Environment } from '../../support/servers/s3-servers.ts';
import { describeWith } from '../../support/tools.ts';
import { expectFailure } from '../../support/trees.ts';

const mebibyte = 1 << 20;

test.each([
  [9 * mebibyte, 8],
  [80_000 * mebibyte, 8],
  [80_000 * mebibyte + 1, 9],
  [1024 * 1024 * mebibyte, 105],
  [5 * 1024 * 1024 * mebibyte, 525],
])('an object of %d bytes is sent in parts of %d MiB, of which there may be 10,000', (size, expected) => {
  expect(partSizeOf(size)).toBe(expected * mebibyte);
  expect(Math.ceil(size / partSizeOf(size))).toBeLessThanOrEqual(10_000);
});

for (const server of s3Servers) {
  describeWith(server.program, server.packages, `a bucket in ${server.title}`, () => {
    let environment: S3Environment;
    let client: S3Client;
    let bucket: string;
    const stores: Store[] = [];

    beforeAll(async () => {
      environment = await server.environment();
      client = s3Client(environment);
    }, serverStartMs);
    beforeEach(async () => {
      bucket = await newBucket(environment);
    });
    afterAll(async () => {
      client.destroy();
      await Promise.all(stores.map((store) => store.close()));
    });

    const open = async (prefix: string, settings: Partial<StoreSettings> = {}): Promise<Store> => {
      const store = await openStore(`s3://${bucket}/${prefix}`, {
        env: { ...environment },
        budgetMs: 1000,
        ...settings,
      });
      stores.push(store);
      return store;
    };
    const namesIn = async (store: Store): Promise<readonly string[]> => (await store.list('')).map(({ name }) => name);

    test('a store has what is below its prefix, and nothing else', async () => {
      const [whole, one, other] = [await open(''), await open('one'), await open('one-more')];
      await writeBytes(one, 'a', 'a');
      await writeBytes(other, 'b', 'b');
      // As the consoles of stores do it for a directory.
      await writeBytes(whole, 'one/', '');
      expect(await namesIn(one)).toEqual(['a']);
      expect(await namesIn(other)).toEqual(['b']);
      expect(await namesIn(whole)).toEqual(['one-more/b', 'one/', 'one/a']);
    });

    test('uploads that nobody finished are swept, those of its own prefix, whatever their names are', async () => {
      const names = ['a b/+c', '50%25', 'ünï', 'plain', "q'&<", 'z'];
      for (const name of [...names.map((each) => `repo/${each}`), 'repo-other/x']) {
        await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: name }));
      }
      const [store, other] = [await open('repo', { pageSize: 2 }), await open('repo-other')];
      expect(await store.sweep!(3_600_000)).toBe(0);
      expect(await store.sweep!(-60_000)).toBe(names.length);
      expect(await store.sweep!(-60_000)).toBe(0);
      expect(await other.sweep!(-60_000)).toBe(1);
    });

    test('names of all pages of a list are read as they were written', async () => {
      const store = await open('repo', { pageSize: 1 });
      for (const name of ['b', 'a+', 'c d']) await writeBytes(store, name, name);
      expect(await namesIn(store)).toEqual(['a+', 'b', 'c d']);
    });

    test('many requests at once, and parts of large objects, do not make Node warn of listeners', async () => {
      const warnings: string[] = [];
      const listener = ({ name }: Error): void => void warnings.push(name);
      process.on('warning', listener);
      try {
        const store = await open('repo', { signal: new AbortController().signal });
        await writeBytes(store, 'a', 'a');
        await Promise.all(Array.from({ length: 20 }, () => store.read('a')));
        await writeBytes(store, 'large', Buffer.alloc(40 * mebibyte));
      } finally {
        process.off('warning', listener);
      }
      expect(warnings).not.toContain('MaxListenersExceededWarning');
    });

    test('a storage class goes along with what is written', async () => {
      const standard = await open('repo', { storageClass: 'STANDARD' });
      await writeBytes(standard, 'a', 'a');
      await writeBytes(standard, 'large', Buffer.alloc(9 * mebibyte));
      expect(await namesIn(standard)).toEqual(['a', 'large']);
    });
  });
}

describeWith(rgw.program, rgw.packages, 'a bucket with rules in Ceph RGW', () => {
  let environment: S3Environment;
  let client: S3Client;

  beforeAll(async () => {
    environment = await rgw.environment();
    client = s3Client(environment);
  }, serverStartMs);
  afterAll(() => client.destroy());

  test('a storage class that the store does not have is refused', async () => {
    const bucket = await newBucket(environment);
    const store = await openStore(`s3://${bucket}`, { env: { ...environment }, storageClass: 'NO_SUCH_CLASS' });
    const error = await expectFailure('io', () => writeBytes(store, 'a', 'a'));
    expect(error.message).toContain('the store answers 400 Invalid');
    await store.close();
  });

  test('keys that may write and list, but not read, can write', async () => {
    const bucket = await newBucket(environment);
    const Statement = {
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:GetObject', 's3:DeleteObject'],
      Resource: `arn:aws:s3:::${bucket}/*`,
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [Statement] });
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    const proxy = await faultyProxy(environment.AWS_ENDPOINT_URL);
    // Its size is looked at, which takes a list.
    proxy.faultOf = ({ method }) => (method === 'PUT' ? { kind: 'retag' } : undefined);
    const store = await openStore(`s3://${bucket}/repo`, { env: { ...environment, AWS_ENDPOINT_URL: proxy.url } });
    await writeBytes(store, 'a', 'bytes');
    expect(await store.create('lock', Buffer.from('mine'))).toBe(true);
    expect(await store.create('lock', Buffer.from('mine'))).toBe(false);
    expect(await store.list('')).toMatchObject([
      { name: 'a', size: 5 },
      { name: 'lock', size: 4 },
    ]);
    await expectFailure('not-permitted', () => store.read('a'));
    await expectFailure('not-permitted', () => store.remove(['a']));
    await store.close();
    proxy.close();
  });

  test('a bucket that keeps versions and locks them is written, listed and removed from like any other', async () => {
    const bucket = `locked-${process.pid}-${Date.now().toString(36)}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const store = await openStore(`s3://${bucket}/repo`, { env: { ...environment } });
    await writeBytes(store, 'a', 'first');
    await writeBytes(store, 'a', 'second');
    expect(await store.create('lock', Buffer.from('mine'))).toBe(true);
    expect(await store.create('lock', Buffer.from('yours'))).toBe(false);
    expect(Buffer.from((await store.read('a'))!).toString()).toBe('second');
    await store.remove(['a', 'lock']);
    expect(await store.list('')).toEqual([]);
    expect(await store.read('a')).toBeUndefined();
    expect(await store.create('lock', Buffer.from('yours'))).toBe(true);
    await store.close();
  });
});
