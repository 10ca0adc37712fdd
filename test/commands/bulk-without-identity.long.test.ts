/** Rows of bulk transactions in incrementals that were taken without a key to the sets before them. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { newKey } from '../support/age-keys.ts';
import { describeNative } from '../support/native.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';

describeNative('an encrypted repository of an application with bulk transactions', () => {
  let place: Place;
  let application: Session;

  const at = (name: string): string => path.join(place.directory, name);

  /** Runs a command line; `@` begins a path of the test. */
  async function run(line: string): Promise<CliResult> {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
    return await figaro(words, { env: { FIGARO_BACKUP_SPOOL: at('spool') }, directory: place.directory });
  }

  async function succeed(line: string): Promise<string> {
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stderr], line).toEqual([0, stderr]);
    return stdout;
  }

  const owner = '--identity @identity';
  const incremental = async (keys: string): Promise<CliResult> =>
    await run(`incremental --home @env --repo @repo ${keys}`);

  beforeEach(async () => {
    place = newPlace();
    fs.mkdirSync(at('spool'));
    const { secret, recipient } = await newKey();
    fs.writeFileSync(at('identity'), `${secret}\n`, { mode: 0o600 });
    application = new Session(place.home);
    const keys = Array.from({ length: 21 }, (_, i) => i * 10);
    application.do('open gaps auto gaps.db - btree 512', ...keys.map((key) => `put gaps auto ${key} 1 40 first`));
    application.do('checkpoint');
    await succeed(`init --repo @repo --recipient ${recipient.text} --key-file @key`);
    await succeed('hot --home @env --repo @repo --key-file @key');
  });

  test.each([0, 2])(
    'the next incremental with an identity tells of rows that are missing since, with %d sets in between',
    async (between) => {
      // Nothing in the log tells this transaction from others.
      application.do('begin b bulk', 'put gaps b 1 4 40 bulk', 'put gaps b 35 1 40 bulk', 'commit b', 'checkpoint');
      expect((await incremental('--key-file @key')).exitCode).toBe(0);
      for (let i = 0; i < between; i++) {
        application.do(`put gaps auto ${300 + i} 1 40 later`, 'checkpoint');
        expect((await incremental('--key-file @key')).exitCode).toBe(0);
      }
      application.do('put gaps auto 500 1 40 last', 'checkpoint');
      const { exitCode, stderr } = await incremental(`--key-file @key ${owner}`);
      expect([exitCode, stderr]).toEqual([4, expect.stringMatching(/gaps\.db: page \d+ lacks rows/)]);
    },
  );

  test('an incremental with an identity makes up for those without one, and show says so', async () => {
    application.do('begin t', 'put gaps t 1 4 40 logged', 'put gaps t 35 1 40 logged', 'commit t', 'checkpoint');
    expect((await incremental('--key-file @key')).exitCode).toBe(0);
    expect(await succeed('show --repo @repo --key-file @key')).toContain('not compared');
    application.do('put gaps auto 500 1 40 last', 'checkpoint');
    expect(await incremental(`--key-file @key ${owner}`)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await succeed('show --repo @repo --key-file @key')).not.toContain('not compared');
    await succeed(`recover --repo @repo --to @out ${owner}`);
  });
});
