/** Databases that are written without the log, and environments whose log is kept in memory. */

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';

describeNative('without a log on disk', () => {
  let directory: string;
  let home: string;
  let repository: string;

  beforeEach(() => {
    ({ directory, home, repository } = newPlace());
  });

  const take = (kind: 'hot' | 'incremental' | 'offline'): Promise<BackupSet> =>
    takeBackup(nodeFiles, kind, { home, repository });

  async function recoverChain(dryRun: boolean): Promise<readonly string[]> {
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const environment = chainEnvironment(nodeFiles, chain);
    const target = path.join(directory, 'recovered');
    return (await recoverEnvironment(nodeFiles, { environment, target, dryRun })).warnings;
  }

  const methods = ['btree', 'hash', 'recno', 'queue', 'heap'];
  const unlogged = methods.map((method) => `${method}.db is written without the log`);

  /** Which of the databases written without the log are told of, by the beginning of what is said. */
  const told = (warnings: readonly string[]): string[] =>
    unlogged.filter((words) => warnings.some((warning) => warning.startsWith(words)));

  function begin(): Session {
    const application = new Session(home);
    application.do('open logged auto logged.db - btree 1024', 'put logged auto 0 300 100 first');
    for (const method of methods) {
      application.do(`open ${method} none ${method}.db - ${method} 1024`);
      if (method !== 'heap') application.do(`put ${method} none 0 300 90 first`);
    }
    application.do('sync', 'checkpoint', 'put logged auto 300 50 100 second');
    return application;
  }

  test('databases of every kind are named by hot, incremental and recover', async () => {
    const application = begin();
    const full = await take('hot');
    expect(told(full.manifest.warnings)).toEqual(unlogged);
    const marked = full.manifest.files.filter((file) => file.unlogged).map(({ path: file }) => file);
    expect(marked).toEqual(methods.map((method) => `${method}.db`).sort());
    const then = contentsOf(path.join(full.directory, 'environment'));

    application.do('put btree none 300 100 100 second', 'put logged auto 0 50 100 third', 'sync');
    const { manifest } = await take('incremental');
    expect(told(manifest.warnings)).toEqual(unlogged);
    expect(manifest.warnings.join()).toContain(`as it was in ${full.id}`);

    expect(told(await recoverChain(true))).toEqual(unlogged);
    expect(told(await recoverChain(false))).toEqual(unlogged);
    // The logged one is of the end of the chain, the others of the full set.
    const recovered = contentsOf(path.join(directory, 'recovered'));
    await application.leave();
    const now = contentsOf(home);
    expect(recovered['logged.db ']).toBe(now['logged.db ']);
    expect(recovered['btree.db ']).toBe(then['btree.db ']);
    expect(recovered['btree.db ']).not.toBe(now['btree.db ']);
  });

  test('databases are named by offline, and by recover from a plain copy', async () => {
    await begin().leave();
    expect(told((await take('offline')).manifest.warnings)).toEqual(unlogged);
    const plain = path.join(directory, 'plain');
    cpSync(home, plain, { recursive: true });
    const environment = discoverEnvironment(nodeFiles, plain);
    const { warnings } = await recoverEnvironment(nodeFiles, { environment, target: path.join(directory, 'new') });
    expect(told(warnings)).toEqual(unlogged);
  });

  test('a database that comes after the full set is named by the incremental', async () => {
    const application = begin();
    await take('hot');
    application.do('open late none late.db - btree 1024', 'put late none 0 10 90 late', 'sync');
    const { manifest } = await take('incremental');
    expect(manifest.warnings.join()).toContain('late.db is not part of the chain');
  });

  test('a logged database is not named, even before anything was written to it', async () => {
    const application = new Session(home);
    application.do('open logged auto logged.db - btree 1024', 'checkpoint');
    expect((await take('hot')).manifest.warnings).toEqual([]);
    expect(await recoverChain(true)).toEqual([]);
    await application.leave();
  });

  test('a sub-database in a file of logged ones is refused where the log does not fit any more', async () => {
    const application = begin();
    application.do(
      'open one auto shared.db one btree 1024',
      'put one auto 0 50 50 first',
      'open two none shared.db two btree',
      'put two none 0 100 50 first',
      'put one auto 50 200 50 second',
      'put two none 100 200 50 second',
      'sync',
      'flush',
    );
    const error = await expectFailure('chain-mismatch', () => take('hot'));
    expect(error.message).toMatch(/^shared\.db: page \d+ has LSN/);
    expect(error.details.hint).toContain('a database in it is written without the log');
    expect(namesIn(repository)).toEqual(['repository.json']);
    // With a checkpoint in the next log file, this one is not needed any more.
    application.do('begin t', 'put logged t 1000 5000 200 more', 'commit t', 'checkpoint');
    expect((await take('hot')).manifest.log!.firstFile).toBeGreaterThan(1);
  });

  test.each(['hot', 'offline'] as const)('the log kept in memory is missed by %s', async (kind) => {
    const application = new Session(home, ['--log-in-memory', '--log-buffer-kb', '8000']);
    application.do('open a auto a.db - btree 1024', 'put a auto 0 100 100 first', 'checkpoint');
    await application.leave();
    const error = await expectFailure('log-missing', () => take(kind));
    expect(error.details.hint).toMatch(kind === 'hot' ? /offline/ : /kept in memory/);
    expect(namesIn(repository).filter((name) => name !== 'repository.json')).toEqual([]);
  });

  test.each(['set_flags DB_LOG_INMEMORY', 'log_set_config db_log_in_memory on'])(
    'the log kept in memory by DB_CONFIG (%s) is not mistaken for one that lies there',
    async (line) => {
      const application = new Session(home);
      application.do('open a auto a.db - btree 1024', 'put a auto 0 100 100 first', 'checkpoint');
      await take('hot');
      await application.leave();
      writeFileSync(path.join(home, 'DB_CONFIG'), `${line}\n`);
      // So the library understands it.
      const other = path.join(directory, 'other');
      mkdirSync(other);
      cpSync(path.join(home, 'DB_CONFIG'), path.join(other, 'DB_CONFIG'));
      const forgetful = new Session(other, ['--log-buffer-kb', '8000']);
      forgetful.do('open a auto a.db - btree 1024', 'put a auto 0 100 100 first', 'checkpoint');
      expect(namesIn(other)).toEqual(['DB_CONFIG', 'a.db']);
      for (const kind of ['hot', 'incremental'] as const) {
        const error = await expectFailure('log-missing', () => take(kind));
        expect(error.message).toContain('keeps its log in memory');
      }
    },
  );
});
