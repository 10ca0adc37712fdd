/** Encrypted repositories in a bucket of a real server, when a machine is lost, and when two want to write. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { databasesIn, PackedPlace } from '../support/packed-place.ts';
import { output, program } from '../support/program.ts';
import { serverStartMs } from '../support/servers/live-servers.ts';
import { newBucket, rgw } from '../support/servers/s3-servers.ts';
import { describeWith } from '../support/tools.ts';

const canUnshare = spawnSync('unshare', ['--uts', 'true']).status === 0;
if (!canUnshare) console.warn('skipped: this user cannot make machines with names of their own (unshare)');

describeWith(rgw.program, rgw.packages, `an encrypted repository in ${rgw.title}`, () => {
  let packed: PackedPlace;
  let url: string;
  let bucket: Readonly<Record<string, string>>;

  beforeAll(async () => {
    const server = await rgw.environment();
    bucket = { ...server };
    url = `s3://${await newBucket(server)}/orders`;
    packed = await PackedPlace.make(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), 'encrypted');
    packed.application.commitUpTo([4, 72_115]);
    await live(`init --repo ${url} --recipient ${packed.recipient}`);
    await live(`hot --home @env --repo ${url}`);
    packed.application.commitUpTo([5, 60_000]);
    await live(`incremental --home @env --repo ${url}`);
  }, serverStartMs);
  afterAll(() => fs.rmSync(packed.place.directory, { recursive: true, force: true }));

  async function live(line: string): Promise<void> {
    const env = { ...bucket, FIGARO_BACKUP_SPOOL: packed.inside('spool') };
    await packed.succeed(line, 'machine', { env });
  }

  test('is enough, with the identity, for a new machine that has nothing else', async () => {
    await packed.run('hot --home @env --repo @plain', 'nobody');
    await packed.run('recover --repo @plain --to @expected', 'nobody');
    const laptop = fs.mkdtempSync(packed.inside('new-machine-'));
    fs.copyFileSync(packed.inside('identity.txt'), path.join(laptop, 'identity.txt'));
    fs.mkdirSync(path.join(laptop, 'tmp'));
    const env = {
      ...bucket,
      HOME: laptop,
      XDG_CACHE_HOME: path.join(laptop, 'cache'),
      TMPDIR: path.join(laptop, 'tmp'),
    };
    const identity = ['--identity', path.join(laptop, 'identity.txt')];
    const target = path.join(laptop, 'restored');
    const recovered = await output(['recover', '--repo', url, '--to', target, ...identity], env);
    expect([recovered.status, recovered.stderr]).toEqual([0, recovered.stderr]);
    expect(databasesIn(target)).toEqual(databasesIn(packed.inside('expected')));
    // And it goes on there: the key of the machine is in the bucket, for whoever has the identity.
    const next = await output(['hot', '--new-source', '--home', target, '--repo', url, ...identity], env);
    expect([next.status, next.stderr]).toEqual([0, next.stderr]);
    const opened = await output(['check', '--repo', url, ...identity], env);
    expect([opened.status, opened.stderr]).toEqual([0, opened.stderr]);
  });

  test.runIf(canUnshare)(
    'loses nothing when two machines write at once: one goes on, and the other waits or says so',
    async () => {
      const listed = async (): Promise<string[]> => {
        const env = { ...bucket, FIGARO_BACKUP_SPOOL: packed.inside('spool') };
        const { stdout } = await packed.run(`list --json --repo ${url}`, 'machine', { env });
        const { chains } = JSON.parse(stdout) as { chains: { sets: { id: string }[] }[] };
        return chains.flatMap(({ sets }) => sets.map(({ id }) => id));
      };
      const hotOn = async (host: string, ...more: readonly string[]): Promise<number | null> => {
        const spool = packed.inside(`spool-${host}`);
        fs.mkdirSync(spool, { recursive: true });
        const words = [
          'hot',
          '--new-source',
          '--home',
          packed.place.home,
          '--repo',
          url,
          ...packed.keysOf('machine'),
          ...more,
        ];
        const named = `hostname ${host} && exec "$@"`;
        const child = spawn('unshare', ['--uts', 'sh', '-c', named, 'sh', process.execPath, program, ...words], {
          stdio: 'ignore',
          env: { ...process.env, ...bucket, FIGARO_BACKUP_SPOOL: spool },
        });
        return ((await once(child, 'close')) as [number | null])[0];
      };
      const before = await listed();
      const atOnce = await Promise.all(['one', 'two'].map((host) => hotOn(host)));
      for (const status of atOnce) expect([0, 7]).toContain(status);
      const made = atOnce.filter((status) => status === 0).length;
      const between = await listed();
      expect(between.filter((id) => before.includes(id))).toEqual(before);
      expect(between).toHaveLength(before.length + made);
      const waiting = await Promise.all(['one', 'two'].map((host) => hotOn(host, '--lock-wait', '2m')));
      expect(waiting).toEqual([0, 0]);
      const after = await listed();
      expect(after.filter((id) => between.includes(id))).toEqual(between);
      expect(after).toHaveLength(between.length + 2);
      const verified = await output(['verify', '--rehearse', '--repo', url, ...packed.keysOf('both')], {
        ...bucket,
        FIGARO_BACKUP_SPOOL: packed.inside('spool'),
      });
      expect([verified.status, verified.stderr]).toEqual([0, verified.stderr]);
    },
    300_000,
  );
});
