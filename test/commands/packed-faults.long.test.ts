/**
 * A store of an encrypted repository that fails at any of its calls, or whose run is killed there; and damage of every object in one: earlier sets are as they
 * were, what is recovered is what was backed up, and all else is an error by name.
 */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { effort } from '../support/effort.ts';
import { judgeFailedRun } from '../support/failed-runs.ts';
import { faultOf } from '../support/faults-of-commands.ts';
import { type MemoryStore } from '../support/memory-store.ts';
import { databasesIn, namesOfFiles, PackedPlace, type Holder } from '../support/packed-place.ts';
import { copyOf, failing, layOut, memoryStore, memoryUrl as url, type FaultMoment } from '../support/store-commands.ts';
import { type CliResult } from '../support/run-cli.ts';

/** Of so many calls one fails, of so many damages one is done. */
const every = effort('PACKED_FAULT_EVERY', 11);
const everyDamage = effort('PACKED_DAMAGE_EVERY', 9);

/** All of one kind is one test. */
const mostMs = effort('PACKED_FAULT_MS', 3_600_000);

let packed: PackedPlace;
/** Two chains, the newer one with an incremental. */
const prepared = memoryStore();
/** The databases that each chain is recovered to, by how it is asked for. */
const recovered = new Map<string, readonly string[]>();

beforeAll(async () => {
  packed = await PackedPlace.make(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), 'encrypted');
  packed.application.commitUpTo([4, 72_115]);
  await succeed(prepared, `init --repo ${url} --recipient ${packed.recipient}`);
  await succeed(prepared, `hot --home @env --repo ${url}`);
  packed.application.commitUpTo([5, 60_000]);
  await succeed(prepared, `hot --home @env --repo ${url}`);
  packed.application.commitUpTo([5, 110_402]);
  await succeed(prepared, `incremental --home @env --repo ${url}`);
  packed.application.commitUpTo([6, 5737]);
  await packed.run('hot --home @env --repo @plain', 'nobody');
  expect(setsOf(prepared)).toHaveLength(3);
  // A chain that is named is that chain as far as it can be read, and no other one stands in for the newest.
  for (const [i, how] of [` --chain ${setsOf(prepared)[0]}`, ''].entries()) {
    await succeed(prepared, `recover --repo ${url}${how} --to @recovered-${i}`, 'owner');
    recovered.set(how, databasesIn(packed.inside(`recovered-${i}`)));
  }
  expect(new Set([...recovered.values()].map(String)).size).toBe(2);
});
afterAll(() => fs.rmSync(packed.place.directory, { recursive: true, force: true }));

async function run(store: MemoryStore, line: string, holder: Holder = 'machine'): Promise<CliResult> {
  return await packed.run(line, holder, { store });
}

async function succeed(store: MemoryStore, line: string, holder: Holder = 'machine'): Promise<void> {
  const { exitCode, stderr } = await run(store, line, holder);
  expect([line, exitCode, stderr]).toEqual([line, 0, stderr]);
}

const setsOf = (store: MemoryStore): string[] =>
  [...store.objects.keys()].filter((name) => name.includes('/manifest.json.')).map((name) => name.split('/')[1]!);

/** A pack may hold parts of every set. */
const goesWith = (_object: string, lost: readonly string[]): boolean => lost.length > 0;

/** What a run changes on purpose. */
const kinds: readonly { name: string; line: string; holder?: Holder; made: number; removed: number }[] = [
  { name: 'hot', line: `hot --home @env --repo ${url}`, made: 1, removed: 0 },
  { name: 'incremental', line: `incremental --home @env --repo ${url}`, made: 1, removed: 0 },
  { name: 'expire', line: `expire --repo ${url} --keep-full 1`, made: 0, removed: 1 },
  { name: 'copy', line: `copy --repo @plain --to ${url}`, made: 1, removed: 0 },
  { name: 'consolidate', line: `consolidate --repo ${url}`, holder: 'both', made: 1, removed: 0 },
  { name: 'verify', line: `verify --repo ${url}`, holder: 'both', made: 0, removed: 0 },
];

