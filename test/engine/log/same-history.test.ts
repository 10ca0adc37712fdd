/** Histories of one log file that part long before its end, written by Berkeley DB 5.3. */

import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { wholeLogFile } from '../../../src/engine/log/log-parts.ts';
import { differenceInHistory } from '../../../src/engine/log/same-history.ts';
import { scanLog, type LogEnd } from '../../../src/engine/log/scan.ts';
import { flipBit } from '../../support/damage.ts';
import { describeNative } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { Session } from '../../support/session.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const opened = ['open a auto a.db - btree 1024', 'open b auto b.db - btree 1024'];
/** All in one transaction: a commit waits for the disk. */
const put = (database: string, count: number, text: string): string[] => [
  'begin t',
  `put ${database} t 0 ${count} 100 ${text}`,
  'commit t',
];
/** Some 700 KB of log: more than is compared before the end. */
const much = (text: string): string[] => put('b', 2000, text);

describeNative('a log file of another history', () => {
  let ours: string;
  let theirs: string;

  beforeEach(() => {
    const { directory } = newPlace();
    ours = path.join(directory, 'ours');
    theirs = path.join(directory, 'theirs');
  });

  const logIn = (home: string): string => path.join(home, 'log.0000000001');

  async function write(home: string, ...commands: readonly string[]): Promise<void> {
    const application = new Session(home, ['--log-max', '10485760', '--recover']);
    application.do(...opened, ...commands, 'flush');
    await application.die();
  }

  function endOf(home: string): LogEnd {
    const scan = scanLog(nodeFiles, openLog(nodeFiles, new Map([[1, wholeLogFile(logIn(home))]])));
    let step = scan.next();
    while (!step.done) step = scan.next();
    return step.value;
  }

  function difference(files = nodeFiles): number | undefined {
    const { lsn: end, lastRecord } = endOf(ours);
    return differenceInHistory(files, wholeLogFile(logIn(theirs)), wholeLogFile(logIn(ours)), { end, lastRecord });
  }

  /** Both wrote as much since, and neither has what the other has. */
  async function expectOther(from: number): Promise<void> {
    expect(endOf(theirs).lsn.offset).toBeGreaterThanOrEqual(endOf(ours).lsn.offset);
    expect(endOf(ours).lsn.offset - from).toBeGreaterThan(200_000);
    expect(difference()).toBeGreaterThanOrEqual(from);
    expect(difference()).toBeLessThan(from + 1000);
  }

  test('is told from the one it was restored from, with records of the same length in the same places', async () => {
    await write(ours, ...put('a', 200, 'common'));
    cpSync(ours, theirs, { recursive: true });
    const { lsn } = endOf(ours);
    await write(ours, 'put a auto 0 10 100 original', ...much('same'));
    await write(theirs, 'put a auto 0 10 100 restored', ...much('same'));
    await expectOther(lsn.offset);
  });

  test('is told where the end of both is one transaction with the same bytes', async () => {
    // Records are written over: pages that are split would go to the log with whatever is between their items.
    await write(ours, ...put('a', 200, 'common'), ...put('b', 2500, 'common'));
    cpSync(ours, theirs, { recursive: true });
    const { lsn } = endOf(ours);
    const bulk = ['begin t', 'put b t 0 2500 100 same'];
    await write(ours, 'put a auto 0 10 100 original', ...bulk);
    await write(theirs, 'put a auto 0 10 100 restored', ...bulk);
    const end = endOf(ours).lsn.offset;
    const [one, other] = [ours, theirs].map((home) => readFileSync(logIn(home)).subarray(end - 200_000, end));
    expect(one!.equals(other!)).toBe(true);
    await expectOther(lsn.offset);
  });

  test('is told where a power failure took the end of the log, and others came in its place', async () => {
    await write(ours, ...put('a', 200, 'common'));
    const { lsn, lastRecord } = endOf(ours);
    cpSync(ours, theirs, { recursive: true });
    await write(ours, ...much('same'));
    const bytes = readFileSync(logIn(theirs));
    bytes.fill(0, lastRecord!.offset + 20, lsn.offset);
    writeFileSync(logIn(theirs), bytes);
    await write(theirs, ...much('same'), ...put('b', 100, 'more'));
    await expectOther(lastRecord!.offset);
  });

  test('is told where another environment has the same databases and the same numbers', async () => {
    const same = [...put('a', 200, 'common'), ...much('same')];
    await write(ours, ...same);
    // Pages that are split go to the log with whatever is between their items: lengths differ a little.
    await write(theirs, ...same, ...put('b', 10, 'more'));
    await expectOther(0);
  });

  describe('that is the same', () => {
    test.each([
      ['commits', ['put a auto 0 10 100 same']],
      ['a large transaction', much('same')],
    ])('is known by its beginning and what is before the end, after %s', async (_what, commands) => {
      await write(ours, ...put('a', 3000, 'common'), ...commands);
      cpSync(ours, theirs, { recursive: true });
      await write(theirs, ...much('later'));
      let read = 0;
      const counting = watchedFiles(nodeFiles, { afterRead: (_path, bytes) => void (read += bytes.length) });
      expect(difference(counting)).toBeUndefined();
      expect(statSync(logIn(ours)).size).toBeGreaterThan(1_000_000);
      expect(read).toBeLessThan(300_000);
    });

    test('is compared as far back as the last commit', async () => {
      await write(ours, ...put('a', 3000, 'common'));
      const { lsn } = endOf(ours);
      await write(ours, 'begin t', 'put b t 0 2000 100 same');
      cpSync(ours, theirs, { recursive: true });
      expect(difference()).toBeUndefined();
      flipBit(logIn(theirs), lsn.offset + 1000);
      expect(difference()).toBe(lsn.offset + 1000);
    });
  });
});
