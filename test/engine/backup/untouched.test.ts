import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type FileStat } from '../../../src/engine/files/files.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles, type Operation } from '../../support/watched-files.ts';

const container = 'd.dbxml';
let home: string;

beforeEach(() => {
  home = path.join(temporaryDirectory(), 'env');
  layDemoEnvironment(home);
});

interface Source {
  /** How long ago everything seems to have been written, in ms. */
  readonly ageMs?: number;
  readonly showsWrites?: boolean;
  /** Called when the container is read for the nth time, the first page apart. */
  readonly onRead?: (n: number) => void;
  /** Changes what is seen of the container, by its name or opened. */
  readonly afterStat?: (stat: FileStat, operation: Operation) => FileStat;
}

/** Takes a backup, and returns how often the whole container was read. */
async function timesRead({ ageMs = 60_000, showsWrites = true, onRead, afterStat }: Source): Promise<number> {
  const file = path.join(home, container);
  let reads = 0;
  let bytes = 0;
  let last: Operation = 'stat';
  const files = watchedFiles(nodeFiles, {
    showsWrites,
    before: (operation) => void (last = operation),
    afterRead(read, { length }) {
      if (read !== file || length < 4096) return;
      bytes += length;
      onRead?.(++reads);
    },
    afterStat(seen, stat) {
      if (!seen.startsWith(home)) return stat;
      const old = { ...stat, mtimeMs: stat.mtimeMs - ageMs, changedMs: stat.changedMs - ageMs };
      return seen === file && afterStat ? afterStat(old, last) : old;
    },
  });
  const { directory } = await takeBackup(files, 'hot', {
    home,
    repository: path.join(home, '../repo'),
    smallBytes: Infinity,
  });
  const copy = fs.readFileSync(path.join(directory, 'environment', container));
  expect(copy.equals(fs.readFileSync(file))).toBe(true);
  return bytes / fs.statSync(file).size;
}

describe('a container that', () => {
  test('nobody writes to is read once', async () => {
    expect(await timesRead({})).toBe(1);
  });

  test('was written to while it was read is read again', async () => {
    const onRead = (n: number): void => {
      if (n > 1) return;
      const opened = fs.openSync(path.join(home, container), 'r+');
      const page = Buffer.alloc(100);
      fs.readSync(opened, page, 0, page.length, 8192);
      // The same bytes: only the times say that a page may have been in motion.
      fs.writeSync(opened, page, 0, page.length, 8192);
      fs.closeSync(opened);
    };
    expect(await timesRead({ onRead })).toBe(2);
  });

  test('was written to a moment before is read again', async () => {
    expect(await timesRead({ ageMs: 0, afterStat: (stat) => ({ ...stat, changedMs: Date.now() - 500 }) })).toBe(2);
  });

  test('was written to between the look at the directory and the first read is read again', async () => {
    const afterStat = (stat: FileStat, operation: Operation): FileStat =>
      operation === 'stat' ? { ...stat, mtimeMs: stat.mtimeMs + 1 } : stat;
    expect(await timesRead({ afterStat })).toBe(2);
  });

  test('lies where times say nothing is read again', async () => {
    expect(await timesRead({ showsWrites: false })).toBe(2);
  });
});

describe('a file system', () => {
  test('of the system itself is not believed', () => {
    expect(nodeFiles.showsWrites('/proc/self/status')).toBe(false);
  });
});