test.each(kinds)(
  '$name does what it is to do, or nothing, whatever call fails, and wherever it is killed',
  async ({ line, holder, made, removed }) => {
    const whole = copyOf(prepared);
    await succeed(whole, line, holder);
    const { calls } = whole;
    let failed = 0;
    // From the middle on: what comes last is that the lock is given back.
    const step = Math.min(every, calls);
    for (let k = 1; k <= calls; k++) {
      if (k % step !== step >> 1) continue;
      for (const moment of ['before', 'after', 'half'] as const satisfies readonly FaultMoment[]) {
        // A run that is killed does nothing any more.
        for (const isForGood of [false, true]) {
          const store = copyOf(prepared);
          store.hooks = failing(store, ({ number }) =>
            number === k || (isForGood && number > k) ? moment : undefined,
          );
          const result = await run(store, line, holder);
          const what = `${moment} call ${k} of ${calls}${isForGood ? ' and all after it' : ''}: ${result.stdout}${result.stderr}`;
          if (judgeFailedRun(result, store, prepared, { made, removed, setsOf, goesWith }, what)) failed += 1;
          if (moment !== 'before' && !isForGood) continue;
          const verified = await run(store, `verify --repo ${url}`, 'both');
          expect(verified.exitCode, `${what}, then ${verified.stderr}`).toBe(0);
          // What was left there keeps nobody from doing it again.
          if (!isForGood || moment !== 'before') continue;
          await succeed(store, `hot --home @env --repo ${url}`);
          for (const [name, object] of store.objects) store.objects.set(name, { ...object, changedMs: 0 });
          await succeed(store, `expire --repo ${url} --keep-full 9`);
          const left = await run(store, `verify --repo ${url}`, 'both');
          expect([what, left.exitCode, left.stderr]).toEqual([what, 0, expect.not.stringContaining('of no set')]);
        }
      }
    }
    expect(failed).toBeGreaterThan(0);
  },
  mostMs,
);

/** What happens to objects; the other one is of the same kind, where there is such a one. */
const damages: Readonly<Record<string, (bytes: Buffer, other: Buffer) => Buffer | undefined>> = {
  'a bit': (bytes) => bytes.fill(bytes[bytes.length >> 1]! ^ 1, bytes.length >> 1, (bytes.length >> 1) + 1),
  'a bit of its header': (bytes) => bytes.fill(bytes[90]! ^ 1, 90, 91),
  'its end': (bytes) => bytes.subarray(0, -1),
  half: (bytes) => bytes.subarray(0, bytes.length >> 1),
  all: () => Buffer.alloc(0),
  itself: () => undefined,
  another: (_bytes, other) => other,
};

test(
  'damage of any object is told, or harms nothing that is recovered',
  async () => {
    const names = [...prepared.objects.keys()].filter((name) => !name.startsWith('locks/'));
    const kindOf = (name: string): string =>
      name.replace(/^sets\/[^/]*\/(\w+).*/, 'sets/$1').replace(/^packs\/.*/, 'packs');
    const cases = names
      .flatMap((name) => Object.entries(damages).map(([how, damage]) => ({ name, how, damage })))
      // Without its manifest a set is none, and what is left of it is swept.
      .filter(({ name, how }) => how !== 'itself' || !name.includes('/manifest.json'));
    let told = 0;
    for (const [i, { name, how, damage }] of cases.entries()) {
      if (i % everyDamage !== 0) continue;
      const what = `${name} lost ${how}`;
      const other = names.find((each) => each !== name && kindOf(each) === kindOf(name)) ?? name;
      const store = copyOf(prepared);
      const bytes = damage(
        Buffer.from(prepared.objects.get(name)!.bytes),
        Buffer.from(prepared.objects.get(other)!.bytes),
      );
      if (bytes) store.objects.set(name, { bytes, changedMs: Date.now() });
      else store.objects.delete(name);
      const directory = fs.mkdtempSync(packed.inside('damaged-'));
      const at = async (line: string, holder: Holder): Promise<CliResult> => {
        const result = await packed.run(line.replace('@repo', path.join(directory, 'repo')), holder);
        expect(faultOf(result), `${what}: ${line}`).toBeUndefined();
        return result;
      };
      layOut(store, path.join(directory, 'repo'));
      const verified = await at('verify --repo @repo', 'both');
      if (verified.exitCode !== 0) told += 1;
      for (const [chain, databases] of recovered) {
        const target = path.join(directory, chain === '' ? 'newest' : 'first');
        const result = await at(`recover --repo @repo${chain} --to ${target}`, 'owner');
        if (result.exitCode === 0) expect(databasesIn(target), `${what}: ${chain}`).toEqual(databases);
        // What cannot be recovered was told of before.
        else expect([what, verified.exitCode]).not.toEqual([what, 0]);
      }
      // A new set is whole, or not there; and no earlier one is touched.
      const before = namesOfFiles(path.join(directory, 'repo'));
      const next = await at('hot --home @env --repo @repo --json', 'machine');
      const after = namesOfFiles(path.join(directory, 'repo'));
      if (next.exitCode === 0) {
        const { id } = (JSON.parse(next.stdout) as { set: { id: string } }).set;
        const again = await at(`verify --repo @repo --chain ${id} --rehearse`, 'both');
        expect([what, again.exitCode, again.stderr]).toEqual([what, 0, again.stderr]);
      } else
        expect(after.filter((file) => file.startsWith('sets/'))).toEqual(
          before.filter((file) => file.startsWith('sets/')),
        );
      expect(
        before.filter((file) => !after.includes(file) && !file.startsWith('locks/')),
        what,
      ).toEqual([]);
      fs.rmSync(directory, { recursive: true });
    }
    expect(told).toBeGreaterThan(0);
  },
  mostMs,
);
