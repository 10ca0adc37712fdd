/** Packed repositories, compressed and encrypted, as people use them: in a directory, by the thread that reads of the last bundle. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { decodeContents, type Pieces } from '../../src/engine/packed/contents.ts';
import { openContents } from '../../src/engine/packed/open-packed.ts';
import { openDirectory } from '../../src/engine/store/stores.ts';
import { type StoredObject } from '../../src/engine/store/store.ts';
import { newKey, type AgeKey } from '../support/age-keys.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { newPlace, placeIn, type Place } from '../support/place.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { describeWith } from '../support/tools.ts';
import { namesIn } from '../support/trees.ts';
import { slashed } from '../support/windows.ts';

let place: Place;
let application: ReturnType<typeof demoApplication>;
let key: AgeKey;
/** In order. */
let sets: string[];

beforeEach(() => {
  place = newPlace();
  application = demoApplication(place.home);
  application.commitUpTo([5, 60_000]);
});

const at = (name: string): string => path.join(place.directory, name);

/** Runs a command line; `@` begins a path of the test. */
async function run(line: string, env: Record<string, string> = {}): Promise<CliResult> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
  return await figaro(words, { env: { FIGARO_BACKUP_SPOOL: at('spool'), ...env } });
}

async function succeed(line: string, env: Record<string, string> = {}): Promise<CliResult> {
  const result = await run(line, env);
  expect([result.exitCode, result.stderr], line).toEqual([0, result.stderr]);
  return result;
}

/** What tests begin with: a chain of a full set and an incremental, and another full set. */
interface Begun {
  readonly directory: string;
  readonly key: AgeKey;
  readonly sets: string[];
}

const begun = new Map<string, Begun>();
afterAll(() => {
  for (const { directory } of begun.values()) fs.rmSync(directory, { recursive: true });
});

/** The same for each test, made once. */
async function beginWith(init: string, write: string): Promise<void> {
  const own = place;
  const known = begun.get(init) ?? (await begin(init, write));
  begun.set(init, known);
  place = own;
  ({ key, sets } = known);
  for (const name of ['repo', 'spool', 'identity', 'key']) {
    if (fs.existsSync(path.join(known.directory, name))) {
      fs.cpSync(path.join(known.directory, name), at(name), { recursive: true, preserveTimestamps: true });
    }
  }
}

async function begin(init: string, write: string): Promise<Begun> {
  place = placeIn(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')));
  key = await newKey();
  fs.writeFileSync(at('identity'), `${key.secret}\n`);
  fs.mkdirSync(at('spool'));
  const early = demoApplication(place.home);
  early.commitUpTo([4, 72_115]);
  await succeed(`init --repo @repo --packed${init && ` --recipient ${key.recipient.text}`}${write}`);
  const made = [await take('hot', write)];
  early.commitUpTo([5, 60_000]);
  made.push(await take('incremental', write), await take('hot', write));
  return { directory: place.directory, key, sets: made };
}

/** Returns the name of the set. */
async function take(command: string, keys: string): Promise<string> {
  const { stdout } = await succeed(`${command} --json --home @env --repo @repo${keys}`);
  return (JSON.parse(stdout) as { set: { id: string } }).set.id;
}

function filesBelow(directory: string): string[] {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => fs.statSync(path.join(directory, name)).isFile()).sort();
}

function bytesIn(directory: string): number {
  return filesBelow(directory).reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0);
}

const packsOf = (set: number): string =>
  path.join(
    at('repo/packs'),
    namesIn(at('repo/packs')).find((name) => name.startsWith(sets[set]!))!,
  );

/** The files of a set that need a pack, in order. */
async function filesIn(set: string, pack: string): Promise<string[]> {
  const given = { identities: [key.secret] };
  const plain = await openDirectory(nodeFiles, at('repo'));
  const opened = await openContents(plain, () => Promise.resolve(given), 'read');
  const { store } = opened;
  try {
    const [{ name }] = (await store.list(`${set}/contents.`)) as [StoredObject];
    const { files, packs } = decodeContents((await store.read(name))!, name);
    const number = packs.findIndex((each) => slashed(pack).includes(each));
    const needs = ({ runs }: Pieces): boolean => runs.some((value, i) => i % 3 === 0 && value === number);
    return [...files].flatMap(([file, pieces]) => (needs(pieces) ? [file.replace('environment/', '')] : [])).sort();
  } finally {
    await opened.close();
  }
}

