/** Directories outside of the environment, with the operating system failing a backup and a recovery of them at one call after the other. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { faultKinds as kinds, runWithFault, strideFor } from '../support/fault-kinds.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

/** An environment whose log and containers are beside it. */
function prepare(): string {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([4, 72_115]);
  for (const name of ['logs', 'data']) fs.mkdirSync(path.join(directory, name));
  for (const name of namesIn(home)) {
    fs.renameSync(path.join(home, name), path.join(directory, name.startsWith('log.') ? 'logs' : 'data', name));
  }
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), 'set_data_dir ../data\nset_lg_dir ../logs\n');
  return directory;
}

const source = (directory: string): unknown =>
  ['env', 'data', 'logs'].map((name) => fingerprint(path.join(directory, name)));

const hot = (directory: string): string[] => [
  'hot',
  '--quiet',
  '--home',
  `${directory}/env`,
  '--repo',
  `${directory}/repo`,
];
const recover = (directory: string): string[] => [
  ...['recover', '--quiet', '--repo', `${directory}/repo`, '--to', `${directory}/to`],
  ...['--map-dir', `../logs=${directory}/to-logs`],
];

/** What is made of them, or nothing at all. */
function madeIn(directory: string): readonly string[] {
  return namesIn(directory).filter((name) => !['env', 'data', 'logs', 'repo'].includes(name));
}

test.each(Object.keys(kinds).flatMap((what) => [['hot', what] as const, ['recover', what] as const]))(
  '%s of directories outside, while the disk %s',
  async (command, what) => {
    const kind = kinds[what]!;
    const prepared = prepare();
    if (command === 'recover') expect(await figaro(hot(prepared))).toMatchObject({ exitCode: 0 });
    const argumentsFor = command === 'hot' ? hot : recover;
    const copyOf = (): string => {
      const directory = temporaryDirectory();
      fs.cpSync(prepared, directory, { recursive: true, preserveTimestamps: true });
      return directory;
    };
    const whole = copyOf();
    const { calls, result } = await runWithFault(whole, argumentsFor(whole), kind, Infinity);
    expect(result).toMatchObject({ exitCode: 0 });
    for (let at = 0; at < calls; at += strideFor(calls)) {
      const directory = copyOf();
      const before = source(directory);
      const { result: outcome } = await runWithFault(directory, argumentsFor(directory), kind, at);
      const context = `call ${at}: ${outcome.stderr}`;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      expect(source(directory), context).toEqual(before);
      if (command === 'recover' && !kind.lasting) {
        expect(madeIn(directory), context).toEqual(outcome.exitCode === 0 ? ['to', 'to-logs'] : []);
      }
      // The target has its name last: with it, all is there.
      if (command === 'recover' && fs.existsSync(path.join(directory, 'to'))) {
        expect(namesIn(path.join(directory, 'to-logs')), context).toEqual(namesIn(path.join(whole, 'to-logs')));
      }
      fs.rmSync(path.join(directory, 'repo/lock'), { force: true });
      if (outcome.exitCode !== 0 && !madeIn(directory).includes('to-logs')) {
        expect(await figaro(argumentsFor(directory)), context).toMatchObject({ exitCode: 0 });
        expect(source(directory), context).toEqual(before);
      }
      fs.rmSync(directory, { recursive: true });
    }
  },
  3_600_000,
);
