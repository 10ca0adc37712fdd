/** The page of `report`, as text: data in, HTML out. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { MadeUpRepository } from '../../demo/weeks.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type ListedChain, type ListedSet } from '../../src/engine/repository/catalog.ts';
import { decideRetention } from '../../src/engine/repository/retention.ts';
import { surveyRepository, type Survey } from '../../src/engine/repository/survey.ts';
import { FigaroError } from '../../src/errors.ts';
import { binsOf } from '../../src/output/report-page/bins.ts';
import { dark, light, type Palette } from '../../src/output/report-page/colours.ts';
import { html } from '../../src/output/report-page/html.ts';
import { renderReport } from '../../src/output/report-page/page.ts';
import { showSurvey, type ReportSection } from '../../src/output/report-page/shown-survey.ts';
import { TimeAxis } from '../../src/output/report-page/time-axis.ts';
import { axisOf } from '../../src/output/report-page/timeline.ts';
import { controls } from '../../src/output/text.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';

const now = new Date('2026-11-27T12:00:00Z');
const hour = 3_600_000;
const hoursAgo = (n: number): Date => new Date(now.getTime() - n * hour);

const render = (...sections: readonly ReportSection[]): string =>
  renderReport({ made: now, host: 'backup1', program: '1.2.3', sections });

function repository(lay: (made: MadeUpRepository) => void, retention = {}): Survey {
  const made = new MadeUpRepository(path.join(temporaryDirectory(), 'repo'), '/srv/orders');
  lay(made);
  return surveyRepository(nodeFiles, made.directory, { health: {}, retention }, now);
}

/** As many sets as somebody has who takes one every quarter of an hour: chains of so many, made of copies of one set. */
function many(sets: number, inChain: number, retention = {}): Survey {
  const laid = repository((made) => {
    made.add({ kind: 'hot', finished: hoursAgo(2), bytes: 1000, commits: 10 });
    made.add({ kind: 'incremental', finished: hoursAgo(1), bytes: 1000, commits: 10 });
  });
  const [full, incremental] = laid.catalog.chains[0]!.sets as [ListedSet, ListedSet];
  const copy = (i: number): ListedSet => {
    const { set, ...listed } = i % inChain === 0 ? full : incremental;
    const time = hoursAgo((sets - i) / 4);
    const commit = { lsn: { file: 1, offset: 28 }, time: time.getTime() / 1000 };
    const log = { ...set.manifest.log!, lastCommit: commit, ...(i % inChain === 0 ? { firstCommit: commit } : {}) };
    const proof = { ...set.manifest.proof!, transactionsCommitted: 10 * (1 + (i % inChain)) };
    const manifest = { ...set.manifest, started: time.toISOString(), finished: time.toISOString(), log, proof };
    return { ...listed, set: { ...set, id: `set-${i}`, manifest } };
  };
  const all = Array.from({ length: sets }, (_, i) => copy(i));
  const chains = Array.from({ length: Math.ceil(sets / inChain) }, (_, i): ListedChain => {
    const own = all.slice(i * inChain, (i + 1) * inChain);
    const first = own[0]!.set.manifest.log!.firstCommit!;
    const last = own.at(-1)!.set.manifest.log!.lastCommit!;
    return { id: own[0]!.set.id, sets: own, bytes: own.length * 1000, pin: undefined, window: { first, last } };
  });
  return { ...laid, catalog: { ...laid.catalog, chains }, retention: decideRetention(chains, retention, now) };
}

