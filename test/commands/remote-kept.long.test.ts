/** Manifests and checks of a store are asked for once; what is kept of them is believed only where nobody else could have written it. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { MemoryStore, tagOf } from '../support/memory-store.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { memoryStore, memoryUrl as url } from '../support/store-commands.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { isWindows, lacks } from '../support/windows.ts';

let place: Place;
let spool: string;
let store: MemoryStore;
/** What the store was asked for, since that was emptied. */
let asked: string[];
let application: ReturnType<typeof demoApplication>;

beforeEach(async () => {
  place = newPlace();
  spool = path.join(place.directory, 'spool');
  fs.mkdirSync(spool);
  store = memoryStore();
  watch(store);
  application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  application.commitUpTo([5, 60_000]);
  await succeed(`incremental --home @env --repo ${url}`);
  fs.rmSync(top(), { recursive: true });
});

function watch(of: MemoryStore): void {
  of.hooks = {
    before: ({ operation, name }) => {
      if (operation === 'read' && !name.startsWith('locks/')) asked.push(name.replace(/^.*\//, ''));
    },
  };
}

/** Runs a command line; `@` begins a path of the test. */
async function run(line: string, more: CliSurroundings = {}): Promise<CliResult> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
  asked = [];
  return await figaro(words, { store, env: { FIGARO_BACKUP_SPOOL: spool }, ...more });
}

async function succeed(line: string, more: CliSurroundings = {}): Promise<CliResult> {
  const result = await run(line, more);
  expect([result.exitCode, result.stderr], line).toEqual([0, result.stderr]);
  return result;
}

const list = (more: CliSurroundings = {}): Promise<CliResult> => succeed(`list --repo ${url}`, more);
const manifests = (): string[] => [...store.objects.keys()].filter((name) => name.endsWith('/manifest.json')).sort();
const asksForManifests = (): number => asked.filter((name) => name === 'manifest.json').length;
/** The directory of what is kept, and that of the one repository in it. */
const top = (): string => path.join(spool, `figaro-backup${isWindows ? '' : `-${process.getuid!()}`}.manifests`);
const kept = (): string => path.join(top(), namesIn(top())[0]!);

test('a second run asks for the head of the repository alone', async () => {
  const first = await list();
  expect(asksForManifests()).toBe(2);
  expect(await list()).toEqual(first);
  expect(asked).toEqual(['repository.json']);
});

test('a run that looks makes no file for an object that it does not read', async () => {
  await list();
  const made: string[] = [];
  const files = watchedFiles(nodeFiles, {
    before: (operation, file) => {
      if (operation === 'create' || operation === 'makeDirectory') made.push(path.basename(file));
    },
  });
  await list({ files });
  expect(made.filter((name) => !name.includes('.spooling-'))).toEqual(['repository', 'repository.json']);
});

test('what is new, was written again, or cannot be read is asked for, and what is gone is forgotten', async () => {
  await list();
  application.commitUpTo([5, 110_402]);
  await succeed(`incremental --home @env --repo ${url}`);
  expect(asksForManifests()).toBe(0);
  await list();
  expect(asksForManifests()).toBe(1);
  const [full] = manifests();
  const { bytes, changedMs } = store.objects.get(full!)!;
  store.objects.set(full!, { bytes, changedMs: changedMs + 1 });
  await list();
  expect(asksForManifests()).toBe(1);
  store.objects.set(full!, { bytes: bytes.slice(1), changedMs: changedMs + 1 });
  for (let i = 0; i < 2; i++) {
    expect((await list()).stdout).toContain('damaged');
    expect(asksForManifests()).toBe(1);
  }
  expect(namesIn(kept())).toHaveLength(2);
  for (const name of store.objects.keys()) if (!name.startsWith('repository')) store.objects.delete(name);
  await list();
  expect(namesIn(kept())).toEqual([]);
});

test.each([
  ['the first line', (bytes: Buffer) => void (bytes[30]! ^= 1)],
  ['the bytes', (bytes: Buffer) => void (bytes[bytes.length - 100]! ^= 1)],
  ['all of it', (bytes: Buffer) => void bytes.fill(0)],
])('what is kept is not believed where %s changed', async (_what, change) => {
  const before = await list();
  const [name] = namesIn(kept());
  const file = path.join(kept(), name!);
  const bytes = fs.readFileSync(file);
  change(bytes);
  fs.writeFileSync(file, bytes);
  expect(await list()).toEqual(before);
  expect(asksForManifests()).toBe(1);
  await list();
  expect(asksForManifests()).toBe(0);
});

test.skipIf(lacks.owners).each([
  ['that others can write to', () => fs.chmodSync(top(), 0o770)],
  ['below that others can write to', () => fs.chmodSync(kept(), 0o707)],
  [
    'that is a link',
    () => {
      fs.renameSync(top(), path.join(place.directory, 'elsewhere'));
      fs.symlinkSync(path.join(place.directory, 'elsewhere'), top());
    },
  ],
])('nothing is believed or kept in a directory %s', async (_what, spoil) => {
  await list();
  spoil();
  const before = namesIn(kept());
  application.commitUpTo([5, 110_402]);
  await succeed(`incremental --home @env --repo ${url}`);
  for (let i = 0; i < 2; i++) {
    await list();
    expect(asksForManifests()).toBe(3);
  }
  expect(namesIn(kept())).toEqual(before);
});

test.runIf(process.getuid?.() === 0)('nothing is believed or kept in a directory of another user', async () => {
  await list();
  fs.chownSync(top(), 1234, 1234);
  await list();
  expect(asksForManifests()).toBe(2);
});

test.each(['create', 'writeAt', 'rename', 'openOwnIfThere'] as const)(
  'a disk that fails where manifests are kept fails no run: %s',
  async (failing) => {
    const before = await list();
    if (failing !== 'openOwnIfThere') fs.rmSync(top(), { recursive: true });
    const files = watchedFiles(nodeFiles, {
      before: (operation, file) => {
        if (operation !== failing || !file.includes('.manifests')) return;
        nodeFiles.create('/there/is/no/such/directory');
      },
    });
    expect(await list({ files })).toEqual(before);
    expect(asksForManifests()).toBe(2);
    if (failing !== 'openOwnIfThere') expect(namesIn(kept())).toEqual([]);
  },
);

test('who decides what is sound asks for everything, and what it found is known from then on', async () => {
  await list();
  const [, incremental] = manifests();
  const { bytes, changedMs } = store.objects.get(incremental!)!;
  // As a disk does it that rots: of the same size and time, and with the tag that was made when it was written.
  const rotten = bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte));
  store.objects.set(incremental!, { bytes: rotten, changedMs, tag: tagOf(bytes) });
  expect((await list()).stdout).not.toContain('damaged');
  const result = await run(`verify --repo ${url} --no-record`);
  expect([result.exitCode, asksForManifests()]).toEqual([4, 2]);
  expect((await list()).stdout).toContain('damaged');
  await run(`expire --repo ${url} --keep-full 1 --dry-run`);
  expect(asksForManifests()).toBe(2);
  store.objects.set(incremental!, { bytes, changedMs });
  await succeed(`verify --repo ${url} --no-record`);
  expect(asksForManifests()).toBe(2);
});

