/** `unpack`: one set as a plain directory, of whatever kind its repository is. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { newKey } from '../support/age-keys.ts';
import { flipBit } from '../support/damage.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { isLongRun, sampled } from '../support/effort.ts';
import { type MemoryStore } from '../support/memory-store.ts';
import { type Place } from '../support/place.ts';
import { prepared } from '../support/prepared.ts';
import { output } from '../support/program.ts';
import { withoutDirectory, figaro, type CliResult } from '../support/run-cli.ts';
import { memoryStore, memoryUrl } from '../support/store-commands.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { checkSums } from '../support/sums.ts';

let place: Place;
let store: MemoryStore;

beforeEach(() => {
  store = memoryStore();
});

/** Runs a command line; `@` begins a path of the test. What reads a packed repository is a process of its own: its thread is that of the bundle. */
async function run(line: string): Promise<CliResult> {
  const words = line
    .trim()
    .split(/ +/)
    .map((word) => word.replace(/^@/, `${place.directory}/`).replace('EMPTY', ''));
  const env = { FIGARO_BACKUP_SPOOL: inside('spool') };
  if (!line.includes('@packed')) return await figaro(words, { store, env, directory: place.directory });
  const { status, stdout, stderr } = await output(words, env);
  return { exitCode: status ?? -1, stdout: withoutDirectory(stdout, place.directory), stderr };
}

async function succeed(line: string): Promise<CliResult> {
  const result = await run(line);
  expect([result.exitCode, result.stderr], line).toEqual([0, result.stderr]);
  return result;
}

const inside = (...names: readonly string[]): string => path.join(place.directory, ...names);

/** What is in the directory of a set: names, and of files sizes, modes and bytes. */
const treeOf = (directory: string): readonly string[] =>
  fingerprint(directory).map((line) => {
    const [name, size, mode, , , hash] = line.split(' ');
    return hash === '' ? name! : [name, size, mode, hash].join(' ');
  });

