/** Hooks of a process of its own that is told to stop. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { start } from '../../support/program.ts';
import { namesIn } from '../../support/trees.ts';

let directory: string;
let repo: string;
let log: string;

beforeEach(() => {
  directory = temporaryDirectory();
  repo = path.join(directory, 'repo');
  log = path.join(directory, 'log');
  layDemoEnvironment(path.join(directory, 'env'));
});

const logged = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
const note = (text: string): string => `echo "${text}" >> '${log}'`;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setTimeout(5);
}

function hot(...hooks: readonly string[]): ReturnType<typeof start> {
  return start('hot', '--home', path.join(directory, 'env'), '--repo', repo, ...hooks);
}

const stopped = 'error [interrupted]: stopped before it was finished\n';

describe('a run that is told to stop', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s while a hook runs before it ends the hook, and does the hook after it', async (signal, status) => {
    const before = `${note('before')}; (while sleep 0.1; do ${note('alive')}; done) & sleep 60`;
    const after = note('after $FIGARO_BACKUP_ERROR_CODE $FIGARO_BACKUP_EXIT_CODE');
    const { child, outcome } = hot('--run-before', before, '--run-after', after);
    await until(() => logged().includes('before'));
    child.kill(signal);
    expect(await outcome).toEqual({ status, signal: null, stderr: stopped });
    const text = logged();
    expect(text).toMatch(new RegExp(`^before\n(alive\n)*after interrupted ${status}\n$`));
    await setTimeout(500);
    expect(logged()).toBe(text);
    expect(existsSync(repo)).toBe(false);
  });

  test('while it works does the hooks after it, without its lock', async () => {
    const look = `ls '${repo}' >> '${log}'`;
    const { child, outcome } = hot('--run-failed', note('failed'), '--run-after', `${look}; ${note('after')}`);
    await until(() => namesIn(directory).includes('repo') && namesIn(repo).includes('lock'));
    child.kill('SIGTERM');
    expect(await outcome).toEqual({ status: 143, signal: null, stderr: stopped });
    expect(logged()).toBe('failed\nrepository.json\nafter\n');
  });

  test('while the hook after it runs waits for it', async () => {
    const { child, outcome } = hot('--run-after', `${note('began')}; sleep 1; ${note('ended')}`);
    await until(() => logged().includes('began'));
    child.kill('SIGINT');
    expect(await outcome).toEqual({
      status: 0,
      signal: null,
      stderr: 'waiting for run-after; a second signal ends at once\n',
    });
    expect(logged()).toBe('began\nended\n');
  });

  test('twice leaves the hook after it to itself', async () => {
    const { child, outcome } = hot('--run-after', `${note('began')}; sleep 1; ${note('ended')}`);
    await until(() => logged().includes('began'));
    child.kill('SIGINT');
    await setTimeout(200);
    child.kill('SIGINT');
    expect(await outcome).toMatchObject({ status: null, signal: 'SIGINT' });
    await until(() => logged().includes('ended'));
  });
});

test('what a hook prints goes to stderr, and its input is empty', async () => {
  const { outcome } = hot('--json', '--run-before', 'cat; echo out; echo err >&2');
  expect(await outcome).toEqual({ status: 0, signal: null, stderr: 'out\nerr\n' });
});
