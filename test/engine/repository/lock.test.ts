import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { expiryMs } from '../../../src/engine/lease.ts';
import { isAlive } from '../../../src/engine/owner.ts';
import { LockSight, sweepLocks, takeLock } from '../../../src/engine/repository/lock.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { FigaroError } from '../../../src/errors.ts';
import { laterFiles } from '../../support/killed-runs.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { lacks } from '../../support/windows.ts';
import { isLongRun } from '../../support/effort.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'lock');
});

/** The pid of a process that is no more. */
const deadPid = spawnSync(process.execPath, ['--version']).pid;

/** A disk on which the lock last changed so long ago, in ms. */
function silentFor(ms: number): Files {
  return watchedFiles(nodeFiles, {
    afterStat: (name, stat) => (name === file ? { ...stat, changedMs: stat.changedMs - ms } : stat),
  });
}

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
    takeLock(laterFiles(directory), directory).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('when the number of its process is another process’s now', () => {
    leaveLock({ processStart: '1' });
    takeLock(nodeFiles, directory).release();
  });

  test.runIf(process.platform === 'linux')('when the computer was started again since', async () => {
    leaveLock({ boot: 'before' });
    const uptimeMs = uptime() * 1000;
    await expectFailure('busy', () => takeLock(silentFor(Math.min(uptimeMs, expiryMs) - 5000), directory));
    takeLock(silentFor(Math.min(uptimeMs, expiryMs) + 60_000), directory).release();
  });

  test.each([
    ['of another container', { namespace: 'pid:[1]' }],
    ['of another host', { host: 'elsewhere' }],
    ['of an earlier release', { namespace: undefined }],
    ['without a name', undefined],
  ])('when it is %s, and showed no sign of life for minutes', async (_whose, changes) => {
    if (changes) leaveLock({ ...changes, pid: 1 });
    else writeFileSync(file, '');
    await expectFailure('busy', () => takeLock(silentFor(expiryMs - 10_000), directory));
    takeLock(silentFor(expiryMs + 10_000), directory).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('when the run that was taking it over died as well', () => {
    leaveLock({ pid: deadPid });
    const files = watchedFiles(laterFiles(directory), {
      before(operation, name) {
        if (operation === 'remove' && name === file) throw new Error('killed');
      },
    });
    expect(() => takeLock(files, directory)).toThrow('killed');
    takeLock(laterFiles(directory), directory).release();
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
    const lock = takeLock(laterFiles(directory), directory);
    sweepLocks(nodeFiles, directory);
    expect(readdirSync(directory)).toEqual(['lock']);
    lock.release();
  }
});

describe('a lock is left alone', () => {
  test.each([
    ['when it is of another host', { host: 'elsewhere', pid: 1 }],
    ['when it is of a container with processes of its own', { namespace: 'pid:[1]', pid: deadPid }],
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

test('a process without a boot or a namespace to tell machines apart lives by its signs of life alone', () => {
  const nobody = { host: hostname(), boot: '', namespace: '', pid: deadPid, processStart: '' };
  expect(isAlive(nobody, () => expiryMs - 1, nobody)).toBe(true);
  expect(isAlive(nobody, () => expiryMs, nobody)).toBe(false);
  // The number may be another process's by now.
  expect(isAlive({ ...nobody, pid: process.pid }, () => expiryMs, nobody)).toBe(false);
});

test('a number that is taken, of a process whose start nobody knows, proves nothing for ever', async () => {
  leaveLock({ processStart: '' });
  await expectFailure('busy', () => takeLock(nodeFiles, directory));
  takeLock(silentFor(expiryMs + 10_000), directory).release();
});

describe('a clock that is set by hours', () => {
  const hours = 2 * 3_600_000;

  test.skipIf(lacks.holds)('ends no lock of another container, as long as the kernel knows it', async () => {
    leaveLock({ namespace: 'pid:[1]' });
    const hold = nodeFiles.hold(file)!;
    await expectFailure('busy', () => takeLock(silentFor(hours), directory));
    hold.release();
    takeLock(silentFor(hours), directory).release();
  });

  test('back keeps nobody out who waits: what does not change before its eyes shows no sign of life', async () => {
    leaveLock({ host: 'elsewhere' });
    const sight = new LockSight();
    const files = silentFor(-hours);
    await expectFailure('busy', () => takeLock(files, directory, sight));
    const realNow = performance.now.bind(performance);
    performance.now = () => realNow() + expiryMs - 1000;
    try {
      await expectFailure('busy', () => takeLock(files, directory, sight));
      performance.now = () => realNow() + expiryMs;
      takeLock(files, directory, sight).release();
    } finally {
      performance.now = realNow;
    }
  });
});

test.runIf(process.platform === 'linux')(
  'a lock of the kernel ends with its process, and not while that stands still',
  async () => {
    writeFileSync(file, '');
    const holder = spawn('sh', ['-c', 'exec 3<lock; flock -x 3; echo ready; exec sleep 60'], { cwd: directory });
    await once(holder.stdout, 'data');
    expect(nodeFiles.isHeld(file)).toBe(true);
    holder.kill('SIGSTOP');
    expect(nodeFiles.isHeld(file)).toBe(true);
    expect(nodeFiles.isHeld(path.join(directory, 'none'))).toBe(false);
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;
    expect(nodeFiles.isHeld(file)).toBe(false);
  },
);

test.runIf(isLongRun)(
  'of two runs that find a dead owner only one takes over, whenever the other comes in',
  async () => {
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
  },
);

describe('a run that stood still', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  /** Time passes in which the process does nothing. */
  function standStill(ms: number): void {
    vi.setSystemTime(Date.now() + ms);
  }

  test('changes nothing when another run took over meanwhile, and says so', async () => {
    const lock = takeLock(nodeFiles, directory);
    const opened = lock.files.create(path.join(directory, 'manifest.json.tmp'));
    standStill(3_600_000);
    leaveLock({ host: 'elsewhere' });
    const written = path.join(directory, 'manifest.json');
    const rename = (): void => lock.files.rename(`${written}.tmp`, written);
    const error = await expectFailure('busy', rename);
    expect(error.message).toBe(`${directory} was taken over by another run while this one stood still`);
    await expectFailure('busy', () => opened.writeAt(new Uint8Array(1), 0));
    await expectFailure('busy', () => lock.files.remove(file));
    await expectFailure('busy', () => lock.files.copy(file, written));
    opened.close();
    lock.release();
    expect(existsSync(file)).toBe(true);
    expect(existsSync(written)).toBe(false);
  });

  test('gives no names and takes none away after its own clocks stood still, too', async () => {
    const lock = takeLock(nodeFiles, directory);
    for (const name of ['a', 'b']) writeFileSync(path.join(directory, name), '');
    leaveLock({ host: 'elsewhere' });
    const [a, c] = [path.join(directory, 'a'), path.join(directory, 'c')];
    await expectFailure('busy', () => lock.files.rename(a, c));
    await expectFailure('busy', () => lock.files.link(a, c));
    await expectFailure('busy', () => lock.files.remove(a));
    await expectFailure('busy', () => lock.files.removeEmptyDirectory(directory));
    lock.release();
    expect(readdirSync(directory)).toEqual(['a', 'b', 'lock']);
  });

  test('goes on when nobody took over', () => {
    let silentMs = 0;
    const files = watchedFiles(nodeFiles, {
      afterStat: (name, stat) => (name === file ? { ...stat, changedMs: stat.changedMs + silentMs } : stat),
    });
    const lock = takeLock(files, directory);
    standStill((silentMs = 3_600_000));
    lock.files.makeDirectory(path.join(directory, 'set'));
    expect(existsSync(path.join(directory, 'set'))).toBe(true);
    lock.release();
    expect(readdirSync(directory)).toEqual(['set']);
  });

  test('changes nothing when its lock has no name: it may be anybody’s', async () => {
    let silentMs = 0;
    const files = watchedFiles(nodeFiles, {
      before(operation, name) {
        if (operation === 'writeAt' && name.startsWith(file)) throw new FigaroError('no-space', 'full');
      },
      afterStat: (name, stat) => (name === file ? { ...stat, changedMs: stat.changedMs + silentMs } : stat),
    });
    const lock = takeLock(files, directory);
    expect(readFileSync(file, 'utf8')).toBe('');
    standStill((silentMs = 3_600_000));
    await expectFailure('busy', () => lock.files.makeDirectory(path.join(directory, 'set')));
  });

  test('shows signs of life every few seconds while it works', () => {
    const beats: number[] = [];
    const files = watchedFiles(nodeFiles, {
      before(operation, name) {
        if (operation === 'setTimes' && name === file) beats.push(Date.now());
      },
    });
    const lock = takeLock(files, directory);
    vi.advanceTimersByTime(60_000);
    lock.release();
    vi.advanceTimersByTime(60_000);
    expect(beats).toHaveLength(6);
  });
});
