/** Which chain is newer. Clocks can be wrong: each full set says which chain was the newest when it was made. */

import { compareLsn } from '../../format/lsn.ts';
import { type BackupSet } from './backup-set.ts';

/** How far ahead another machine's clock may be, in ms. */
const toleranceMs = 5 * 60_000;

/** True for a moment that has not come yet: the clock was wrong then, or is now. */
export function isInFuture(time: string, now = new Date()): boolean {
  return Date.parse(time) > now.getTime() + toleranceMs;
}

/**
 * Full sets, the oldest first. A set comes behind the one that was the newest when it was made. Sets of earlier versions
 * of this program do not say: they are in order of time, and one that is dated in the future comes before the first set
 * of its source whose log goes on further. A consolidated set comes behind the chain that it was made of, and before those that
 * were newer then.
 */
export function inOrder(fullSets: readonly BackupSet[], now = new Date()): BackupSet[] {
  const byTime = placeFutureOnes([...fullSets].sort(byStart), now);
  const placed = new Set<string>();
  const known = new Set(byTime.map(({ id }) => id));
  const earlier = new Map<string, string[]>();
  const precede = (before: string, id: string): void => void earlier.set(id, [...(earlier.get(id) ?? []), before]);
  for (const { id, manifest } of byTime) {
    if (manifest.after !== undefined && known.has(manifest.after)) precede(manifest.after, id);
    for (const later of manifest.consolidated?.before ?? []) precede(id, later);
  }
  const result: BackupSet[] = [];
  let left = byTime;
  while (left.length > 0) {
    const isNext = ({ id }: BackupSet): boolean => earlier.get(id)?.every((other) => placed.has(other)) ?? true;
    // Only a forged repository has a circle; then time is as good as anything.
    const next = left.find(isNext) ?? left[0]!;
    result.push(next);
    placed.add(next.id);
    left = left.filter((set) => set !== next);
  }
  return result;
}

/**
 * The times of what is given in order, the oldest first, as far as they can be true: none before the one before it, and
 * one of the future is as old as the next that is not.
 */
export function believableTimes(times: readonly string[], now = new Date()): string[] {
  const result = [...times];
  let next = now.toISOString();
  for (const [i, time] of [...times.entries()].reverse()) {
    if (isInFuture(time, now)) result[i] = next;
    else next = time;
  }
  for (let i = 1; i < result.length; i++) {
    if (result[i]! < result[i - 1]!) result[i] = result[i - 1]!;
  }
  return result;
}

function byStart(a: BackupSet, b: BackupSet): number {
  // Names tell seconds only.
  const [first, second] = [a.manifest.started, b.manifest.started];
  if (first !== second) return first < second ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function placeFutureOnes(byTime: readonly BackupSet[], now: Date): BackupSet[] {
  const isLost = ({ manifest }: BackupSet): boolean =>
    manifest.after === undefined && isInFuture(manifest.started, now);
  const result = byTime.filter((set) => !isLost(set));
  for (const set of byTime.filter(isLost)) {
    const behind = result.findIndex((other) => goesOnFurther(other, set));
    result.splice(behind === -1 ? result.length : behind, 0, set);
  }
  return result;
}

function goesOnFurther({ manifest: a }: BackupSet, { manifest: b }: BackupSet): boolean {
  if (a.source !== b.source || a.host !== b.host || !a.log || !b.log) return false;
  return compareLsn(a.log.end, b.log.end) >= 0;
}
