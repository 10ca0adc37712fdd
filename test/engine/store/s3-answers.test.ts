/** What answers of S3 mean, and with which keys it is asked, by a server of the test. */

import fs from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../../src/engine/store/open-store.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { faultyProxy, type Fault, type FaultyProxy } from '../../support/servers/faulty-proxy.ts';
import { expectFailure } from '../../support/trees.ts';
import { isWindows } from '../../support/windows.ts';

describe('what a store answers', () => {
  let proxy: FaultyProxy;
  let store: Store;

  beforeAll(async () => {
    proxy = await faultyProxy();
    const env = { AWS_ENDPOINT_URL: proxy.url, AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'hunter2' };
    store = await openStore('s3://bucket/repo', { env, budgetMs: 0 });
  });
  afterAll(async () => {
    await store.close();
    proxy.close();
  });

  const answers = [
    [403, 'AccessDenied', 'not-permitted', 'the store does not allow it (403 AccessDenied)', 'policy'],
    [403, 'InvalidAccessKeyId', 'not-permitted', 'does not know the access key', 'AWS_ACCESS_KEY_ID'],
    [403, 'SignatureDoesNotMatch', 'not-permitted', 'the secret key does not belong', 'AWS_SECRET_ACCESS_KEY'],
    [400, 'ExpiredToken', 'not-permitted', 'the credentials have expired', 'renew'],
    [403, 'RequestTimeTooSkewed', 'not-permitted', 'the clock of this machine differs', 'set the clock'],
    [403, 'QuotaExceeded', 'no-space', 'the store is full, or its quota used up', 'expire'],
    [507, 'InsufficientStorage', 'no-space', 'the store is full, or its quota used up', 'expire'],
    [404, 'NoSuchBucket', 'repository-missing', 'there is no such bucket', 'endpoint'],
    [400, 'InvalidBucketName', 'usage', 'as the name of a bucket', 'Buckets are made'],
    [400, 'AuthorizationHeaderMalformed', 'usage', 'the bucket is in another region', 'AWS_REGION'],
    [409, 'OperationAborted', 'store-unreachable', 'the store answers 409 OperationAborted', 'later'],
    [429, 'TooManyRequests', 'store-unreachable', 'the store answers 429 TooManyRequests', 'later'],
    [400, 'RequestTimeout', 'store-unreachable', 'the store answers 400 RequestTimeout', 'later'],
    [500, 'InternalError', 'store-unreachable', 'the store answers 500 InternalError', 'later'],
    [504, 'GatewayTimeout', 'store-unreachable', 'the store answers 504 GatewayTimeout', 'later'],
    [405, 'MethodNotAllowed', 'io', 'the store answers 405 MethodNotAllowed', undefined],
  ] as const;

  test.each(answers)('%d %s is %s, and says so', async (status, name, code, text, hint) => {
    proxy.faultOf = () => ({ kind: 'answer', status, code: name });
    for (const operation of [() => store.read('a'), () => writeBytes(store, 'a', 'a'), () => store.list('')]) {
      const error = await expectFailure(code, operation);
      expect(error.message).toMatch(/^s3:\/\/bucket\/repo: cannot (read a|write a|list its objects): /);
      expect(error.message).toContain(text);
      if (hint) expect(error.details.hint).toContain(hint);
      // Nothing of the request, which is signed.
      expect(inspect(error, { depth: 10 })).not.toMatch(/hunter2|Signature=|AWS4-HMAC/);
    }
  });

  const silences: readonly (readonly [string, Fault, RegExp])[] = [
    ['closes the connection', { kind: 'reset', afterBytes: 0 }, /: the connection was lost \(tried for/],
    ['is a page in HTML', { kind: 'page', text: '<html><body><p>Log in first</body>' }, /cannot be understood|answers/],
    ['is not even HTTP', { kind: 'garbage' }, /cannot be understood/],
  ];

  test.each(silences)('what %s is store-unreachable', async (_, fault, message) => {
    proxy.faultOf = () => fault;
    const error = await expectFailure('store-unreachable', () => store.list(''));
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(13);
  });

  test('a list that is not found is of a bucket that is not there, or of no store at all', async () => {
    proxy.faultOf = () => ({ kind: 'answer', status: 404 });
    const error = await expectFailure('repository-missing', () => store.list(''));
    expect(error.message).toContain('there is no such bucket, or no store at this address (404 NotFound)');
    expect(error.details.hint).toContain('AWS_ENDPOINT_URL');
  });

  test('an endpoint with https:// that speaks http:// is told as such', async () => {
    const env = {
      AWS_ENDPOINT_URL: proxy.url.replace('http:', 'https:'),
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    };
    const secure = await openStore('s3://bucket', { env });
    const error = await expectFailure('io', () => secure.list(''));
    expect(error.details.hint).toBe('does the endpoint begin with the right one of http:// and https://?');
    await secure.close();
  });

  test('a part of an object that is not the one asked for is refused', async () => {
    proxy.faultOf = () => ({ kind: 'page', text: '0123456789' });
    const error = await expectFailure('io', () => store.read('a', { start: 2, length: 3 }));
    expect(error.message).toContain('another part than it was asked for');
  });
});

describe('a profile of the files of AWS', () => {
  let proxy: FaultyProxy;

  beforeEach(async () => {
    proxy = await faultyProxy();
    const directory = temporaryDirectory();
    const file = (name: string, ...lines: readonly string[]): string => {
      fs.writeFileSync(path.join(directory, name), lines.join('\n'));
      return path.join(directory, name);
    };
    const keys = file('keys.json', '{ "Version": 1, "AccessKeyId": "OFPROCESS", "SecretAccessKey": "hunter2" }');
    const endpoint = `endpoint_url = ${proxy.url}`;
    const config = file(
      'config',
      ...['[profile keys]', endpoint, 'region = eu-central-1'],
      ...['[profile process]', endpoint, `credential_process = ${isWindows ? 'type' : 'cat'} ${keys}`],
      ...['[profile role]', endpoint, 'role_arn = arn:aws:iam::123456789012:role/backup', 'source_profile = keys'],
      ...['[profile none]', endpoint],
    );
    // What looks for keys knows the variables of the process alone.
    vi.stubEnv('AWS_CONFIG_FILE', config);
    const ofFile = ['[keys]', 'aws_access_key_id = OFFILE', 'aws_secret_access_key = hunter2'];
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file('credentials', ...ofFile));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    proxy.close();
  });

  function open(profile: string): Promise<Store> {
    vi.stubEnv('AWS_PROFILE', profile);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'OFENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hunter2');
    return openStore('s3://bucket/repo', { env: process.env, budgetMs: 0 });
  }

  test.each([
    ['keys', /Credential=OFFILE\/\d+\/eu-central-1\//],
    ['process', /Credential=OFPROCESS\/\d+\/us-east-1\//],
  ])('with %s is used before keys of the environment, with its endpoint and region', async (profile, expected) => {
    const store = await open(profile);
    proxy.faultOf = () => ({
      kind: 'page',
      text: '<ListBucketResult><EncodingType>url</EncodingType></ListBucketResult>',
    });
    expect(await store.list('')).toEqual([]);
    expect(proxy.requests[0]!.authorization).toMatch(expected);
    // The bucket in the path, as endpoints of one's own have it.
    expect(proxy.requests[0]!.url).toMatch(/^\/bucket\/?\?/);
    await store.close();
  });

  const refusals = [
    [403, 'AccessDenied', 'not-permitted', 'no credentials: as told'],
    [400, 'ExpiredTokenException', 'not-permitted', 'no credentials: as told'],
    [503, 'ServiceUnavailable', 'store-unreachable', 'no credentials: 503 '],
  ] as const;

  test.each(refusals)(
    'whose role is refused with %d %s is %s, and the store is not blamed',
    async (status, code, expected, text) => {
      const store = await open('role');
      proxy.faultOf = () => ({ kind: 'answer', status, code });
      const error = await expectFailure(expected, () => store.list(''));
      expect(error.message).toContain(`s3://bucket/repo: cannot list its objects: ${text}`);
      expect(proxy.requests.map(({ method }) => method)).not.toContain('GET');
      await store.close();
    },
  );

  test('without keys is not-permitted, and no secret of others is shown', async () => {
    const store = await open('none');
    const error = await expectFailure('not-permitted', () => store.list(''));
    expect(error.message).toContain('no credentials');
    expect(error.message + error.details.hint).not.toContain('hunter2');
    await store.close();
  });
});
