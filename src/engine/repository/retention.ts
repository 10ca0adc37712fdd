/** Which chains of a repository are kept, and why. */

import { formatTime } from '../../measures.ts';
import { type ListedChain } from './catalog.ts';
import { believableTimes, isInFuture } from './chain-order.ts';
import { isUnsound } from './chain.ts';
import { goneNow } from './missing.ts';

/** What to keep. Chains go or stay as a whole: an incremental is nothing without the sets before it. */
export interface RetentionRules {
  /** The newest so many chains. */
  readonly full?: number;
  /** What it takes to go back to any moment of this span, in ms. */
  readonly withinMs?: number;
  /** The newest chain of each of the newest so many days, weeks, months that have one (UTC). */
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
}

/** Whether a chain stays. */
export interface Decision {
  readonly chain: ListedChain;
  /** Why it stays, each the end of a sentence about it; none when it goes. */
  readonly reasons: readonly string[];
}

interface Draft extends Decision {
  /** When it was begun, and when its last set was finished, ISO 8601: as far as clocks can be believed. */
  readonly begun: string;
  readonly ended: string;
  readonly reasons: string[];
}

/**
 * Decides about chains, given the oldest first. Chains in which the last verification found something are no substitute
 * for others: rules go on counting until they have found enough sound ones. Whatever the rules say, the newest chain,
 * the newest sound one, the one whose recovery was rehearsed last, the last one with a database that is gone without the
 * log saying so, and pinned ones stay.
 */
export function decideRetention(chains: readonly ListedChain[], rules: RetentionRules, now: Date): Decision[] {
  const times = believableTimes(
    chains.map(({ sets }) => sets[0]!.set.manifest.started),
    now,
  );
  const decisions = chains.map((chain, i): Draft => {
    const begun = times[i]!;
    const { finished } = chain.sets.at(-1)!.set.manifest;
    const ended = isInFuture(finished, now) ? (times[i + 1] ?? now.toISOString()) : finished;
    return { chain, reasons: [], begun, ended: ended < begun ? begun : ended };
  });
  const newestFirst = decisions.toReversed();
  const sound = newestFirst.filter(({ chain }) => isSound(chain));
  const rehearsed = lastRehearsed(sound, now);
  newestFirst[0]?.reasons.push('the newest');
  if (sound[0] && sound[0] !== newestFirst[0]) sound[0].reasons.push('the newest without findings');
  rehearsed?.reasons.push('the last one rehearsed');
  for (const { path, chain: id } of goneNow(chains.map(({ sets }) => ({ sets: sets.map(({ set }) => set) })))) {
    decisions.find(({ chain }) => chain.id === id)?.reasons.push(`the last one with ${path}`);
  }
  for (const { chain, reasons } of decisions) {
    if (chain.pin) reasons.push(chain.pin.note === '' ? 'pinned' : `pinned: ${chain.pin.note}`);
  }
  keepBuckets(
    newestFirst,
    rules.full,
    ({ chain: { id } }) => id,
    (n) => `one of the newest ${n}`,
  );
  keepBuckets(
    newestFirst,
    rules.daily,
    ({ begun }) => begun.slice(0, 10),
    (n) => `the last of a day, of ${n}`,
  );
  keepBuckets(
    newestFirst,
    rules.weekly,
    ({ begun }) => weekOf(begun),
    (n) => `the last of a week, of ${n}`,
  );
  keepBuckets(
    newestFirst,
    rules.monthly,
    ({ begun }) => begun.slice(0, 7),
    (n) => `the last of a month, of ${n}`,
  );
  if (rules.withinMs !== undefined) keepWithin(newestFirst, new Date(now.getTime() - rules.withinMs).toISOString());
  return decisions;
}

/** No newest check of a set of the chain found anything, as far as is known, and none was made of a damaged source. */
export function isSound({ sets }: ListedChain): boolean {
  return sets.every(
    ({ set, lastCheck, hasDamagedChecks }) => !hasDamagedChecks && (lastCheck?.findings ?? 0) === 0 && !isUnsound(set),
  );
}

/** When the recovery of a chain was last gone through without trouble, ISO 8601. */
export function rehearsalOf({ sets }: ListedChain): string | undefined {
  return sets.map(({ lastRehearsal }) => lastRehearsal?.time).reduce(later, undefined);
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

/** A rehearsal that is dated in the future was the last one only where there is no other. */
function lastRehearsed(newestFirst: readonly Draft[], now: Date): Draft | undefined {
  const timeOf = ({ chain }: Draft): string => {
    const time = rehearsalOf(chain) ?? '';
    return isInFuture(time, now) ? '' : time;
  };
  const rehearsed = newestFirst.filter(({ chain }) => rehearsalOf(chain) !== undefined);
  const last = rehearsed.map(timeOf).reduce(later, undefined);
  return rehearsed.find((draft) => timeOf(draft) === last);
}

/** Keeps the newest chain of each bucket until so many buckets hold a sound one. */
function keepBuckets(
  newestFirst: readonly Draft[],
  wanted: number | undefined,
  bucketOf: (draft: Draft) => string,
  why: (wanted: number) => string,
): void {
  if (wanted === undefined) return;
  const filled = new Set<string>();
  for (const draft of newestFirst) {
    if (filled.size === wanted) return;
    const { chain, reasons } = draft;
    const bucket = bucketOf(draft);
    if (filled.has(bucket)) continue;
    if (isSound(chain)) {
      filled.add(bucket);
      reasons.push(why(wanted));
    } else {
      reasons.push('it has findings, and may still be the only one of its time');
    }
  }
}

/** Keeps chains that reach behind a moment, and those that are needed to go back to that moment itself. */
function keepWithin(newestFirst: readonly Draft[], since: string): void {
  for (const { chain, reasons, begun, ended } of newestFirst) {
    if (ended >= since) reasons.push(`needed to restore to ${formatTime(since)}`);
    if (begun > since) continue;
    if (reasons.length === 0) reasons.push(`needed to restore to ${formatTime(since)}`);
    if (isSound(chain)) return;
  }
}

/** The Monday of a day's week. */
function weekOf(time: string): string {
  const day = new Date(time);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return day.toISOString().slice(0, 10);
}
