/** A random workload at full speed while sets are made of it: none is refused, and each is of one moment. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
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
import { appendTails, copyOver } from '../../support/by-hand.ts';
import { contentsOf, describeNative, nativeProgram, recoverNatively, verifyNatively } from '../../support/native.ts';
import { rebuilt } from '../../support/rebuilt.ts';
import { effort } from '../../support/effort.ts';
import { newPlace, type Place } from '../../support/place.ts';

/** How many seeds to try, and how many backups of each: `SEEDS=250 SETS=8 PAUSE_US=200` takes hours, and little room. */
const seeds = effort('SEEDS', 5);
const setsPerSeed = effort('SETS', 2);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
/** Between two operations of the workload: what it writes while a backup runs is what the backup takes long for. */
const pauseUs = `${effort('PAUSE_US', 0)}`;
/** Gets the environment and the repository of a seed that fails. */
const kept = process.env.KEEP_FAILED;

/** Without compaction: where one is aborted, Berkeley DB 5.3 itself leaves a damaged database (moved-root.long.test.ts). */
const variants: readonly (readonly string[])[] = [
  [],
  ['--checksum', '--hash'],
  ['--page-size', '512', '--hash', '--log-max', '60000'],
  ['--page-size', '8192', '--cache-kb', '64'],
  ['--big-endian'],
];

describeNative('a random workload at full speed', () => {
  const tried = { seeds: 0, sets: 0, records: 0, unsettled: 0 };
  const unsound: string[] = [];
  afterAll(() => {
    console.log(
      `live workloads: ${tried.seeds} seeds, ${tried.sets} sets recovered and compared, log records ${tried.records}, pages that would not settle: ${tried.unsettled}, damaged by Berkeley DB itself: ${unsound.length}`,
    );
    for (const line of unsound) console.log(line);
  });

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i: containers, sub-databases and pages come and go, and every set is of one moment',
    async (seed) => {
      const place = newPlace();
      try {
        await backUpWhileWritten(seed, place);
        await compareSets(seed, place);
      } catch (error) {
        if (kept !== undefined) cpSync(place.directory, path.join(kept, `seed-${seed}`), { recursive: true });
        throw error;
      }
      tried.seeds++;
    },
    300_000 * setsPerSeed,
  );

  async function backUpWhileWritten(seed: number, place: Place): Promise<void> {
    const { home, repository } = place;
    const application = await startWorkload(seed, home);
    try {
      await setTimeout(100 + ((seed * 37) % 300));
      for (let i = 0; i < setsPerSeed; i++) {
        try {
          await takeBackup(nodeFiles, i === 0 || seed % 2 === 0 ? 'hot' : 'incremental', { home, repository });
        } catch (error) {
          if (error instanceof FigaroError && error.code === 'page-unstable') {
            // Said by name, and no set.
            tried.unsettled++;
            continue;
          }
          await end(application);
          unsound.push(`seed ${seed}: ${(error as Error).message}\n  ${damagedNatively(error as Error, place)}`);
          return;
        }
        // It was written to all the time, unless its library crashed.
        if (application.signalCode === 'SIGSEGV') {
          unsound.push(`seed ${seed}: the workload ended by itself\n  SIGSEGV`);
          return;
        }
        expect([application.exitCode, application.signalCode]).toEqual([null, null]);
      }
    } finally {
      await end(application);
    }
  }

  async function compareSets(seed: number, { directory, home, repository }: Place): Promise<void> {
    const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
    for (const { id, manifest } of sets) {
      const chain = findChain(sets, { toSet: id });
      const target = path.join(directory, id);
      const environment = chainEnvironment(nodeFiles, chain);
      let records: number;
      try {
        ({ records } = (await recoverEnvironment(nodeFiles, { environment, target })).report!);
      } catch (error) {
        unsound.push(
          `seed ${seed}: ${(error as Error).message}\n  ${notRecoveredNatively(error as Error, chain, target)}`,
        );
        continue;
      }
      // The same moment, made of nothing but the log from its beginning.
      const whole = path.join(directory, `${id}.rebuilt`);
      expect(contentsOf(target)).toEqual(await rebuilt(home, manifest.log!.end, whole));
      expect(verifyNatively(target)).toEqual([]);
      tried.sets++;
      tried.records += records;
      for (const made of [target, whole, `${whole}.log`]) rmSync(made, { recursive: true });
    }
  }
});

async function startWorkload(seed: number, home: string): Promise<ChildProcess> {
  mkdirSync(home);
  const options = ['--home', home, '--seed', `${seed}`, '--ops', '0', '--no-compact', '--pause-us', pauseUs];
  const application = spawn(nativeProgram('workload'), [...options, ...variants[seed % variants.length]!], {
    stdio: 'ignore',
  });
  while (!existsSync(path.join(home, 'log.0000000001'))) await setTimeout(5);
  return application;
}

async function end(application: ChildProcess): Promise<void> {
  application.kill('SIGKILL');
  if (application.exitCode === null && application.signalCode === null) await once(application, 'exit');
}

/**
 * What Berkeley DB's own tools say of the page that a backup is refused for: its library sometimes damages one. Throws
 * the refusal when they find nothing wrong with just that page.
 */
function damagedNatively(refusal: Error, { home }: Place): string {
  const [, file, pgno, type] = damagedPage.exec(refusal.message) ?? [];
  const problem = verifyNatively(home).find((found) => found.file === file)?.problem;
  const line = problem?.split('\n').find((text) => text.includes(` Page ${pgno}: `)) ?? loggedNatively(home, type);
  if (line === undefined) throw refusal;
  return line;
}

const damagedPage = /([^/]+): page (\d+) is damaged(?:: item \d+ has the unknown type (\d+))?/;

/** The type of an item where the library itself has logged it: the page may have been emptied since. */
function loggedNatively(home: string, type: string | undefined): string | undefined {
  const { stdout } = spawnSync('db5.3_printlog', ['-h', home], { encoding: 'latin1', maxBuffer: 2 ** 30 });
  const wrong = [`ILLEGAL HASH PAGE TYPE: ${type}`, `keytype: ${type} ptype: hash`, `datatype: ${type} ptype: hash`];
  return stdout.split('\n').find((line) => wrong.includes(line.trim()));
}

/** What Berkeley DB says when it cannot recover a set either. Throws the refusal when it can. */
function notRecoveredNatively(refusal: Error, chain: Chain, target: string): string {
  const plain = `${target}.plain`;
  copyOver(chain.sets, plain);
  appendTails(plain);
  const { ok, messages } = recoverNatively(plain);
  if (ok) throw refusal;
  rmSync(plain, { recursive: true });
  return messages.trim();
}
