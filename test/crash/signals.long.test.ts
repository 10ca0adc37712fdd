/**
 * The program as a process of its own: killed at any time, told to stop, started twice. KILLS=500 tries more kills.
 */

import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { laterFiles } from '../support/killed-runs.ts';
import { finish, start } from '../support/program.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn, namesInRepository } from '../support/trees.ts';
import { effort } from '../support/effort.ts';
import { lacks } from '../support/windows.ts';

function setsIn(repository: string): string[] {
  return namesIn(repository).filter((name) => existsSync(path.join(repository, name, 'manifest.json')));
}

/** Of a process, and of a command line that is run in this one. */
const fine = { status: 0, signal: null, stderr: '' };
const done = { exitCode: 0, stdout: '', stderr: '' };

/** An environment that is used up to its last log file. */
function layEnvironment(): { directory: string; home: string; repository: string } {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([4, 72_115]);
  return { directory, home, repository: path.join(directory, 'repo') };
}

/** Numbers below one, the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('killed at any time', () => {
  const kills = effort('KILLS', 5);

  // Half of them in the quick run.
  test.each(['hot', 'offline', 'recover', 'incremental'])(
    '%s leaves earlier sets, and does its work the next time',
    async (command) => {
      const { directory, home, repository } = layEnvironment();
      const target = path.join(directory, 'recovered');
      const args =
        command === 'recover' ? ['--repo', repository, '--to', target] : ['--home', home, '--repo', repository];
      expect(await figaro(['offline', '--quiet', '--home', home, '--repo', repository])).toEqual(done);
      if (command === 'incremental') demoApplication(home).commitUpTo([6, 5737]);
      const kept = path.join(directory, 'kept');
      cpSync(repository, kept, { recursive: true, preserveTimestamps: true });
      const source = fingerprint(home);
      const began = performance.now();
      expect(await finish(command, '--quiet', ...args)).toEqual(fine);
      const usualMs = performance.now() - began;
      const random = randomNumbers(7);
      let killed = 0;
      // One that has already done its work is started again.
      for (let i = 0; i < kills || killed === 0; i++) {
        for (const used of [repository, target]) rmSync(used, { recursive: true, force: true });
        cpSync(kept, repository, { recursive: true, preserveTimestamps: true });
        const earlier = fingerprint(repository);
        const { child, outcome } = start(command, '--quiet', ...args);
        await setTimeout(usualMs * (0.2 + random() * 0.8));
        child.kill('SIGKILL');
        const { signal } = await outcome;
        if (signal === 'SIGKILL') killed++;
        expect(fingerprint(home)).toEqual(source);
        const now = fingerprint(repository);
        for (const line of earlier) expect(now).toContain(line);
        expect(await figaro(['verify', '--quiet', '--repo', repository])).toEqual(done);

        // The dead process still holds the lock, and its unfinished set lies there.
        if (command === 'recover' && existsSync(target)) continue;
        expect(await figaro([command, '--quiet', ...args], { files: laterFiles(directory) })).toEqual(done);
        expect(namesInRepository(repository)).toEqual([...setsIn(repository), 'repository.json'].sort());
        expect(namesIn(directory)).toEqual(['env', 'kept', ...(command === 'recover' ? ['recovered'] : []), 'repo']);
      }
      console.log(`${command}: killed ${killed} times`);
    },
    3_600_000,
  );
});

test('expire, killed at any time, leaves chains that are whole, and does its work the next time', async () => {
  const { directory, home, repository } = layEnvironment();
  const take = ['--quiet', '--home', home, '--repo', repository];
  for (let i = 0; i < 4; i++) expect(await figaro(['hot', ...take])).toEqual(done);
  demoApplication(home).commitUpTo([6, 5737]);
  expect(await figaro(['incremental', ...take])).toEqual(done);
  const kept = path.join(directory, 'kept');
  cpSync(repository, kept, { recursive: true, preserveTimestamps: true });
  // Of sets of one second, the names do not tell which is newer.
  const incremental = setsIn(repository).find((name) => name.includes('-incremental-'))!;
  const manifest = readFileSync(path.join(repository, incremental, 'manifest.json'), 'utf8');
  const newest = [(JSON.parse(manifest) as { readonly chain: string }).chain, incremental];
  const random = randomNumbers(11);
  const args = ['expire', '--quiet', '--keep-full', '1', '--repo', repository];
  let killed = 0;
  for (let i = 0; i < effort('KILLS', 8) || killed === 0; i++) {
    rmSync(repository, { recursive: true });
    cpSync(kept, repository, { recursive: true, preserveTimestamps: true });
    const { child, outcome } = start(...args);
    // The work itself takes no time beside the start of the program.
    while (child.exitCode === null && !namesIn(repository).includes('lock')) await setTimeout(1);
    await setTimeout(random() * 8);
    child.kill('SIGKILL');
    if ((await outcome).signal === 'SIGKILL') killed++;
    expect(setsIn(repository)).toEqual(expect.arrayContaining(newest));
    expect(await figaro(['verify', '--quiet', '--repo', repository])).toEqual(done);
    expect(await figaro(args, { files: laterFiles(directory) })).toEqual(done);
    expect(namesInRepository(repository)).toEqual([...newest, 'repository.json'].sort());
  }
  console.log(`expire: killed ${killed} times`);
}, 600_000);

describe.skipIf(lacks.signals)('told to stop', () => {
  /** Starts a backup, and waits until it has begun to write a set. */
  async function startWriting(repository: string, ...args: readonly string[]): Promise<ReturnType<typeof start>> {
    const run = start(...args);
    while (!namesIn(repository).includes('lock')) await setTimeout(2);
    return run;
  }

  const signals = [
    ['SIGINT', 130],
    ['SIGXCPU', 152],
    ['SIGUSR2', 140],
    ['SIGTERM', 143],
    ['SIGALRM', 142],
    ['SIGABRT', 134],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const;
  test.each(signals)('by %s it removes its set and its lock', async (signal, status) => {
    const { home, repository } = layEnvironment();
    const { child, outcome } = await startWriting(repository, 'hot', '--home', home, '--repo', repository);
    child.kill(signal);
    expect(await outcome).toEqual({
      status,
      signal: null,
      stderr: `created repository ${repository}\nerror [interrupted]: stopped before it was finished\n`,
    });
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('twice it ends at once, and the next run sweeps', async () => {
    const { home, repository } = layEnvironment();
    const { child, outcome } = await startWriting(repository, 'hot', '--home', home, '--repo', repository);
    // Stopped, so that both signals find it in the middle of its work.
    child.kill('SIGSTOP');
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    await setTimeout(1);
    child.kill('SIGINT');
    const { status, signal } = await outcome;
    // Where it had none of them yet when the other came, either can be the first.
    if (signal === null) expect([143, 130]).toContain(status);
    else expect(signal).toMatch(/^SIG(?:INT|TERM)$/);
    expect(await figaro(['hot', '--quiet', '--home', home, '--repo', repository])).toEqual(done);
    expect(namesInRepository(repository)).toEqual([...setsIn(repository), 'repository.json']);
    expect(setsIn(repository)).toHaveLength(1);
  });

  test('while it waits for another run it does not wait on', async () => {
    const { home, repository } = layEnvironment();
    const first = await startWriting(repository, 'hot', '--quiet', '--home', home, '--repo', repository);
    first.child.kill('SIGSTOP');
    const second = start('hot', '--verbose', '--lock-wait', '1h', '--home', home, '--repo', repository);
    // It says that it waits.
    await once(second.child.stderr!, 'data');
    second.child.kill('SIGTERM');
    expect(await second.outcome).toMatchObject({ status: 143 });
    first.child.kill('SIGCONT');
    expect(await first.outcome).toEqual(fine);
  });
});

describe('two runs at the same time', () => {
  test('make one set each, or one of them says who is writing', async () => {
    const { home, repository } = layEnvironment();
    const args = ['hot', '--quiet', '--home', home, '--repo', repository];
    const outcomes = await Promise.all([finish(...args), finish(...args), finish(...args)]);
    const made = outcomes.filter(({ status }) => status === 0).length;
    expect(made).toBeGreaterThan(0);
    expect(setsIn(repository)).toHaveLength(made);
    for (const { status, stderr } of outcomes) {
      if (status !== 0) expect([status, stderr]).toEqual([7, expect.stringContaining('is being written to')]);
    }
  });

  test('make one set each when they wait', async () => {
    const { home, repository } = layEnvironment();
    const args = ['hot', '--quiet', '--lock-wait', '5m', '--home', home, '--repo', repository];
    expect(await Promise.all([finish(...args), finish(...args), finish(...args)])).toEqual([fine, fine, fine]);
    expect(setsIn(repository)).toHaveLength(3);
    expect(await figaro(['verify', '--quiet', '--repo', repository])).toEqual(done);
  });
});
