import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LogCopy } from '../../../src/engine/backup/copy-log.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { SyncsBeside } from '../../../src/engine/files/syncs-beside.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

test('an application that writes faster than its log is copied does not keep us for ever', () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  const application = demoApplication(home);
  application.commitUpTo([2, 210_000]);
  // The next file is there as soon as one is begun to be copied.
  const files = watchedFiles(nodeFiles, {
    before(operation, file) {
      const number = Number(/log\.(\d{10})$/.exec(file)?.[1]);
      if (operation === 'create' && number < 6) application.commitUpTo([number + 1, 5000]);
    },
  });
  const log = new LogCopy(files, { from: home, to: path.join(directory, 'copy'), first: 2, observers: [] });
  log.begin();
  expect([3, 4, 5].map(() => log.follow().file)).toEqual([3, 4, 5]);
  log.close();
});

/** A log copy that has caught up, and what is done to the source from then on. */
function caughtUp(): { log: LogCopy; home: string; operations: string[]; bytesRead: () => number } {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([2, 210_000]);
  // The library makes log files as large as they will become.
  fs.truncateSync(path.join(home, 'log.0000000002'), 10 << 20);
  const operations: string[] = [];
  let bytes = 0;
  const files = watchedFiles(nodeFiles, {
    before: (operation) => void operations.push(operation),
    afterRead: (_file, { length }) => void (bytes += length),
  });
  const log = new LogCopy(files, { from: home, to: path.join(directory, 'copy'), first: 2, observers: [] });
  log.begin();
  log.follow();
  operations.length = 0;
  bytes = 0;
  return { log, home, operations, bytesRead: () => bytes };
}

test('a log in which nothing is new is not read to its end at each look', () => {
  const { log, bytesRead } = caughtUp();
  for (let i = 0; i < 10; i++) log.follow();
  log.close();
  expect(bytesRead()).toBeLessThanOrEqual(10 * 4096);
});

test('a small log file is read at once: its header, its records, and what is behind them when it is complete', () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([6, 5737]);
  const reads = new Map<string, number>();
  const files = watchedFiles(nodeFiles, {
    afterRead: (file) => void reads.set(path.basename(file), (reads.get(path.basename(file)) ?? 0) + 1),
  });
  const log = new LogCopy(files, { from: home, to: path.join(directory, 'copy'), first: 2, observers: [] });
  log.begin();
  log.follow();
  log.close();
  expect(fs.statSync(path.join(home, 'log.0000000003')).size).toBeLessThanOrEqual(256 << 10);
  expect(reads.get('log.0000000003')).toBeLessThanOrEqual(3);
});

test('the directory of a log is not listed at each look, even while files come and go in it', () => {
  const { log, home, operations } = caughtUp();
  for (let i = 0; i < 100; i++) {
    fs.writeFileSync(path.join(home, `passing${i}`), '');
    log.follow();
  }
  log.close();
  expect(operations.filter((operation) => operation === 'listIfThere').length).toBeLessThan(50);
});

test('that the next log file is gone is known when the log is followed to its end', async () => {
  const { log, home } = caughtUp();
  fs.writeFileSync(path.join(home, 'log.0000000004'), '');
  await expect(log.followToEnd()).rejects.toThrow(/log\.0000000003 is gone before it could be copied/);
  log.close();
});

/** A log of five files, of which each takes as long to begin with as it takes until others have their turn. */
function slowToBegin(onCreate: (number: number) => void, onClose?: (file: string) => void): LogCopy {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([6, 5737]);
  const copy = path.join(directory, 'copy');
  nodeFiles.makeDirectory(copy);
  const syncs = new SyncsBeside(
    watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'close' && file.startsWith(copy)) onClose?.(path.basename(file));
        if (operation !== 'create') return;
        onCreate(Number(/log\.(\d{10})$/.exec(file)![1]));
        const until = performance.now() + 50;
        while (performance.now() < until);
      },
    }),
    { directory },
  );
  onTestFinished(() => syncs.stop());
  const log = new LogCopy(syncs.files, { from: home, to: copy, first: 2, observers: [] });
  onTestFinished(() => log.close());
  return log;
}

test('many log files are synced while others are copied', async () => {
  const closed: string[] = [];
  let closedBeforeTheLast: readonly string[] = [];
  const log = slowToBegin(
    (number) => void (closedBeforeTheLast = number === 6 ? [...closed] : []),
    (file) => closed.push(file),
  );
  expect((await log.followPatiently({})).file).toBe(6);
  expect(closedBeforeTheLast).toContain('log.0000000002');
});

test('a run can be stopped between log files, and nothing else copies the others in the meantime', async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const log = slowToBegin((number) => {
    begun.push(number);
    if (number === 4) stop.abort();
  });
  log.begin();
  log.keepFollowing();
  await expect(log.followPatiently({ signal: stop.signal })).rejects.toThrow('stopped before it was finished');
  expect(begun).toEqual([2, 3, 4]);
});

describe('a gap further on in the log', () => {
  function copyWithout(number: number): { log: LogCopy; missing: string } {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    demoApplication(home).commitUpTo([6, 5737]);
    const missing = path.join(home, `log.000000000${number}`);
    fs.rmSync(missing);
    const log = new LogCopy(nodeFiles, { from: home, to: path.join(directory, 'copy'), first: 2, observers: [] });
    onTestFinished(() => log.close());
    return { log, missing };
  }

  test.each([3, 4, 5])('is told at each look: log file %i', async (number) => {
    const { log } = copyWithout(number);
    const told = new RegExp(`log\\.000000000${number} is gone before it could be copied`);
    expect(() => log.follow()).toThrow(told);
    expect(() => log.follow()).toThrow(told);
    await expect(log.followToEnd()).rejects.toThrow(told);
  });

  test('is told of a file without its header, too, but not of one that has just been made', () => {
    const { log, missing } = copyWithout(4);
    fs.writeFileSync(missing, '');
    expect(() => log.follow()).toThrow(/log\.0000000004 has no header, but log\.0000000006 is there/);
    for (const later of [5, 6]) fs.rmSync(path.join(path.dirname(missing), `log.000000000${later}`));
    expect(log.follow().file).toBe(3);
  });
});
