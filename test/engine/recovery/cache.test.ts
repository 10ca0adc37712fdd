/** What recovery makes must not depend on which pages happen to be in memory. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { type Environment } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { FigaroError } from '../../../src/errors.ts';
import { corpusCases } from '../../support/all-corpus.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { effort, sampled } from '../../support/effort.ts';
import { describeNative, nativeProgram, runWorkload } from '../../support/native.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

/** A cache of a few pages, and caches most of which is soon given to records that wait for theirs. In bytes. */
const small = [1, 1 << 14, 1 << 16];
const allPages = 2 ** 40;

/** The databases that come out, by name, or why none do. Log files tell the time at their end. */
async function outcome(files: Files, environment: Environment, cacheBytes: number): Promise<Record<string, string>> {
  const target = path.join(temporaryDirectory(), 'recovered');
  try {
    await recoverEnvironment(files, { environment, target, cacheBytes });
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    return { [error.code]: error.message };
  }
  const names = fs.readdirSync(target, { recursive: true, encoding: 'utf8' }).sort();
  const contents = names
    .filter((name) => !/(^|\/)log\.\d{10}$/.test(name) && fs.statSync(path.join(target, name)).isFile())
    .map((name) => {
      const bytes = fs.readFileSync(path.join(target, name));
      return [name, createHash('sha256').update(bytes).digest('hex')] as const;
    });
  fs.rmSync(target, { recursive: true });
  return Object.fromEntries(contents);
}

describe('recovery makes the same bytes with a cache of a few pages as with one that never runs out', () => {
  test.each(sampled(corpusCases(), 12).map((corpusCase) => [corpusCase.id, corpusCase] as const))(
    '%s',
    async (_id, corpusCase) => {
      // Encryption takes new random numbers each time.
      if (corpusCase.description.encrypted) return;
      const { files, environment } = corpusCase;
      const right = await outcome(files, environment, allPages);
      expect(Object.keys(right).length).toBeGreaterThan(0);
      for (const bytes of small) expect([bytes, await outcome(files, environment, bytes)]).toEqual([bytes, right]);
      corpusCase.forget();
    },
  );
});

const seeds = effort('SEEDS', 1, 60);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

/** Small pages and few of them in memory, so that pages come, go and come back; hashes, which grow by groups of pages. */
const variants: readonly (readonly string[])[] = [
  ['--page-size', '512', '--hash'],
  [],
  ['--hash', '--big-endian', '--no-compact'],
  ['--page-size', '1024', '--log-max', '60000'],
];

describeNative('recovery of random workloads of Berkeley DB 5.3 does not depend on the cache', () => {
  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))('seed %i', async (seed) => {
    const home = path.join(temporaryDirectory(), 'env');
    const operations = 500 + ((seed * 7919) % 3000);
    if (!runWorkload({ home, seed, operations, options: variants[seed % variants.length]! })) return;
    const crashed = discoverEnvironment(nodeFiles, home);
    const logsAlone = { ...crashed, files: crashed.files.filter(({ kind }) => kind === 'log') };
    for (const environment of [crashed, logsAlone]) {
      const right = await outcome(nodeFiles, environment, allPages);
      for (const bytes of small) expect([bytes, await outcome(nodeFiles, environment, bytes)]).toEqual([bytes, right]);
    }
  });
});

const puts = 20_000;

/** A log that makes a container of 8 MB, with keys in no order. */
function logOfPuts(): Environment {
  const home = path.join(temporaryDirectory(), 'env');
  fs.mkdirSync(home);
  const options = ['--transactions', puts / 10, '--puts', 10, '--bytes', 250, '--keys', 1e8];
  execFileSync(nativeProgram('puts'), ['--home', home, ...options.map(String)]);
  const environment = discoverEnvironment(nodeFiles, home);
  return { ...environment, files: environment.files.filter(({ kind }) => kind === 'log') };
}

const isStagedPiece = (file: string): boolean => /new-\d+$/.test(file);

describeNative('a container that is larger than the cache', () => {
  test('is not read and written for each record of a page that is not in memory', async () => {
    const logs = logOfPuts();
    const count = { readAt: 0, writeAt: 0 };
    const files = watchedFiles(nodeFiles, {
      before: (operation, file) => {
        if (isStagedPiece(file) && (operation === 'readAt' || operation === 'writeAt')) count[operation] += 1;
      },
    });
    const right = await outcome(nodeFiles, logs, allPages);
    expect(await outcome(files, logs, 1 << 20)).toEqual(right);
    expect(count.readAt + count.writeAt).toBeLessThan(puts / 2);
  });

  test('is recovered no further when a stop is asked for while records are made that have waited, on a slow disk', async () => {
    const environment = logOfPuts();
    const target = path.join(temporaryDirectory(), 'recovered');
    const stop = new AbortController();
    const pageSize = 4096;
    let pagesRead = 0;
    const files = watchedFiles(nodeFiles, {
      afterRead: (file, bytes) => {
        if (!isStagedPiece(file)) return;
        // Pages are read together for records that have waited, and for nothing before.
        if (bytes.length > pageSize && !stop.signal.aborted) {
          stop.abort();
          // Whoever listens now and then does so after this.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        }
        if (stop.signal.aborted) pagesRead += bytes.length / pageSize;
      },
    });
    // There is room for all records that come when the cache is full: they are made in the end, and three quarters of the pages are read for that.
    const options = { environment, target, cacheBytes: 6 << 20, watch: { signal: stop.signal } };
    await expectFailure('interrupted', async () => await recoverEnvironment(files, options));
    expect(stop.signal.aborted).toBe(true);
    expect(pagesRead).toBeLessThan((8 << 20) / pageSize / 4);
    expect(fs.existsSync(target)).toBe(false);
  });
});
