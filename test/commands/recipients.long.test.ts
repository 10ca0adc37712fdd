/** `recipients`: who can read an encrypted repository, from now on and from before. */

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { newKey, newPostQuantumKey, type AgeKey } from '../support/age-keys.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { failing, memoryStore, memoryUrl } from '../support/store-commands.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { lacks } from '../support/windows.ts';

let place: Place;
let application: ReturnType<typeof demoApplication>;
let ann: AgeKey;
let bob: AgeKey;

beforeEach(async () => {
  place = newPlace();
  application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  fs.mkdirSync(at('spool'));
  [ann, bob] = [await newKey(), await newKey()];
  fs.writeFileSync(at('ann'), `${ann.secret}\n`, { mode: 0o600 });
  fs.writeFileSync(at('bob'), `${bob.secret}\n`, { mode: 0o600 });
});

const at = (name: string): string => path.join(place.directory, name);

/** Runs a command line; `@` begins a path of the test, and ANN and BOB stand for recipients. */
async function run(line: string, surroundings: CliSurroundings = {}): Promise<CliResult> {
  const words = line
    .split(' ')
    .map((word) => word.replace(/^@/, `${place.directory}/`))
    .map((word) => word.replace('ANN', ann.recipient.text).replace('BOB', bob.recipient.text));
  const env = { FIGARO_BACKUP_SPOOL: at('spool') };
  return await figaro(words, { env, directory: place.directory, ...surroundings });
}

async function succeed(line: string, surroundings: CliSurroundings = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(line, surroundings);
  expect([exitCode, stderr], line).toEqual([0, stderr]);
  return stdout;
}

/** Returns the name of the set. */
async function take(command = 'hot'): Promise<string> {
  const stdout = await succeed(`${command} --home @env --repo @repo --key-file @key --json`);
  return (JSON.parse(stdout) as { set: { id: string } }).set.id;
}

/** As `take`, later than what was taken before: which of two sets is newer is told by seconds. */
async function takeLater(): Promise<string> {
  const second = Math.floor(Date.now() / 1000);
  while (Math.floor(Date.now() / 1000) === second) await setTimeout(20);
  return await take();
}

/** Packs that were written for a set. */
function packsOf(set: string): string[] {
  const directory = namesIn(at('repo/packs')).find((name) => name.startsWith(set));
  return directory === undefined ? [] : namesIn(at(`repo/packs/${directory}`));
}

const refused = (exitCode: number, text: string): object => ({
  exitCode,
  stderr: expect.stringContaining(text) as string,
});

const head = (): { keys: { recipients: string[]; machine: string; seal: string } } =>
  JSON.parse(fs.readFileSync(at('repo/repository.json'), 'utf8')) as ReturnType<typeof head>;

