import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { asWriter, createRepository, openRepository } from '../../src/engine/repository/repository.ts';
import { FigaroError } from '../../src/errors.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { isWindows } from '../support/windows.ts';

let directory: string;
let repo: string;

beforeEach(() => {
  directory = temporaryDirectory();
  repo = path.join(directory, 'repo');
});

const init = async (...more: string[]): Promise<CliResult> => await figaro(['init', '--repo', repo, ...more]);

test('init makes a repository and says so, and says of one that is there already that it is', async () => {
  const first = await init('--json');
  const { repository } = JSON.parse(first.stdout) as { repository: { id: string } };
  expect(JSON.parse(first.stdout)).toMatchObject({ created: true, repository: { path: repo } });
  expect(await init()).toEqual({
    exitCode: 0,
    stdout: `${repo} is already a repository, ${repository.id}\n`,
    stderr: '',
  });
  expect(JSON.parse((await init('--json')).stdout)).toMatchObject({ created: false, repository });
  rmSync(repo, { recursive: true });
  mkdirSync(path.join(repo, 'lost+found'), { recursive: true });
  expect((await init()).stdout).toMatch(/repo is a new repository, [0-9a-f]{16}\n$/);
});

describe('init in a store', () => {
  const at = async (url: string, store: MemoryStore, command = 'init'): Promise<CliResult> =>
    await figaro([...command.split(' '), '--repo', url], { store, env: { FIGARO_BACKUP_SPOOL: directory } });

  test.each([
    ['s3://bucket/a/b/c', 's3://bucket', 'repository.json', 's3://bucket'],
    ['s3://bucket/a/b/c', 's3://bucket', 'a/b/repository.json', 's3://bucket/a/b'],
    ['sftp://host/srv/a%20b/c', 'sftp://host/srv', 'a b/repository.json', 'sftp://host/srv/a%20b'],
  ])('refuses a part of a repository that is there already: %s, in %s, below %s', async (url, top, head, outer) => {
    const store = new MemoryStore({}, url);
    const above = new MemoryStore({}, top);
    above.objects.set(head, { bytes: Buffer.from('{}'), changedMs: 0 });
    store.others.set(top, above);
    layDemoEnvironment(path.join(directory, 'env'));
    for (const command of ['init', `hot --home ${path.join(directory, 'env')}`]) {
      expect(await at(url, store, command)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(`the repository ${url} lies inside the repository ${outer}\n`) as string,
      });
    }
    expect([...store.objects.keys()]).toEqual([]);
    // Whoever may not look there makes it all the same.
    above.hooks = { before: () => Promise.reject(new FigaroError('not-permitted', 'access denied')) };
    expect(await at(url, store)).toMatchObject({ exitCode: 0 });
  });

  test('refuses a part of a repository where the key is good for a part of the store only', async () => {
    const store = new MemoryStore({}, 's3://bucket/a/b');
    const above = new MemoryStore({}, 's3://bucket');
    above.objects.set('a/repository.json', { bytes: Buffer.from('{}'), changedMs: 0 });
    above.hooks = {
      before: ({ name }) => {
        if (!name.startsWith('a/')) throw new FigaroError('not-permitted', 'access denied');
      },
    };
    store.others.set('s3://bucket', above);
    expect(await at('s3://bucket/a/b', store)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside the repository s3://bucket/a\n') as string,
    });
    expect([...store.objects.keys()]).toEqual([]);
  });

  test('refuses a place that has a repository in it', async () => {
    const store = new MemoryStore({}, 's3://bucket/a');
    store.objects.set('b/repository.json', { bytes: Buffer.from('{}'), changedMs: 0 });
    expect(await at('s3://bucket/a', store)).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('already holds the repository s3://bucket/a/b\n') as string,
    });
    expect([...store.objects.keys()]).toEqual(['b/repository.json']);
  });
});

test('init makes nothing where the directory above is missing: its disk may not be mounted', async () => {
  repo = path.join(directory, 'backup/repo');
  expect(await init()).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('mounted?') as string });
  expect(readdirSync(directory)).toEqual([]);
});

test('init makes nothing beside what is in a directory', async () => {
  mkdirSync(repo);
  writeFileSync(path.join(repo, 'letter.txt'), '');
  expect(await init()).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('already holds letter.txt') as string,
  });
  expect(readdirSync(repo)).toEqual(['letter.txt']);
});