/** Files of a set that are not as old as those of its source were. */
function misdated(directory: string): readonly string[] {
  const { files } = JSON.parse(fs.readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as {
    files: { path: string; modifiedMs: number }[];
  };
  const mtimeOf = (name: string): number => fs.statSync(path.join(directory, 'environment', name)).mtimeMs;
  return files.filter((file) => Math.abs(mtimeOf(file.path) - file.modifiedMs) >= 1).map((file) => file.path);
}

const kinds = {
  'a plain repository': { repo: '@repo', init: '', keys: '' },
  'a store': { repo: memoryUrl, init: '', keys: '' },
  'a packed repository': { repo: '@packed', init: '--packed', keys: '' },
  'an encrypted repository': { repo: '@packed', init: '--packed', keys: '--identity @id' },
};

/** A plain repository with a chain of two, and somebody's identity. */
const laid = prepared(async ({ directory, home, repository }) => {
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  expect((await figaro(['hot', '-q', '--home', home, '--repo', repository])).exitCode).toBe(0);
  application.commitUpTo([5, 110_402]);
  expect((await figaro(['incremental', '-q', '--home', home, '--repo', repository])).exitCode).toBe(0);
  fs.mkdirSync(path.join(directory, 'spool'));
  const { secret, recipient } = await newKey();
  fs.writeFileSync(path.join(directory, 'id'), `${secret}\n`, { mode: 0o600 });
  fs.writeFileSync(path.join(directory, 'recipient'), recipient.text);
});

beforeEach(() => {
  place = laid();
});

const sets = (): [full: string, incremental: string] => {
  const names = namesIn(place.repository).filter((name) => /^\d/.test(name));
  return names as [string, string];
};

describe.each(sampled(Object.entries(kinds), 4))('of %s', (_what, { repo, init, keys }) => {
  /** What writes to it, where it is encrypted. */
  let key = '';
  beforeEach(async () => {
    if (repo === '@repo') return;
    const recipient = keys === '' ? '' : ` --recipient ${fs.readFileSync(inside('recipient'), 'utf8')} --key-file @key`;
    key = keys === '' ? '' : '--key-file @key';
    if (init !== '') await succeed(`init --repo ${repo} ${init}${recipient}`);
    await succeed(`copy --repo @repo --to ${repo} ${key}`);
  });

  test('each set is what a plain repository has for it', async () => {
    for (const id of sets()) {
      await succeed(`unpack ${id} @${id} --repo ${repo} ${keys}`);
      expect(treeOf(inside(id))).toEqual(treeOf(path.join(place.repository, id)));
      expect(misdated(inside(id))).toEqual([]);
      expect(checkSums(inside(id)).wrong).toEqual([]);
    }
    const [full, incremental] = sets();
    await succeed(`recover --from @${full}/environment --from @${incremental}/environment --to @recovered`);
    await succeed('recover --repo @repo --to @expected');
    for (const name of ['d.dbxml', 'e.dbxml']) {
      const [recovered, expected] = ['recovered', 'expected'].map((each) => fs.readFileSync(inside(each, name)));
      expect(recovered!.equals(expected!)).toBe(true);
    }
  });

  test('a name that is shortened will do, and so will latest', async () => {
    const [full, incremental] = sets();
    const found = JSON.parse((await succeed(`unpack ${full.slice(-6)} @a --repo ${repo} ${keys} --json`)).stdout) as {
      set: string;
    };
    expect(found).toMatchObject({ set: full, chain: full, directory: '<dir>/a', before: [] });
    const { stdout } = await succeed(`unpack latest @b --repo ${repo} ${keys} --verbose`);
    expect(stdout).toBe(
      `${incremental} is in <dir>/b: 2 files, 293.3 KiB\n` +
        'it continues 1 set before it: `recover --from` takes them, unpacked as well, the oldest first, and <dir>/b/environment last\n',
    );
  });
});

test('a set that is damaged leaves nothing, not even an empty directory', async () => {
  const [full] = sets();
  flipBit(path.join(place.repository, full, 'environment/e.dbxml'), 20_000);
  const before = namesIn(place.directory);
  expect(await run(`unpack ${full} @new --repo @repo`)).toMatchObject({
    exitCode: 4,
    stderr: expect.stringMatching(
      /^error \[file-checksum\]: .*e\.dbxml is damaged: it does not match its SHA-256 in the manifest/,
    ) as string,
  });
  expect(namesIn(place.directory)).toEqual(before);
});

test.runIf(isLongRun)('without an identity, an encrypted set is refused by name, and nothing is left', async () => {
  const recipient = fs.readFileSync(inside('recipient'), 'utf8');
  await succeed(`init --repo @packed --packed --recipient ${recipient} --key-file @key`);
  await succeed('copy --repo @repo --to @packed --key-file @key');
  const before = namesIn(place.directory);
  expect(await run('unpack latest @new --repo @packed --key-file @key')).toMatchObject({
    exitCode: 10,
    stderr: expect.stringContaining('cannot be read without an identity') as string,
  });
  expect(namesIn(place.directory)).toEqual(before);
});

test.each([
  ['unpack 20261122T081500Z-hot-abcdef @new --repo @repo', 5, 'there is no set'],
  ['unpack latest @env --repo @repo', 6, 'already holds'],
  ['unpack latest @id --repo @repo', 6, 'is there already, and is not a directory'],
  ['unpack latest @repo/new --repo @repo', 2, 'lies inside the repository'],
  ['unpack latest @env/new --repo @repo', 2, 'lies inside the environment'],
  ['unpack latest EMPTY --repo @repo', 2, 'the directory is empty'],
  ['unpack latest host:/new --repo @repo', 2, 'is not a directory of this machine'],
  ['unpack latest --repo @repo', 2, 'missing required argument'],
])('%s is refused', async (line, exitCode, problem) => {
  expect(await run(line)).toMatchObject({ exitCode, stderr: expect.stringContaining(problem) as string });
  expect(namesIn(place.directory)).toEqual(['env', 'id', 'recipient', 'repo', 'spool']);
});

test('a set that does not fit is not begun, and the message says how much room it needs', async () => {
  const files = { ...watchedFiles(nodeFiles, {}), freeSpace: () => 1000 };
  const result = await figaro(['unpack', 'latest', inside('new'), '--repo', place.repository], { files });
  expect(result).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/has 1000 B free, and \S+ needs 293\.3 KiB\nhint: make room there/) as string,
  });
  expect(namesIn(place.directory)).not.toContain('new');
});
