/**
 * A small cache of Berkeley DB writes a page between the two changes of a removal: the key of a pair is gone, and its data still there, while
 * the overflow pages of that are being freed (format document, 7.2).
 */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment, type RecoverOptions } from '../../../src/engine/recovery/recover.ts';
import { logPaths } from '../../../src/engine/environment/environment.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { bodyAs, type ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { analyse } from '../../../src/engine/recovery/analysis.ts';
import { PageCache } from '../../../src/engine/recovery/page-cache.ts';
import { Change } from '../../../src/engine/recovery/page-change.ts';
import { StoredFile } from '../../../src/engine/recovery/page-store.ts';
import { operationsFor } from '../../../src/engine/recovery/record-operations/table.ts';
import { modeOf } from '../../../src/format/log/cursor.ts';
import { addrem, itemMode } from '../../../src/format/log/records/db.ts';
import { MemoryPiece } from '../../support/memory-database.ts';
import { Session } from '../../support/session.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { recognizeFile } from '../../../src/format/page/meta.ts';
import { type FigaroError } from '../../../src/errors.ts';
import { contentsOf, describeNative, recoverNatively } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { expectFailure } from '../../support/trees.ts';

/** Pages that are between two changes. */
function passingPages(file: string): number[] {
  const bytes = fs.readFileSync(file);
  const recognition = recognizeFile(bytes.subarray(0, 512));
  if (recognition.kind !== 'database') return [];
  const { format } = recognition;
  return Array.from({ length: bytes.length / format.pageSize }, (_, pgno) => pgno).filter((pgno) => {
    const page = bytes.subarray(pgno * format.pageSize, (pgno + 1) * format.pageSize);
    return checkPage(page, pgno, format)?.isPassing === true;
  });
}

/**
 * Writes pages of a database as its log has them after the first record for which `isLast` says so, as the library does where others need the
 * memory: by chance, of a removal whose overflow pages are many.
 */
async function writePages(home: string, name: string, isLast: (record: ScannedRecord) => boolean): Promise<void> {
  const environment = discoverEnvironment(nodeFiles, home);
  const log = openLog(nodeFiles, logPaths(environment));
  const { bindings } = await analyse(nodeFiles, log, { kind: 'end' }, {});
  const piece = new MemoryPiece(fs.readFileSync(path.join(home, name)));
  const file = new StoredFile(piece, new PageCache(1 << 20), name, '');
  const change = new Change();
  for (const record of scanLog(nodeFiles, log)) {
    const operation = operationsFor(record.version)[record.code];
    const { fileId } = record.body as { readonly fileId?: number };
    const binding = operation && fileId !== undefined ? bindings.at(fileId, record.lsn) : undefined;
    if (!operation || binding?.uid !== file.uid) continue;
    change.aim(record.lsn, record.version, file, binding!);
    operation.redo(record.body, change);
    if (isLast(record)) break;
  }
  file.flush();
  fs.writeFileSync(path.join(home, name), piece.bytes);
}

const isRemoval = (record: ScannedRecord): boolean => modeOf(bodyAs(record, addrem)?.opcode ?? 0) === itemMode.remove;

const pageSize = 1024;

/** An environment with a page that is between the two changes of a removal, of which the log has both. */
async function layHalfRemoved(home: string): Promise<void> {
  const application = new Session(home);
  application.do(`open a auto a.db - btree ${pageSize}`, 'put a auto 0 3 5000 long', 'checkpoint');
  application.do('delete a auto 1 1', 'put a auto 7 1 10 short', 'flush');
  await application.die();
  await writePages(home, 'a.db', isRemoval);
  expect(passingPages(path.join(home, 'a.db'))).toHaveLength(1);
}

describeNative('a page that is written between two changes of a removal', () => {
  test('is no damage: the log brings it further', async () => {
    const { directory, home, repository } = newPlace();
    await layHalfRemoved(home);
    const { directory: set } = await takeBackup(nodeFiles, 'hot', { home, repository });
    const copy = path.join(set, 'environment');
    const [ours, plain] = ['ours', 'plain'].map((name) => path.join(directory, name)) as [string, string];
    const environment = discoverEnvironment(nodeFiles, copy);
    await recoverEnvironment(nodeFiles, { environment, target: ours, check: false });
    fs.cpSync(copy, plain, { recursive: true });
    expect(recoverNatively(plain)).toMatchObject({ ok: true });
    expect(contentsOf(ours)).toEqual(contentsOf(plain));
    expect(passingPages(path.join(ours, 'a.db'))).toEqual([]);
  });

  test('is damage where the log has nothing that brings it further, whatever is not to be checked', async () => {
    const { directory, home, target } = newPlace();
    await layHalfRemoved(home);
    const file = path.join(home, 'a.db');
    const whole = path.join(directory, 'whole');
    await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target: whole });
    // The page says that all has been done to it which the log has of it.
    const [pgno] = passingPages(file);
    const lsnAt = pgno! * pageSize;
    const bytes = fs.readFileSync(file);
    fs.readFileSync(path.join(whole, 'a.db')).copy(bytes, lsnAt, lsnAt, lsnAt + 8);
    fs.writeFileSync(file, bytes);
    const withoutLog = path.join(directory, 'without-log');
    fs.mkdirSync(withoutLog);
    fs.copyFileSync(file, path.join(withoutLog, 'a.db'));

    const refused = async (from: string, options: Partial<RecoverOptions>): Promise<FigaroError> => {
      const environment = discoverEnvironment(nodeFiles, from);
      const recovered = { environment, target, check: false, ...options };
      return await expectFailure('not-recoverable', () => recoverEnvironment(nodeFiles, recovered));
    };
    const ways: readonly Partial<RecoverOptions>[] = [{}, { dryRun: true }, { engine: 'native' }, { only: ['a.db'] }];
    for (const way of ways) {
      const { message, details } = await refused(home, way);
      expect(message).toMatch(/a\.db: page 1 is damaged: it is a leaf of pairs with \d+ entries$/);
      expect(details.hint).not.toContain('--no-check');
      await refused(withoutLog, { ...way, resetLsns: true });
      expect(fs.existsSync(target)).toBe(false);
    }
    await refused(home, { check: true });
  });
});
