import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../../src/engine/environment/discover.ts';
import { type Environment } from '../../../../src/engine/environment/environment.ts';
import { type Files } from '../../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../../src/engine/files/node-files.ts';
import { type Lsn } from '../../../../src/format/lsn.ts';
import { type RestorePoint } from '../../../../src/engine/recovery/restore-point.ts';
import { corpusCases, familyOf } from '../../../support/all-corpus.ts';
import { removeUnpacked } from '../../../support/corpus.ts';
import { temporaryDirectory } from '../../../support/demo-environment.ts';
import { effort, oneOfEach } from '../../../support/effort.ts';
import { MadeUpApplication } from '../../../support/made-up-application.ts';
import { databaseFiles, describeNative } from '../../../support/native.ts';
import { commitsOf, compareOnDemand, nothingCompared, type Compared } from '../../../support/on-demand.ts';
import { randomNumbers } from '../../../support/random-numbers.ts';
import { PausedWorkload } from '../../../support/paused-workload.ts';

const firstSeed = Number(process.env.FIRST_SEED ?? 1);
const seedsFor = (quick: number, long: number): readonly number[] =>
  Array.from({ length: effort('SEEDS', quick, long) }, (_, i) => firstSeed + i);

/** Of applications that are made up. */
const seeds = seedsFor(15, 400);

/** Of an application. */
const pauses = 6;

/** Of the workload, in bytes. */
const largestPage = 8192;

/** Copies of database files that are made page by page while the application goes on, some pages at each of its pauses. */
class SlowCopies {
  readonly #home: string;
  readonly #below: (limit: number) => number;
  readonly #parts = new Map<string, Buffer[]>();

  constructor(home: string, seed: number) {
    this.#home = home;
    this.#below = randomNumbers(seed);
  }

