/** Packs that a run left in a packed repository when it was killed: told of, and removed, and nothing else with them. */

import { beforeEach, expect, test } from 'vitest';
import { Unreachable } from '../../src/engine/store/unreachable.ts';
import { type MemoryStore } from '../support/memory-store.ts';
import { newPlace } from '../support/place.ts';
import { PackedPlace } from '../support/packed-place.ts';
import { type CliResult } from '../support/run-cli.ts';
import { memoryStore, memoryUrl as url } from '../support/store-commands.ts';

let place: PackedPlace;
let store: MemoryStore;
/** Those of sets. */
let needed: readonly string[];

const run = (line: string): Promise<CliResult> => place.run(`${line} --repo ${url}`, 'both', { store });
const succeed = (line: string): Promise<CliResult> => place.succeed(`${line} --repo ${url}`, 'both', { store });
const packs = (): string[] => [...store.objects.keys()].filter((name) => name.startsWith('packs/')).sort();

function age(prefix: string, ms: number): void {
  for (const [name, object] of store.objects)
    if (name.startsWith(prefix)) store.objects.set(name, { ...object, changedMs: Date.now() - ms });
}

/** A repository with a set, and packs of the next one, whose run is gone. */
beforeEach(async () => {
  place = await PackedPlace.make(newPlace().directory, 'encrypted');
  store = memoryStore();
  place.application.commitUpTo([4, 72_115]);
  await succeed(`init --recipient ${place.recipient}`);
  await succeed('hot --home @env');
  needed = packs();
  place.application.commitUpTo([5, 60_000]);
  let isKilled = false;
  store.hooks = {
    before: ({ operation, name }) => {
      isKilled ||= operation === 'write' && name.startsWith('sets/');
      if (isKilled) throw new Unreachable('gone');
    },
  };
  expect((await run('hot --home @env')).exitCode).toBe(13);
  store.hooks = {};
  expect(packs().length).toBeGreaterThan(needed.length);
});

/** The lock of the run that was killed. */
const lock = (): string => [...store.objects.keys()].find((name) => name.startsWith('locks/'))!;

test('expire removes them when they are a day old, also where no chain goes', async () => {
  store.objects.delete(lock());
  expect((await succeed('verify')).stderr).toMatch(
    /packs? (is|are) of no set.*`expire` removes them when they are a day old/,
  );
  const left = packs();
  age('packs/', 23 * 3_600_000);
  await succeed('expire --keep-full 5');
  expect(packs()).toEqual(left);
  age('packs/', 25 * 3_600_000);
  await succeed('expire --keep-full 5 --dry-run');
  await run('expire');
  expect(packs()).toEqual(left);
  await succeed('expire --keep-full 5');
  expect(packs()).toEqual(needed);
  expect((await succeed('verify --rehearse')).stderr).not.toContain('of no set');
  await succeed('hot --home @env');
  await succeed('recover --to @recovered');
});

test('those of a run that goes on are left to it', async () => {
  const left = packs();
  age('packs/', 25 * 3_600_000);
  age('locks/', 60_000);
  const bytes = Buffer.from(
    JSON.stringify({
      host: 'another',
      boot: '1',
      namespace: 'pid:[1]',
      pid: 12,
      processStart: '34',
      since: '2026-11-20T00:00:00.000Z',
    }),
  );
  store.objects.set(lock(), { ...store.objects.get(lock())!, bytes });
  expect((await run('expire --keep-full 5')).exitCode).toBe(7);
  expect(packs()).toEqual(left);
});
