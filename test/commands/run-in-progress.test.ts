/** What others see of a run that writes to a repository, while it goes on and after it was killed. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Watch } from '../../src/engine/pause.ts';
import { asWriter, NewSet, openRepository, type Repository } from '../../src/engine/repository/repository.ts';
import { notePhases } from '../../src/engine/repository/writer.ts';
import { firstLine } from '../../src/engine/seal.ts';
import { FigaroError } from '../../src/errors.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { lacks } from '../support/windows.ts';

let directory: string;
let repo: string;
let repository: Repository;

beforeEach(async () => {
  directory = temporaryDirectory();
  repo = path.join(directory, 'repo');
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([4, 72_115]);
  await figaro(['offline', '--quiet', '--home', home, '--repo', repo]);
  repository = openRepository(nodeFiles, repo);
});

interface Seen {
  readonly run?: {
    readonly state: string;
    readonly process?: number;
    readonly since?: string;
    readonly phase?: string;
  };
  readonly underWay: readonly string[];
  readonly broken: readonly { readonly id: string; readonly state: string }[];
  readonly others: number;
  readonly leftUnfinished: number;
}

async function see(command: 'list' | 'check'): Promise<Seen> {
  return JSON.parse((await figaro([command, '--repo', repo, '--json'])).stdout) as Seen;
}

/** A run that has begun a set, and says what it does. */
async function duringRun(look: (set: NewSet, watch: Watch) => Promise<void>): Promise<void> {
  await asWriter(nodeFiles, repository, async (held, watch) => {
    const set = new NewSet(held, repository, 'hot', new Date());
    watch.onProgress!({ phase: 'copy docs.dbxml' });
    await look(set, watch);
    set.discard();
  });
}

/** What a killed run leaves: a set without a manifest, its lock, and what it was doing. */
function leaveDead(): string {
  const set = new NewSet(nodeFiles, repository, 'hot', new Date());
  const since = '2026-11-22T10:00:00.000Z';
  const lock = { host: 'backup1', boot: '', namespace: '', pid: 4711, processStart: '', since };
  const text = `${JSON.stringify(lock)}\n`;
  writeFileSync(path.join(repo, 'lock'), text);
  const noted = notePhases(nodeFiles, repo, markOf(text), {});
  noted.watch.onProgress!({ phase: 'copy docs.dbxml' });
  // Nobody who is dead has a file open, and who ends well removes it.
  const note = readFileSync(path.join(repo, 'lock.phase'));
  noted.end();
  writeFileSync(path.join(repo, 'lock.phase'), note);
  return set.id;
}

function markOf(lock: string): string {
  return createHash('sha256').update(lock).digest('hex').slice(0, 16);
}

/** A disk on which the lock last changed ten minutes ago. */
const silent = watchedFiles(nodeFiles, {
  afterStat: (name, stat) => (path.basename(name) === 'lock' ? { ...stat, changedMs: Date.now() - 600_000 } : stat),
});

test('list tells since when a run is in progress, which process it is, and what it does', async () => {
  await duringRun(async ({ id }, watch) => {
    expect(await see('list')).toMatchObject({
      run: { state: 'in-progress', process: process.pid, phase: 'copy docs.dbxml' },
      underWay: [id],
      broken: [],
    });
    watch.onProgress!({ phase: 'prove that it can be recovered' });
    const { stdout } = await figaro(['list', '--repo', repo]);
    expect(stdout).toMatch(
      /\nin progress: since 20\S+Z, process \d+ on \S+: prove that it can be recovered\n {4}\S+-hot-\w+ {2}not finished yet\n$/,
    );
    expect(stdout).not.toContain('not usable');
  });
  expect(await see('list')).toMatchObject({ underWay: [], broken: [] });
  expect((await see('list')).run).toBeUndefined();
  expect(readdirSync(repo).filter((name) => name.startsWith('lock'))).toEqual([]);
});

test('check does not count what a run in progress is making among what is left', async () => {
  await duringRun(async () => {
    expect(await see('check')).toMatchObject({
      run: { state: 'in-progress', process: process.pid, phase: 'copy docs.dbxml' },
      others: 0,
      leftUnfinished: 0,
      problems: [],
    });
    expect(await figaro(['verify', '--quick', '--repo', repo])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const { stdout } = await figaro(['check', '--repo', repo, '-v']);
    expect(stdout).toMatch(/\nin progress {8}since 20\S+Z, process \d+ on \S+: copy docs\.dbxml\n$/);
    const metrics = path.join(directory, 'figaro.prom');
    await figaro(['check', '--repo', repo, '--prometheus', metrics]);
    expect(readFileSync(metrics, 'utf8')).toMatch(/\nfigaro_backup_run_started_timestamp_seconds\{.*\} \d/);
  });
});

test('list and check tell what a killed run left from a run in progress', async () => {
  const id = leaveDead();
  const { stdout } = await figaro(['list', '--repo', repo], { files: silent });
  expect(stdout).toContain(`not usable as sets:\n    ${id}  incomplete: it has no manifest\n`);
  expect(stdout).toContain(
    '\na run that did not finish: since 2026-11-22T10:00:00Z, process 4711 on backup1, its last phase: copy docs.dbxml\n',
  );
  const { stdout: health } = await figaro(['check', '--repo', repo, '-v'], { files: silent });
  expect(health).toContain('did not finish     since 2026-11-22T10:00:00Z, process 4711 on backup1');
  expect(health).toContain('left unfinished    1 set: the next run that writes removes it\n');
});

test.runIf(process.platform === 'linux')('a run whose process is gone is over at once', async () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  await duringRun(async ({ id }) => {
    const lock = path.join(repo, 'lock');
    const text = readFileSync(lock, 'utf8');
    // A new file: this process holds the old one.
    rmSync(lock);
    writeFileSync(lock, JSON.stringify({ ...(JSON.parse(text) as object), pid }));
    expect(await see('list')).toMatchObject({ run: { state: 'over', process: pid }, underWay: [], broken: [{ id }] });
    writeFileSync(lock, text);
  });
});

