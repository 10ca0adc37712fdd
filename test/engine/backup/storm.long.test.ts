import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative, recoverNatively } from '../../support/native.ts';
import { recoverBothWays, Storm, transactionsIn, type Marks, type StormOptions } from '../../support/storm.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { effort } from '../../support/effort.ts';

/** How many environments to try: `SEEDS=300 npx vitest run --mode long test/engine/backup/storm.long.test.ts` tries hundreds. */
const seeds = effort('SEEDS', 4);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
/** Backups of each, while it is written to. */
const rounds = effort('ROUNDS', 3);

/** Between two transactions of a writer: on a busy machine, writers at full speed write more than can be recovered in time. */
const leastPauseUs = effort('PAUSE_US', 0);

const pageSizes = [4096, 512, 65536, 16384, 1024, 8192, 32768, 2048];

/** A seed stands for page size, cache, sharing, and how commits, log files and backups are made. */
function variantOf(seed: number): StormOptions & { readonly keepsLogs: boolean; readonly smallBytes: number } {
  const pick = <T>(prime: number, ...choices: readonly T[]): T => choices[Math.floor(seed / prime) % choices.length]!;
  const keepsLogs = seed % 4 !== 0;
  const isShared = seed % 2 === 0;
  const pageSize = pageSizes[(seed - 1) % pageSizes.length]!;
  return {
    seed,
    writers: pick(1, 3, 2, 1, 4),
    pageSize,
    keepsLogs,
    // By the log, or everything read again.
    smallBytes: seed % 3 === 0 ? Number.MAX_SAFE_INTEGER : 0,
    more: [
      ...(isShared ? ['--shared'] : []),
      ...(keepsLogs ? ['--keep-logs'] : []),
      ...(seed % 5 < 2 ? ['--checksum'] : []),
      ...(seed % 7 === 3 ? ['--no-sync'] : []),
      ...(seed % 6 === 1 ? ['--extents'] : []),
      ...['--cache-kb', pick(3, '20', '64', '256')],
      ...['--log-max', pick(2, '150000', '1000000', '400000')],
      ...['--log-buffer', pick(5, '32768', '65536')],
      // Not at full speed where log files go away, since they are to be copied first, or where items are huge.
      ...[
        '--pause-us',
        `${Math.max(leastPauseUs, keepsLogs ? (pageSize >= 32768 ? 1000 : pick(2, 0, 0, 300)) : 1500)}`,
      ],
    ],
  };
}

/** Refusals that say something of the source, where it removes its log files. */
const honest: ReadonlySet<string> = new Set(['log-missing', 'chain-gap']);

describeNative('several writers at full speed', () => {
  const tried = { seeds: 0, sets: 0, transactions: 0, redone: 0, logMissing: 0, unstable: 0 };
  afterAll(() => {
    console.log(
      `environments written at full speed: ${tried.seeds}, sets taken of them: ${tried.sets}, transactions in the last ones: ${tried.transactions}, changes redone: ${tried.redone}; backups refused: log files removed ${tried.logMissing}, pages in motion ${tried.unstable}`,
    );
  });

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i gives sets of one moment, with all that was committed before the last page was read',
    async (seed) => {
      const directory = temporaryDirectory();
      const repository = path.join(directory, 'repo');
      const variant = variantOf(seed);
      const storm = new Storm(directory, variant);
      const { home } = storm;
      let atLastPage: Marks;
      const files: Files = watchedFiles(nodeFiles, {
        before(operation, file) {
          // The log is followed to its end after the last page is read.
          if (operation === 'readAt' && file.startsWith(home) && !/\/log\.\d+$/.test(file)) atLastPage = storm.marks();
        },
      });
      const backUp = async (kind: 'hot' | 'incremental'): Promise<readonly number[] | undefined> => {
        const before = storm.marks();
        atLastPage = before;
        try {
          await takeBackup(files, kind, { home, repository, smallBytes: variant.smallBytes });
        } catch (error) {
          if (!(error instanceof FigaroError)) throw error;
          if (error.code === 'page-unstable') tried.unstable++;
          else if (!variant.keepsLogs && honest.has(error.code)) tried.logMissing++;
          else throw error;
          return undefined;
        }
        tried.sets++;
        const after = storm.marks();
        const least = kind === 'hot' ? atLastPage : before;
        // It writes more in the meantime than anybody wants to recover.
        const { counts, redone } = await storm.whileResting(async () => await recoverBothWays(directory, variant));
        tried.redone += redone;
        counts.forEach((count, writer) => {
          expect(count, `writer ${writer}`).toBeGreaterThanOrEqual(least.written[writer]!);
          expect(count, `writer ${writer}`).toBeLessThanOrEqual(after.begun[writer]!);
        });
        return counts;
      };
      try {
        await storm.advance(40);
        let hasChain = false;
        for (let round = 0; round < rounds; round++) {
          hasChain = (await backUp(hasChain && round % 4 !== 3 ? 'incremental' : 'hot')) !== undefined;
          storm.requireRunning();
          await storm.advance(20);
        }
        await storm.kill();
        // What is left is what a crash leaves: a set of it comes to the same as recovery in place.
        const last = (hasChain && (await backUp('incremental'))) || (await backUp('hot'));
        expect(recoverNatively(home)).toMatchObject({ ok: true });
        expect(last).toEqual(transactionsIn(home, variant));
        tried.transactions += last!.reduce((sum, n) => sum + n, 0);
        tried.seeds++;
      } finally {
        await storm.kill();
      }
    },
    // Writers go on while others have the processors: how much there is to recover then depends on the machine.
    300_000,
  );
});
