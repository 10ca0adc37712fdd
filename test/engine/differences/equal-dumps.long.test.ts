/** What is different at two moments is what two whole recoveries show, whatever was read of them. */

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths, type Environment } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { type Side } from '../../../src/engine/differences/sides.ts';
import { analyse } from '../../../src/engine/recovery/analysis.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { bodyAs } from '../../../src/engine/log/scanned-record.ts';
import { commit, txnOpcode } from '../../../src/format/log/records/txn.ts';
import { compareLsn, type Lsn } from '../../../src/format/lsn.ts';
import { FigaroError } from '../../../src/errors.ts';
import { corpusCases } from '../../support/all-corpus.ts';
import { ContainerWriter } from '../../support/container-writer.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { differencesFound, differencesOfRecoveries, sideOf } from '../../support/differences.ts';
import { effort } from '../../support/effort.ts';
import { describeNative, makeDatabases, runWorkload } from '../../support/native.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { Session } from '../../support/session.ts';

const seeds = effort('SEEDS', 30);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

/** The commits that an environment can be recovered to. */
async function commitsOf(files: Files, environment: Environment): Promise<Lsn[]> {
  const log = openLog(files, logPaths(environment));
  const { commits } = await analyse(files, log, { kind: 'end' }, {}, { environment });
  const { first } = commits.window;
  const found: Lsn[] = [];
  for (const record of scanLog(files, log)) {
    if (bodyAs(record, commit)?.opcode !== txnOpcode.commit) continue;
    if (first && compareLsn(record.lsn, first.lsn) >= 0) found.push(record.lsn);
  }
  return found;
}

/** Of all comparisons: in how many only those pages were recovered that were read, and how many lines those had. */
const onDemand = { times: 0, lines: 0 };

/** Compares two moments of an environment with two whole recoveries. How many lines there were. */
async function compare(files: Files, environment: Environment, one: Lsn, other: Lsn): Promise<number> {
  const [from, to] = [one, other].map((lsn) => sideOf(files, environment, { kind: 'lsn', lsn })) as [Side, Side];
  let expected: readonly string[];
  try {
    expected = await differencesOfRecoveries(from, to);
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    // A whole recovery looks at pages that nobody asks for here: what it refuses may do for this, or be refused, too.
    for (const isOnDemand of [false, true]) {
      const found = differencesFound(from, to, { isOnDemand });
      await found.catch((refusal: unknown) => expect(refusal).toBeInstanceOf(FigaroError));
    }
    return 0;
  }
  const { lines, isByLog } = await differencesFound(from, to);
  expect(lines).toEqual(expected);
  expect(isByLog).toBe(true);
  const paged = await differencesFound(from, to, { isOnDemand: true });
  expect(paged.lines).toEqual(expected);
  if (paged.wasOnDemand) {
    onDemand.times += 1;
    onDemand.lines += lines.length;
  }
  return lines.length;
}

/** Two moments chosen by chance. */
function pickTwo(commits: readonly Lsn[], seed: number): [Lsn, Lsn] {
  const below = randomNumbers(seed);
  return [commits[below(commits.length)]!, commits[below(commits.length)]!];
}

describe('two moments differ as two whole recoveries do', () => {
  test.each(corpusCases().map((corpusCase) => [corpusCase.id, corpusCase] as const))('%s', async (_id, corpusCase) => {
    try {
      const { files, environment } = corpusCase;
      // Of some logs nothing can be recovered.
      const commits = await commitsOf(files, environment).catch(() => []);
      if (commits.length > 0) await compare(files, environment, ...pickTwo(commits, firstSeed));
    } finally {
      corpusCase.forget();
    }
  });
});

const variants: readonly (readonly string[])[] = [
  ['--page-size', '512', '--hash'],
  ['--hash'],
  ['--hash', '--big-endian', '--no-compact'],
  ['--page-size', '1024', '--log-max', '60000', '--checksum'],
  ['--no-compact'],
];

describeNative('two moments of random workloads of Berkeley DB 5.3 differ as two whole recoveries do', () => {
  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))('seed %i', async (seed) => {
    const home = path.join(temporaryDirectory(), 'env');
    const operations = 500 + ((seed * 7919) % 3000);
    if (!runWorkload({ home, seed, operations, options: variants[seed % variants.length]! })) return;
    const environment = discoverEnvironment(nodeFiles, home);
    const commits = await commitsOf(nodeFiles, environment);
    expect(await compare(nodeFiles, environment, commits[0]!, commits.at(-1)!)).toBeGreaterThan(0);
    await compare(nodeFiles, environment, ...pickTwo(commits, seed));
  });

  test('also where only those pages are recovered that are read', () => {
    console.log(`on demand: ${onDemand.times} times, ${onDemand.lines} differences`);
    expect(onDemand.times).toBeGreaterThan(0);
    expect(onDemand.lines).toBeGreaterThan(0);
  });
});

describeNative('documents on pages of their own', () => {
  test('are found to differ where new ones are as long, and on the same pages', async () => {
    const home = path.join(temporaryDirectory(), 'env');
    const session = new Session(home);
    const container = new ContainerWriter(session, true);
    session.do('begin t');
    for (let id = 2; id < 30; id++) {
      container.put('t', id, `doc${id}`);
      container.write('t', id, `<doc>${'a'.repeat(400)}</doc>`);
    }
    session.do('commit t', 'checkpoint', 'begin u');
    container.write('u', 7, `<doc>${'b'.repeat(400)}</doc>`);
    session.do('commit u', 'flush');
    await session.die();
    const environment = discoverEnvironment(nodeFiles, home);
    const commits = await commitsOf(nodeFiles, environment);
    const before = onDemand.times;
    expect(await compare(nodeFiles, environment, commits.at(-2)!, commits.at(-1)!)).toBe(1);
    expect(onDemand.times).toBe(before + 1);
  });
});

describeNative('databases of every kind that share no history', () => {
  test.each([[], ['--big-endian'], ['--checksum', '--page-size', '4096']])(
    'differ in all records: %j',
    async (...options) => {
      const [from, to] = [1, 2].map((seed) => {
        const home = makeDatabases(['--seed', `${seed}`, '--records', '60', '--page-size', '512', ...options]);
        return sideOf(nodeFiles, discoverEnvironment(nodeFiles, home), { kind: 'end' });
      }) as [Side, Side];
      const { lines, isByLog } = await differencesFound(from, to);
      expect(isByLog).toBe(false);
      const refused = lines.filter((line) => line.startsWith('refused'));
      expect(refused).toEqual(['refused: compressed.btree: the records of a compressed btree cannot be read']);
      expect(lines.filter((line) => !refused.includes(line))).toEqual(await differencesOfRecoveries(from, to));
    },
  );
});
