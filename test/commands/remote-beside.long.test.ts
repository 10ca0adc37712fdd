/** What happens beside a run in a store, to its spool and to the store, changes nothing of what others have there. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { FigaroError } from '../../src/errors.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { sampled } from '../support/effort.ts';
import { type MemoryStore, type StoreCall } from '../support/memory-store.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { failing, memoryStore, memoryUrl as url } from '../support/store-commands.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { lacks, slashed } from '../support/windows.ts';

let place: Place;
let spool: string;
let store: MemoryStore;
let application: ReturnType<typeof demoApplication>;

beforeEach(async () => {
  place = newPlace();
  spool = path.join(place.directory, 'spool');
  fs.mkdirSync(spool);
  store = memoryStore();
  application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
});

/** Runs a command line; `@` begins a path of the test. */
async function run(line: string, more: CliSurroundings = {}): Promise<CliResult> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
  return await figaro(words, { store, env: { FIGARO_BACKUP_SPOOL: spool }, ...more });
}

async function succeed(line: string): Promise<CliResult> {
  const result = await run(line);
  expect([result.exitCode, result.stderr], line).toEqual([0, result.stderr]);
  return result;
}

const namesOfSets = (): string[] =>
  [...store.objects.keys()].filter((name) => name.endsWith('/manifest.json')).map((name) => name.split('/')[0]!);

/** Does something once, before the first call of a kind. */
function once(isMeant: (call: StoreCall) => boolean, act: () => unknown): void {
  let isDone = false;
  store.hooks = {
    before: async (call) => {
      if (isDone || !isMeant(call)) return;
      isDone = true;
      await act();
    },
  };
}

/** As those do who clear temporary directories. */
function clearSpool(below = ''): void {
  const [stage] = namesIn(spool).filter((name) => name.includes('.spooling-'));
  fs.rmSync(path.join(spool, stage!, below), { recursive: true });
}

test.skipIf(lacks.openRemoval).each(sampled(['all', 'the set'], 2))(
  'who clears the spool of a run that only reads, %s of it, removes nothing from the store, and the run does not succeed',
  async (what) => {
    await succeed(`hot --home @env --repo ${url}`);
    const before = [...store.objects.keys()].sort();
    const [first] = namesOfSets();
    once(
      ({ operation, name }) => operation === 'read' && name.includes('/environment/'),
      () => clearSpool(what === 'all' ? '' : `repository/${first}`),
    );
    const result = await run(`verify --repo ${url} --set ${first} --no-record`);
    expect(result).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/was (removed from the spool|swept)/) });
    expect([...store.objects.keys()].sort()).toEqual(before);
  },
);

test.each(sampled(['hot --home @env', 'expire --keep-full 1'], 2))(
  'who clears the spool of a run that writes removes nothing from the store, and the run does not succeed: %s',
  async (command) => {
    await succeed(`hot --home @env --repo ${url}`);
    const before = [...store.objects.keys()].sort();
    // Done in the spool, and not yet in the store.
    const clearing = (operation: string, file: string): void => {
      if (operation === 'remove' && slashed(file).endsWith('/repository/lock')) clearSpool();
    };
    const result = await run(`${command} --repo ${url}`, { files: watchedFiles(nodeFiles, { before: clearing }) });
    expect(result).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/was (removed from the spool|swept)/) });
    expect([...store.objects.keys()].sort()).toEqual(before);
  },
);

test('what expire cannot remove to its end is a chain still', async () => {
  application.commitUpTo([5, 60_000]);
  await succeed(`incremental --home @env --repo ${url}`);
  const [full] = namesOfSets();
  await succeed(`hot --home @env --repo ${url}`);
  let removals = 0;
  store.hooks = failing(store, ({ operation, name }) =>
    operation === 'remove' && !name.startsWith('locks/') && ++removals > 1 ? 'before' : undefined,
  );
  expect(await run(`expire --repo ${url} --keep-full 1`)).toMatchObject({ exitCode: 13 });
  store.hooks = {};
  expect(namesOfSets()).toHaveLength(2);
  expect(namesOfSets()).toContain(full);
  await succeed(`verify --repo ${url}`);
});

