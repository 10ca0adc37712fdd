/** Which moments can be restored, and when how much was committed: as far as manifests tell. Moments are in ms since 1970. */

import { coveredBy } from './covered.ts';
import { type ListedChain, type ListedSet } from './catalog.ts';
import { isSound } from './retention.ts';

/** Moments from one to another. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/**
 * The moments that a chain can be recovered to: from its first commit on, for as long as it is known that it holds everything that was
 * committed. Undefined for a chain without a commit.
 */
export function spanOf({ sets, window }: ListedChain): Span | undefined {
  if (!window) return undefined;
  const { set, lastLook } = sets.at(-1)!;
  const from = window.first.time * 1000;
  return { from, until: Math.max(from, coveredBy(set, lastLook).getTime()) };
}

/**
 * The moments until now that chains without findings can be recovered to, and those between that none of them can, in order of time. What is
 * dated in the future is no moment yet.
 */
export function coverageOf(
  chains: readonly ListedChain[],
  now: number,
): { readonly covered: Span[]; readonly gaps: Span[] } {
  const spans = chains
    .filter(isSound)
    .map(spanOf)
    .filter((span) => span !== undefined && span.from <= now)
    .map((span) => ({ ...span!, until: Math.min(span!.until, now) }))
    .sort((a, b) => a.from - b.from);
  const covered: Span[] = [];
  for (const span of spans) {
    const last = covered.at(-1);
    if (last && span.from <= last.until) covered.splice(-1, 1, { ...last, until: Math.max(last.until, span.until) });
    else covered.push(span);
  }
  return { covered, gaps: covered.slice(1).map(({ from }, i) => ({ from: covered[i]!.until, until: from })) };
}

/** Transactions that were committed between two moments. */
export interface CommitCount extends Span {
  readonly commits: number;
}

/** How many commits each set of a chain added to it; undefined where that is not known. A proof counts the whole log of the chain. */
export function commitsAdded(sets: readonly ListedSet[]): (number | undefined)[] {
  const counts = sets.map(({ set }) => set.manifest.proof?.transactionsCommitted);
  return counts.map((count, i) => {
    const before = i === 0 ? 0 : counts[i - 1];
    return count === undefined || before === undefined || count < before ? undefined : count - before;
  });
}

/** When the commits were that the sets of a chain added: each between the last one that the set before knew, and its own last one. */
export function commitCounts({ sets }: ListedChain): CommitCount[] {
  const added = commitsAdded(sets);
  return sets.flatMap(({ set }, i) => {
    const { log } = set.manifest;
    const first = sets[i - 1]?.set.manifest.log?.lastCommit ?? log?.firstCommit;
    const last = log?.lastCommit;
    const commits = added[i] ?? 0;
    if (!first || !last || commits === 0 || last.time < first.time) return [];
    return [{ from: first.time * 1000, until: last.time * 1000, commits }];
  });
}