describe('of a repository that Ann can read', () => {
  beforeEach(async () => {
    await succeed('init --repo @repo --recipient ANN --key-file @key');
  });

  test('they are listed, and whether they are those that the key knows', async () => {
    const { machine } = head().keys;
    const told = `${ann.recipient.text}\n${machine}  the machine that backs up: manifests and notes only\n`;
    expect(await succeed('recipients --repo @repo --key-file @key')).toBe(told);
    // Ann has that key, too.
    expect(await succeed('recipients --repo @repo --identity @ann')).toBe(told);
    const without = 'not compared with their seal: give --key-file, or --identity of one of them\n';
    expect(await succeed('recipients --repo @repo')).toBe(told + without);
    expect(await succeed('recipients --repo @repo --identity @bob')).toBe(told + without);
    expect(JSON.parse(await succeed('recipients --repo @repo --key-file @key --json'))).toMatchObject({
      recipients: [ann.recipient.text],
      machine,
      isProven: true,
      added: [],
      removed: [],
      hasNewKey: false,
    });
  });

  test('who is added opens sets from the next full one on, and none before, and is told so', async () => {
    const first = await take();
    expect(await succeed('recipients --repo @repo --key-file @key --add BOB')).toBe(
      `added ${bob.recipient.text}\n` +
        'who was added opens what is backed up from the next full set on, and nothing from before: take one with `hot`\n' +
        `encrypted for ${ann.recipient.text}, ${bob.recipient.text}\n`,
    );
    application.commitUpTo([5, 60_000]);
    await take('incremental');
    expect(await run('recover --repo @repo --to @bobs --identity @bob')).toMatchObject(refused(10, `${first}`));
    const second = await take();
    await succeed('recover --repo @repo --to @bobs --identity @bob');
    await succeed('recover --repo @repo --to @anns --identity @ann');
    await succeed(`verify --rehearse --chain ${second} --repo @repo --identity @bob`);
    // He has the key of the machine by now, which tells what there is.
    expect(await succeed('list --repo @repo --identity @bob')).toContain(first);
    const before = await run(`recover --repo @repo --chain ${first} --to @never --identity @bob`);
    expect(before).toMatchObject(refused(10, 'recipients that were added later cannot open what is from before'));
    await succeed(`recover --repo @repo --chain ${first} --to @always --identity @ann`);
  });

  test('the next full set after an addition refers to no pack from before, and the ones after it do', async () => {
    await takeLater();
    const unchanged = await takeLater();
    expect(packsOf(unchanged)).toEqual([]);
    await succeed('recipients --repo @repo --key-file @key --add BOB');
    const anew = await takeLater();
    expect(packsOf(anew)).not.toEqual([]);
    expect(packsOf(await takeLater())).toEqual([]);
    await succeed('recipients --repo @repo --key-file @key --remove BOB');
    // Nobody is there who could not read those.
    expect(packsOf(await takeLater())).toEqual([]);
  });

  test('who is removed opens what was there, and not what is taken then', async () => {
    await succeed('recipients --repo @repo --key-file @key --add BOB');
    const first = await take();
    expect(await succeed('recipients --repo @repo --key-file @key --remove ANN')).toContain(
      'who was removed still opens sets from before, and none that are taken from now on. The key of the machine, which was in key.age, still opens manifests: --new-key',
    );
    application.commitUpTo([5, 110_402]);
    await take();
    await succeed(`recover --repo @repo --chain ${first} --to @old --identity @ann --key-file @key`);
    expect(await run('recover --repo @repo --to @new --identity @ann --key-file @key')).toMatchObject({ exitCode: 10 });
    await succeed('recover --repo @repo --to @new --identity @bob');
    expect(head().keys.recipients).toEqual([bob.recipient.text]);
  });

  test.each([
    ['--remove ANN', 'its last recipient cannot be removed'],
    ['--remove BOB', 'is not a recipient of <dir>/repo'],
    ['--add age1nonsense', 'this is not a recipient'],
    ['--add @ann', 'it does not begin with age1'],
    ['--new-key', ''],
  ])('recipients %s is refused where it makes no sense, and changes nothing', async (options, problem) => {
    const before = fs.readFileSync(at('repo/repository.json'));
    const keys = options === '--new-key' ? '--identity @ann' : '--key-file @key';
    expect(await run(`recipients --repo @repo ${keys} ${options}`)).toMatchObject(
      refused(2, problem === '' ? '--new-key needs --key-file' : problem),
    );
    expect(fs.readFileSync(at('repo/repository.json')).equals(before)).toBe(true);
    expect(namesIn(at('repo/locks'))).toEqual([]);
  });

  test('a recipient in place of the last one, one that is there already, and the key of the machine', async () => {
    const { machine } = head().keys;
    expect(await run(`recipients --repo @repo --key-file @key --add ${machine}`)).toMatchObject(
      refused(2, 'is the key of the machine that backs up, and cannot be a recipient'),
    );
    expect(await succeed('recipients --repo @repo --key-file @key --add ANN')).toContain('nothing to change');
    await succeed('recipients --repo @repo --key-file @key --remove ANN --add BOB');
    expect(head().keys.recipients).toEqual([bob.recipient.text]);
  });

  test('without the key nothing is changed, and with Ann’s identity it is', async () => {
    expect(await run('recipients --repo @repo --add BOB')).toMatchObject(refused(10, '--key-file'));
    expect(await run('recipients --repo @repo --identity @bob --add BOB')).toMatchObject(refused(10, '--key-file'));
    fs.copyFileSync(at('bob'), at('other'));
    expect(await run('recipients --repo @repo --key-file @other --add BOB')).toMatchObject(
      refused(10, 'the key file is not that of'),
    );
    await succeed('recipients --repo @repo --identity @ann --add BOB');
    expect(head().keys.recipients).toEqual([ann.recipient.text, bob.recipient.text]);
  });

  test('recipients that somebody else put there are refused, by the list as well', async () => {
    const changed = head();
    changed.keys.recipients.push(bob.recipient.text);
    fs.writeFileSync(at('repo/repository.json'), JSON.stringify(changed));
    for (const line of ['', ' --add BOB', ' --remove BOB']) {
      expect(await run(`recipients --repo @repo --key-file @key${line}`)).toMatchObject(
        refused(4, 'somebody has changed for whom <dir>/repo is encrypted, without its key'),
      );
    }
  });

  test('init of the same repository with other recipients says which command changes them', async () => {
    expect(await run('init --repo @repo --recipient BOB --key-file @key')).toMatchObject(
      refused(6, '`figaro-backup recipients` lists, adds and removes them'),
    );
  });

  test('a new key of the machine opens what is there, and the one so far nothing that comes', async () => {
    await succeed('recipients --repo @repo --key-file @key --add BOB');
    const first = await take();
    const [old, early] = [fs.readFileSync(at('key')), fs.readFileSync(at('repo/repository.json'))];
    fs.writeFileSync(at('old'), old);
    if (!lacks.owners) fs.chmodSync(at('key'), 0o640);
    expect(await succeed('recipients --repo @repo --key-file @key --remove BOB --new-key')).toContain(
      'the machine that backs up has a new key',
    );
    if (!lacks.owners) expect(fs.statSync(at('key')).mode & 0o777).toBe(0o640);
    expect(namesIn(place.directory)).not.toContain('key.next');
    application.commitUpTo([5, 110_402]);
    const second = await take();
    for (const keys of ['--key-file @key', '--identity @ann']) {
      const listed = await succeed(`list --repo @repo ${keys}`);
      expect(listed).toContain(first);
      expect(listed).toContain(second);
    }
    await succeed('verify --rehearse --repo @repo --identity @ann');
    await succeed(`recover --repo @repo --chain ${first} --to @bobs --identity @bob --key-file @key`);
    // A thief who can write puts back what was valid once.
    fs.writeFileSync(at('repo/repository.json'), early);
    expect(await run('hot --home @env --repo @repo --key-file @key')).toMatchObject(
      refused(10, 'the key file is not that of <dir>/repo'),
    );
    fs.rmSync(at('repo/repository.json'));
  });

  test('with a key that was replaced nothing is written, and manifests from then on stay closed', async () => {
    const first = await take();
    fs.copyFileSync(at('key'), at('old'));
    await succeed('recipients --repo @repo --key-file @key --new-key');
    expect(await run('hot --home @env --repo @repo --key-file @old')).toMatchObject(refused(10, 'is not that of'));
    const second = await take();
    // Its line as an identity, as who stole it would: nothing but what was sealed for it is listed.
    const { stdout } = await run('list --repo @repo --identity @old');
    expect(stdout).not.toContain(`${second}: `);
    expect(await succeed('list --repo @repo --key-file @key')).toContain(`${first}: `);
  });

  test('with a new key, recipients that withstand quantum computers can take the place of others', async () => {
    const { secret, recipient } = await newPostQuantumKey();
    fs.writeFileSync(at('pq'), `${secret}\n`, { mode: 0o600 });
    const change = `recipients --repo @repo --key-file @key --add ${recipient.text} --remove ANN`;
    expect(await run(change)).toMatchObject(refused(2, 'the key of the machine is of the kind age1…'));
    await succeed(`${change} --new-key`);
    await take();
    await succeed('recover --repo @repo --to @found --identity @pq');
  });

  test('a key file with a passphrase gets no new key, since it would not be encrypted any more', async () => {
    fs.writeFileSync(at('locked'), 'age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n');
    const files = watchedFiles(nodeFiles, {});
    const { NextKeyFile } = await import('../../src/engine/packed/key-file.ts');
    expect(() => new NextKeyFile(files, at('locked'))).toThrow('is encrypted, and a new key cannot be written to it');
  });
});