describe('the first backup', () => {
  let home: string;
  const hot = async (...more: string[]): Promise<CliResult> =>
    await figaro(['hot', '--home', home, '--repo', repo, ...more], { directory });

  beforeEach(() => {
    home = path.join(directory, 'env');
    layDemoEnvironment(home);
  });

  test.each([[[]], [['--json']], [['-v']]])(
    'says that it made the repository, with %j, and the second one nothing',
    async (more) => {
      const { exitCode, stderr } = await hot(...more);
      expect({ exitCode, first: stderr.split('\n')[0] }).toEqual({
        exitCode: 0,
        first: 'created repository <dir>/repo',
      });
      expect((await hot(...more)).stderr).not.toContain('created');
    },
  );

  test('says nothing of it with --quiet, or where init made it', async () => {
    expect(await hot('--quiet')).toMatchObject({ exitCode: 0, stderr: '' });
    rmSync(repo, { recursive: true });
    await init();
    expect(await hot()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('says it also when the backup fails after it', async () => {
    writeFileSync(path.join(home, 'd.dbxml'), readFileSync(path.join(home, 'd.dbxml')).fill(0xff, 4096, 5000));
    const { exitCode, stderr } = await hot();
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^created repository <dir>\/repo\nerror /);
  });

  test('makes nothing where the directory above is missing: its disk may not be mounted', async () => {
    repo = path.join(directory, 'backup/repo');
    expect(await hot()).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('mounted?') as string });
    expect(readdirSync(directory)).toEqual(['env']);
  });

  async function requireNotMade(name: string): Promise<void> {
    const there = readdirSync('.');
    await hot();
    const set = readdirSync(repo).find((entry) => entry.includes('-hot-'));
    expect(set).toBeDefined();
    // That one is a store, and no directory either.
    const asRepository = name.startsWith('s3://')
      ? []
      : [
          ['init', '--repo', name],
          ['hot', '--home', home, '--repo', name],
          ['offline', '--home', home, '--repo', name],
          ['incremental', '--home', home, '--repo', name],
          ['list', '--repo', name],
        ];
    for (const args of [
      ...asRepository,
      ['recover', '--repo', repo, '--to', name],
      ['failover', 'follow', '--home', home, '--standby', name, '--once'],
    ]) {
      const { exitCode, stderr } = await figaro(args);
      expect({ args, exitCode, stderr }).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(name) as string,
      });
    }
    expect(readdirSync('.')).toEqual(there);
  }

  test.each([
    's3:bucket/env',
    's3://bucket/env',
    'sftp:host:/backup',
    'backup@host:/backup/env',
    'host:backup',
    'file:///backup/env',
    '$HOME/backup',
    '${HOME}/backup',
    '%USERPROFILE%\\backup',
    '~/backup',
    '~user/backup',
  ])('never makes %s into a directory, nor does anything else', requireNotMade);

  // These are directories there.
  test.skipIf(isWindows).each(['C:\\backup\\env', '\\\\server\\share'])(
    'never makes %s into a directory, nor does anything else',
    requireNotMade,
  );

  test('uses a directory of such a name that somebody made', async () => {
    repo = path.join(directory, '$HOME');
    mkdirSync(repo);
    expect(await hot()).toMatchObject({ exitCode: 0 });
    expect(await figaro(['list', '--repo', repo])).toMatchObject({ exitCode: 0 });
    const below = path.join(repo, '../$HOME/below');
    rmSync(repo, { recursive: true });
    mkdirSync(repo);
    expect(await figaro(['hot', '--home', home, '--repo', below])).toMatchObject({ exitCode: 0 });
    const colon = path.join(directory, 'backup:daily');
    expect(await figaro(['hot', '--home', home, '--repo', colon])).toMatchObject({ exitCode: 0 });
  });

  test('of several at once makes one repository, and each of them a set', async () => {
    const results = await Promise.all([1, 2, 3].map(() => hot('--lock-wait', '60s')));
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(results.filter(({ stderr }) => stderr.includes('created repository'))).toHaveLength(1);
    expect(readdirSync(repo).filter((name) => name.includes('-hot-'))).toHaveLength(3);
  });
});

describe('a repository that is made', () => {
  /** Files that run `act` before the n-th operation; `isOver` once there is no such operation. */
  function interrupted(
    turn: number,
    act: () => void,
  ): { files: ReturnType<typeof watchedFiles>; isOver: () => boolean } {
    let operations = 0;
    const files = watchedFiles(nodeFiles, {
      before() {
        if (operations++ === turn) act();
      },
    });
    return { files, isOver: () => operations <= turn };
  }

  test('by two runs is one, whenever the other comes in, and with a set of the other already', () => {
    for (let turn = 0; ; turn++) {
      const ids: string[] = [];
      const { files, isOver } = interrupted(turn, () => {
        ids.push(createRepository(nodeFiles, repo).repository.id);
        mkdirSync(path.join(repo, '20261122T081500Z-hot-7f3a9c'));
      });
      ids.push(createRepository(files, repo).repository.id);
      if (isOver()) break;
      expect(new Set(ids).size, `turn ${turn}`).toBe(1);
      expect(ids).toHaveLength(2);
      expect(openRepository(nodeFiles, repo).id).toBe(ids[0]);
      rmSync(repo, { recursive: true });
    }
  });

  test('by a run that is killed at any moment is made by the next, and what is left is swept', async () => {
    for (let turn = 0; ; turn++) {
      let operations = 0;
      const files = watchedFiles(nodeFiles, {
        before() {
          if (operations++ >= turn) throw new Error('killed');
        },
      });
      try {
        createRepository(files, repo);
      } catch (error) {
        expect(error).toMatchObject({ message: 'killed' });
      }
      const { repository } = createRepository(nodeFiles, repo);
      await asWriter(nodeFiles, repository, () => Promise.resolve());
      expect(readdirSync(repo), `turn ${turn}`).toEqual(['repository.json']);
      rmSync(repo, { recursive: true });
      if (operations <= turn) break;
    }
  });
});
