/**
 * Small recorded environments in which native recovery takes what an engine can easily refuse, or has to end the log as
 * native recovery does (recovery document, A.1, A.10, B.2).
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { promote } from '../../../src/engine/failover/promote.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { bodyAs } from '../../../src/engine/log/scanned-record.ts';
import { rehearse } from '../../../src/engine/recovery/rehearse.ts';
import { recoverEnvironment, type RecoverResult } from '../../../src/engine/recovery/recover.ts';
import { register, registerBefore61, registration } from '../../../src/format/log/records/dbreg.ts';
import { checkpoint } from '../../../src/format/log/records/txn.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { sampled } from '../../support/effort.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';
import { contentsOf, describeNative, recoverNatively, verifyNatively } from '../../support/native.ts';
import { unpack } from '../../support/archives.ts';

const archive = path.join(import.meta.dirname, '../../fixtures/cases.tar.xz');

let unpacked: string;
let directory: string;
let target: string;

beforeAll(() => {
  unpacked = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-test-'));
  unpack(archive, unpacked);
});
afterAll(() => fs.rmSync(unpacked, { recursive: true }));

beforeEach(() => {
  directory = temporaryDirectory();
  target = path.join(directory, 'recovered');
});

/** Where a case is, for this test alone. */
function laid(name: string): string {
  const home = path.join(directory, 'cases', name);
  if (!fs.existsSync(home)) fs.cpSync(path.join(unpacked, name), home, { recursive: true, preserveTimestamps: true });
  return home;
}

const recover = (name: string): Promise<RecoverResult> =>
  recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, laid(name)), target });

const recordsOf = (home: string): ReturnType<typeof scanLog> =>
  scanLog(nodeFiles, openLog(nodeFiles, logPaths(discoverEnvironment(nodeFiles, home))));

const straddling = ['r', 'd', 'Q', 'P', 'm', 'h'].map((kind) => `straddle-${kind}`);

test.each(straddling)(
  'a renaming or removal that began in a log file that is gone is taken as it is: %s',
  async (name) => {
    const { report } = await recover(name);
    expect(report!.databases.length).toBeGreaterThan(0);
    expect(fs.readdirSync(target).filter((file) => file.startsWith('__db.'))).toEqual([]);
  },
);

// All of them in the long run.
test.each(sampled(straddling, 2))('is backed up without a word: %s', async (name) => {
  const home = laid(name);
  const { manifest } = await takeBackup(nodeFiles, 'hot', { home, repository: path.join(target, '..', 'repository') });
  expect(manifest.warnings).toEqual([]);
  expect(manifest.files.filter(({ unlogged }) => unlogged)).toEqual([]);
});

test('a container that is missing is refused where a renaming began in a log file that is gone, too', async () => {
  fs.rmSync(path.join(laid('straddle-r'), 'filler.db'));
  await expectFailure('container-missing', () => recover('straddle-r'));
});

/** Names of the databases that the finishing records of a log close. */
const closedAtEnd = (home: string): string[] =>
  [...recordsOf(home)].flatMap((record) => {
    const body = bodyAs(record, register, registerBefore61);
    return body && (body.opcode & 0xf) === registration.recoveryClose ? [body.name] : [];
  });

test('named databases in memory that are in use at the end of the log are closed there', async () => {
  await recover('in-memory-in-use');
  expect(closedAtEnd(target)).toEqual(['memory', 'prepared.db', 'file.db']);
});

test('a standby that is promoted closes databases in memory as a recovery does', async () => {
  const primary = laid('in-memory-in-use');
  await followOnce(nodeFiles, { directory: target, followed: { home: primary, repo: undefined }, watch: {} });
  const { home } = await promote(nodeFiles, { directory: target, watch: {} });
  expect(closedAtEnd(home)).toContain('memory');
});

test('a database in memory that was made again under its id is no damage of the log, and no warning', async () => {
  const { warnings } = await recover('in-memory-prepared');
  expect(warnings.filter((warning) => warning.includes('memory'))).toEqual([]);
});

test('a prepared transaction without a change does not make the last checkpoint name the beginning of nothing', async () => {
  await recover('prepared-without-change');
  const last = [...recordsOf(target)].map((record) => bodyAs(record, checkpoint)).findLast(Boolean)!;
  expect(last.redoFrom.file).toBe(1);
});

test('a registration that Berkeley DB 5.0 repeats under an id in use again is passed over', async () => {
  const { report, warnings } = await recover('stale-registration-50');
  expect(report!.databases).toContain('last.db');
  expect(warnings).toEqual([]);
});

describeNative('what comes out where a transaction is prepared', () => {
  test('is no source that nobody recovered, once an application goes on', async () => {
    const home = path.join(directory, 'env');
    const application = new Session(home);
    application.do('open other auto other.db - btree', 'open a auto a.db - btree', 'begin t', 'put a t 0 5 20 text');
    application.do('prepare t', 'flush');
    await application.die();
    await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });
    const next = new Session(target);
    for (const name of ['other', 'b', 'c']) next.do(`open ${name} auto ${name}.db - btree`);
    next.do('flush');
    await next.die();
    const { warnings } = await rehearse(nodeFiles, discoverEnvironment(nodeFiles, target));
    expect(warnings.join()).toContain('has no outcome');
    expect(warnings.join()).not.toContain('was still open');
  });
});

describeNative('what comes out of recorded cases', () => {
  describe('is what native recovery makes', () => {
    // All of them in the long run.
    const all = [...straddling, 'in-memory-in-use', 'prepared-without-change'];
    test.each(sampled(all, 2))('of %s', async (name) => {
      await recover(name);
      const native = laid(name);
      expect(recoverNatively(native).ok).toBe(true);
      expect(contentsOf(target)).toEqual(contentsOf(native));
      expect(verifyNatively(target)).toEqual([]);
      // And it goes on from there.
      expect(recoverNatively(target, []).ok).toBe(true);
    });
  });
});
