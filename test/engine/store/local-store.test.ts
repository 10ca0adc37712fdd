/** A directory of this machine as a store: links, names that lead elsewhere, faults, kills and losses of power. */

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../../src/engine/files/failures.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { openLocalStore } from '../../../src/engine/store/local-store.ts';
import { type Store } from '../../../src/engine/store/store.ts';
import { exitCodes, FigaroError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { faultKinds, withFault, type FaultKind } from '../../support/fault-kinds.ts';
import { Killed } from '../../support/faulty-system.ts';
import { writeBytes } from '../../support/memory-store.ts';
import { PowerLoss, VolatileDisk, type Survival } from '../../support/power-loss.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { isWindows, lacks, slashed } from '../../support/windows.ts';

let root: string;
let elsewhere: string;
let store: Store;

beforeEach(async () => {
  root = path.join(temporaryDirectory(), 'store');
  elsewhere = path.join(temporaryDirectory(), 'elsewhere');
  fs.mkdirSync(root);
  fs.mkdirSync(elsewhere);
  fs.writeFileSync(path.join(elsewhere, 'theirs'), 'not ours');
  store = openLocalStore(nodeFiles, root);
  await writeBytes(store, 'set/ours', 'ours');
});

async function textOf(of: Store, name: string): Promise<string | undefined> {
  const bytes = await of.read(name);
  return bytes && Buffer.from(bytes).toString();
}

async function namesOf(of: Store, prefix = ''): Promise<readonly string[]> {
  return (await of.list(prefix)).map(({ name }) => name);
}

const errorOf = (code: string): Error => Object.assign(new Error(`${code}: made for a test, open`), { code });

describe.skipIf(lacks.links)('links and the like', () => {
  beforeEach(() => {
    fs.symlinkSync(path.join(elsewhere, 'theirs'), path.join(root, 'set/link'));
    fs.symlinkSync(elsewhere, path.join(root, 'linked'));
    fs.symlinkSync(root, path.join(root, 'set/circle'));
    execFileSync('mkfifo', [path.join(root, 'set/pipe')]);
  });

  test('are passed over', async () => {
    expect(await namesOf(store)).toEqual(['set/ours']);
    for (const prefix of ['set/', 'linked', 'linked/', 'linked/t', 'set/circle/set/']) {
      expect(await namesOf(store, prefix)).toEqual(prefix === 'set/' ? ['set/ours'] : []);
    }
  });

  test('are followed by no operation', async () => {
    const before = fingerprint(elsewhere);
    for (const name of ['set/link', 'set/pipe', 'linked/theirs', 'linked/none', 'set/circle/set/ours']) {
      await expectFailure('io', () => store.read(name));
    }
    for (const name of ['linked/theirs', 'linked/new', 'linked/deep/new', 'set/circle/new']) {
      await expectFailure('io', () => writeBytes(store, name, 'new'));
      await expectFailure('io', () => store.create(name, Buffer.from('new')));
      await expectFailure('io', () => store.remove([name]));
    }
    await store.remove(['set/link', 'set/pipe']);
    expect(await store.sweep!(-60_000)).toBe(0);
    expect(fingerprint(elsewhere)).toEqual(before);
    expect(namesIn(path.join(root, 'set'))).toEqual(['circle', 'link', 'ours', 'pipe']);
  });

  test('keep a name from being created, and give it up to what is written', async () => {
    const before = fingerprint(elsewhere);
    expect(await store.create('set/link', Buffer.from('new'))).toBe(false);
    await writeBytes(store, 'set/link', 'new');
    expect(await textOf(store, 'set/link')).toBe('new');
    expect(fingerprint(elsewhere)).toEqual(before);
  });

  test('may lead to the directory itself', async () => {
    fs.symlinkSync(root, path.join(elsewhere, 'to-the-store'));
    const other = openLocalStore(nodeFiles, path.join(elsewhere, 'to-the-store'));
    expect(await namesOf(other)).toEqual(['set/ours']);
    await writeBytes(other, 'new', 'new');
    expect(await textOf(store, 'new')).toBe('new');
  });
});

describe('a name', () => {
  const long = Array(6).fill('a'.repeat(200)).join('/');
  test.each([
    '',
    '/',
    '.',
    '..',
    '../elsewhere/theirs',
    'set/../../elsewhere/theirs',
    'set/..',
    '/etc/passwd',
    'set//ours',
    'set/',
    './set/ours',
    'set/ours\0.txt',
    'set/\ud800',
    long,
    '.unfinished-0123456789abcdef',
    'set/.unfinished-0123456789abcdef',
  ])('%j is none of an object', async (name) => {
    const above = path.dirname(root);
    const before = [fingerprint(above), fingerprint(elsewhere)];
    await expectFailure('io', () => store.read(name));
    await expectFailure('io', () => writeBytes(store, name, 'new'));
    await expectFailure('io', () => store.create(name, Buffer.from('new')));
    await expectFailure('io', () => store.remove(['set/ours', name]));
    expect([fingerprint(above), fingerprint(elsewhere)]).toEqual(before);
  });

  test.each(['..', '../', '../elsewhere/', 'set/../', '/', '//', './', 'set/../set/o'])(
    'does not begin with %j',
    async (prefix) => {
      expect(await store.list(prefix)).toEqual([]);
    },
  );

  test('that is longer than any file may be called leaves nothing behind', async () => {
    await expectFailure('io', () => writeBytes(store, `set/${'a'.repeat(300)}`, 'new'));
    expect(namesIn(path.join(root, 'set'))).toEqual(['ours']);
  });

  test('below that of another object can only be missing', async () => {
    expect(await store.read('set/ours/more')).toBeUndefined();
    await store.remove(['set/ours/more', 'set/ours/much/more']);
    await expectFailure('io', () => writeBytes(store, 'set/ours/more', 'new'));
    expect(await textOf(store, 'set/ours')).toBe('ours');
  });
});

test.skipIf(lacks.anyName)('files whose names or depth no object can have are passed over', async () => {
  fs.writeFileSync(Buffer.concat([Buffer.from(path.join(root, 'set/')), Buffer.from([0xff, 0xfe])]), 'odd');
  let deep = root;
  for (let i = 0; i < 6; i++) {
    deep = path.join(deep, 'd'.repeat(200));
    fs.mkdirSync(deep);
    fs.writeFileSync(path.join(deep, 'f'), '');
  }
  expect((await namesOf(store)).map((name) => name.length)).toEqual([1006, 805, 604, 403, 202, 8]);
});

test('what is removed takes the directories with it that are empty then, and no others', async () => {
  await writeBytes(store, 'a/b/c', 'c');
  await writeBytes(store, 'a/d', 'd');
  await store.remove(['a/b/c']);
  expect(namesIn(path.join(root, 'a'))).toEqual(['d']);
  await store.remove(['a/d', 'set/ours']);
  expect(namesIn(root)).toEqual([]);
  expect(await store.list('')).toEqual([]);
});

test('a directory that another run removes while it is empty is made again', async () => {
  let times = 3;
  const racing = watchedFiles(nodeFiles, {
    before: (operation, file) => {
      if (operation === 'create' && times-- > 0) fs.rmSync(path.dirname(file), { recursive: true });
    },
  });
  await writeBytes(openLocalStore(racing, root), 'a/b/c', 'c');
  expect(await textOf(store, 'a/b/c')).toBe('c');
});

test('an object that another run removes at once with its directory was written all the same', async () => {
  const racing = watchedFiles(nodeFiles, {
    before: (operation, file) => {
      if (operation === 'syncDirectory' && file.endsWith('a')) fs.rmSync(file, { recursive: true });
    },
  });
  await writeBytes(openLocalStore(racing, root), 'a/b', 'b');
  expect(await namesOf(store)).toEqual(['set/ours']);
});

test('what only root may look into on a disk of its own is none of ours', async () => {
  fs.mkdirSync(path.join(root, 'lost+found'));
  fs.mkdirSync(path.join(root, 'set/lost+found'));
  const refusing = (directory: string): Store =>
    openLocalStore(
      watchedFiles(nodeFiles, {
        before: (operation, file) => {
          if (operation === 'listIfThere' && slashed(file).endsWith(directory))
            throw failure('list', file, errorOf('EACCES'));
        },
      }),
      root,
    );
  expect(await namesOf(refusing('store/lost+found'))).toEqual(['set/ours']);
  await expectFailure('not-permitted', () => refusing('set/lost+found').list(''));
});

test('a file in the place of the directory is no store', async () => {
  const error = await expectFailure('repository-missing', () =>
    openLocalStore(nodeFiles, path.join(elsewhere, 'theirs')).list(''),
  );
  expect(error.message).toContain('is not a directory');
});

/** What becomes of two objects, of which one was there: each operation, and what has to be there when it returned. */
const operations: readonly (readonly [string, (on: Store) => Promise<unknown>, Readonly<Record<string, string>>])[] = [
  ['a new object', (on) => writeBytes(on, 'new/deep/a', 'new'), { 'new/deep/a': 'new', 'set/ours': 'ours' }],
  ['an object that is replaced', (on) => writeBytes(on, 'set/ours', 'new'), { 'set/ours': 'new' }],
  [
    'a name that is created',
    (on) => on.create('locks/a', Buffer.from('new')),
    { 'locks/a': 'new', 'set/ours': 'ours' },
  ],
  ['an object that is removed', (on) => on.remove(['set/ours']), {}],
];

/** All objects, by name. */
async function contentsOf(of: Store): Promise<Readonly<Record<string, string>>> {
  const names = await namesOf(of);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await textOf(of, name))!] as const)));
}