/** What happens to packs. */
const damages: readonly (readonly [how: string, damage: (bytes: Buffer) => Buffer | undefined])[] = [
  ['cut short', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['zeroed', (bytes) => Buffer.alloc(bytes.length)],
  ['emptied', () => Buffer.alloc(0)],
  ['removed', () => undefined],
  ['flipped', (bytes) => bytes.fill(bytes[bytes.length >> 1]! ^ 1, bytes.length >> 1, (bytes.length >> 1) + 1)],
  ['flipped in its header', (bytes) => bytes.fill(bytes[90]! ^ 1, 90, 91)],
];

const kinds = [
  { title: 'packed', init: '', write: '', read: '' },
  { title: 'packed and encrypted', init: 'recipient', write: ' --key-file @key', read: ' --identity @identity' },
];

describe.each(kinds)('a repository that is $title', ({ init, write, read }) => {
  beforeEach(async () => await beginWith(init, write));

  test('stores of a second full set what changed', () => {
    const [first, second] = [bytesIn(packsOf(0)), bytesIn(packsOf(2))];
    expect(first).toBeLessThan(bytesIn(place.home) / 3);
    expect(second).toBeLessThan(first / 2);
  });

  test('gives back every file of every set, and recovers as the same sets in a plain repository', async () => {
    await succeed(`verify --rehearse --repo @repo${read}`);
    await succeed(`copy --all --repo @repo --to @plain${read}`);
    const { stdout } = await succeed('verify --repo @plain --verbose');
    expect(stdout).toContain('3 sets');
    for (const [from, to] of [
      ['@repo', '@recovered'],
      ['@plain', '@other'],
    ]) {
      await succeed(`recover --repo ${from} --to ${to}${read}`);
    }
    const containers = namesIn(at('recovered')).filter((name) => name.endsWith('.dbxml'));
    expect(containers.length).toBeGreaterThan(0);
    for (const name of containers) {
      const [ours, theirs] = ['recovered', 'other'].map((directory) => fs.readFileSync(at(`${directory}/${name}`)));
      expect(ours!.equals(theirs!), name).toBe(true);
    }
  });

  test('takes sets of a plain one, and a chain again that was removed there', async () => {
    await succeed(`copy --all --repo @repo --to @plain${read}`);
    await succeed(`expire --repo @repo --keep-full 1${write}`);
    await succeed(`verify --repo @repo${read}`);
    await succeed(`copy --all --repo @plain --to @repo${write}`);
    await succeed(`verify --repo @repo${read}`);
    expect(namesIn(at('repo/sets'))).toHaveLength(3);
  });

  test('loses with a chain the packs that no other one needs', async () => {
    const before = filesBelow(at('repo/packs')).length;
    fs.cpSync(packsOf(1), `${packsOf(1).slice(0, -8)}00000000`, { recursive: true });
    const { stderr } = await succeed(`verify --repo @repo${read}`);
    expect(stderr).toMatch(/of no set/);
    await succeed(`expire --repo @repo --keep-full 1${write}`);
    expect(filesBelow(at('repo/packs')).length).toBeLessThan(before);
    expect((await succeed(`verify --repo @repo${read}`)).stderr).toBe('');
    await succeed(`recover --repo @repo --to @recovered${read}`);
  });

  test.each(damages)('tells of all that needs a pack that was %s, and builds no set upon it', async (how, damage) => {
    const pack = path.join(packsOf(0), namesIn(packsOf(0))[0]!);
    const damaged = damage(fs.readFileSync(pack));
    if (damaged) fs.writeFileSync(pack, damaged);
    else fs.rmSync(pack);
    const depending = new Map<string, string[]>();
    for (const set of sets) depending.set(set, await filesIn(set, pack));
    expect(depending.get(sets[0]!)!.length).toBeGreaterThan(1);
    expect(depending.get(sets[2]!)!.length).toBeGreaterThan(0);
    const { exitCode, stdout } = await run(`verify --repo @repo --json${read}`);
    expect(exitCode).toBe(4);
    const { findings } = JSON.parse(stdout) as { findings: { set: string; path: string }[] };
    for (const [set, files] of depending) {
      const found = [...new Set(findings.flatMap((each) => (each.set === set ? [each.path] : [])))].sort();
      // What is only compressed may be something else in one place, which not all files have.
      if (how.startsWith('flipped') && init === '') expect(files).toEqual(expect.arrayContaining(found));
      else expect(found).toEqual(files);
    }
    expect((await run(`recover --repo @repo --to @recovered --chain ${sets[0]}${read}`)).exitCode).toBe(4);
    const checked = await run(`check --repo @repo${write}`);
    const isNewestWhole = !findings.some(({ set }) => set === sets[2]);
    expect([checked.exitCode, checked.stdout]).toEqual([
      isNewestWhole ? 0 : 4,
      isNewestWhole
        ? checked.stdout
        : expect.stringContaining(`the last verification found something wrong in ${sets[2]}`),
    ]);
    const id = await take('hot', write);
    await succeed(`recover --chain ${id} --repo @repo --to @recovered${read}`);
    // And so on: the next one is built upon that.
    const next = await take('hot', write);
    expect(namesIn(at('repo/packs')).filter((name) => name.startsWith(next))).toEqual([]);
  });

  test('builds no set upon a pack that was found damaged in a chain that is gone since', async () => {
    const pack = path.join(packsOf(0), namesIn(packsOf(0))[0]!);
    expect(await filesIn(sets[2]!, pack)).not.toEqual([]);
    fs.writeFileSync(pack, Buffer.alloc(fs.statSync(pack).size));
    // The other chain, which needs it, too, is not looked at.
    expect((await run(`verify --repo @repo --chain ${sets[0]}${read}`)).exitCode).toBe(4);
    await succeed(`expire --repo @repo --keep-full 1${write}`);
    expect(namesIn(at('repo/sets'))).toEqual([sets[2]]);
    expect(fs.existsSync(pack)).toBe(true);
    const id = await take('hot', write);
    await succeed(`verify --repo @repo --chain ${id} --rehearse${read}`);
    // And so on: the next one is built upon that.
    const next = await take('hot', write);
    expect(namesIn(at('repo/packs')).filter((name) => name.startsWith(next))).toEqual([]);
  });

  test('tells of a manifest that was damaged, and goes on with the other sets', async () => {
    const [set] = sets;
    const name = namesIn(at(`repo/sets/${set}`)).find((each) => each.startsWith('manifest.json'))!;
    fs.writeFileSync(at(`repo/sets/${set}/${name}`), Buffer.alloc(500, 7));
    const { stdout } = await succeed(`list --repo @repo${write}`);
    expect(stdout).toContain(sets[2]!);
    expect((await run(`verify --repo @repo${read}`)).exitCode).toBe(4);
    await succeed(`recover --repo @repo --to @recovered --chain ${sets[2]}${read}`);
  });

  test('is no place inside of the environment, and nothing is recovered into it', async () => {
    expect((await run(`hot --home @ --repo @repo${write}`)).exitCode).not.toBe(0);
    expect((await run(`recover --repo @repo --to @repo/x${read}`)).exitCode).toBe(2);
  });

  describeWith('python3', 'python3', 'its own script', () => {
    test('restores a set without this program', async () => {
      await succeed(`copy --all --repo @repo --to @plain${read}`);
      for (const set of namesIn(at('repo/sets'))) {
        const { status, stderr } = spawnSync('python3', ['restore.py', set, at(`${set}-restored`), at('identity')], {
          cwd: at('repo'),
          encoding: 'utf8',
        });
        expect([status, stderr]).toEqual([0, '']);
        const [ours, theirs] = [at(`plain/${set}/environment`), at(`${set}-restored/environment`)];
        expect(filesBelow(theirs)).toEqual(filesBelow(ours));
        for (const name of filesBelow(ours)) {
          const isSame = fs.readFileSync(path.join(ours, name)).equals(fs.readFileSync(path.join(theirs, name)));
          expect(isSame, name).toBe(true);
        }
      }
    });
  });
});

test('full sets of one second are in the order in which they were made, and the next is built upon the last', async () => {
  await beginWith('', '');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  onTestFinished(() => void vi.useRealTimers());
  const made = [await take('hot', '')];
  // Names of one second are in order by chance only.
  for (let offset = 70_000; made.length < 2 || made.at(-1)! > made.at(-2)!; offset += 9000) {
    application.commitUpTo([5, offset]);
    made.push(await take('hot', ''));
  }
  made.push(await take('hot', ''));
  const { stdout } = await succeed('list --json --repo @repo');
  const { chains } = JSON.parse(stdout) as { chains: { id: string }[] };
  expect(chains.map(({ id }) => id).slice(-made.length)).toEqual(made);
  // Nothing has changed since.
  expect(namesIn(at('repo/packs')).filter((name) => name.startsWith(made.at(-1)!))).toEqual([]);
  const { stdout: shown } = await succeed('show --json --repo @repo');
  expect(JSON.parse(shown)).toMatchObject({ id: made.at(-1) });
});

describe('an encrypted repository', () => {
  beforeEach(async () => await beginWith('recipient', ' --key-file @key'));

  test('shows nobody what containers are called', () => {
    const containers = namesIn(place.home).filter((name) => name.endsWith('.dbxml'));
    expect(containers.length).toBeGreaterThan(0);
    for (const name of filesBelow(at('repo'))) {
      const bytes = fs.readFileSync(at(`repo/${name}`));
      for (const container of containers) expect([name, bytes.includes(container)]).toEqual([name, false]);
    }
  });

  test.each([
    ['without a key', 'list --repo @repo'],
    ['with the identity of somebody else', 'list --repo @repo --identity @other'],
    ['with the key file of another machine', 'list --repo @repo --key-file @other'],
    ['with the key of the machine alone, what is in sets', 'recover --repo @repo --to @recovered --key-file @key'],
  ])('gives nothing %s', async (_how, line) => {
    fs.writeFileSync(at('other'), `${(await newKey()).secret}\n`);
    const before = filesBelow(at('repo'));
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stdout]).toEqual([10, '']);
    expect(stderr).toContain('password');
    expect(filesBelow(at('repo'))).toEqual(before);
  });

  test('tells a missing key before a set is made for nothing', async () => {
    await succeed('init --repo @empty --recipient ' + key.recipient.text + ' --key-file @empty.key');
    const { exitCode, stderr } = await run('hot --verbose --home @env --repo @empty');
    expect([exitCode, stderr]).toEqual([
      10,
      expect.stringMatching(/^error \[password\]: .*this machine has no key to write/),
    ]);
    expect((await run('init --repo @empty')).exitCode).toBe(0);
  });

  test('takes no set for recipients that somebody added', async () => {
    const file = at('repo/repository.json');
    const head = JSON.parse(fs.readFileSync(file, 'utf8')) as { keys: { recipients: string[] } };
    head.keys.recipients.push((await newKey()).recipient.text);
    fs.writeFileSync(file, JSON.stringify(head));
    const before = filesBelow(at('repo'));
    const { exitCode, stderr } = await run('hot --home @env --repo @repo --key-file @key');
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('somebody has changed for whom')]);
    expect(filesBelow(at('repo'))).toEqual(before);
  });

  test('takes incrementals without an identity, also when the spool was emptied, and says that nobody rehearsed them', async () => {
    fs.rmSync(at('spool'), { recursive: true });
    fs.mkdirSync(at('spool'));
    application.commitUpTo([6, 5737]);
    const { stderr } = await succeed('incremental --home @env --repo @repo --key-file @key');
    expect(stderr).toBe('');
    await succeed('copy --newest-chain --repo @repo --to @plain --identity @identity');
    const newest = namesIn(at('plain')).findLast((name) => name.includes('-incremental-'))!;
    expect(fs.readFileSync(at(`plain/${newest}/manifest.json`), 'utf8')).toContain('"unread": true');
    const told = async (): Promise<string[]> => {
      const lines: string[] = [];
      for (const command of ['list', 'show', 'check --verbose', 'report --output @report.html']) {
        lines.push((await run(`${command} --repo @repo --key-file @key`)).stdout);
      }
      lines[3] = fs.readFileSync(at('report.html'), 'utf8');
      return lines;
    };
    const before = await told();
    expect(before.filter((text) => text.includes('not yet rehearsed'))).toHaveLength(4);
    expect(before[0]).toMatch(new RegExp(`${newest} .* not yet rehearsed\\n`));
    expect(before[1]).toContain('not yet: nothing opened the sets before it when it was made');
    expect(before[1]).toContain('not yet, 1 set of 2: run `verify --rehearse`');
    const { stdout } = await run('check --json --repo @repo --key-file @key');
    expect(JSON.parse(stdout)).toMatchObject({ unrehearsed: [newest] });
    await succeed('verify --rehearse --repo @repo --identity @identity');
    const after = await told();
    expect(after.filter((text) => text.includes('not yet'))).toEqual([]);
    expect(after[1]).toMatch(/\n +proven +\S+, by a rehearsal\n/);
    await succeed('recover --repo @repo --to @recovered --identity @identity');
  });

  test('is opened by the key that lies in it for who has an identity', async () => {
    const { status, stdout } = spawnSync('age', ['-d', '-i', at('identity'), at('repo/key.age')], { encoding: 'utf8' });
    if (status === null) return;
    fs.writeFileSync(at('again'), stdout);
    await succeed('hot --home @env --repo @repo --key-file @again');
  });
});
