/**
 * A store that fails at any of its calls, before or after it did what was asked, once or from then on: earlier sets are as they
 * were, and what the run was to do has happened or has not.
 */

import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { effort } from '../support/effort.ts';
import { judgeFailedRun } from '../support/failed-runs.ts';
import { type MemoryStore } from '../support/memory-store.ts';
import { newPlace, placeIn, type Place } from '../support/place.ts';
import { figaro } from '../support/run-cli.ts';
import { copyOf, failing, memoryStore, memoryUrl as url, type FaultMoment } from '../support/store-commands.ts';
import { isWine } from '../support/windows.ts';

/** Of so many calls one fails. In Wine a run takes six times as long. */
const every = effort('STORE_FAULT_EVERY', isWine ? 7 : 1);

let parent: string;
let source: Place;
/** A store with two chains, the newer of them with an incremental. */
const prepared = memoryStore();
let place: Place;

beforeAll(async () => {
  parent = fs.mkdtempSync(path.join(process.env['TMPDIR'] ?? '/tmp', 'figaro-test-'));
  source = placeIn(path.join(parent, 'source'));
  fs.mkdirSync(source.directory);
  const application = demoApplication(source.home);
  application.commitUpTo([4, 72_115]);
  await run(prepared, `hot --home ${source.home} --repo ${url}`, parent);
  await run(prepared, `hot --home ${source.home} --repo ${url}`, parent);
  application.commitUpTo([5, 60_000]);
  await run(prepared, `incremental --home ${source.home} --repo ${url}`, parent);
  application.commitUpTo([5, 110_402]);
  await run(prepared, `hot --home ${source.home} --repo ${source.repository}`, parent);
  expect(setsOf(prepared)).toHaveLength(3);
});
afterAll(() => fs.rmSync(parent, { recursive: true, force: true }));
beforeEach(() => {
  place = newPlace();
});

async function run(store: MemoryStore, line: string, spool = place.directory): ReturnType<typeof figaro> {
  return await figaro(line.split(' '), { store, env: { FIGARO_BACKUP_SPOOL: spool } });
}

const setsOf = (store: MemoryStore): string[] =>
  [...store.objects.keys()].filter((name) => name.endsWith('/manifest.json')).map((name) => name.split('/')[0]!);

const goesWith = (object: string, lost: readonly string[]): boolean => lost.some((id) => object.startsWith(id));

/** What a run changes on purpose. */
const kinds: readonly { name: string; line: () => string; made: number; removed: number }[] = [
  { name: 'hot', line: () => `hot --home ${source.home} --repo ${url}`, made: 1, removed: 0 },
  { name: 'incremental', line: () => `incremental --home ${source.home} --repo ${url}`, made: 1, removed: 0 },
  { name: 'consolidate', line: () => `consolidate --repo ${url}`, made: 1, removed: 0 },
  { name: 'expire', line: () => `expire --repo ${url} --keep-full 1`, made: 0, removed: 1 },
  { name: 'copy', line: () => `copy --repo ${source.repository} --to ${url}`, made: 1, removed: 0 },
  { name: 'verify', line: () => `verify --repo ${url}`, made: 0, removed: 0 },
];

test.each(kinds)(
  '$name does what it is to do, or nothing, whatever call fails',
  async ({ name, line, made, removed }) => {
    if (name === 'copy') adoptIdOf(prepared, source.repository);
    const whole = copyOf(prepared);
    const { exitCode, stderr } = await run(whole, line());
    expect([exitCode, stderr]).toEqual([0, stderr]);
    const calls = whole.calls;
    const faults = ['before', 'after', 'half'] as const satisfies readonly FaultMoment[];
    let failed = 0;
    for (let k = 1; k <= calls; k++) {
      if ((k + calls) % every !== 0) continue;
      for (const [i, moment] of faults.entries()) {
        for (const isForGood of [false, true]) {
          const store = copyOf(prepared);
          store.hooks = failing(store, ({ number }) =>
            number === k || (isForGood && number > k) ? moment : undefined,
          );
          const result = await run(store, line());
          const what = `${moment} call ${k} of ${calls}${isForGood ? ' and all after it' : ''}: ${result.stdout}${result.stderr}`;
          if (judgeFailedRun(result, store, prepared, { made, removed, setsOf, goesWith }, what)) failed += 1;
          if (i !== 0 && !isForGood) continue;
          const verified = await run(store, `verify --repo ${url}`);
          expect(verified.exitCode, `${what}, then ${verified.stderr}`).toBe(0);
        }
      }
    }
    expect(failed).toBeGreaterThan(0);
  },
);

/** Makes the store a copy of the repository in a directory. */
function adoptIdOf(store: MemoryStore, repository: string): void {
  const bytes = fs.readFileSync(path.join(repository, 'repository.json'));
  store.objects.set('repository.json', { bytes, changedMs: Date.now() });
}