test.each([
  ['init --repo @repo', 'is not encrypted: it has no recipients', 2],
  ['init --repo @repo --packed', 'is not encrypted: it has no recipients', 2],
  ['list --repo @repo', 'there is no such directory', 5],
])('after %s, there are no recipients', async (line, problem, exitCode) => {
  await run(line);
  for (const change of ['', ' --add BOB']) {
    expect(await run(`recipients --repo @repo${change}`)).toMatchObject(refused(exitCode, problem));
  }
});

describe('in a store that fails', () => {
  const store = memoryStore();
  const lineOf = (more: string): string => `recipients --repo ${memoryUrl} --key-file @key --add BOB${more}`;
  const keysIn = (): { recipients: string[] } =>
    (
      JSON.parse(Buffer.from(store.objects.get('repository.json')!.bytes).toString()) as {
        keys: { recipients: string[] };
      }
    ).keys;

  test.each(['', ' --new-key'])('a change%s is made or not, and the same command finishes it', async (more) => {
    const moments = ['before', 'after'] as const;
    for (const moment of moments) {
      for (let failed = true, n = 1; failed; n++) {
        store.hooks = {};
        store.objects.clear();
        fs.rmSync(at('key'), { force: true });
        await succeed(`init --repo ${memoryUrl} --recipient ANN --key-file @key`, { store });
        let count = 0;
        store.hooks = failing(store, (call) => {
          if (!['write', 'create'].includes(call.operation)) return undefined;
          return (count += 1) === n ? moment : undefined;
        });
        const { exitCode } = await run(lineOf(more), { store });
        failed = exitCode !== 0;
        expect([0, 13]).toContain(exitCode);
        store.hooks = {};
        // The run that has it is gone, and this process is not.
        for (const name of store.objects.keys()) if (name.startsWith('locks/')) store.objects.delete(name);
        const there = keysIn().recipients;
        expect([[ann.recipient.text], [ann.recipient.text, bob.recipient.text]]).toContainEqual(there);
        await succeed(lineOf(more), { store });
        expect(keysIn().recipients).toEqual([ann.recipient.text, bob.recipient.text]);
        expect(namesIn(place.directory)).not.toContain('key.next');
        await succeed(`hot --home @env --repo ${memoryUrl} --key-file @key`, { store });
        // Who is a recipient can have the key, whatever was interrupted.
        expect(await succeed(`recipients --repo ${memoryUrl} --identity @bob`, { store })).not.toContain(
          'not compared',
        );
      }
    }
  });

  test('a new key whose file could not get its name is taken by the same command', async () => {
    store.hooks = {};
    store.objects.clear();
    await succeed(`init --repo ${memoryUrl} --recipient ANN --key-file @key`, { store });
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'rename' && file.endsWith('key.next')) throw new Error('killed');
      },
    });
    const line = `recipients --repo ${memoryUrl} --key-file @key --new-key`;
    expect(await run(line, { store, files })).toMatchObject({ exitCode: 1 });
    expect(await run(`hot --home @env --repo ${memoryUrl} --key-file @key`, { store })).toMatchObject(
      refused(10, '`recipients --new-key`'),
    );
    await succeed(line, { store });
    await succeed(`hot --home @env --repo ${memoryUrl} --key-file @key`, { store });
  });

  test('a backup that waited while recipients were changed writes nothing for those of before', async () => {
    store.hooks = {};
    store.objects.clear();
    await succeed(`init --repo ${memoryUrl} --recipient ANN --key-file @key`, { store });
    const before = store.objects.get('repository.json')!;
    await succeed(lineOf(' --remove ANN'), { store });
    const after = store.objects.get('repository.json')!;
    store.objects.set('repository.json', before);
    store.hooks = {
      before: ({ operation, name }) => {
        if (operation === 'write' && name.startsWith('locks/')) store.objects.set('repository.json', after);
      },
    };
    expect(await run(`hot --home @env --repo ${memoryUrl} --key-file @key`, { store })).toMatchObject(
      refused(7, 'another run changed for whom s3://memory/env is encrypted while this one waited'),
    );
    expect([...store.objects.keys()].filter((name) => /^(sets|packs)\//.test(name))).toEqual([]);
  });
});
