import { describe, expect, test } from 'vitest';
import { type ListedChain, type ListedSet } from '../../../src/engine/repository/catalog.ts';
import { decideRetention, type RetentionRules } from '../../../src/engine/repository/retention.ts';
import { type Manifest } from '../../../src/engine/repository/manifest.ts';

const now = new Date('2026-11-30T12:00:00Z');

interface Made {
  /** When the newest incremental was taken; none by default. */
  readonly until?: string;
  readonly findings?: number;
  readonly rehearsed?: string;
  readonly note?: string;
}

function set(time: string, { findings, rehearsed }: Made): ListedSet {
  const check = (at: string, found: number): ListedSet['lastCheck'] => ({
    time: at,
    program: 'test',
    findings: found,
    rehearsed: true,
  });
  return {
    set: { id: time, directory: `/repo/${time}`, manifest: { started: time, finished: time } as Manifest },
    bytes: 1,
    lastLook: undefined,
    lastCheck: findings === undefined ? undefined : check(time, findings),
    lastRehearsal: rehearsed === undefined ? undefined : check(rehearsed, 0),
    hasDamagedChecks: false,
  };
}

function chain(time: string, made: Made = {}): ListedChain {
  const { until, note } = made;
  return {
    id: time,
    sets: [set(time, made), ...(until === undefined ? [] : [set(until, {})])],
    bytes: 1,
    window: undefined,
    pin: note === undefined ? undefined : { time, note },
  };
}

function kept(chains: readonly ListedChain[], rules: RetentionRules): string[] {
  return decideRetention(chains, rules, now)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ chain: { id } }) => id);
}

const days = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29].map((day) => `2026-11-${day}T02:00:00.000Z`);

describe('by number', () => {
  test('the newest stay', () => {
    expect(
      kept(
        days.map((day) => chain(day)),
        { full: 3 },
      ),
    ).toEqual(days.slice(-3));
  });

  test('those with findings do not count, and stay where a sound one would', () => {
    const chains = days.map((day) => chain(day, day === days[8] ? { findings: 2 } : {}));
    expect(kept(chains, { full: 3 })).toEqual(days.slice(-4));
  });
});

describe('by time', () => {
  test('what is needed to go back that far stays', () => {
    const chains = days.map((day, i) => chain(day, { until: days[i + 1] ?? day }));
    // Five days back is noon of the 25th: the chain of that day, and what follows.
    expect(kept(chains, { withinMs: 5 * 86_400_000 })).toEqual(days.slice(5));
  });

  test('and the one before it when that is damaged', () => {
    const chains = days.map((day) => chain(day, day === days[5] ? { findings: 1 } : {}));
    expect(kept(chains, { withinMs: 5 * 86_400_000 })).toEqual(days.slice(4));
  });

  test('the newest of each day, week and month stays', () => {
    const evening = '2026-11-28T20:00:00.000Z';
    const chains = [
      '2026-09-30T02:00:00.000Z',
      '2026-10-01T02:00:00.000Z',
      '2026-10-31T02:00:00.000Z',
      ...days,
      evening,
    ]
      .sort()
      .map((day) => chain(day));
    expect(kept(chains, { daily: 2 })).toEqual([evening, days[9]]);
    // The 29th is a Sunday, and the 22nd.
    expect(kept(chains, { weekly: 2 })).toEqual([days[2], days[9]]);
    expect(kept(chains, { monthly: 3 })).toEqual(['2026-09-30T02:00:00.000Z', '2026-10-31T02:00:00.000Z', days[9]]);
  });
});

describe('whatever the rules', () => {
  test.each<[string, readonly ListedChain[], readonly string[]]>([
    ['the only chain stays, findings or not', [chain(days[0]!, { findings: 3 })], [days[0]!]],
    [
      'the newest without findings stays',
      [chain(days[0]!), chain(days[1]!), chain(days[2]!, { findings: 1 })],
      [days[1]!, days[2]!],
    ],
    [
      'the last one rehearsed stays',
      [chain(days[0]!, { rehearsed: days[3]! }), chain(days[1]!, { rehearsed: days[2]! }), chain(days[3]!)],
      [days[0]!, days[3]!],
    ],
    [
      'a pinned one stays',
      [chain(days[0]!, { note: 'audit' }), chain(days[1]!), chain(days[2]!)],
      [days[0]!, days[2]!],
    ],
  ])('%s', (_what, chains, ids) => {
    expect(kept(chains, { withinMs: 1 })).toEqual(ids);
  });
});

describe('whatever clocks said', () => {
  const [yesterday, today] = ['2026-11-29T02:00:00.000Z', '2026-11-30T02:00:00.000Z'];

  test('a newest chain that is dated long ago displaces none of the time that is kept', () => {
    const back = '2000-01-01T00:00:00.000Z';
    expect(kept([chain(yesterday), chain(today), chain(back)], { withinMs: 7 * 86_400_000 })).toEqual([
      yesterday,
      today,
      back,
    ]);
    expect(kept([chain(yesterday), chain(today), chain(back)], { daily: 2 })).toEqual([yesterday, back]);
  });

  test('one that is dated in the future goes when its time has passed', () => {
    const future = '2099-01-01T00:00:00.000Z';
    const old = '2026-10-01T00:00:00.000Z';
    expect(kept([chain(future), chain(old), chain(yesterday)], { withinMs: 7 * 86_400_000 })).toEqual([old, yesterday]);
  });
});
