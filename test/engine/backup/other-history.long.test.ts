/** Whether an environment still continues its chain after what Berkeley DB 5.3 and its operator did to it. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { contentsOf, describeNative, recoverNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';

const opened = ['open a auto a.db - btree 1024', 'open b auto b.db - btree 1024'];

describeNative('the source of a chain', () => {
  let directory: string;
  let home: string;
  let repository: string;

  beforeEach(() => {
    ({ directory, home, repository } = newPlace());
  });

  const hot = (): Promise<BackupSet> => takeBackup(nodeFiles, 'hot', { home, repository });
  const incremental = (): Promise<BackupSet> => takeBackup(nodeFiles, 'incremental', { home, repository });

  /** Recovers the newest chain, as far as a set of it. */
  async function recover(target: string, toSet?: string): Promise<Record<string, string>> {
    const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
    const chain = findChain(sets, toSet === undefined ? {} : { toSet });
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
    return contentsOf(target);
  }

  /** What the chain gives is what native recovery gives of the source. */
  async function expectSame(): Promise<void> {
    const native = path.join(directory, 'native');
    rmSync(native, { recursive: true, force: true });
    cpSync(home, native, { recursive: true });
    expect(recoverNatively(native)).toMatchObject({ ok: true });
    const target = path.join(directory, 'recovered');
    rmSync(target, { recursive: true, force: true });
    expect(await recover(target)).toEqual(contentsOf(native));
  }

  /** An application that has written something, with a transaction open whose changes are in the files. */
  async function crash(...more: readonly string[]): Promise<void> {
    const application = new Session(home, ['--log-max', '60000']);
    application.do(...opened, 'put a auto 0 200 100 first', 'checkpoint', 'put b auto 0 200 100 first');
    application.do(...more, 'begin t', 'put a t 50 100 100 unfinished', 'sync');
    await application.die();
  }

  /** The application is started again. */
  async function goOn(commands: readonly string[], options: readonly string[] = ['--recover']): Promise<void> {
    const application = new Session(home, ['--log-max', '60000', ...options]);
    application.do(...commands);
    await application.leave();
  }

  /** Nothing of a refused set stays, and nothing of the source was touched. */
  async function expectRefusal(code: Parameters<typeof expectFailure>[0], words: string | RegExp): Promise<void> {
    const sets = namesIn(repository);
    const before = fingerprint(home);
    const error = await expectFailure(code, incremental);
    expect(error.message).toMatch(words);
    expect(error.details.hint).toContain('figaro-backup hot');
    expect(namesIn(repository)).toEqual(sets);
    expect(fingerprint(home)).toEqual(before);
  }

  describe('continues it', () => {
    const tools: readonly (readonly [string, readonly string[]])[] = [
      ['db5.3_recover', []],
      ['db5.3_recover -c', ['-c']],
    ];
    // Both in the long run.
    test.each(tools)('after %s, again and again', async (_tool, options) => {
      await crash();
      await hot();
      for (let i = 0; i < 3; i++) {
        expect(recoverNatively(home, options).ok).toBe(true);
        await incremental();
        await expectSame();
        await goOn([...opened, `put a auto ${i * 100} 150 100 more${i}`], []);
      }
      await incremental();
      await expectSame();
    });

    test('after a crash that took back what was on disk but not committed', async () => {
      await crash();
      await hot();
      await goOn([...opened, 'put a auto 0 500 100 other', 'put b auto 0 500 100 other']);
      await incremental();
      await expectSame();
    });

    test('after a crash without recovery, which the library allows', async () => {
      await crash();
      await hot();
      await goOn([...opened, 'put b auto 100 300 100 more'], []);
      await incremental();
      await recover(path.join(directory, 'recovered'));
    });

    test('after it was restored from the end of the chain', async () => {
      await crash();
      await hot();
      rmSync(home, { recursive: true });
      await recover(home);
      await goOn([...opened, 'put b auto 100 300 100 restored']);
      await incremental();
      await expectSame();
    });
  });

  describe('does not continue it', () => {
    test('after it was restored from an older set and written on, whatever its length', async () => {
      await crash();
      const first = await hot();
      await goOn([...opened, 'put a auto 0 100 100 original']);
      const second = await incremental();
      rmSync(home, { recursive: true });
      await recover(home, first.id);
      await expectRefusal('chain-mismatch', /its log ends at|differs from the chain/);
      // The same operations with other words: records of the same length in the same places.
      await goOn([...opened, 'put a auto 0 100 100 restored']);
      const log = path.join(home, `log.${String(second.manifest.log!.end.file).padStart(10, '0')}`);
      expect(statSync(log).size).toBeGreaterThanOrEqual(second.manifest.log!.end.offset);
      await expectRefusal('chain-mismatch', /differs from the chain’s at byte \d+/);
      await goOn([...opened, 'put a auto 0 900 100 restored']);
      await expectRefusal('chain-mismatch', /differs from the chain’s at byte \d+/);
      await hot();
      await expectSame();
    });

    test('after db5.3_recover -t, at once and when it has written more than it lost', async () => {
      await crash();
      await hot();
      await goOn([...opened, 'put a auto 0 100 100 early']);
      await setTimeout(1100);
      const before = new Date();
      await setTimeout(1100);
      await goOn([...opened, 'put a auto 0 100 100 late']);
      await incremental();
      const time = `${before.getFullYear()}${pad(before.getMonth() + 1)}${pad(before.getDate())}${pad(before.getHours())}${pad(before.getMinutes())}.${pad(before.getSeconds())}`;
      expect(recoverNatively(home, ['-t', time])).toMatchObject({ ok: true });
      await expectRefusal('chain-mismatch', 'does not continue the chain');
      await goOn([...opened, 'put a auto 0 900 100 again']);
      await expectRefusal('chain-mismatch', /differs from the chain’s at byte \d+/);
    });

    const places: readonly (readonly [string, number])[] = [
      ['at the end of a record', 0],
      ['in the middle of a record', 30],
    ];
    // Both in the long run.
    test.each(places)('when the bytes are the same up to a place %s', async (_where, into) => {
      await crash();
      const { manifest } = await hot();
      const { end, lastRecord } = manifest.log!;
      // The last record was never durable: a power failure took it, and others came in its place.
      const log = path.join(home, `log.${String(end.file).padStart(10, '0')}`);
      const bytes = readFileSync(log);
      bytes.fill(0, lastRecord!.offset + into);
      writeFileSync(log, bytes);
      await goOn([...opened, 'put b auto 0 300 100 other']);
      await expectRefusal('chain-mismatch', /differs from the chain’s at byte \d+/);
    });

    test('when another environment took its place', async () => {
      await crash();
      await hot();
      rmSync(home, { recursive: true });
      await crash('put b auto 0 400 90 stranger');
      await expectRefusal('chain-mismatch', /differs from the chain’s at byte \d+/);
    });

    const lengths: readonly (readonly [string, number])[] = [
      ['and is shorter', 20],
      ['and is longer', 2500],
    ];
    // Both in the long run.
    test.each(lengths)('when its log was begun anew %s', async (_how, records) => {
      await crash();
      await hot();
      expect(recoverNatively(home).ok).toBe(true);
      const old = new Session(home);
      old.do('reset-lsn a.db', 'reset-lsn b.db');
      await old.leave();
      for (const name of namesIn(home)) if (name.startsWith('log.')) rmSync(path.join(home, name));
      await goOn([...opened, 'begin t', `put a t 0 ${records} 100 anew`, 'commit t'], []);
      await expectRefusal('chain-mismatch', /its last log file is|differs from the chain/);
    });

    // Both in the long run.
    test.each([2, 1])('when LSNs of a container were reset, and its pages changed %i times', async (times) => {
      await crash();
      await hot();
      expect(recoverNatively(home).ok).toBe(true);
      await incremental();
      await goOn(['reset-lsn a.db'], []);
      for (let i = 0; i < times; i++) await goOn([...opened, `put a auto 0 5 100 reset${i}`], []);
      const error = await expectFailure('chain-mismatch', incremental);
      expect(error.message).toContain('a.db');
      expect(error.details.hint).toContain('LSNs were reset');
      await hot();
      expect(await recover(path.join(directory, 'recovered'))).toEqual(contentsOf(home));
    });

    test('when a container was copied in and the log tells of changes to it', async () => {
      const elsewhere = path.join(directory, 'elsewhere');
      const other = new Session(elsewhere);
      other.do('open c auto c.db - btree 1024', 'put c auto 0 300 100 copied', 'checkpoint');
      await other.leave();
      await crash();
      await hot();
      expect(recoverNatively(home).ok).toBe(true);
      cpSync(path.join(elsewhere, 'c.db'), path.join(home, 'c.db'));
      execFileSync('db5.3_load', ['-r', 'lsn', '-h', home, 'c.db'], { stdio: 'ignore' });
      const { manifest } = await incremental();
      expect(manifest.warnings.join()).toContain('c.db is not part of the chain');
      await goOn(['open c auto c.db - btree 1024', 'put c auto 10 5 100 changed'], []);
      const error = await expectFailure('container-missing', incremental);
      expect(error.message).toContain('c.db is missing');
      expect(error.details.hint).toContain('Begin a new chain');
      await hot();
      await expectSame();
    });
  });

  describe('whose DB_CONFIG changes', () => {
    const configure = (text: string): void => writeFileSync(path.join(home, 'DB_CONFIG'), text);

    beforeEach(async () => {
      for (const name of ['data', 'data2', 'logs']) mkdirSync(path.join(home, name), { recursive: true });
      configure('set_data_dir data\nset_lg_dir logs\n');
      await crash();
      expect(recoverNatively(home).ok).toBe(true);
      await hot();
    });

    test('does not continue the chain when the log files are elsewhere', async () => {
      configure('set_data_dir data\n');
      for (const name of namesIn(path.join(home, 'logs'))) {
        renameSync(path.join(home, 'logs', name), path.join(home, name));
      }
      await goOn([...opened, 'put a auto 0 50 100 moved'], []);
      await expectRefusal('chain-mismatch', `its log files are in ${home} now`);
    });

    test('does not continue it when the data directory is another', async () => {
      configure('set_data_dir data2\nset_lg_dir logs\n');
      for (const name of namesIn(path.join(home, 'data'))) {
        renameSync(path.join(home, 'data', name), path.join(home, 'data2', name));
      }
      await goOn([...opened, 'put a auto 0 50 100 moved'], []);
      await expectRefusal('chain-mismatch', /the chain has data\/a\.db, but data is not a data directory now/);
    });

    test('continues it when a data directory comes along', async () => {
      configure('set_data_dir data\nset_lg_dir logs\nadd_data_dir data2\nset_create_dir data2\n');
      await goOn([...opened, 'open c auto c.db - btree 1024', 'put c auto 0 50 100 new'], []);
      expect(namesIn(path.join(home, 'data2'))).toEqual(['c.db']);
      await incremental();
      const target = path.join(directory, 'recovered');
      await recover(target);
      for (const data of ['data', 'data2']) {
        expect(contentsOf(path.join(target, data))).toEqual(contentsOf(path.join(home, data)));
      }
    });
  });
});

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