describe('whatever names and messages hold', () => {
  const hostile = `</title></style><script>alert(1)</script>"' onload='x' <img src=x onerror=alert(1)>&lt;\u0000\u001b[31m\n\u202e\u2066\u2028\ud800 \`x\``;
  /** These are compared with something, or parsed: they come from decoders that let nothing else through. */
  const own = new Set([
    'started',
    'finished',
    'time',
    'lastLook',
    'lastVerified',
    'lastRehearsed',
    'since',
    'kind',
    'state',
    'code',
    'parent',
  ]);

  function poison(value: unknown, key = ''): unknown {
    if (typeof value === 'string') return own.has(key) ? value : hostile;
    if (value instanceof FigaroError) return new FigaroError(value.code, hostile, { hint: hostile });
    if (Array.isArray(value)) return value.map((each) => poison(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]));
  }

  const survey = (): Survey => {
    const laid = repository((made) => {
      const id = made.add({
        kind: 'hot',
        finished: hoursAgo(60),
        bytes: 10,
        commits: 3,
        manifest: {
          excluded: { patterns: ['*'], databases: ['a.dbxml'] },
          gone: [{ path: 'b.dbxml', databaseId: '00'.repeat(20), chain: '20261122T081500Z-hot-7f3a9c' }],
          unsound: [{ path: 'c.dbxml', code: 'page-checksum', message: 'page 3' }],
        },
      });
      made.pin(id, 'kept', hoursAgo(1));
      made.add({ kind: 'incremental', finished: hoursAgo(50), bytes: 10, commits: 3 });
      mkdirSync(path.join(made.directory, '20261122T081500Z-hot-7f3a9c'));
    });
    const run = { state: 'in-progress' as const, process: 1, host: 'h', since: now.toISOString(), phase: 'copy x' };
    return { ...laid, catalog: { ...laid.catalog, run }, retention: new FigaroError('io', 'pin.json') };
  };

  test('it is text, and nothing of it markup', () => {
    const section = { environment: 'e', directory: '/d', outcome: survey() };
    const gone = { environment: 'f', directory: '/d', outcome: new FigaroError('io', 'x', { hint: 'y' }) };
    const clean = render(section, gone);
    const poisoned = renderReport({
      made: now,
      host: hostile,
      program: hostile,
      sections: poison([section, gone]) as ReportSection[],
    });
    const tags = (page: string): Set<string> =>
      new Set(
        page
          .replace(/<style>[^]*<\/style>/, '')
          .match(/<[^>]*?[\s>]/g)!
          .map((tag) => tag.trim()),
      );
    expect([...tags(poisoned)].filter((tag) => !tags(clean).has(tag))).toEqual([]);
    const attributes = (page: string): Set<string> => new Set(page.match(/\s[\w:-]+="/g));
    expect([...attributes(poisoned)].filter((name) => !attributes(clean).has(name))).toEqual([]);
    expect(poisoned.replaceAll('\n', '').match(controls)).toBeNull();
    // It is there to be read, many times over.
    expect(poisoned.split('&lt;script&gt;alert(1)').length).toBeGreaterThan(20);
    for (const text of [
      'excluded: ',
      'pinned',
      'unsound, a copy',
      'In progress: ',
      'would remove nothing, and fail: ',
    ]) {
      expect(poisoned).toContain(text);
    }
  });

  test('a template escapes what is put into it, and lets pass what another one made', () => {
    expect(html`<p title="${`"'<&>`}">${[html`<b>${'<i>'}</b>`, 1, undefined, false]}</p>`.text).toBe(
      '<p title="&quot;&#39;&lt;&amp;&gt;"><b>&lt;i&gt;</b>1</p>',
    );
  });
});

describe('the colours', () => {
  /** By WCAG 2. */
  function luminance(colour: string): number {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(one: string, other: string): number {
    const [darker, brighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
    return (brighter + 0.05) / (darker + 0.05);
  }

  test.each(Object.entries({ light, dark } satisfies Record<string, Palette>))(
    'can be read on screens that are %s',
    (_name, palette) => {
      for (const behind of [palette.page, palette.surface]) {
        for (const name of ['ink', 'muted', 'good', 'caution', 'bad', 'accent'] as const) {
          expect(contrast(palette[name], behind), `${name} on ${behind}`).toBeGreaterThanOrEqual(4.5);
        }
      }
    },
  );
});

describe('the line of time', () => {
  test('has few labels, at moments that people count in, whatever it covers', () => {
    for (const hours of [0, 0.01, 1, 7, 30, 200, 900, 5000, 40_000, 230_000]) {
      const axis = new TimeAxis([hoursAgo(hours).getTime()], now.getTime());
      const ticks = axis.ticks(10);
      expect(ticks.length, `${hours} hours`).toBeGreaterThanOrEqual(2);
      expect(ticks.length, `${hours} hours`).toBeLessThanOrEqual(11);
      expect(ticks.every(({ at }) => at >= 0 && at <= 100)).toBe(true);
      const between = ticks.slice(1).map(({ at }, i) => at - ticks[i]!.at);
      expect(Math.min(...between), `${hours} hours`).toBeGreaterThan(7);
    }
    const labels = (hours: number): string[] =>
      new TimeAxis([hoursAgo(hours).getTime()], now.getTime()).ticks(6).map(({ label }) => label);
    expect(labels(20)).toEqual(['26 Nov 18:00', '27 Nov', '06:00', '12:00']);
    expect(labels(24 * 30)).toEqual(['2 Nov 2026', '9 Nov', '16 Nov', '23 Nov']);
    expect(labels(24 * 400)).toEqual(['Jan 2026', 'Apr', 'Jul', 'Oct']);
  });

  test('is not made long by a clock that was wrong: what it dated stands at its ends', () => {
    const day = hoursAgo(24).getTime();
    const axis = new TimeAxis([0, day, Date.parse('2099-01-01')], now.getTime());
    expect(axis.start).toBeGreaterThan(hoursAgo(25).getTime());
    expect([axis.at(0), axis.at(Date.parse('2099-01-01'))]).toEqual([0, 100]);
    expect(axis.at(day)).toBeLessThan(2);
  });
});

describe('what happened over time', () => {
  test('adds up to what the sets tell', () => {
    const survey = repository((made) => {
      made.add({ kind: 'hot', finished: hoursAgo(48), bytes: 7000, commits: 60 });
      made.add({ kind: 'incremental', finished: hoursAgo(24), bytes: 100, commits: 240 });
      made.add({ kind: 'incremental', finished: hoursAgo(0.5), bytes: 200, commits: 0 });
    });
    const { bins } = binsOf(survey.catalog, axisOf(showSurvey(survey, now)), 60);
    const sum = (of: (bin: (typeof bins)[number]) => number): number => bins.reduce((total, bin) => total + of(bin), 0);
    expect(bins.length).toBeLessThanOrEqual(61);
    expect(sum(({ commits }) => commits)).toBeCloseTo(300);
    expect(sum(({ sets }) => sets)).toBe(3);
    expect(sum(({ added }) => added)).toBe(7300);
    expect(bins.at(-1)!.stored).toBe(7300);
  });

  test('counts commits that two chains tell of once', () => {
    const laid = repository((made) => {
      made.add({ kind: 'hot', finished: hoursAgo(48), bytes: 7000, commits: 60 });
      made.add({ kind: 'incremental', finished: hoursAgo(24), bytes: 100, commits: 240 });
    });
    const [chain] = laid.catalog.chains;
    const twice: Survey = { ...laid, catalog: { ...laid.catalog, chains: [chain!, { ...chain!, id: 'other' }] } };
    const { bins } = binsOf(twice.catalog, axisOf(showSurvey(twice, now)), 60);
    expect(bins.reduce((total, { commits }) => total + commits, 0)).toBeCloseTo(300);
  });
});

describe('a repository', () => {
  const page = (outcome: ReportSection['outcome']): string =>
    render({ environment: 'orders', directory: '/b', outcome });

  test('of thousands of sets has a page that can be read, and says what it leaves out', () => {
    const text = page(many(2000, 500));
    expect(text).toContain('1,800 earlier ones not shown here');
    expect(text.length).toBeLessThan(400_000);
    const drawn = /<svg\s+class="timeline"[^]*?<\/svg>/.exec(text)![0];
    expect(drawn.match(/<(rect|use|line|text)/g)!.length).toBeLessThan(700);
  });

  test('of hundreds of chains has rows for them that do not grow with their number', () => {
    const survey = many(301, 1, { full: 7 });
    const text = page(survey);
    expect(text).toContain('301 chains, 294 would expire');
    expect(Number(/class="timeline"[^>]*\sheight="(\d+)"/.exec(text)![1])).toBeLessThan(500);
  });

  test('shows what is wrong however old it is', () => {
    const survey = many(500, 250);
    const [first] = survey.catalog.chains[0]!.sets;
    const found = { ...first!, lastCheck: { time: now.toISOString(), program: '', findings: 3, rehearsed: false } };
    const chains = survey.catalog.chains.map((chain) => ({ ...chain, sets: [found, ...chain.sets.slice(1)] }));
    const text = page({ ...survey, catalog: { ...survey.catalog, chains } });
    expect(text).toContain('>3 findings<');
    expect(text).toContain('298 earlier ones not shown here');
  });

  test('that is empty says so', () => {
    const text = page(repository(() => {}));
    expect(text).toContain('The repository is empty: no set was taken yet.');
    expect(text).toContain('Nothing can be restored');
  });

  test('with a set that is dated in the future says so, and counts nothing of the time until then', () => {
    const survey = repository((made) => {
      made.add({ kind: 'hot', finished: hoursAgo(48), bytes: 7000, commits: 60 });
      made.add({ kind: 'hot', finished: new Date('2099-01-01'), bytes: 7000, commits: 60 });
    });
    const text = page(survey);
    expect(text).toContain('is dated in the future, 2099-01-01T00:00:00Z');
    expect(text).toContain('>in the future<');
    expect(text).toContain('#future');
    expect(text).not.toMatch(/\d{4,}d/);
  });

  test('without logs has no span, and its sets', () => {
    const text = page(repository((made) => void made.add({ kind: 'offline', finished: hoursAgo(3), bytes: 7000 })));
    expect(text).toContain('No log: each set can be restored as it was copied');
    expect(text).toContain('as it was copied');
  });

  test('shows what is damaged, without its chain and unfinished, in the picture and in words', () => {
    const ids: string[] = [];
    const survey = repository((made) => {
      const add = (kind: 'hot' | 'incremental', hours: number): void =>
        void ids.push(made.add({ kind, finished: hoursAgo(hours), bytes: 10, commits: 3 }));
      add('hot', 50);
      add('incremental', 40);
      add('incremental', 30);
      writeFileSync(path.join(made.directory, ids[1]!, 'manifest.json'), '{}');
      writeFileSync(path.join(made.directory, ids[0]!, 'checks.jsonl'), 'nonsense\n');
      mkdirSync(path.join(made.directory, '20261127T081500Z-hot-7f3a9c'));
    });
    const text = page(survey);
    const lane = /Not usable as sets<\/text>([^]*?)<text class="label"/.exec(text)![1]!;
    expect(lane.match(/#\w+/g)).toEqual(['#unfinished', '#finding', '#finding']);
    expect(text).toMatch(new RegExp(`${ids[1]}</span></th><td>damaged</td>`));
    expect(text).toMatch(new RegExp(`${ids[2]}</span></th><td>without its chain</td>`));
    expect(text).toMatch(/20261127T081500Z-hot-7f3a9c<\/span><\/th><td>incomplete<\/td>/);
    expect(text).toContain('checks.jsonl cannot be read');
    expect(text).toContain('4 problems');
    // What may not be sound counts for nothing.
    expect(text).toContain('No sound chain with a commit');
  });

  test('that a run writes to says what it does, and what is not finished yet', () => {
    const survey = repository((made) => {
      made.add({ kind: 'hot', finished: hoursAgo(3), bytes: 7000, commits: 3 });
      mkdirSync(path.join(made.directory, '20261127T115500Z-hot-7f3a9c'));
    });
    const { catalog } = survey;
    const run = {
      state: 'in-progress' as const,
      process: 4711,
      host: 'backup1',
      since: undefined,
      phase: 'copy d.dbxml',
    };
    const text = page({ ...survey, catalog: { ...catalog, run, broken: [], underWay: catalog.broken } });
    expect(text).toContain('In progress: <bdi>process 4711 on backup1: copy d.dbxml</bdi>');
    expect(text).toMatch(/20261127T115500Z-hot-7f3a9c[^]*?not finished yet/);
    expect(page({ ...survey, catalog: { ...catalog, run: { ...run, state: 'over' } } })).toContain(
      'A run did not finish: ',
    );
  });
});

test('a page of healthy environments says so first, and needs no table of them for one', () => {
  const directory = '/backup/orders';
  const outcome = repository((made) => void made.add({ kind: 'hot', finished: hoursAgo(2), bytes: 10, commits: 1 }));
  const one = render({ environment: 'orders', directory, outcome });
  expect(one).toContain('<title>Backups of orders: healthy</title>');
  expect(one).not.toContain('class="overview"');
  const two = render({ environment: 'orders', directory, outcome }, { environment: 'billing', directory, outcome });
  expect(two).toContain('<title>Backups: all 2 environments healthy</title>');
  expect(two).toContain('<a href="#e2"><bdi>billing</bdi></a>');
});
