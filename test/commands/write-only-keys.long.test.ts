/** Backups with keys that may write and list, and neither read nor remove anything. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Unreachable } from '../../src/engine/store/unreachable.ts';
import { newKey } from '../support/age-keys.ts';
import { type MemoryStore, type StoreCall } from '../support/memory-store.ts';
import { refusing } from '../support/refusing-store.ts';
import { newPlace } from '../support/place.ts';
import { PackedPlace } from '../support/packed-place.ts';
import { memoryStore, memoryUrl as url } from '../support/store-commands.ts';
import { type CliResult } from '../support/run-cli.ts';
import { lacks } from '../support/windows.ts';

type Kind = 'plain' | 'encrypted';

const kinds: readonly Kind[] = ['plain', 'encrypted'];

let place: PackedPlace;
let store: MemoryStore;

async function begin(kind: Kind): Promise<void> {
  place = await PackedPlace.make(newPlace().directory, kind === 'encrypted' ? 'encrypted' : 'packed');
  store = memoryStore();
  place.application.commitUpTo([4, 72_115]);
}

const run = (line: string, holder: 'machine' | 'both' = 'machine'): Promise<CliResult> =>
  place.run(`${line} --repo ${url}`, holder, { store });
const succeed = (line: string, holder: 'machine' | 'both' = 'machine'): Promise<CliResult> =>
  place.succeed(`${line} --repo ${url}`, holder, { store });
/** Nothing is said of keys. */
const silently = async (line: string): Promise<void> => expect((await succeed(line)).stderr).not.toContain('keys');

/** Keys that may write and list. */
const isMore = ({ operation }: StoreCall): boolean => operation === 'read' || operation === 'remove';
const allow = (): void => void (store.hooks = {});
const refuse = (isForbidden = isMore): void => void (store.hooks = refusing(store, isForbidden));
/** Runs a command line on a machine whose keys may do everything, and has a spool of its own. */
async function elsewhere(line: string): Promise<void> {
  const { hooks } = store;
  allow();
  fs.mkdirSync(place.inside('elsewhere'), { recursive: true });
  await succeed(`${line} --spool ${place.inside('elsewhere')}`, 'both');
  store.hooks = hooks;
}

const initLine = (kind: Kind): string =>
  `init${kind === 'plain' ? '' : ' --packed'}${kind === 'encrypted' ? ` --recipient ${place.recipient}` : ''}`;
/** In the order in which they were written: names tell seconds only. */
const sets = (): string[] => {
  const names = [...store.objects.keys()].filter((name) => name.includes('/manifest.json'));
  return names.map((name) => name.split('/').at(-2)!);
};
const locks = (): number[] =>
  [...store.objects].flatMap(([name, { bytes }]) => (name.startsWith('locks/') ? [bytes.length] : []));

/** Has all locks be as old as this. */
function silence(ms: number): void {
  for (const [name, { bytes }] of store.objects)
    if (name.startsWith('locks/')) store.objects.set(name, { bytes, changedMs: Date.now() - ms });
}

/** Whether the newest full set needs packs of the first set. */
async function sharesPages(): Promise<boolean> {
  const [first] = sets();
  await elsewhere('expire --keep-full 1');
  return [...store.objects.keys()].some((name) => name.startsWith(`packs/${first}`));
}

describe.each(kinds)('a %s repository', (kind) => {
  beforeEach(() => begin(kind));

  test('is made and added to, and what is added is not proven before it is rehearsed elsewhere', async () => {
    refuse();
    await succeed(initLine(kind));
    await silently('hot --home @env');
    await silently('check --max-age 1h');
    for (const end of [60_000, 110_402]) {
      place.application.commitUpTo([5, end]);
      await silently('incremental --home @env');
    }
    expect((await succeed('incremental --home @env -v')).stdout).toContain('nothing new');
    expect((await run('list')).stdout.match(/not yet rehearsed/g)).toHaveLength(2);
    await silently('offline --home @env');
    expect(sets()).toHaveLength(4);
    expect(locks()).toEqual(Array(6).fill(0));
    await elsewhere('verify --rehearse');
    await elsewhere('check --max-rehearsal-age 1h');
    expect(await sharesPages()).toBe(kind !== 'plain');
  });

  test('is known to a machine that has looked at it once', async () => {
    await elsewhere(initLine(kind));
    await elsewhere('hot --home @env');
    refuse();
    expect(await run('hot --home @env')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining(
        'cannot read repository.json: the store does not allow it (403 AccessDenied), and this machine does not know it\nhint: keys that may write and list are enough for backups where this machine knows the repository: run `figaro-backup list` on it once',
      ) as string,
    });
    expect(locks()).toEqual([]);
    allow();
    await succeed('list');
    refuse();
    place.application.commitUpTo([5, 60_000]);
    await silently('incremental --home @env');
    const [first] = sets();
    const { stderr } = await succeed('hot --home @env');
    if (kind === 'plain') return expect(stderr).not.toContain('keys');
    expect(stderr).toContain(
      `the new set shares no pages with ${first}: these keys may not read what its pages were\n`,
    );
    expect(await sharesPages()).toBe(false);
  });

  test('takes sets whatever others noted, and tells of none that others made', async () => {
    await succeed(initLine(kind));
    await succeed('hot --home @env');
    const [first] = sets();
    await elsewhere(`pin ${first}`);
    await elsewhere('verify');
    refuse();
    for (const line of ['list', 'check --max-age 1h']) {
      const refused = await run(line);
      expect([refused.exitCode, refused.stderr]).toEqual([6, expect.stringContaining('this machine does not know it')]);
    }
    place.application.commitUpTo([5, 60_000]);
    await silently('incremental --home @env');
    const { stderr } = await succeed('hot --home @env');
    const warning = `the new set shares no pages with ${first}: these keys may not read its checks\n`;
    if (kind === 'plain') expect(stderr).not.toContain('keys');
    else expect(stderr).toContain(warning);
    await elsewhere(`unpin ${first}`);
    if (kind !== 'plain') expect(await sharesPages()).toBe(false);
    await elsewhere('hot --home @env');
    const manifest = new RegExp(`cannot read \\S*${sets().at(-1)}/manifest.json\\S*: the store does not allow it`);
    for (const line of ['incremental --home @env', 'hot --home @env', 'list']) {
      const refused = await run(line);
      expect([refused.exitCode, refused.stderr]).toEqual([6, expect.stringMatching(manifest)]);
    }
    allow();
    await succeed('list');
    refuse();
    await silently('incremental --home @env');
    await elsewhere('verify --rehearse');
  });
});

