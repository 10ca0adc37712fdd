import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files.ts';
import { sweepLocks, takeLock } from '../../../src/engine/repository/lock.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'lock');
});

/** The pid of a process that is no more. */
const deadPid = spawnSync(process.execPath, ['--version']).pid;

/** Writes a lock as another run would have left it. */
function leaveLock(changes: object): void {
  rmSync(file, { force: true });
  const mine = takeLock(nodeFiles, directory);
  const owner = JSON.parse(readFileSync(file, 'utf8')) as object;
  mine.release();
  writeFileSync(file, `${JSON.stringify({ ...owner, ...changes })}\n`);
}

test('a second writer is told who writes, and waits', async () => {
  const lock = takeLock(nodeFiles, directory);
  const error = await expectFailure('busy', () => takeLock(nodeFiles, directory));
  expect(error.message).toContain(`process ${process.pid} on ${hostname()}`);
  expect(error.exitCode).toBe(7);
  lock.release();
  takeLock(nodeFiles, directory).release();
  expect(readdirSync(directory)).toEqual([]);
});

test('a lock that another run holds by now is not released', () => {
  const lock = takeLock(nodeFiles, directory);
  writeFileSync(file, 'somebody else’s');
  lock.release();
  expect(existsSync(file)).toBe(true);
});

describe('a lock is taken over', () => {
  test('when its process is gone', () => {
    leaveLock({ pid: deadPid });
    takeLock(nodeFiles, directory).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('when the number of its process is another process’s now', () => {
    leaveLock({ processStart: '1' });
    takeLock(nodeFiles, directory).release();
  });

  test.runIf(process.platform === 'linux')('when the computer was started again since', () => {
    leaveLock({ boot: 'before' });
    takeLock(nodeFiles, directory).release();
  });

  test('when the run that was taking it over died as well', () => {
    leaveLock({ pid: deadPid });
    const files = watchedFiles(nodeFiles, {
      before(operation, name) {
        if (operation === 'remove' && name === file) throw new Error('killed');
      },
    });
    expect(() => takeLock(files, directory)).toThrow('killed');
    takeLock(nodeFiles, directory).release();
  });
});

test('a run that is killed while it takes the lock keeps nobody out, whenever that is', async () => {
  for (let turn = 0; ; turn++) {
    let operations = 0;
    const files = watchedFiles(nodeFiles, {
      before() {
        if (operations++ >= turn) throw new Error('killed');
      },
    });
    try {
      takeLock(files, directory);
      break;
    } catch (error) {
      expect(error).toMatchObject({ message: 'killed' });
    }
    if (existsSync(file)) leaveLock({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), pid: deadPid });
    const lock = takeLock(nodeFiles, directory);
    sweepLocks(nodeFiles, directory);
    expect(readdirSync(directory)).toEqual(['lock']);
    lock.release();
  }
});

describe('a lock is left alone', () => {
  test.each([
    ['when it is of another host', { host: 'elsewhere', pid: 1 }],
    ['when its process lives', {}],
  ])('%s', async (_when, changes) => {
    leaveLock(changes);
    await expectFailure('busy', () => takeLock(nodeFiles, directory));
  });

  test.each(['', 'null', '{"pid":"x"}', '{'])('when it says %j', async (contents) => {
    writeFileSync(file, contents);
    await expectFailure('busy', () => takeLock(nodeFiles, directory));
  });
});

test('of two runs that find a dead owner only one takes over, whenever the other comes in', async () => {
  for (let turn = 0; ; turn++) {
    leaveLock({ pid: deadPid });
    let operations = 0;
    let outcome: string | undefined;
    const files = watchedFiles(nodeFiles, {
      before() {
        if (operations++ !== turn) return;
        try {
          takeLock(nodeFiles, directory);
          outcome = 'taken';
        } catch {
          outcome = 'busy';
        }
      },
    });
    let mine = 'taken';
    try {
      takeLock(files, directory);
    } catch {
      mine = 'busy';
    }
    if (outcome === undefined) break;
    expect([mine, outcome].filter((each) => each === 'taken').length, `turn ${turn}`).toBeLessThanOrEqual(1);
    for (const name of readdirSync(directory)) nodeFiles.remove(path.join(directory, name));
  }
});