test('what a killed run did last is not told of the run that took over', async () => {
  leaveDead();
  const note = readFileSync(path.join(repo, 'lock.phase'));
  rmSync(path.join(repo, 'lock'));
  await asWriter(nodeFiles, repository, async () => {
    expect(existsSync(path.join(repo, 'lock.phase'))).toBe(false);
    writeFileSync(path.join(repo, 'lock.phase'), note);
    const { run, underWay } = await see('list');
    expect(run).toMatchObject({ state: 'in-progress', process: process.pid });
    expect(run!.phase).toBeUndefined();
    expect(underWay).toEqual([]);
    rmSync(path.join(repo, 'lock.phase'));
  });
});

describe('nobody is misled by', () => {
  const withLock = async (make: (lock: string) => void): Promise<void> => {
    make(path.join(repo, 'lock'));
    for (const command of ['list', 'check']) {
      expect(await figaro([command, '--repo', repo, '-v'])).toMatchObject({ exitCode: 0, stderr: '' });
    }
  };

  test('a lock that is a directory, a link, or no text', async () => {
    await withLock((lock) => mkdirSync(lock));
    rmSync(path.join(repo, 'lock'), { recursive: true });
    if (!lacks.links) {
      await withLock((lock) => symlinkSync('/dev/zero', lock));
      rmSync(path.join(repo, 'lock'));
    }
    await withLock((lock) => writeFileSync(lock, Buffer.alloc(4096, 0xff)));
  });

  test('a phase that was written by somebody else', async () => {
    await duringRun(async () => {
      const note = path.join(repo, 'lock.phase');
      const mark = markOf(readFileSync(path.join(repo, 'lock'), 'utf8'));
      const text = (phase: string): string => firstLine.close(JSON.stringify({ lock: mark, phase }));
      writeFileSync(note, text('\u001b[2Jcopy\nerror: all is lost'));
      const { stdout } = await figaro(['list', '--repo', repo]);
      expect(stdout).toContain(String.raw`: \x1b[2Jcopy\nerror: all is lost`);
      for (const damaged of [text('copy').replace('copy', 'c0py'), '', 'null', text('x'.repeat(1 << 20))]) {
        writeFileSync(note, damaged);
        expect((await see('list')).run!.phase).toBeUndefined();
      }
    });
  });
});

test('a run goes on where nothing can be noted, and shows that it is in progress', async () => {
  const files = watchedFiles(nodeFiles, {
    before: (operation, name) => {
      if (operation === 'create' && path.basename(name) === 'lock.phase')
        throw new FigaroError('no-space', `${name}: no space left`);
    },
  });
  await asWriter(files, repository, async (_held, watch) => {
    watch.onProgress!({ phase: 'copy docs.dbxml' });
    watch.onProgress!({ phase: 'redo' });
    expect((await see('list')).run).toMatchObject({ state: 'in-progress', process: process.pid });
  });
});

test('of many small files one is noted now and then, and at once what else is done', async () => {
  let written = 0;
  const files = watchedFiles(nodeFiles, {
    before: (operation, name) => {
      if (operation === 'writeAt' && path.basename(name) === 'lock.phase') written += 1;
    },
  });
  await asWriter(files, repository, async (_held, watch) => {
    const beganAt = performance.now();
    for (let i = 0; i < 2000; i++) watch.onProgress!({ phase: `copy docs${i}.dbxml` });
    expect(written).toBeLessThanOrEqual(1 + (performance.now() - beganAt) / 100);
    await setTimeout(120);
    // It goes on with the last of them.
    watch.onProgress!({ phase: 'copy docs1999.dbxml' });
    expect((await see('list')).run!.phase).toBe('copy docs1999.dbxml');
    watch.onProgress!({ phase: 'copy more.dbxml' });
    watch.onProgress!({ phase: 'check docs0.dbxml' });
    expect((await see('list')).run!.phase).toBe('check docs0.dbxml');
  });
});

test('a note that cannot be removed fails no run, and is gone after the next', async () => {
  const files = watchedFiles(nodeFiles, {
    before: (operation, name) => {
      if (operation === 'remove' && path.basename(name) === 'lock.phase')
        throw new FigaroError('io', `${name}: broken`);
    },
  });
  const write = async (_held: unknown, watch: Watch): Promise<void> => watch.onProgress!({ phase: 'redo' });
  await asWriter(files, repository, write);
  expect(existsSync(path.join(repo, 'lock.phase'))).toBe(true);
  expect((await see('list')).run).toBeUndefined();
  await asWriter(nodeFiles, repository, write);
  expect(existsSync(path.join(repo, 'lock.phase'))).toBe(false);
});