test.each(kinds)(
  'what a killed run left in a repository that is %s, and cannot be removed, keeps nobody from the next set',
  async (kind) => {
    await begin(kind);
    await elsewhere(initLine(kind));
    await elsewhere('hot --home @env');
    await succeed('list');
    place.application.commitUpTo([5, 60_000]);
    let isKilled = false;
    store.hooks = {
      before: ({ operation, name }) => {
        isKilled ||= operation === 'create' && name.includes('/manifest.json');
        if (isKilled) throw new Unreachable('gone');
      },
    };
    const before = new Set(store.objects.keys());
    expect((await run('hot --home @env')).exitCode).toBe(13);
    const left = [...store.objects.keys()].filter((name) => !before.has(name) && !name.startsWith('locks/'));
    expect(left.length).toBeGreaterThan(0);
    refuse();
    silence(60_000);
    expect(await run('hot --home @env')).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining('is being written to\nhint') as string,
    });
    silence(301_000);
    await succeed('hot --home @env');
    expect(sets()).toHaveLength(2);
    expect([...store.objects.keys()]).toEqual(expect.arrayContaining(left));
  },
);

test('recipients that others add are not written for before this machine has read them', async () => {
  await begin('encrypted');
  await succeed(initLine('encrypted'));
  await succeed('hot --home @env');
  const { recipient } = await newKey();
  expect((await run(`recipients --add ${recipient.text}`)).exitCode).toBe(0);
  refuse();
  expect(await run('hot --home @env')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('cannot read repository.json') as string,
  });
  expect(sets()).toHaveLength(1);
  allow();
  await succeed('list');
  refuse();
  await silently('hot --home @env');
});

test('a head that another one put there is not taken for the one that is known', async () => {
  await begin('encrypted');
  await succeed(initLine('encrypted'));
  await succeed('hot --home @env');
  refuse();
  const { bytes, changedMs } = store.objects.get('repository.json')!;
  store.objects.set('repository.json', { bytes: bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)), changedMs });
  expect((await run('hot --home @env')).exitCode).toBe(6);
  store.objects.set('repository.json', { bytes, changedMs });
  await silently('hot --home @env');
});

/** Where this machine keeps what it knows: one directory in its spool. */
function knownPlace(): string {
  const spool = place.inside('spool');
  return path.join(
    spool,
    fs.readdirSync(spool).find((name) => name.endsWith('.known'))!,
  );
}

async function requireNothingKnownOnce(spoil: (place: string) => void): Promise<void> {
  await begin('plain');
  await succeed('init');
  await succeed('hot --home @env');
  spoil(knownPlace());
  refuse();
  expect((await run('hot --home @env')).exitCode).toBe(6);
}

test.skipIf(lacks.owners)('nothing is known from a directory that others can write to', async () => {
  await requireNothingKnownOnce((known) => fs.chmodSync(known, 0o770));
});

test('nothing is known from a directory that is gone', async () => {
  await requireNothingKnownOnce((known) => fs.rmSync(known, { recursive: true }));
});

test('who decides what is sound, or may be removed, believes nothing that it may not read', async () => {
  await begin('plain');
  await succeed('init');
  await succeed('hot --home @env');
  refuse();
  for (const line of ['verify', 'expire --keep-full 1', 'logs prune --home @env']) {
    const refused = await run(line);
    expect([line, refused.exitCode, refused.stderr]).toEqual([
      line,
      6,
      expect.stringContaining('cannot read repository.json: the store does not allow it'),
    ]);
  }
});
