/** Sets made on Linux that Windows cannot use: that is said before they are needed there. */

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeManifest } from '../../src/engine/repository/manifest.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { newPlace } from '../support/place.ts';
import { onPlatform } from '../support/platform.ts';
import { figaro } from '../support/run-cli.ts';

interface Document {
  readonly notOnWindows?: readonly { readonly path: string; readonly problem: string }[];
  readonly problems?: readonly unknown[];
}

/** Takes a set of an environment with these files of the application's own. */
async function repositoryWith(...names: string[]): Promise<string> {
  const { home, repository } = newPlace();
  layDemoEnvironment(home);
  for (const name of names) {
    fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    fs.writeFileSync(path.join(home, name), name);
  }
  const { exitCode, stderr } = await figaro(['hot', '-q', '--home', home, '--repo', repository, '--include', '**']);
  expect([exitCode, stderr]).toEqual([0, '']);
  return repository;
}

async function told(command: 'check' | 'show', repository: string): Promise<Document> {
  const { exitCode, stdout } = await figaro([command, '--repo', repository, '--json']);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Document;
}

/** Whether the program uses the set there. */
function isReadOnWindows(repository: string): boolean {
  const set = fs.readdirSync(repository).find((name) => name.includes('-hot-'))!;
  const text = fs.readFileSync(path.join(repository, set, 'manifest.json'), 'utf8');
  try {
    return onPlatform('win32', () => decodeManifest(text, 'manifest.json')).id === set;
  } catch {
    return false;
  }
}

describe.skipIf(process.platform === 'win32')('a set that cannot be recovered on Windows', () => {
  test.each([
    ['con', 'is that of a device, CON'],
    ['sub/nul.txt', 'is that of a device, NUL'],
    ['a:b', 'has ":" in it'],
    ['ends.', 'ends with a dot or a space'],
    ['com1/x.txt', 'is that of a device, COM1'],
  ])('for %s is told by check and show, as no problem', async (name, problem) => {
    const repository = await repositoryWith(name);
    for (const command of ['check', 'show'] as const) {
      const { notOnWindows, problems = [] } = await told(command, repository);
      expect(notOnWindows).toContainEqual({ path: name, problem });
      expect(problems).toEqual([]);
      const { exitCode, stdout } = await figaro([command, '--repo', repository, '-v']);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/^ *on Windows +cannot be recovered there: /m);
      expect(stdout).toContain(problem);
    }
    // Who watches is not called for it.
    expect(await figaro(['check', '--repo', repository])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(isReadOnWindows(repository)).toBe(false);
  });

  test('for two names that differ in capitals only is told of one of them', async () => {
    const repository = await repositoryWith('Notes.txt', 'notes.txt', 'other.txt');
    const { notOnWindows } = await told('show', repository);
    expect(notOnWindows).toEqual([{ path: 'notes.txt', problem: 'is Notes.txt there' }]);
    expect(isReadOnWindows(repository)).toBe(false);
  });
});

test('nothing is said of Windows where all names are good there', async () => {
  const repository = await repositoryWith('notes.txt', 'context.txt', 'sub/a.b');
  expect(isReadOnWindows(repository)).toBe(true);
  for (const command of ['check', 'show'] as const) {
    expect(await told(command, repository)).not.toHaveProperty('notOnWindows');
    expect((await figaro([command, '--repo', repository, '-v'])).stdout).not.toContain('Windows');
  }
});
