/** The program, as it is installed, with repositories on real servers. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { placeIn, type Place } from '../support/place.ts';
import { figaro } from '../support/run-cli.ts';
import { output } from '../support/program.ts';
import { newBucket, s3Servers } from '../support/servers/s3-servers.ts';
import { sftpUrl, sharedSshd, sshdPackages, sshdProgram, sshEnvironment } from '../support/servers/sshd.ts';
import { serverStartMs } from '../support/servers/live-servers.ts';
import { describeWith } from '../support/tools.ts';
import { fingerprint } from '../support/trees.ts';

interface LiveStore {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
}

for (const server of s3Servers) {
  describeWith(server.program, server.packages, `a repository in ${server.title}`, () =>
    testRepository(async () => {
      const env = { ...(await server.environment()) };
      return { url: `s3://${await newBucket(env)}/orders`, env };
    }),
  );
}

describeWith(sshdProgram, sshdPackages, 'a repository on a server with SFTP', () =>
  testRepository(async () => {
    const { full } = await sharedSshd();
    const directory = fs.mkdtempSync(path.join(full.directory, 'repository-'));
    return { url: sftpUrl(full, path.join(directory, 'orders')), env: sshEnvironment(full, directory) };
  }),
);

/** Of databases: recovery writes the time into the log. */
const hashesIn = (directory: string): string[] =>
  fingerprint(directory)
    .filter((line) => !line.startsWith('log.'))
    .map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`);

/** One story in parts, each of which goes on where the one before it ended. */
function testRepository(open: () => Promise<LiveStore>): void {
  let store: LiveStore;
  let place: Place;
  let application: ReturnType<typeof demoApplication>;

  beforeAll(async () => {
    store = await open();
    place = placeIn(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')));
    application = demoApplication(place.home);
  }, serverStartMs);
  afterAll(() => fs.rmSync(place.directory, { recursive: true, force: true }));

  const run = async (line: string): Promise<string> => {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
    const env = { ...store.env, FIGARO_BACKUP_REPO: store.url, FIGARO_BACKUP_SPOOL: place.directory };
    const { status, stdout, stderr } = await output(words, env);
    expect([line, status, stderr]).toEqual([line, 0, stderr]);
    expect(stdout + stderr).not.toContain('spooling');
    for (const secret of ['SKTEST', 'testing']) expect(stdout + stderr).not.toContain(secret);
    expect(fs.readdirSync(place.directory).filter((name) => name.includes('spooling'))).toEqual([]);
    return stdout;
  };

  test('is made, and added to', async () => {
    application.commitUpTo([4, 72_115]);
    await run('init');
    await run('hot --home @env');
    application.commitUpTo([5, 60_000]);
    await run('incremental --home @env');
    application.commitUpTo([5, 110_402]);
    const told = await run('incremental --home @env -v');
    expect(told).toMatch(/on from \S+-incremental-/);
  });

  test('is no place for another repository, nor is what it lies in', async () => {
    const env = { ...store.env, FIGARO_BACKUP_SPOOL: place.directory };
    const init = async (repo: string): Promise<object> => await output(['init', '--repo', repo], env);
    expect(await init(`${store.url}/inside`)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`lies inside the repository ${store.url}\n`) as string,
    });
    expect(await init(path.dirname(store.url))).toMatchObject({
      status: 6,
      stderr: expect.stringContaining(`already holds the repository ${store.url}\n`) as string,
    });
  });

  test('is looked at', async () => {
    const { chains } = JSON.parse(await run('list --json')) as { chains: { sets: object[] }[] };
    expect(chains).toMatchObject([{ sets: [{}, {}, {}] }]);
    await run('verify --rehearse');
    await run('check --max-rehearsal-age 1h');
    expect(await run('dump d.dbxml')).toMatch(/HEADER=END[^]*DATA=END/);
  });

  test('is recovered from', async () => {
    await run('recover --to @recovered');
    await figaro(['hot', '-q', '--home', place.home, '--repo', place.repository]);
    await figaro(['recover', '--repo', place.repository, '--to', path.join(place.directory, 'other')]);
    expect(hashesIn(place.target)).toEqual(hashesIn(path.join(place.directory, 'other')));
  });

  test('is kept small', async () => {
    await run('hot --home @env');
    await run('verify --rehearse');
    await run('check --max-rehearsal-age 1h');
    await run('expire --keep-full 1');
    expect(await run('list')).toMatch(/^\S+-hot-\S+: .*1 set/);
  });

  test('is copied from', async () => {
    await run('copy --to @copy');
    expect(await figaro(['verify', '--repo', path.join(place.directory, 'copy')])).toMatchObject({ exitCode: 0 });
  });
}
