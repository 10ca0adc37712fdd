import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment, type Chain } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { verifySets } from '../../../src/engine/verify/verify-sets.ts';
import { unlocked } from '../../support/unlocked.ts';
import { describeNative, nativeProgram, recoverNatively } from '../../support/native.ts';
import { effort, isLongRun, sampled } from '../../support/effort.ts';
import { newPlace } from '../../support/place.ts';

/** How long the application writes. */
const seconds = effort('LIVE_SECONDS', 2, 8);

/** Runs the application until it has something in its files. */
async function startApplication(home: string, options: readonly string[]): Promise<ChildProcess> {
  const args = ['write', '--home', home, ...options, '--seconds', `${seconds}`];
  const application = spawn(nativeProgram('ledger'), args, { stdio: 'ignore' });
  while (!existsSync(path.join(home, 'journal.db'))) await setTimeout(20);
  await setTimeout(700);
  return application;
}

/** What the application’s own check says of a recovered environment: the number of transactions in it. */
function transactionsIn(directory: string, options: readonly string[] = []): number {
  const args = ['check', '--home', directory, ...options];
  const { status, stdout, stderr } = spawnSync(nativeProgram('ledger'), args, { encoding: 'utf8' });
  expect({ status, problems: stdout.split('\n').slice(0, -2), stderr }).toEqual({
    status: 0,
    problems: [],
    stderr: '',
  });
  return Number(stdout);
}

async function recover(chain: Chain, target: string): Promise<number> {
  await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
  return transactionsIn(target);
}

describeNative('an application that goes on writing', () => {
  const kinds = [
    ['4 KiB pages, read again by the log', '4096', 0, '300'],
    ['16 KiB pages, read again by the log', '16384', 0, '1000'],
    ['64 KiB pages, all read again', '65536', Number.MAX_SAFE_INTEGER, '4000'],
  ] as const;

  test.each(sampled(kinds, 3))(
    'gives sets of one moment each: %s',
    async (_what, pageSize, smallBytes, pauseUs) => {
      const { directory, home, repository } = newPlace();
      const application = await startApplication(home, ['--page-size', pageSize, '--keep-logs', '--pause-us', pauseUs]);
      const taken = [await takeBackup(nodeFiles, 'hot', { home, repository, smallBytes })];
      await setTimeout(300);
      taken.push(await takeBackup(nodeFiles, 'incremental', { home, repository }));
      if (application.exitCode === null) await once(application, 'exit');
      taken.push(await takeBackup(nodeFiles, 'incremental', { home, repository }));

      const opened = openRepository(nodeFiles, repository);
      const chain = findChain(readSets(nodeFiles, opened).sets);
      // On a busy machine the application may be through before an incremental begins.
      expect(chain.sets).toHaveLength(taken.filter(({ nothingNew }) => !nothingNew).length);
      expect((await verifySets(nodeFiles, opened)).findings).toEqual([]);
      const counts: number[] = [];
      for (let n = 1; n <= 3; n++) {
        counts.push(await recover({ ...chain, sets: chain.sets.slice(0, n) }, path.join(directory, `recovered${n}`)));
      }
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts[0]).toBeGreaterThan(0);

      // The last set is of the state the application left: native recovery of that must come to the same.
      expect(recoverNatively(home).ok).toBe(true);
      expect(counts[2]).toBe(transactionsIn(home));
    },
    60_000,
  );

  test.runIf(isLongRun)(
    'and removes its log files can be backed up, and restored without this program',
    async () => {
      const { directory, home, repository } = newPlace();
      const application = await startApplication(home, ['--pause-us', '500']);
      let taken = 0;
      while (application.exitCode === null && taken < 3) {
        try {
          const { directory: set } = await takeBackup(nodeFiles, 'hot', { home, repository });
          const plain = path.join(directory, `plain${taken++}`);
          cpSync(path.join(set, 'environment'), plain, { recursive: true });
          expect(recoverNatively(plain)).toMatchObject({ ok: true });
          expect(transactionsIn(plain)).toBeGreaterThan(0);
        } catch (error) {
          // The one honest reason not to have a set of such a source.
          if (!(error instanceof FigaroError) || error.code !== 'log-missing') throw error;
        }
      }
      application.kill();
      expect(taken).toBeGreaterThan(0);
    },
    60_000,
  );

  test.runIf(isLongRun).each(['with', 'without'])(
    'in an encrypted environment is backed up %s its password',
    async (how) => {
      const { directory, home, repository } = newPlace();
      const password = ['--password', 'figaro-test'];
      const readable = unlocked('figaro-test');
      const files = how === 'with' ? readable : nodeFiles;
      const application = await startApplication(home, [
        ...password,
        '--keep-logs',
        '--pause-us',
        '300',
        '--seconds',
        '3',
      ]);
      await takeBackup(files, 'hot', { home, repository, smallBytes: 0 });
      await setTimeout(300);
      await takeBackup(files, 'incremental', { home, repository });
      if (application.exitCode === null) await once(application, 'exit');
      const { manifest } = await takeBackup(files, 'incremental', { home, repository });
      expect(manifest.unread).toBe(how === 'with' ? undefined : true);

      const opened = openRepository(readable, repository);
      const chain = findChain(readSets(readable, opened).sets);
      expect((await verifySets(readable, opened, { rehearse: true })).findings).toEqual([]);
      const counts: number[] = [];
      for (let n = 1; n <= 3; n++) {
        const environment = chainEnvironment(readable, { ...chain, sets: chain.sets.slice(0, n) });
        const target = path.join(directory, `recovered${n}`);
        await recoverEnvironment(readable, { environment, target });
        counts.push(transactionsIn(target, password));
      }
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts[0]).toBeGreaterThan(0);
      expect(recoverNatively(home, ['-c'], 'figaro-test').ok).toBe(true);
      expect(counts[2]).toBe(transactionsIn(home, password));
    },
    60_000,
  );
});
