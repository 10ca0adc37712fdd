/**
 * A store that fails at any of its calls, once or from then on, for a run whose keys may write and list: earlier sets are as they were, and the next run with
 * these keys goes on by what this machine knows.
 */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { effort } from '../support/effort.ts';
import { judgeFailedRun } from '../support/failed-runs.ts';
import { type MemoryStore, type StoreHooks } from '../support/memory-store.ts';
import { PackedPlace, type Holder } from '../support/packed-place.ts';
import { refusing } from '../support/refusing-store.ts';
import { copyOf, failing, memoryStore, memoryUrl as url, type FaultMoment } from '../support/store-commands.ts';
import { type CliResult } from '../support/run-cli.ts';
import { isWine } from '../support/windows.ts';

/** Of so many calls one fails. In Wine a run takes six times as long. */
const every = effort('WRITE_ONLY_FAULT_EVERY', isWine ? 15 : 5);

let place: PackedPlace;
/** Two chains, the newer one with an incremental. */
const prepared = memoryStore();

beforeAll(async () => {
  place = await PackedPlace.make(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), 'encrypted');
  limit(prepared);
  place.application.commitUpTo([4, 72_115]);
  await succeed(prepared, `init --repo ${url} --recipient ${place.recipient}`);
  for (const line of ['hot', 'hot', 'incremental']) {
    await succeed(prepared, `${line} --home @env --repo ${url}`);
    place.application.commitUpTo(line === 'hot' ? [5, 60_000] : [5, 110_402]);
  }
  fs.renameSync(place.inside('spool'), place.inside('known'));
});
afterAll(() => fs.rmSync(place.place.directory, { recursive: true, force: true }));

function limit(store: MemoryStore, others: StoreHooks = {}): void {
  const { before: refuse } = refusing(store, ({ operation }) => operation === 'read' || operation === 'remove');
  store.hooks = {
    ...others,
    before: (call) => {
      others.before?.(call);
      refuse!(call);
    },
  };
}

async function run(store: MemoryStore, line: string, holder: Holder = 'machine'): Promise<CliResult> {
  return await place.run(line, holder, { store });
}

async function succeed(store: MemoryStore, line: string, holder: Holder = 'machine'): Promise<void> {
  const { exitCode, stderr } = await run(store, line, holder);
  expect([line, exitCode, stderr]).toEqual([line, 0, stderr]);
}

const setsOf = (store: MemoryStore): string[] =>
  [...store.objects.keys()].filter((name) => name.includes('/manifest.json.')).map((name) => name.split('/')[1]!);

test.each(['hot', 'incremental'])('%s does what it is to do, or nothing, whatever call fails', async (kind) => {
  const line = `${kind} --home @env --repo ${url}`;
  const beginAnew = (): MemoryStore => {
    fs.rmSync(place.inside('spool'), { recursive: true, force: true });
    fs.cpSync(place.inside('known'), place.inside('spool'), { recursive: true });
    return copyOf(prepared);
  };
  const whole = beginAnew();
  limit(whole);
  await succeed(whole, line);
  const { calls } = whole;
  let failed = 0;
  for (let k = 1; k <= calls; k++) {
    if ((k + calls) % every !== 0) continue;
    for (const moment of ['before', 'after'] as const satisfies readonly FaultMoment[]) {
      for (const isForGood of [false, true]) {
        const store = beginAnew();
        const isAt = (number: number): boolean => number === k || (isForGood && number > k);
        limit(
          store,
          failing(store, ({ number }) => (isAt(number) ? moment : undefined)),
        );
        const result = await run(store, line);
        const what = `${moment} call ${k} of ${calls}${isForGood ? ' and all after it' : ''}: ${result.stdout}${result.stderr}`;
        const intended = { made: 1, removed: 0, setsOf, goesWith: () => false };
        if (judgeFailedRun(result, store, prepared, intended, what)) failed += 1;
        limit(store);
        const next = await run(store, `hot --home @env --repo ${url}`);
        expect([what, next.exitCode, next.stderr]).toEqual([what, 0, expect.not.stringContaining('keys')]);
        store.hooks = {};
        const verified = await run(store, `verify --repo ${url}`, 'both');
        expect([what, verified.exitCode, verified.stderr]).toEqual([what, 0, verified.stderr]);
      }
    }
  }
  expect(failed).toBeGreaterThan(0);
});
