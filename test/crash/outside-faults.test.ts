/** Directories outside of the environment, with the operating system failing a backup and a recovery of them at one call after the other. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { callsToTry, countCalls, faultKinds as kinds, runWithFault } from '../support/fault-kinds.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { type Place } from '../support/place.ts';
import { prepared } from '../support/prepared.ts';

/** An environment whose log and containers are beside it. */
function lay({ directory, home }: Place): void {
  demoApplication(home).commitUpTo([4, 72_115]);
  for (const name of ['logs', 'data']) fs.mkdirSync(path.join(directory, name));
  for (const name of namesIn(home)) {
    fs.renameSync(path.join(home, name), path.join(directory, name.startsWith('log.') ? 'logs' : 'data', name));
  }
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), 'set_data_dir ../data\nset_lg_dir ../logs\n');
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

describe.each(['hot', 'recover'])('%s of directories outside', (command) => {
  const argumentsFor = command === 'hot' ? hot : recover;
  const laid = prepared(async (place) => {
    lay(place);
    if (command === 'recover') expect(await figaro(hot(place.directory))).toMatchObject({ exitCode: 0 });
  });
  let counted: Awaited<ReturnType<typeof countCalls>>;
  let logs: readonly string[] | undefined;

  beforeAll(async () => {
    const { directory } = laid();
    counted = await countCalls(directory, argumentsFor(directory));
    expect(counted.result).toMatchObject({ exitCode: 0 });
    if (command === 'recover') logs = namesIn(path.join(directory, 'to-logs'));
  });

  test.each(Object.keys(kinds))(
    'while the disk %s',
    async (what) => {
      const kind = kinds[what]!;
      const calls = counted.calls[what]!;
      for (const at of callsToTry(calls, `${command} ${what}`)) {
        const { directory } = laid();
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
          expect(namesIn(path.join(directory, 'to-logs')), context).toEqual(logs);
        }
        fs.rmSync(path.join(directory, 'repo/lock'), { force: true });
        if (outcome.exitCode !== 0 && !madeIn(directory).includes('to-logs')) {
          expect(await figaro(argumentsFor(directory)), context).toMatchObject({ exitCode: 0 });
          expect(source(directory), context).toEqual(before);
        }
      }
    },
    3_600_000,
  );
});
