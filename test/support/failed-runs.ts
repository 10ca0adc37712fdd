/** What is demanded of a run whose store failed at one of its calls. */

import { expect } from 'vitest';
import { exitCodes } from '../../src/errors.ts';
import { type MemoryStore } from './memory-store.ts';
import { type CliResult } from './run-cli.ts';

/** What a run is to change, and what of it shows in a store. */
export interface Intended {
  /** Sets that it makes. */
  readonly made: number;
  /** Sets that it removes. */
  readonly removed: number;
  /** The sets in a store, by their manifests. */
  readonly setsOf: (store: MemoryStore) => readonly string[];
  /** Whether an object may go with these sets. */
  readonly goesWith: (object: string, lost: readonly string[]) => boolean;
}

/** Notes of what was looked at, and locks, which every run may write. */
const notes = /checks|last-look|^locks/;

/**
 * Demands that a run did what it is to do, or nothing, and said which, and that it left alone what it is not about. Gives back what
 * it held: whoever was killed holds nothing for long.
 * @param store as the run left it
 * @param prepared as it was before
 * @returns whether the run failed
 */
export function judgeFailedRun(
  { exitCode }: CliResult,
  store: MemoryStore,
  prepared: MemoryStore,
  { made, removed, setsOf, goesWith }: Intended,
  what: string,
): boolean {
  expect([0, exitCodes['store-unreachable']], what).toContain(exitCode);
  store.hooks = {};
  const before = setsOf(prepared);
  const after = setsOf(store);
  const lost = before.filter((id) => !after.includes(id));
  const added = after.filter((id) => !before.includes(id));
  expect(lost.length, what).toBeLessThanOrEqual(removed);
  expect(added.length, what).toBeLessThanOrEqual(made);
  if (exitCode === 0) expect([lost.length, added.length], what).toEqual([removed, made]);
  for (const [object, { bytes }] of prepared.objects) {
    if (goesWith(object, lost) || notes.test(object)) continue;
    expect(store.objects.get(object)?.bytes === bytes, `${what}: ${object}`).toBe(true);
  }
  for (const object of store.objects.keys()) if (object.startsWith('locks/')) store.objects.delete(object);
  return exitCode !== 0;
}
