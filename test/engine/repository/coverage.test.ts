import { describe, expect, test } from 'vitest';
import { type ListedChain, type ListedSet } from '../../../src/engine/repository/catalog.ts';
import { commitCounts, commitsAdded, coverageOf, spanOf } from '../../../src/engine/repository/coverage.ts';
import { type Manifest } from '../../../src/engine/repository/manifest.ts';

const now = Date.parse('2026-11-27T12:00:00Z');
const hours = (n: number): number => n * 3_600_000;

interface Made {
  /** When it was begun, hours ago. */
  readonly ago: number;
  /** Its last commit; when it was begun by default. */
  readonly last?: number;
  /** Of the whole chain, as proofs count. */
  readonly commits?: number;
  readonly looked?: number;
  readonly findings?: number;
}

const time = (ago: number): string => new Date(now - hours(ago)).toISOString();
const commit = (ago: number): object => ({ lsn: { file: 1, offset: 28 }, time: (now - hours(ago)) / 1000 });

/** A chain whose first commit was `first` hours ago. */
function chain(first: number, ...made: readonly Made[]): ListedChain {
  const sets = made.map(({ ago, last = ago, commits, looked, findings }): ListedSet => {
    const log = { firstCommit: commit(first), lastCommit: commit(last) };
    const proof = commits === undefined ? undefined : { transactionsCommitted: commits };
    const manifest = { started: time(ago), finished: time(ago), log, proof } as unknown as Manifest;
    const check = findings === undefined ? undefined : { time: time(ago), program: '', findings, rehearsed: false };
    return {
      set: { id: `${ago}`, directory: '', manifest },
      bytes: 1,
      lastLook: looked === undefined ? undefined : time(looked),
      lastCheck: check,
      lastRehearsal: undefined,
      hasDamagedChecks: false,
    };
  });
  const { firstCommit, lastCommit } = sets.at(-1)!.set.manifest.log!;
  return { id: `${first}`, sets, bytes: 1, pin: undefined, window: { first: firstCommit!, last: lastCommit! } };
}

/** In hours ago. */
function told(chains: readonly ListedChain[]): object {
  const { covered, gaps } = coverageOf(chains, now);
  const inHours = (spans: typeof covered): number[][] =>
    spans.map(({ from, until }) => [(now - from) / hours(1), (now - until) / hours(1)]);
  return { covered: inHours(covered), gaps: inHours(gaps) };
}

describe('what can be restored', () => {
  test('goes from the first commit to when it was last known that there is no more', () => {
    const ended = chain(50, { ago: 40 }, { ago: 30, last: 33 });
    expect(spanOf(ended)).toEqual({ from: now - hours(50), until: now - hours(30) });
    expect(told([chain(50, { ago: 40 }, { ago: 30, looked: 20 })])).toEqual({ covered: [[50, 20]], gaps: [] });
  });

  test('is one span where chains overlap, and has a gap where they do not', () => {
    expect(told([chain(50, { ago: 30 }), chain(35, { ago: 20 }), chain(10, { ago: 5 })])).toEqual({
      covered: [
        [50, 20],
        [10, 5],
      ],
      gaps: [[20, 10]],
    });
  });

  test('is not what only a chain with findings has', () => {
    expect(told([chain(50, { ago: 40 }), chain(40, { ago: 20, findings: 1 }), chain(20, { ago: 5 })])).toEqual({
      covered: [
        [50, 40],
        [20, 5],
      ],
      gaps: [[40, 20]],
    });
  });

  test('is nothing that has not come yet', () => {
    expect(told([chain(50, { ago: 40 }), chain(-500, { ago: -600 })])).toEqual({ covered: [[50, 40]], gaps: [] });
    expect(told([chain(50, { ago: 40, last: -500 })])).toEqual({ covered: [[50, 0]], gaps: [] });
    expect(told([])).toEqual({ covered: [], gaps: [] });
  });
});

describe('commits', () => {
  const long = chain(50, { ago: 40, commits: 100 }, { ago: 30, commits: 130 }, { ago: 20, commits: 130 });

  test('of a set are those that its chain did not have before it, and were between the last ones of both', () => {
    expect(commitsAdded(long.sets)).toEqual([100, 30, 0]);
    expect(commitCounts(long)).toEqual([
      { from: now - hours(50), until: now - hours(40), commits: 100 },
      { from: now - hours(40), until: now - hours(30), commits: 30 },
    ]);
  });

  test('are not known where a set or the one before it was not proven, or counts fewer', () => {
    const { sets } = chain(50, { ago: 40, commits: 9 }, { ago: 30 }, { ago: 20, commits: 30 }, { ago: 10, commits: 5 });
    expect(commitsAdded(sets)).toEqual([9, undefined, undefined, undefined]);
  });
});
