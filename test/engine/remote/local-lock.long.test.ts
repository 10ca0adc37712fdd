/** The lock of a store that is a directory, between processes. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { lockStore } from '../../../src/engine/remote/store-lock.ts';
import { openLocalStore } from '../../../src/engine/store/local-store.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { effort } from '../../support/effort.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

let root: string;
let mark: string;

beforeEach(() => {
  const directory = temporaryDirectory();
  root = path.join(directory, 'store');
  mark = path.join(directory, 'mark');
  fs.mkdirSync(root);
});

afterEach(() => void vi.restoreAllMocks());

/** A process that takes the lock so many times; 0 for one that keeps it. */
function taker(times: number): ChildProcess {
  const script = path.join(import.meta.dirname, '../../support/lock-taker.ts');
  return spawn(process.execPath, ['--import', 'tsx', script, root, mark, String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('of two processes that both want it again and again, one has it at a time', async () => {
  const times = effort('LOCKS', 40);
  const takers = [taker(times), taker(times)];
  const locked = [0, 0];
  takers.forEach(({ stdout }, i) => {
    stdout!.setEncoding('utf8').on('data', (text: string) => (locked[i]! += text.split('\n').length - 1));
  });
  await Promise.all(takers.map((child) => once(child, 'close')));
  expect(takers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  expect(locked).toEqual([times, times]);
  expect(namesIn(root)).toEqual([]);
}, 900_000);

test.skipIf(lacks.proc)(
  'a process that has it keeps others out, and no longer than it lives',
  async () => {
    const store = openLocalStore(nodeFiles, root);
    const holder = taker(0);
    try {
      await once(holder.stdout!, 'data');
      // Two that began at once would wait for each other for a while.
      const later = Date.now() + 60_000;
      vi.spyOn(Date, 'now').mockImplementation(() => later);
      const error = await expectFailure('busy', () => lockStore(store));
      expect(error.message).toContain(`process ${holder.pid}`);
      expect(namesIn(path.join(root, 'locks'))).toHaveLength(1);
    } finally {
      const gone = once(holder, 'close');
      holder.kill('SIGKILL');
      await gone;
    }
    const lock = await lockStore(store);
    expect(await store.list('locks/')).toHaveLength(1);
    await lock.release();
    expect(namesIn(root)).toEqual([]);
  },
  60_000,
);