test('copies of a repository in two stores are kept apart', async () => {
  const other = new MemoryStore({}, 's3://other/env');
  for (const [name, object] of store.objects) other.objects.set(name, object);
  watch(other);
  const [full] = manifests();
  other.objects.set(full!, { bytes: Buffer.from('{}'), changedMs: 1 });
  for (const isFirst of [true, false]) {
    expect((await list()).stdout).not.toContain('damaged');
    expect(asksForManifests()).toBe(isFirst ? 2 : 0);
    expect((await list({ store: other })).stdout).toContain('damaged');
    // What cannot be read is not kept.
    expect(asksForManifests()).toBe(isFirst ? 2 : 1);
  }
});

test('checks are asked for once, and all of them tell', async () => {
  await succeed(`verify --repo ${url}`);
  await succeed(`verify --repo ${url} --rehearse`);
  fs.rmSync(top(), { recursive: true });
  await list();
  expect(asked.filter((name) => name.startsWith('checks.jsonl.'))).toHaveLength(4);
  const before = await succeed(`check --repo ${url} --max-rehearsal-age 1d --json`);
  expect(asked).toEqual(['repository.json']);
  fs.rmSync(top(), { recursive: true });
  const { stdout } = await succeed(`check --repo ${url} --max-rehearsal-age 1d --json`);
  const withoutTimes = (text: string): string => text.replace(/"\w*[aA]geMs": \d+/g, '');
  expect(withoutTimes(stdout)).toBe(withoutTimes(before.stdout));
});

test('pins are asked for in every run', async () => {
  const id = manifests()[0]!.split('/')[0]!;
  await succeed(`pin ${id} --repo ${url}`);
  await list();
  const { stdout } = await list();
  expect(asked).toEqual(['repository.json', 'pin.json']);
  expect(stdout).toContain('pinned');
  await succeed(`unpin ${id} --repo ${url}`);
  expect((await list()).stdout).not.toContain('pinned');
});
