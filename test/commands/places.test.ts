/** What is written never lies in what it is made from, nor in a repository or standby of anybody: every command, every place. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { lacks } from '../support/windows.ts';

let directory: string;
let set: string;
const at = (name: string): string => path.join(directory, name);

/** An environment whose data and log are on other disks, a repository with a set of it, another one, and a standby. */
beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  const home = at('env');
  demoApplication(home).commitUpTo([4, 72_115]);
  for (const name of ['data', 'logs']) {
    const place = lacks.links ? path.join(home, name) : at(`disk-${name}`);
    fs.mkdirSync(place);
    if (!lacks.links) fs.symlinkSync(place, path.join(home, name));
  }
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), 'add_data_dir data\nset_lg_dir logs\n');
  for (const name of namesIn(home)) {
    const to = name.endsWith('.dbxml') ? 'data' : name.startsWith('log.') ? 'logs' : undefined;
    if (to !== undefined) fs.renameSync(path.join(home, name), path.join(home, to, name));
  }
  for (const args of [
    ['hot', '--home', home, '--repo', at('repo')],
    ['init', '--repo', at('other-repo')],
    ['failover', 'follow', '--once', '--home', home, '--standby', at('standby')],
  ]) {
    expect(await figaro(args)).toMatchObject({ exitCode: 0 });
  }
  set = namesIn(at('repo')).find((name) => name.includes('-hot-'))!;
  if (lacks.links) return;
  fs.symlinkSync(at('repo'), at('link-to-repo'));
  fs.symlinkSync(at('disk-data'), at('link-to-data'));
});

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const writers = [
  'init --repo @',
  'hot --home env --repo @',
  'offline --home env --repo @',
  'incremental --home env --repo @',
  'recover --repo repo --to @',
  'recover --from env --to @',
  'failover follow --once --home env --standby @',
  'failover follow --once --repo repo --standby @',
  'check --repo repo --prometheus @',
  'failover status --standby standby --prometheus @',
];

const places = [
  'repo/x',
  'repo/x/y',
  'repo/<set>/x',
  'repo/<set>/environment/x',
  'link-to-repo/x',
  'env/../repo/x',
  'other-repo/x',
  'standby/x',
  'standby/environment/x',
  'standby/pieces/x',
];

const placesOfSource = [
  'env/x',
  'env/x/y',
  'env/data/x',
  'disk-data/x',
  'disk-logs/x',
  'link-to-data/x',
  'repo/../env/x',
];

/** Without links, data and log are in the environment itself. */
const isThere = (place: string): boolean => !lacks.links || !/link-to-|disk-/.test(place);

async function run(line: string, place: string): Promise<{ exitCode: number; stderr: string }> {
  const words = /^(env|repo|standby|disk-logs)(\/|$)/;
  const args = line.split(' ').map((word) => {
    const name = word.replace('@', place).replace('<set>', set);
    // Not by `path.join`, which takes `..` away.
    return words.test(word) || word === '@' ? `${directory}/${name}` : name;
  });
  return await figaro(args);
}

describe.each(writers)('%s', (line) => {
  const all = [...places, ...(line.startsWith('init') ? [] : placesOfSource)];
  test.for(all)('%s is refused', async (place, { skip }) => {
    skip(!isThere(place));
    const before = fingerprint(directory);
    const { exitCode, stderr } = await run(line, place);
    // Some find out first that there is no repository yet, or that its directory is nowhere.
    const refusals = /^(incremental|init)/.test(line) ? [2, 5] : [2];
    expect({ exitCode: refusals.includes(exitCode), stderr }).toEqual({
      exitCode: true,
      stderr: expect.stringMatching(
        /lies inside|is the same directory as|there is no repository here|there is no directory/,
      ),
    });
    expect(fingerprint(directory)).toEqual(before);
  });
});

test.for([
  'hot --home repo/<set>/environment --repo repo',
  'logs prune --home repo/<set>/environment --repo repo --confirm',
  'recover --from env --from repo/<set>/environment --to repo/<set>/environment/x',
  'recover --repo repo --to disk-logs/x --surviving-logs disk-logs',
  'failover promote --standby standby --surviving-logs standby/environment',
  'check --repo repo --prometheus repo/<set>/environment/data/d.dbxml',
  'check --repo repo --prometheus env/data/d.dbxml',
])('%s is refused', async (line, { skip }) => {
  skip(!isThere(line));
  const before = fingerprint(directory);
  expect(await run(line, '')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('lies inside') });
  expect(fingerprint(directory)).toEqual(before);
});

test.for(['env/x', 'env/x/y', 'disk-logs/x', 'repo/../env/x'])(
  'init --repo %s is refused: an environment is above it',
  async (place, { skip }) => {
    skip(!isThere(place));
    const before = fingerprint(directory);
    expect(await run('init --repo @', place)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside the environment'),
    });
    expect(fingerprint(directory)).toEqual(before);
  },
);

test.each(['hot --home env --repo env', 'recover --repo repo --to repo', 'recover --from env --to env'])(
  '%s is refused: it is one directory',
  async (line) => {
    const before = fingerprint(directory);
    expect(await run(line, '')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is the same directory as'),
    });
    expect(fingerprint(directory)).toEqual(before);
  },
);

test('metrics replace metrics, and nothing else', async () => {
  const file = at('wallet.db');
  fs.writeFileSync(file, 'mine');
  const { exitCode, stderr } = await run(`check --repo repo --max-age 100000d --prometheus ${file}`, '');
  expect({ exitCode, stderr }).toEqual({ exitCode: 6, stderr: expect.stringContaining('holds something else') });
  expect(fs.readFileSync(file, 'utf8')).toBe('mine');
  fs.rmSync(file);
});

test('an environment can be recovered where it was, when that is empty', async () => {
  for (const name of ['disk-data', 'disk-logs', 'env'].filter(isThere)) fs.renameSync(at(name), at(`${name}-away`));
  fs.mkdirSync(at('env'));
  expect(await run('recover --repo repo --to env', '')).toMatchObject({ exitCode: 0 });
});
