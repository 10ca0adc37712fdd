/** Runs that cannot ask each other's process whether it lives: in other containers, on other machines. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { expiryMs } from '../../../src/engine/lease.ts';
import { holdStage, newStage, sweepStages } from '../../../src/engine/recovery/leftovers.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { asWriter, createRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { program } from '../../support/program.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';
import { lacks } from '../../support/windows.ts';

let directory: string;
let home: string;
let repository: string;

beforeEach(() => {
  ({ directory, home, repository } = newPlace());
  layDemoEnvironment(home);
});

test('a set that its run finishes in the moment in which it is swept stays', async () => {
  const set = await takeBackup(nodeFiles, 'offline', { home, repository });
  const aside = path.join(directory, 'manifest.json');
  renameSync(path.join(set.directory, 'manifest.json'), aside);
  const files = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (operation === 'rename' && name === set.directory) renameSync(aside, path.join(name, 'manifest.json'));
    },
  });
  const opened = createRepository(nodeFiles, repository).repository;
  await asWriter(files, opened, () => Promise.resolve());
  expect(readSets(nodeFiles, opened).sets.map(({ id }) => id)).toEqual([set.id]);
});

test('what a run was killed over while it swept is swept by the next, a whole set that it had put aside excepted', async () => {
  const set = await takeBackup(nodeFiles, 'offline', { home, repository });
  renameSync(set.directory, `${set.directory}.swept`);
  const half = path.join(repository, '20261122T081500Z-hot-7f3a9c.swept');
  mkdirSync(path.join(half, 'environment'), { recursive: true });
  const other = path.join(repository, 'letters.swept');
  mkdirSync(other);
  await asWriter(nodeFiles, createRepository(nodeFiles, repository).repository, () => Promise.resolve());
  expect(readdirSync(repository)).toEqual([set.id, 'letters.swept', 'repository.json'].sort());
});

test('a run whose lock was taken while it stood still makes no set, and removes nothing of the others', async () => {
  const realNow = performance.now.bind(performance);
  let skippedMs = 0;
  performance.now = () => realNow() + skippedMs;
  try {
    const files = watchedFiles(nodeFiles, {
      before(operation, name) {
        // As late as can be: the set is whole but for its name.
        if (operation !== 'create' || path.basename(name) !== 'manifest.json.tmp' || skippedMs > 0) return;
        skippedMs = 3_600_000;
        writeFileSync(path.join(repository, 'lock'), 'another run');
      },
    });
    await expectFailure('busy', () => takeBackup(files, 'offline', { home, repository }));
  } finally {
    performance.now = realNow;
  }
  expect(namesIn(repository).filter((name) => existsSync(path.join(repository, name, 'manifest.json')))).toEqual([]);
  expect(namesIn(repository)).toContain('lock');
});

test('a stage of another container is swept when it showed no sign of life for minutes, and not before', () => {
  const target = path.join(directory, 'recovered');
  const [, ...rest] = path.basename(newStage(target)).split('.recovering-')[1]!.split('-');
  const stage = path.join(directory, `recovered.recovering-01234567-${rest.join('-')}`);
  mkdirSync(path.join(stage, 'pieces'), { recursive: true });
  const { changedMs } = nodeFiles.statIfThere(stage)!;
  expect(sweepStages(nodeFiles, target, changedMs + expiryMs - 1)).toEqual([]);
  expect(existsSync(stage)).toBe(true);
  expect(sweepStages(nodeFiles, target, changedMs + expiryMs)).toEqual([]);
  expect(readdirSync(directory)).toEqual(['env']);
});

test('a recovery whose stage was swept while it stood still makes no target', async () => {
  const target = path.join(directory, 'recovered');
  const realNow = performance.now.bind(performance);
  let skippedMs = 0;
  performance.now = () => realNow() + skippedMs;
  try {
    const files = watchedFiles(nodeFiles, {
      before(operation, name) {
        // As late as can be.
        if (operation !== 'syncDirectory' || !name.includes('.recovering-') || skippedMs > 0) return;
        skippedMs = 3_600_000;
        rmSync(path.join(directory, path.relative(directory, name).split(path.sep)[0]!), { recursive: true });
      },
    });
    const environment = discoverEnvironment(nodeFiles, home);
    await expectFailure('target-in-use', () => recoverEnvironment(files, { environment, target }));
  } finally {
    performance.now = realNow;
  }
  expect(readdirSync(directory)).toEqual(['env']);
});

const ownProcesses = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;
const canUnshare =
  process.platform === 'linux' && spawnSync(ownProcesses[0], [...ownProcesses.slice(1), 'true']).status === 0;
if (!canUnshare) console.warn('skipped: this user cannot make process namespaces (unshare)');

test.skipIf(lacks.holds)(
  'a stage of another container is not swept while the kernel knows that it is held, whatever the clock says',
  () => {
    const target = path.join(directory, 'recovered');
    const [, ...rest] = path.basename(newStage(target)).split('.recovering-')[1]!.split('-');
    const stage = path.join(directory, `recovered.recovering-01234567-${rest.join('-')}`);
    mkdirSync(stage, 0o700);
    const { lease } = holdStage(nodeFiles, stage);
    expect(sweepStages(nodeFiles, target, Date.now() + 2 * expiryMs)).toEqual([]);
    expect(existsSync(stage)).toBe(true);
    lease.stop();
    expect(sweepStages(nodeFiles, target, Date.now() + 2 * expiryMs)).toEqual([]);
    expect(existsSync(stage)).toBe(false);
  },
);

test.runIf(canUnshare)(
  'a run in another container that is paused keeps its lock, however long that takes, and makes its set afterwards',
  async () => {
    const args = [program, 'hot', '--home', home, '--repo', repository, '--max-rate', '150k'];
    const first = spawn(ownProcesses[0], [...ownProcesses.slice(1), process.execPath, ...args], { stdio: 'ignore' });
    const ended = once(first, 'close');
    try {
      const lock = path.join(repository, 'lock');
      while (!namesIn(repository).some((name) => name.includes('-hot-'))) {
        if (first.exitCode !== null) throw new Error('it was too quick');
        await setTimeout(10);
      }
      const [inside] = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, 'utf8').split(' ');
      process.kill(Number(inside), 'SIGSTOP');
      const hoursLater = watchedFiles(nodeFiles, {
        afterStat: (name, stat) => (name === lock ? { ...stat, changedMs: stat.changedMs - 2 * 3_600_000 } : stat),
      });
      await expectFailure('busy', () => takeBackup(hoursLater, 'hot', { home, repository }));
      process.kill(Number(inside), 'SIGCONT');
      const [status] = await ended;
      expect(status).toBe(0);
      expect(readSets(nodeFiles, { directory: repository, id: '' }).sets).toHaveLength(1);
    } finally {
      first.kill('SIGKILL');
    }
  },
);

test.runIf(canUnshare).each([
  ['one host name and other processes', ownProcesses],
  ['one set of processes and other host names', ['unshare', '--uts', '--fork', '--kill-child']],
])(
  'a run in another container, with %s, does not take the lock of one that lives',
  async (_what, [unshare, ...options]) => {
    const args = ['hot', '--home', home, '--repo', repository];
    const renamed = options.includes('--uts') ? ['sh', '-c', 'hostname figaro-$$; exec "$@"', 'sh'] : [];
    const inContainer = [...options, ...renamed, process.execPath, program, ...args];
    const first = spawn(unshare!, [...inContainer, '--max-rate', '20k'], { stdio: 'ignore' });
    try {
      const sets = (): string[] => namesIn(repository).filter((name) => name.includes('-hot-'));
      while (sets().length === 0) {
        if (first.exitCode !== null) throw new Error('it was too quick');
        await setTimeout(10);
      }
      const before = sets();
      const second = spawnSync(unshare!, inContainer, { encoding: 'utf8' });
      expect([second.status, second.stderr]).toEqual([7, expect.stringContaining('is being written to by process')]);
      // Nor from outside.
      expect(spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' }).status).toBe(7);
      expect(sets()).toEqual(before);
      expect(first.exitCode).toBeNull();
    } finally {
      first.kill('SIGKILL');
      await once(first, 'close');
    }
  },
);
