/** What happened in even spans of time: what is drawn as bars, and told in a table. */

import { type Catalog, type ListedSet } from '../../engine/repository/catalog.ts';
import { isInFuture } from '../../engine/repository/chain-order.ts';
import { commitCounts, type Span } from '../../engine/repository/coverage.ts';
import { niceStep } from '../bars.ts';
import { type TimeAxis } from './time-axis.ts';

export interface Bin extends Span {
  /** Of the chain that tells of most, since chains tell of the same commits. Those of a set are spread evenly over the time that it tells of. */
  commits: number;
  /** Sets that are still there. */
  sets: number;
  /** In bytes, as the next. */
  added: number;
  /** At the end of the span, of what is still there. */
  stored: number;
}

export interface Bins {
  /** How long each is, in ms. */
  readonly step: number;
  readonly bins: readonly Bin[];
}

/** Those from the beginning of an axis until now, about so many. */
export function binsOf({ chains, orphans }: Catalog, axis: TimeAxis, most: number): Bins {
  const step = 1000 * niceStep((axis.now - axis.start) / 1000, most);
  const start = axis.start - (axis.start % step);
  const count = Math.floor((axis.now - start) / step) + 1;
  const bins = Array.from({ length: count }, (_, i): Bin => {
    const from = start + i * step;
    return { from, until: from + step, commits: 0, sets: 0, added: 0, stored: 0 };
  });
  const indexOf = (moment: number): number => Math.min(count - 1, Math.max(0, Math.floor((moment - start) / step)));
  for (const listed of [...chains.flatMap(({ sets }) => sets), ...orphans]) {
    const bin = bins[indexOf(madeAt(listed))]!;
    bin.sets += 1;
    bin.added += listed.bytes;
  }
  let stored = 0;
  for (const bin of bins) bin.stored = stored += bin.added;
  for (const chain of chains) {
    const commits = bins.map(() => 0);
    for (const segment of commitCounts(chain)) spread(segment, bins, indexOf, commits);
    for (const [i, bin] of bins.entries()) bin.commits = Math.max(bin.commits, commits[i]!);
  }
  return { step, bins };
}

/** When a set came to the repository, in ms since 1970. */
export function madeAt({ set: { manifest } }: ListedSet): number {
  return Date.parse(manifest.consolidated?.finished ?? manifest.finished);
}

/** True for a set that is dated in the future. */
export function isAhead({ set: { manifest } }: ListedSet, now: number): boolean {
  return isInFuture(manifest.finished, new Date(now));
}

function spread(
  { from, until, commits }: Span & { readonly commits: number },
  bins: readonly Bin[],
  indexOf: (moment: number) => number,
  sums: number[],
): void {
  const [first, last] = [indexOf(from), indexOf(until)];
  for (let i = first; i <= last; i++) {
    const bin = bins[i]!;
    // The first and the last one take what clocks that were wrong have put beside the axis.
    const begin = i === first ? from : bin.from;
    const end = i === last ? until : bin.until;
    sums[i]! += first === last ? commits : (commits * (end - begin)) / (until - from);
  }
}
