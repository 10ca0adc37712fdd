import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { logFileName } from '../../../src/format/names.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { encodeFileHeader, readFileHeader } from '../../../src/format/log/file-header.ts';
import { corpusCase } from '../../support/corpus.ts';
import { contentsOf, describeNative, recoverNatively, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';

describeNative('a chain of Berkeley DB 4.8 whose application goes on with 5.3', () => {
  const nativeFailed: string[] = [];
  afterAll(() =>
    console.log(`chains over an upgrade: 4, of which db5.3_recover could not recover ${nativeFailed.length}`),
  );

  let directory: string;
  let home: string;
  let repository: string;

  beforeEach(() => {
    ({ directory, home, repository } = newPlace());
  });

  const take = (kind: 'hot' | 'incremental'): Promise<BackupSet> => takeBackup(nodeFiles, kind, { home, repository });

  /** Recovers the newest chain with either engine. */
  async function recover(engine: 'embedded' | 'native'): Promise<Record<string, string>> {
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const target = path.join(directory, `${chain.sets.length} ${engine}`);
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target, engine });
    expect(verifyNatively(target)).toEqual([]);
    return contentsOf(target);
  }

  /** The application, after the upgrade. */
  async function goOn(...commands: readonly string[]): Promise<void> {
    const application = new Session(home, ['--recover']);
    application.do('open new auto new.db - btree 1024', ...commands, 'put new auto 0 200 100 upgraded');
    await application.leave();
  }

  const applications: readonly (readonly [string, readonly string[]])[] = [
    ['btree-48-hot', ['open old auto orders.db - btree', 'put old auto 0 300 100 upgraded']],
    ['hash-48-hot', ['open old auto hash.db - hash', 'put old auto 0 300 100 upgraded']],
    ['queue-ext-48-hot', []],
    ['trimmedlogs-48-crash', ['open old auto small.db - btree', 'delete old auto 0 10']],
  ];

  test.each(applications)('goes on itself: %s', async (id, changes) => {
    cpSync(corpusCase(id).backup, home, { recursive: true });
    const full = await take('hot');
    expect(full.manifest.log!.version).toBe(16);
    expect(recoverNatively(home).ok).toBe(true);
    await goOn(...changes);
    const { manifest } = await take('incremental');
    expect(manifest.log!.version).toBe(19);
    const now = contentsOf(home);
    expect(await recover('embedded')).toEqual(now);
    // Native recovery of such a log breaks down in many cases; then it says so, and there is no result.
    try {
      expect(await recover('native')).toEqual(now);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      expect(error.code).toBe('not-recoverable');
      expect(error.details.hint).toContain('try the embedded engine');
      nativeFailed.push(id);
    }
    // And on, with nothing but files of the new version.
    await goOn('delete new auto 0 50');
    await take('incremental');
    expect(await recover('embedded')).toEqual(contentsOf(home));
  });

  test('does not go on when the library is replaced by an older one', async () => {
    cpSync(corpusCase('btree-48-hot').backup, home, { recursive: true });
    await goOn();
    const { end, lastRecord } = (await take('hot')).manifest.log!;
    // The file that an older library would begin.
    const reading = readFileHeader(readFileSync(path.join(home, logFileName(end.file))));
    if (reading.kind !== 'header') throw new Error(reading.kind);
    const older = encodeFileHeader({ ...reading.header, version: 16, prev: lastRecord!.offset });
    writeFileSync(path.join(home, logFileName(end.file + 1)), older);
    for (const kind of ['incremental', 'hot'] as const) {
      const error = await expectFailure('log-corrupt', () => take(kind));
      expect(error.message).toContain('has log version 16, older than 19 before it');
      expect(error.details.hint).toContain('not of one history');
    }
    // Native recovery does not take it, either.
    expect(recoverNatively(home).ok).toBe(false);
  });
});
