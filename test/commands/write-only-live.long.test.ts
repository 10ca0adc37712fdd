/** The policy of the manual for keys that may write and list, with a real server. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from '../support/age-keys.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { databasesIn } from '../support/packed-place.ts';
import { placeIn, type Place } from '../support/place.ts';
import { output, type Outcome } from '../support/program.ts';
import { figaro } from '../support/run-cli.ts';
import { serverStartMs } from '../support/servers/live-servers.ts';
import { newBucket, otherUser, rgw, s3Client, type S3Environment } from '../support/servers/s3-servers.ts';
import { describeWith } from '../support/tools.ts';

const manual = fs.readFileSync(path.join(import.meta.dirname, '../../docs/stores.md'), 'utf8');

/** The policies of the manual that have one thing in them and lack another one, as objects. */
function policyWith(action: string, without: string): { readonly Statement: readonly object[] } {
  const policies = manual.match(/^\{\n {2}"Statement"[^`]*^\}$/gm) ?? [];
  const [policy, ...more] = policies.filter((text) => text.includes(action) && !text.includes(without));
  expect(more).toEqual([]);
  return JSON.parse(policy!) as { Statement: object[] };
}

/** Has a bucket let the other user do what the manual says, word for word, of its own bucket. */
async function allowOther(environment: S3Environment, bucket: string): Promise<void> {
  const { Statement } = policyWith('s3:PutObject', 's3:GetObject');
  const Principal = { AWS: ['arn:aws:iam:::user/test:other'] };
  const named = { Version: '2012-10-17', Statement: Statement.map((each) => ({ ...each, Principal })) };
  const Policy = JSON.stringify(named).replaceAll('acme-backup', bucket);
  const client = s3Client(environment);
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

describeWith(rgw.program, rgw.packages, 'with keys that may write and list', () => {
  describe.each(['plain', 'packed', 'encrypted'] as const)('a %s repository in Ceph RGW', (kind) => {
    let place: Place;
    let environment: S3Environment;
    let url: string;
    let application: ReturnType<typeof demoApplication>;
    let recipient: string;

    beforeAll(async () => {
      environment = await rgw.environment();
      const bucket = await newBucket(environment);
      await allowOther(environment, bucket);
      url = `s3://${bucket}/orders`;
      place = placeIn(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')));
      application = demoApplication(place.home);
      application.commitUpTo([4, 72_115]);
      // Goes up in parts.
      fs.writeFileSync(path.join(place.home, 'attached.bin'), Buffer.alloc(9 << 20, 'attached'));
      for (const spool of ['writer', 'owner']) fs.mkdirSync(inside(spool));
      const key = await newKey();
      recipient = key.recipient.text;
      fs.writeFileSync(inside('identity.txt'), `${key.secret}\n`);
    }, serverStartMs);
    afterAll(() => fs.rmSync(place.directory, { recursive: true, force: true }));

    const inside = (name: string): string => path.join(place.directory, name);
    const keys = { writer: ['--key-file', '@machine.key'], owner: ['--identity', '@identity.txt'] };
    const run = async (
      spool: 'writer' | 'owner',
      line: string,
      more: Readonly<Record<string, string>> = {},
    ): Promise<Outcome & { readonly stdout: string }> => {
      const words = [...line.split(' '), ...(kind === 'encrypted' ? keys[spool] : [])];
      const env = { ...environment, FIGARO_BACKUP_REPO: url, FIGARO_BACKUP_SPOOL: inside(spool), ...more };
      return await output(
        words.map((word) => word.replace(/^@/, `${place.directory}/`)),
        env,
      );
    };
    const limited = (line: string): ReturnType<typeof run> => run('writer', line, { ...otherUser });
    const succeed = async (running: ReturnType<typeof run>): Promise<string> => {
      const { status, stdout, stderr } = await running;
      expect([status, stderr]).toEqual([0, stderr]);
      expect(stderr).not.toContain('keys');
      return stdout;
    };

    test('is made', async () => {
      const packed = kind === 'plain' ? '' : ' --packed';
      const sealed = kind === 'encrypted' ? ` --recipient ${recipient}` : '';
      await succeed(limited(`init${packed}${sealed}`));
    });

    test('takes sets', async () => {
      await succeed(limited('hot --home @env --include attached.bin'));
      for (const end of [60_000, 110_402]) {
        application.commitUpTo([5, end]);
        await succeed(limited('incremental --home @env'));
      }
      const told = await Promise.all([1, 2].map(() => limited('hot --home @env --lock-wait 10m')));
      expect(told.map(({ status, stderr }) => [status, stderr])).toEqual(told.map(({ stderr }) => [0, stderr]));
      expect((await succeed(limited('list'))).match(/not yet rehearsed/g)).toHaveLength(2);
    });

    test('is neither read from nor removed from', async () => {
      for (const line of ['verify', 'recover --to @stolen --identity @identity.txt', 'expire --keep-full 1']) {
        const { status, stderr } = await limited(line);
        expect([line, status]).toEqual([line, 6]);
        expect(stderr).toMatch(/error \[not-permitted\].*the store does not allow it \(403 AccessDenied\)/);
      }
      expect(fs.existsSync(inside('stolen'))).toBe(false);
    });

    test('is proven, and recovered from, elsewhere', async () => {
      await succeed(run('owner', 'verify --rehearse'));
      await succeed(run('owner', 'check --max-rehearsal-age 1h'));
      await succeed(run('owner', 'recover --to @recovered'));
      await figaro(['hot', '-q', '--home', place.home, '--repo', place.repository]);
      await figaro(['recover', '--repo', place.repository, '--to', inside('other')]);
      expect(databasesIn(inside('recovered'))).toEqual(databasesIn(inside('other')));
    });

    test('that others have added to is told to be unknown, and known after one look', async () => {
      await succeed(run('owner', 'hot --home @env'));
      const { status, stderr } = await limited('incremental --home @env');
      expect([status, stderr]).toEqual([6, expect.stringMatching(/manifest\.json.*and this machine does not know it/)]);
      await succeed(run('writer', 'list'));
      await succeed(limited('incremental --home @env'));
      const told = await limited('hot --home @env');
      expect([told.status, told.stderr.includes('shares no pages')]).toEqual([0, kind !== 'plain']);
    });
  });
});