test('a copy that stood still while another run copied the same sets takes nothing from that one', async () => {
  await succeed('hot --home @env --repo @repo');
  const other = memoryStore();
  let isLate = false;
  let whole: readonly string[] = [];
  vi.spyOn(Date, 'now').mockImplementation(() => new Date().getTime() + (isLate ? 3_600_000 : 0));
  other.hooks = {
    before: async ({ operation, name }) => {
      if (whole.length > 0 || operation !== 'write' || !name.endsWith('/SHA256SUMS')) return;
      // For the other run, the lock of this one is over.
      for (const each of other.objects.keys()) if (each.startsWith('locks/')) other.objects.delete(each);
      whole = ['begun'];
      expect(await run(`copy --repo @repo --to ${url}`, { store: other })).toMatchObject({ exitCode: 0 });
      whole = [...other.objects.keys()].sort();
      isLate = true;
    },
  };
  const late = await run(`copy --repo @repo --to ${url}`, { store: other });
  vi.restoreAllMocks();
  expect(late).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('while this one stood still') });
  expect([...other.objects.keys()].sort()).toEqual(whole);
  expect(await run(`verify --repo ${url}`, { store: other })).toMatchObject({ exitCode: 0 });
});

test.each(sampled([' --packed', ''], 2))(
  'an expire that stood still while another run copied the same set again takes nothing from that one: init%s',
  async (packed) => {
    await succeed('hot --home @env --repo @repo');
    await succeed('hot --home @env --repo @repo');
    const other = memoryStore();
    const begin = [`init --repo ${url}${packed}`, `copy --all --repo @repo --to ${url}`];
    for (const line of begin) expect(await run(line, { store: other })).toMatchObject({ exitCode: 0 });
    let isLate = false;
    let whole: readonly string[] = [];
    vi.spyOn(Date, 'now').mockImplementation(() => new Date().getTime() + (isLate ? 3_600_000 : 0));
    other.hooks = {
      after: async ({ operation, name }) => {
        if (whole.length > 0 || operation !== 'remove' || !name.includes('/manifest.json')) return;
        whole = ['begun'];
        // For the other run, the lock of this one is over.
        for (const each of other.objects.keys()) if (each.startsWith('locks/')) other.objects.delete(each);
        expect(await run(`copy --all --repo @repo --to ${url}`, { store: other })).toMatchObject({ exitCode: 0 });
        whole = [...other.objects.keys()].sort();
        isLate = true;
      },
    };
    const late = await run(`expire --keep-full 1 --repo ${url}`, { store: other });
    vi.restoreAllMocks();
    expect(late).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('while this one stood still') });
    expect([...other.objects.keys()].sort()).toEqual(whole);
  },
);

test('what verify found is told, and is its exit code, where the store cannot be reached to note it', async () => {
  const name = `${namesOfSets()[0]}/environment/d.dbxml`;
  const whole = store.objects.get(name)!;
  store.objects.set(name, { ...whole, bytes: whole.bytes.map((byte, i) => (i === 100_000 ? byte ^ 1 : byte)) });
  store.hooks = failing(store, ({ operation }) => (operation === 'write' ? 'before' : undefined));
  const { exitCode, stdout } = await run(`verify --repo ${url} --json`);
  expect(exitCode).toBe(4);
  expect(JSON.parse(stdout)).toMatchObject({
    findings: [{ code: 'file-checksum' }],
    warnings: [expect.stringContaining('cannot be reached')],
  });
  store.objects.set(name, whole);
  expect(await run(`verify --repo ${url}`)).toMatchObject({ exitCode: 13 });
});

test('a spool that is full is told as one, and is nobody else’s', async () => {
  const full = (operation: string, file: string): void => {
    if (operation !== 'writeAt' || !slashed(file).includes('/environment/')) return;
    throw new FigaroError('no-space', `${file}: cannot write: no space left on device`, { path: file });
  };
  const result = await run(`dump d.dbxml --repo ${url}`, { files: watchedFiles(nodeFiles, { before: full }) });
  expect(result).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/^error \[no-space\].*\nhint: .*--spool/),
  });
  expect(namesIn(spool).filter((name) => name.includes('spooling'))).toEqual([]);
});

test('a store that cannot be reached for a copy is waited for once', async () => {
  await succeed('hot --home @env --repo @repo');
  const other = memoryStore();
  const asked: string[] = [];
  other.hooks = failing(other, ({ operation, name }) => {
    if (operation !== 'write' || !name.endsWith('/environment/d.dbxml')) return undefined;
    asked.push(name);
    return 'before';
  });
  expect(await run(`copy --repo @repo --to ${url}`, { store: other })).toMatchObject({ exitCode: 13 });
  expect(asked).toHaveLength(1);
});
