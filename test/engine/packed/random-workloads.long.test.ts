/** Random workloads, backed up into an encrypted repository in a store beside a plain one, expired and recovered to random moments: both give the same. */

import fs from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { exitCodes } from '../../../src/errors.ts';
import { effort } from '../../support/effort.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative, contentsOf } from '../../support/native.ts';
import { PausedWorkload } from '../../support/paused-workload.ts';
import { databasesIn, PackedPlace, type Holder } from '../../support/packed-place.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { type CliResult } from '../../support/run-cli.ts';
import { newBucket, s3Servers } from '../../support/servers/s3-servers.ts';
import { memoryStore, memoryUrl } from '../../support/store-commands.ts';
import { describeWith } from '../../support/tools.ts';

/** How many seeds to try, and of how many sets each: `PACKED_SEEDS=100` takes half an hour. */
const seeds = effort('PACKED_SEEDS', 4);
const liveSeeds = effort('PACKED_LIVE_SEEDS', 1);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
const steps = effort('PACKED_STEPS', 6);

/** Without compaction: where one is aborted, Berkeley DB 5.3 itself leaves a damaged database. */
const variants: readonly (readonly string[])[] = [
  [],
  ['--checksum', '--hash'],
  ['--page-size', '512', '--hash', '--log-max', '60000'],
  ['--page-size', '8192', '--cache-kb', '64'],
  ['--big-endian'],
];

interface ShownCommit {
  readonly lsn: string;
}

interface Listed {
  readonly chains: readonly {
    readonly window?: { readonly first: ShownCommit; readonly last: ShownCommit };
    readonly sets: readonly { readonly log: { readonly lastCommit?: ShownCommit } }[];
  }[];
}

/** What a workload is backed up to: a store in memory, or what is behind the variables. */
interface Target {
  readonly url: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function compare(
  seed: number,
  { url, env }: Target,
): Promise<{ readonly sets: number; readonly points: number }> {
  const random = randomNumbers(seed);
  const packed = await PackedPlace.make(temporaryDirectory(), 'encrypted');
  const home = packed.inside('work');
  const surroundings = env
    ? { env: { ...env, FIGARO_BACKUP_SPOOL: packed.inside('spool') } }
    : { store: memoryStore() };
  const both = async (line: string, holder: Holder): Promise<readonly [ours: CliResult, plain: CliResult]> => {
    const plain = await packed.run(`${line} --repo @plain`.replaceAll('RESULT', 'plain'), 'nobody');
    const ours = await packed.run(`${line} --repo ${url}`.replaceAll('RESULT', 'ours'), holder, surroundings);
    return [ours, plain];
  };
  const succeed = async (line: string, holder: Holder): Promise<void> => {
    const [ours, plain] = await both(line, holder);
    expect([line, ours.exitCode, plain.exitCode, ours.stderr, plain.stderr]).toEqual([
      line,
      0,
      0,
      ours.stderr,
      plain.stderr,
    ]);
  };
  await packed.succeed(`init --repo ${url} --recipient ${packed.recipient}`, 'machine', surroundings);
  const application = new PausedWorkload(home, seed, 40 + random(80), [
    '--no-compact',
    ...variants[seed % variants.length]!,
  ]);
  const counts = { sets: 0, points: 0 };
  for (let step = 0; step < steps; step++) {
    await application.goOn(step === 0);
    const kind = step === 0 || random(3) === 0 ? 'hot' : 'incremental';
    // Whoever writes may read, too, or not.
    const holder = random(3) === 0 ? 'both' : 'machine';
    const made = await both(`${kind} --home @work`, holder);
    // A page of an open transaction can keep an incremental from being compared with the chain, as far as that can be read: then a full one is advised.
    if (kind === 'incremental' && made.some(({ exitCode }) => exitCode === exitCodes['page-unstable'])) {
      await succeed('hot --home @work', holder);
    } else expect(made).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    counts.sets += 1;
    if (random(4) === 0) await succeed(`expire --keep-full ${1 + random(2)}`, 'machine');
  }
  await succeed('verify --rehearse', 'both');
  const listed = JSON.parse((await packed.run('list --json --repo @plain', 'nobody')).stdout) as Listed;
  for (const [i, point] of ['', ...momentsIn(listed, random)].entries()) {
    const to = point === '' ? '' : ` --to-lsn ${point}`;
    const [ours, theirs] = await both(`recover --to @RESULT-${i}${to}`, 'owner');
    expect([to, ours.exitCode, ours.stderr, theirs.stderr]).toEqual([to, theirs.exitCode, ours.stderr, theirs.stderr]);
    if (ours.exitCode !== 0) continue;
    counts.points += 1;
    const [our, plain] = ['ours', 'plain'].map((name) => packed.inside(`${name}-${i}`)) as [string, string];
    expect([to, databasesIn(our)]).toEqual([to, databasesIn(plain)]);
    expect(Object.keys(contentsOf(our)).length).toBeGreaterThan(0);
    for (const directory of [our, plain]) fs.rmSync(directory, { recursive: true });
  }
  return counts;
}

/** Ends of sets, and places in between. */
function momentsIn({ chains }: Listed, random: (below: number) => number): string[] {
  const ends = chains.flatMap(({ sets }) => sets.flatMap(({ log }) => log.lastCommit?.lsn ?? []));
  const some = [ends[random(ends.length)]!];
  const { window } = chains.at(-1)!;
  if (window) {
    const [first, last] = [window.first.lsn, window.last.lsn].map((lsn) =>
      /\[(\d+)\]\[(\d+)\]/.exec(lsn)!.slice(1).map(Number),
    );
    const file = first![0]! + random(last![0]! - first![0]! + 1);
    const [from, until] = [file === first![0] ? first![1]! : 28, file === last![0] ? last![1]! : 60_000];
    some.push(`[${file}][${from + random(Math.max(until - from, 1))}]`);
  }
  return some;
}

describeNative('a random workload', () => {
  const tried = { seeds: 0, sets: 0, points: 0 };
  afterAll(() =>
    console.log(`packed and encrypted: ${tried.seeds} seeds, ${tried.sets} sets, ${tried.points} moments compared`),
  );
  const compared = async (seed: number, target: Target): Promise<void> => {
    const { sets, points } = await compare(seed, target);
    expect(points).toBeGreaterThan(0);
    tried.seeds += 1;
    tried.sets += sets;
    tried.points += points;
  };

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i comes out of an encrypted repository in a store as out of a plain one',
    async (seed) => await compared(seed, { url: memoryUrl }),
    300_000,
  );

  for (const server of s3Servers.slice(0, liveSeeds > 0 ? 1 : 0)) {
    describeWith(server.program, server.packages, `in ${server.title}`, () => {
      test.each(Array.from({ length: liveSeeds }, (_, i) => firstSeed + i))(
        'seed %i comes out of an encrypted repository as out of a plain one',
        async (seed) => {
          const env = await server.environment();
          await compared(seed, { url: `s3://${await newBucket(env)}/work`, env: { ...env } });
        },
        300_000,
      );
    });
  }
});
