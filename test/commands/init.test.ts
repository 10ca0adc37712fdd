import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { asWriter, createRepository, openRepository } from '../../src/engine/repository/repository.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { watchedFiles } from '../support/watched-files.ts';

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
