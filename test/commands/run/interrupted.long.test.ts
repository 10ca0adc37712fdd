/** Hooks of a process of its own that is told to stop. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { createRepository } from '../../../src/engine/repository/repository.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { program, start } from '../../support/program.ts';
import { namesIn } from '../../support/trees.ts';

let directory: string;
let repo: string;
let log: string;

beforeEach(() => {
  directory = temporaryDirectory();
  repo = path.join(directory, 'repo');
  log = path.join(directory, 'log');
  layDemoEnvironment(path.join(directory, 'env'));
  createRepository(nodeFiles, repo);
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
    expect(namesIn(repo)).toEqual(['repository.json']);
  });

  test('while it works does the hooks after it, without its lock', async () => {
    const look = `ls '${repo}' >> '${log}'`;
    const { child, outcome } = hot('--run-failed', note('failed'), '--run-after', `${look}; ${note('after')}`);
    await until(() => namesIn(directory).includes('repo') && namesIn(repo).includes('lock'));
    child.kill('SIGTERM');
    expect(await outcome).toEqual({ status: 143, signal: null, stderr: stopped });
    expect(logged()).toBe('failed\nrepository.json\nafter\n');
  });

  test('by a terminal that goes away, which says so twice, does the hooks after it', async () => {
    const { child, outcome } = hot('--max-rate', '20k', '--run-after', note('after $FIGARO_BACKUP_EXIT_CODE'));
    await until(() => namesIn(directory).includes('repo') && namesIn(repo).includes('lock'));
    child.kill('SIGHUP');
    child.kill('SIGHUP');
    await setTimeout(20);
    child.kill('SIGHUP');
    expect(await outcome).toEqual({ status: 129, signal: null, stderr: stopped });
    expect(logged()).toBe('after 129\n');
    expect(namesIn(repo)).toEqual(['repository.json']);
  });

  // Only `script` gives nohup a terminal.
  test.runIf(spawnSync('script', ['--version']).stdout?.includes('util-linux')).each([
    ['nohup', (line: string) => ['script', '-qec', `nohup ${line} 2>/dev/null`, '/dev/null']],
    ['a shell that ignores it', (line: string) => ['sh', '-c', `trap '' HUP; ${line}; exit $?`]],
  ])('by a terminal that goes away does not stop under %s', async (_what, wrapped) => {
    const pid = path.join(directory, 'pid');
    const home = path.join(directory, 'env');
    const line = `'${process.execPath}' '${program}' hot --home '${home}' --repo '${repo}' --run-before 'echo $PPID > ${pid}; sleep 0.3'`;
    const [command, ...args] = wrapped(line);
    const child = spawn(command!, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'close');
    await until(() => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'));
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGHUP');
    expect(await ended).toEqual([0, null]);
    expect(namesIn(repo).filter((name) => name.includes('-hot-'))).toHaveLength(1);
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