  goOn(pause: number): void {
    for (const name of databaseFiles(this.#home)) {
      let parts = this.#parts.get(name);
      // Some are begun later than others.
      if (!parts && pause + 1 < pauses && this.#below(10) < 3) continue;
      if (!parts) this.#parts.set(name, (parts = []));
      const bytes = fs.readFileSync(path.join(this.#home, name));
      const done = parts.reduce((sum, { length }) => sum + length, 0);
      const pages = Math.max(0, Math.ceil((bytes.length - done) / largestPage));
      const isLast = pause + 1 === pauses || this.#below(10) < 3;
      const end = isLast ? bytes.length : done + this.#below(pages + 1) * largestPage;
      if (end > done) parts.push(bytes.subarray(done, Math.min(end, bytes.length)));
    }
  }

  writeTo(directory: string): void {
    for (const [name, parts] of this.#parts) fs.writeFileSync(path.join(directory, name), Buffer.concat(parts));
  }
}

/** The end of a log, and some of its commits. */
function someOf(commits: readonly Lsn[], count: number): RestorePoint[] {
  const points: RestorePoint[] = [{ kind: 'end' }];
  for (let i = 1; i <= count; i++) {
    const lsn = commits[Math.floor((commits.length * i) / (count + 1))];
    if (lsn) points.push({ kind: 'lsn', lsn });
  }
  return points;
}

function summaryOf({ same, changed, refused }: Compared): string {
  const reasons = [...refused].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${count} ${reason}`);
  return `${same} pages are the same, ${changed} of them changed by the log; not on demand: ${reasons.join('; ')}`;
}

/** What was compared by all tests of a kind. */
function inAll(): Compared {
  const all = nothingCompared();
  afterAll(() => console.log(summaryOf(all)));
  return all;
}

function addTo(all: Compared, to: Compared): void {
  all.same += to.same;
  all.changed += to.changed;
  all.unrecoverable += to.unrecoverable;
  for (const [reason, count] of to.refused) all.refused.set(reason, (all.refused.get(reason) ?? 0) + count);
}

async function compareAt(files: Files, environment: Environment, moments: number, all: Compared): Promise<Compared> {
  const to = nothingCompared();
  for (const point of someOf(commitsOf(files, environment), moments)) {
    await compareOnDemand(files, environment, point, to);
  }
  addTo(all, to);
  return to;
}

describe('pages that are recovered one by one are those of a recovery of everything', () => {
  describe('in the corpus', () => {
    const all = inAll();
    afterAll(() => removeUnpacked());

    // Damaged logs have no commits to be found.
    const cases = oneOfEach(corpusCases(), familyOf).filter(({ id }) => !/damaged|^c?ds-|-ds$/.test(id));
    test.each(cases.map((corpusCase) => [corpusCase.id, corpusCase] as const))('%s', async (id, corpusCase) => {
      const { files, environment } = corpusCase;
      const { differences, refused } = await compareAt(files, environment, effort('MOMENTS', 1, 6), all);
      expect(differences).toEqual([]);
      const others = [...refused.keys()].filter((reason) => !reason.endsWith('is not in the copy'));
      if (id.includes('dbxml')) expect(others).toEqual([]);
      corpusCase.forget();
    });

    test('and most of them are had so', () => {
      expect(all.changed).toBeGreaterThan(1000);
    });
  });

  describeNative('with a random workload', () => {
    const all = inAll();
    const variants: readonly (readonly string[])[] = [
      [],
      ['--checksum', '--cache-kb', '200'],
      ['--big-endian'],
      ['--page-size', '512'],
      ['--page-size', '8192', '--log-max', '1000000'],
    ];

    test.each(seedsFor(2, 50))('of seed %i', async (seed) => {
      const home = path.join(temporaryDirectory(), 'home');
      const copy = temporaryDirectory();
      const application = new PausedWorkload(home, seed, 60, ['--no-compact', ...variants[seed % variants.length]!]);
      const copies = new SlowCopies(home, seed);
      for (let i = 0; i < pauses; i++) {
        await application.goOn(i === 0);
        copies.goOn(i);
      }
      copies.writeTo(copy);
      for (const name of fs.readdirSync(home).filter((one) => one.startsWith('log.'))) {
        fs.copyFileSync(path.join(home, name), path.join(copy, name));
      }
      const { differences } = await compareAt(nodeFiles, discoverEnvironment(nodeFiles, copy), 6, all);
      expect(differences).toEqual([]);
    });

    test('and most of them are had so', () => {
      const refused = [...all.refused.keys()].filter((reason) => !reason.endsWith('is not in the copy'));
      expect(refused).toEqual([]);
      expect(all.changed).toBeGreaterThan(100);
    });
  });

  describe('in a file that grows and shrinks at random', () => {
    const all = inAll();

    test.each(seeds)('of seed %i', async (seed) => {
      const directory = temporaryDirectory();
      const application = new MadeUpApplication(seed);
      application.run(10 + (seed % 40));
      application.writeTo(directory);
      const { differences } = await compareAt(nodeFiles, discoverEnvironment(nodeFiles, directory), 4, all);
      expect(differences).toEqual([]);
    });

    test('and all of them are had so', () => {
      expect([...all.refused]).toEqual([]);
      expect(all.unrecoverable).toBe(0);
      expect(all.changed).toBeGreaterThan(25 * seeds.length);
    });
  });

  describe('also where somebody has changed the log', () => {
    const all = inAll();

    test.each(seeds)('of seed %i', async (seed) => {
      const directory = temporaryDirectory();
      const application = new MadeUpApplication(seed);
      application.run(10 + (seed % 40));
      application.writeTo(directory, application.changedLog());
      const { differences } = await compareAt(nodeFiles, discoverEnvironment(nodeFiles, directory), 4, all);
      // What on its own does not fit any more is no page that is another one.
      expect(differences.filter((difference) => !/log record/.test(difference))).toEqual([]);
    });

    test('and some of it can still be recovered', () => {
      expect(all.changed).toBeGreaterThan(7 * seeds.length);
    });
  });
});
