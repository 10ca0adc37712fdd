/**
 * The gap in "a page that is written is named by the log on disk" (recovery document, G.5): an abort puts a page back to
 * the LSN it had, and writes no record. So the page may be written while all records that name it are still in the
 * memory of the application; nothing on disk says that it can be torn. A tear of it is a record lost or doubled, which
 * no recovery repairs: its LSN is old, and no record after the checkpoint changes it.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { filesOfKind } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative, nativeProgram } from '../../support/native.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const pageSize = 4096;

function logNames(home: string): string[] {
  return fs.readdirSync(home).filter((name) => name.startsWith('log.'));
}

describeNative('a page put back by an abort and written before its records', () => {
  let directory: string;
  let home: string;
  let container: string;
  let application: ChildProcess;
  let before: Buffer;
  let after: Buffer;
  /** Its number. */
  let pgno: number;

  async function step(): Promise<void> {
    application.stdin!.write('\n');
    await once(application.stdout!, 'data');
  }

  const log = (): Buffer => Buffer.concat(logNames(home).map((name) => fs.readFileSync(path.join(home, name))));
  const pageOf = (bytes: Buffer, n: number): Buffer => bytes.subarray(n * pageSize, (n + 1) * pageSize);

  beforeEach(async () => {
    directory = temporaryDirectory();
    home = path.join(directory, 'env');
    container = path.join(home, 'data.db');
    fs.mkdirSync(home);
    application = spawn(nativeProgram('gap'), ['--home', home], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(application.stdout!, 'data');
    before = fs.readFileSync(container);
    const logBefore = log();
    await step();
    after = fs.readFileSync(container);
    // The hazard: the page on disk is another one, with the same LSN, and the log on disk is the same.
    const changed = Array.from({ length: after.length / pageSize }, (_, n) => n).filter(
      (n) => !pageOf(after, n).equals(pageOf(before, n)),
    );
    expect(changed).toHaveLength(1);
    pgno = changed[0]!;
    expect(pageOf(after, pgno).subarray(0, 8)).toEqual(pageOf(before, pgno).subarray(0, 8));
    expect(log().equals(logBefore)).toBe(true);
  });

  afterEach(async () => {
    application.kill('SIGKILL');
    if (application.exitCode === null && application.signalCode === null) await once(application, 'exit');
  });

  /** The page as it is read while it is written: one that looks sound. */
  function tornPage(): Buffer {
    const { format } = filesOfKind(discoverEnvironment(nodeFiles, home), 'database').find(
      ({ name }) => name === 'data.db',
    )!;
    for (let cut = 512; cut < pageSize; cut += 512) {
      const torn = Buffer.from(pageOf(after, pgno));
      pageOf(before, pgno).copy(torn, cut, cut);
      const isWhole = torn.equals(pageOf(after, pgno)) || torn.equals(pageOf(before, pgno));
      if (!isWhole && !checkPage(torn, pgno, format)) return torn;
    }
    return expect.fail('no tear looks sound');
  }

  /** Files whose first read of the page is torn, and how often other pages of the container were read. */
  function torn(reads: number[]): Files {
    const page = tornPage();
    return watchedFiles(nodeFiles, {
      afterRead(file, bytes, position) {
        if (file !== container) return;
        for (let at = (pageSize - (position % pageSize)) % pageSize; at + pageSize <= bytes.length; at += pageSize) {
          const n = (position + at) / pageSize;
          reads[n] = (reads[n] ?? 0) + 1;
          if (n === pgno && reads[n] === 1) bytes.set(page, at);
        }
      },
    });
  }

  async function copiedPage(reads: number[]): Promise<Buffer> {
    const repository = path.join(directory, 'repo');
    const { directory: set } = await takeBackup(torn(reads), 'hot', { home, repository, smallBytes: 0 });
    return pageOf(fs.readFileSync(path.join(set, 'environment', 'data.db')), pgno);
  }

  test('is read again with all others when nobody commits', async () => {
    const reads: number[] = [];
    expect(await copiedPage(reads)).toEqual(pageOf(after, pgno));
    expect(Math.min(...reads)).toBe(2);
  });

  test('is named by what the next commit writes, and read again for it', async () => {
    await step();
    const reads: number[] = [];
    expect(await copiedPage(reads)).toEqual(pageOf(after, pgno));
    // Others are not.
    expect(Math.min(...reads)).toBe(1);
  });
});
