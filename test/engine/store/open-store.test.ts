import { expect, test } from 'vitest';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { isStoreUrl } from '../../../src/engine/store/stores.ts';
import { expectFailure } from '../../support/trees.ts';

const env = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'eu-central-1' };

test.each(['s3://bucket', 'S3://bucket/prefix', 'sftp://host/path', 's3:bucket', 'sftp:host'])(
  '%s is the URL of a store, or was meant as one',
  (text) => expect(isStoreUrl(text)).toBe(true),
);

test.each([
  '/srv/backups',
  'backups',
  './s3:bucket',
  'C:\\backups',
  'c:/backups',
  's3',
  'a:b',
  'orders s3://x',
  'http://host',
  '',
])('%j is a directory', (text) => expect(isStoreUrl(text)).toBe(false));

test.each([
  ['s3://bucket', 's3://bucket'],
  ['s3://bucket/', 's3://bucket'],
  ['S3://bucket/a//b/', 's3://bucket/a/b'],
  ['s3://my.bucket-1/with space/50%/ü', 's3://my.bucket-1/with space/50%/ü'],
  ['sftp://host/srv/backups', 'sftp://host/srv/backups'],
  ['SFTP://me@Host.example:2222//srv//backups/./', 'sftp://me@Host.example:2222/srv/backups'],
  ['sftp://me@[fe80::1%25eth0]:22/a', 'sftp://me@[fe80::1%25eth0]:22/a'],
  ['sftp://domain%5Cme@host_1/~/a%20b%3F', 'sftp://domain%5Cme@host_1/~/a%20b%3F'],
])('the store of %j is known as %j', async (url, place) => {
  const store = await openStore(url, { env });
  expect(store.place).toBe(place);
  await store.close();
});

test.each([
  ['s3:bucket', 's3:bucket is not the URL of a bucket'],
  ['s3:/bucket', 's3:/bucket is not the URL of a bucket'],
  ['s3://', 's3:// names no bucket'],
  ['s3:///prefix', 's3:///prefix names no bucket'],
  ['s3://bucket/a/../b', 's3://bucket/a/../b: a prefix has no . or .. in it'],
  ['s3://-bucket', 's3://-bucket: -bucket is not the name of a bucket'],
  ['s3://localhost:9000/bucket', 's3://localhost:9000/bucket: localhost:9000 is not the name of a bucket'],
  ['s3://bucket?versionId=hunter2', 's3://bucket: the URL of a bucket ends with a prefix, and takes no ? or #'],
  ['s3://bucket/a#hunter2', 's3://bucket/a: the URL of a bucket ends with a prefix, and takes no ? or #'],
  ['s3://KEY:hunter2@bucket/a', 's3://…@…: a URL of a bucket has no user or password in it'],
  ['s3:/KEY:hunter2@bucket', 's3://…@…: a URL of a bucket has no user or password in it'],
  ['sftp:host', 'sftp:host is not the URL of a server with SFTP'],
  ['sftp:/me:hunter2@host/a', 'sftp:/…@host/a is not the URL of a server with SFTP'],
  ['sftp://me:hunter2@host/a', 'sftp://…@host/a: a URL has no password in it: other users could see it'],
  ['sftp://me:hunter@2@host/a', 'sftp://…@host/a: a URL has no password in it: other users could see it'],
  ['sftp://me:a/hunter2@host/a', 'sftp://…@host/a names no host'],
  ['sftp:///a', 'sftp:///a names no host'],
  ['sftp://host:ssh/a', 'sftp://host:ssh/a names no host'],
  ['sftp://host', 'sftp://host names no directory'],
  ['sftp://host/', 'sftp://host/ names no directory'],
  ['sftp://host/a/../b', 'sftp://host/a/../b: a path has no .. in it'],
  ['sftp://host/a%2F..%2Fb', 'sftp://host/a%2F..%2Fb: a path has no .. in it'],
  ['sftp://host/a%00', 'sftp://host/a%00: a path has no .. in it'],
  ['sftp://host/100%', 'sftp://host/100%: % in a URL begins a byte, as %20 for a space'],
  ['sftp://host/a?b', 'sftp://host/a?b has a ? or # in it, which no path of a URL has'],
  ['sftp://-oProxyCommand=id/a', 'sftp://-oProxyCommand=id/a: "-oProxyCommand=id" is not the name of a host'],
  ['sftp://a;id/a', 'sftp://a;id/a: "a;id" is not the name of a host'],
  ['sftp://%24(id)@host/a', 'sftp://%24(id)@host/a: "$(id)" is not the name of a user'],
  ['sftp://-l@host/a', 'sftp://-l@host/a: "-l" is not the name of a user'],
  ['gopher://host', 'gopher: is not a kind of store'],
  ['https://KEY:hunter2@host/a', 'https: is not a kind of store'],
])('%j is refused, and no secret in it is shown', async (url, message) => {
  const error = await expectFailure('usage', () => openStore(url, { env }));
  expect(error.message).toBe(message);
  expect(error.details.hint).toMatch(/\w/);
  expect(error.message + error.details.hint).not.toContain('hunter2');
});

test.each(['localhost:9000', 'hunter2', 'ftp://host'])('an endpoint %j is refused, and not shown', async (endpoint) => {
  const error = await expectFailure('usage', () =>
    openStore('s3://bucket', { env: { ...env, AWS_ENDPOINT_URL: endpoint } }),
  );
  expect(error.message).not.toContain(endpoint);
});
