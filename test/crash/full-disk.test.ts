/** A repository on a disk that is full to the last byte: expire has to make room on it, and nothing else may make it worse. */

import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { withFaults } from '../support/faulty-system.ts';
import { figaro } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';

let directory: string;
let repo: string;

const laid = prepared(async ({ home, repository }) => {
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  for (const end of [
    [5, 110_402],
    [6, 5737],
  ] as const) {
    expect((await figaro(['offline', '--quiet', '--home', home, '--repo', repository])).exitCode).toBe(0);
    application.commitUpTo(end);
  }
});
beforeEach(() => {
  ({ directory, repository: repo } = laid());
});

const expire = ['expire', '--keep-full', '1', '--repo'];

async function expectMadeRoom(repository: string): Promise<void> {
  const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
  expect(namesIn(repository)).toEqual([sets[0]!.id, 'repository.json'].sort());
  expect(sets).toHaveLength(1);
  expect((await figaro(['verify', '--quiet', '--repo', repository])).exitCode).toBe(0);
}

test.each([
  ['no block is left', ['writeSync']],
  ['no block and no room for another file is left', ['writeSync', 'create', 'mkdirSync']],
  ['contents cannot be synced', ['fsyncSync']],
])('expire makes room where %s', async (_what, failing) => {
  const lockContents: string[] = [];
  const result = await withFaults(
    directory,
    ({ name, path: file }) => {
      // The lock is there while sets go.
      if (name === 'rmdirSync') lockContents.push(readFileSync(path.join(repo, 'lock'), 'utf8'));
      if (!failing.includes(name)) return undefined;
      return name === 'fsyncSync' && !path.basename(file).startsWith('lock') ? undefined : 'ENOSPC';
    },
    async () => await figaro([...expire, repo]),
  );
  expect(result).toEqual({ exitCode: 0, stdout: expect.stringContaining('1 chain removed') as string, stderr: '' });
  expect(lockContents.length).toBeGreaterThan(0);
  await expectMadeRoom(repo);
});

/** A file system of its own, as only root can mount one. */
let mounted: string | undefined;
afterEach(() => {
  if (mounted !== undefined) spawnSync('umount', [mounted]);
  mounted = undefined;
});

test('expire makes room on a file system that is full', async (context) => {
  const disk = path.join(directory, 'disk');
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]).status !== 0) {
    console.warn('skipped: this user cannot mount a file system');
    return context.skip();
  }
  mounted = disk;
  const repository = path.join(disk, 'repo');
  cpSync(repo, repository, { recursive: true });
  fill(path.join(disk, 'fill'));
  const backup = await figaro(['hot', '--home', path.join(directory, 'env'), '--repo', repository]);
  expect(backup).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('[no-space]') as string });
  expect(existsSync(path.join(repository, 'lock'))).toBe(false);
  const stdout = expect.stringContaining('1 chain removed') as string;
  expect(await figaro([...expire, repository])).toEqual({ exitCode: 0, stdout, stderr: '' });
  await expectMadeRoom(repository);
  rmSync(path.join(disk, 'fill'));
});

function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (let size = 1 << 20; size >= 1;) {
      try {
        writeSync(descriptor, Buffer.alloc(size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
