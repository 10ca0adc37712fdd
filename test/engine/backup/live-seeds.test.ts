import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment, type Chain } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { contentsOf, describeNative, nativeProgram, verifyNatively } from '../../support/native.ts';
import { rebuilt } from '../../support/rebuilt.ts';
import { effort } from '../../support/effort.ts';
import { newPlace } from '../../support/place.ts';

/** How many seeds to try: `SEEDS=200 npx vitest run test/engine/backup/live-seeds.test.ts` takes a quarter of an hour. */
const seeds = effort('SEEDS', 1, 5);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
const setsPerSeed = 2;
/** Some seconds of writing: about as long as two backups take. */
const operations = '60000';

/** Without compaction: where one is aborted, Berkeley DB 5.3 itself leaves a damaged database (moved-root.test.ts). */
const variants: readonly (readonly string[])[] = [
  [],
  ['--checksum', '--hash'],
  ['--page-size', '512', '--hash', '--log-max', '60000'],
  ['--page-size', '8192', '--cache-kb', '64'],
  ['--big-endian'],
];

describeNative('a random workload at full speed', () => {
  const tried = { seeds: 0, sets: 0, records: 0, unsettled: 0 };
  afterAll(() =>
    console.log(
      `live workloads: ${tried.seeds} seeds, ${tried.sets} sets recovered and compared, log records ${tried.records}, pages that would not settle: ${tried.unsettled}`,
    ),
  );

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i: containers, sub-databases and pages come and go, and every set is of one moment',
    async (seed) => {
      const { directory, home, repository } = newPlace();
      mkdirSync(home);
      const options = [
        '--home',
        home,
        '--seed',
        `${seed}`,
        '--ops',
        operations,
        '--no-compact',
        ...variants[seed % variants.length]!,
      ];
      const application = spawn(nativeProgram('workload'), options, { stdio: 'ignore' });
      try {
        while (!existsSync(path.join(home, 'log.0000000001'))) await setTimeout(5);
        await setTimeout(100 + ((seed * 37) % 300));
        for (let i = 0; i < setsPerSeed; i++) {
          try {
            await takeBackup(nodeFiles, i === 0 || seed % 2 === 0 ? 'hot' : 'incremental', { home, repository });
          } catch (error) {
            // Said by name, and no set.
            if (!(error instanceof FigaroError) || error.code !== 'page-unstable') throw error;
            tried.unsettled++;
          }
        }
      } finally {
        application.kill('SIGKILL');
        if (application.exitCode === null && application.signalCode === null) await once(application, 'exit');
      }

      const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
      for (const { id, manifest } of sets) {
        const chain: Chain = findChain(sets, { toSet: id });
        const target = path.join(directory, id);
        const environment = chainEnvironment(nodeFiles, chain);
        const { report } = await recoverEnvironment(nodeFiles, { environment, target });
        // The same moment, made of nothing but the log from its beginning.
        const whole = path.join(directory, `${id}.rebuilt`);
        expect(contentsOf(target)).toEqual(await rebuilt(home, manifest.log!.end, whole));
        expect(verifyNatively(target)).toEqual([]);
        tried.sets++;
        tried.records += report!.records;
        for (const made of [target, whole, `${whole}.log`]) rmSync(made, { recursive: true });
      }
      tried.seeds++;
    },
    120_000,
  );
});