/** Expects everything as before, or as after. */
async function expectWhole(of: Store, after: Readonly<Record<string, string>>): Promise<void> {
  expect([{ 'set/ours': 'ours' }, after]).toContainEqual(await contentsOf(of));
}

describe.each(operations)('%s', (what, operation, after) => {
  const disk = '/disk';
  const at = path.join(disk, 'store');
  const survivals: readonly Survival[] = ['none', 'names', 'some'];
  const chance = (seed: number): (() => number) => {
    const below = randomNumbers(seed);
    return () => below(1 << 20) / (1 << 20);
  };
  /** Of a file system where files have one name only: what `Files.link` makes there is a copy, which nothing has synced. */
  const withoutLinks = (files: Files): Files =>
    filesWith(files, {
      link: (file, name) => {
        if (files.statIfThere(name)) return false;
        const [source, target] = [files.openIfThere(file)!, files.create(name)];
        const bytes = new Uint8Array(source.stat().size);
        source.readAt(bytes, 0);
        target.writeAt(bytes, 0);
        return true;
      },
    });

  test.each([
    ['', (files: Files) => files],
    [', where files have one name only', withoutLinks],
  ] as const)('is there whole or not at all when the power fails, and lasts once it is told%s', async (_way, over) => {
    const prepared = new VolatileDisk(disk, nodeFiles);
    prepared.files.makeDirectory(at);
    prepared.files.syncDirectory(disk);
    await writeBytes(openLocalStore(prepared.files, at), 'set/ours', 'ours');
    const whole = prepared.copy();
    await operation(openLocalStore(over(whole.files), at));
    const total = whole.operations;
    for (let n = 0; n <= total; n++) {
      const tried = prepared.copy();
      tried.losePowerAt(n);
      const outcome = await operation(openLocalStore(over(tried.files), at)).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(outcome === undefined).toBe(n === total);
      if (outcome !== undefined) expect(outcome).toBeInstanceOf(PowerLoss);
      for (const survival of survivals) {
        const restarted = openLocalStore(tried.restarted(survival, chance(n)).files, at);
        // A copy cannot be there all at once.
        const isCopy = over === withoutLinks && (await textOf(restarted, 'locks/a').catch(() => '')) !== 'new';
        if (outcome === undefined) expect(await contentsOf(restarted)).toEqual(after);
        else if (!isCopy) await expectWhole(restarted, after);
        await restarted.sweep!(0);
        await operation(restarted);
        if (!isCopy) expect(await contentsOf(restarted)).toEqual(after);
      }
    }
  });

  const named: Readonly<Record<string, FaultKind>> = {
    ...faultKinds,
    'is read only': {
      code: 'EROFS',
      hits: ({ name }) => !['lstatSync', 'statSync', 'readdirSync', 'openSync', 'closeSync'].includes(name),
      lasting: true,
      exitCode: exitCodes['not-permitted'],
    },
  };
  test.each(Object.entries(named))('is there whole or not at all where the disk %s', async (how, kind) => {
    let places = 0;
    for (let calls = 1; places < calls; places++) {
      fs.rmSync(root, { recursive: true });
      fs.mkdirSync(root);
      await writeBytes(store, 'set/ours', 'ours');
      let error: unknown;
      ({ calls } = await withFault(root, kind, places, () =>
        operation(store).catch((reason: unknown) => (error = reason)),
      ));
      if (calls <= places) break;
      if (error instanceof FigaroError) {
        expect(error.exitCode).toBe(kind.exitCode);
        expect(error.message).toContain(`(${kind.code})`);
        expect(error.message).toContain(root);
      } else if (error !== undefined) {
        expect(error).toBeInstanceOf(Killed);
      }
      if (error === undefined) expect(await contentsOf(store)).toEqual(after);
      else await expectWhole(store, after);
      const left = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.unf'));
      expect(left.length).toBeLessThanOrEqual(kind.lasting ? 1 : 0);
      expect(await store.sweep!(3_600_000)).toBe(0);
      expect(await store.sweep!(0)).toBe(left.length);
      await operation(store);
      expect(await contentsOf(store)).toEqual(after);
    }
    // Windows neither writes nor opens anything to remove a file.
    const hasPlaces = !(isWindows && what.endsWith('removed') && /full|descriptors/.test(how));
    if (hasPlaces) expect(places).toBeGreaterThan(0);
  });
});
