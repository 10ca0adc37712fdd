/** The program, as it is installed, with repositories on real servers. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { isLongRun } from '../support/effort.ts';
import { newPlace, type Place } from '../support/place.ts';
import { output } from '../support/program.ts';
import { newBucket, rgw, swift } from '../support/servers/s3-servers.ts';
import { serverStartMs } from '../support/servers/live-servers.ts';
import { describeWith } from '../support/tools.ts';
import { fingerprint } from '../support/trees.ts';

interface LiveStore {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
}

for (const server of isLongRun ? [rgw, swift] : [rgw]) {
  describeWith(server.program, server.packages, `a repository in ${server.title}`, () =>
    testRepository(async () => {
      const env = { ...(await server.environment()) };
      return { url: `s3://${await newBucket(env)}/orders`, env };
    }),
  );
}

/** Of databases: recovery writes the time into the log. */
const hashesIn = (directory: string): string[] =>
  fingerprint(directory)
    .filter((line) => !line.startsWith('log.'))
    .map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`);

function testRepository(open: () => Promise<LiveStore>): void {
  let store: LiveStore;
  beforeAll(async () => {
    store = await open();
  }, serverStartMs);

  const run = async (place: Place, line: string): Promise<string> => {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
    const env = { ...store.env, FIGARO_BACKUP_REPO: store.url, FIGARO_BACKUP_SPOOL: place.directory };
    const { status, stdout, stderr } = await output(words, env);
    expect([line, status, stderr]).toEqual([line, 0, stderr]);
    expect(stdout + stderr).not.toContain('spooling');
    for (const secret of ['SKTEST', 'testing']) expect(stdout + stderr).not.toContain(secret);
    return stdout;
  };

  describe('from the first set to the last day', () => {
    test('is made, added to, looked at, recovered from, and kept small', async () => {
      const place = newPlace();
      const application = demoApplication(place.home);
      application.commitUpTo([4, 72_115]);
      await run(place, 'init');
      await run(place, 'hot --home @env');
      application.commitUpTo([5, 60_000]);
      await run(place, 'incremental --home @env');
      application.commitUpTo([5, 110_402]);
      expect(await run(place, 'incremental --home @env -v')).toMatch(/on from \S+-incremental-/);
      const { chains } = JSON.parse(await run(place, 'list --json')) as { chains: { sets: object[] }[] };
      expect(chains).toMatchObject([{ sets: [{}, {}, {}] }]);
      await run(place, 'verify --rehearse');
      await run(place, 'check --max-rehearsal-age 1h');
      await run(place, 'recover --to @recovered');
      await run(place, 'recover --to @part --only d.dbxml');
      expect(await run(place, 'dump d.dbxml')).toMatch(/HEADER=END[^]*DATA=END/);
      await run(place, `hot --home @env --repo ${place.repository}`);
      await run(place, `recover --repo ${place.repository} --to @other`);
      expect(hashesIn(place.target)).toEqual(hashesIn(path.join(place.directory, 'other')));
      await run(place, 'hot --home @env');
      await run(place, 'verify --rehearse');
      await run(place, 'expire --keep-full 1');
      await run(place, `copy --to @copy`);
      await run(place, 'verify --repo @copy');
      expect(fs.readdirSync(path.join(place.directory, 'copy')).filter((name) => name.includes('-hot-'))).toHaveLength(
        1,
      );
      expect(fs.readdirSync(place.directory).filter((name) => name.includes('spooling'))).toEqual([]);
    });
  });
}
