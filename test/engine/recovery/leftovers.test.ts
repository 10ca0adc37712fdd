import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newStage } from '../../../src/engine/recovery/leftovers.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { figaro } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';

const program = path.join(import.meta.dirname, '../../../src/main.ts');

test('what a killed recovery leaves is removed by the next one, and that of a living one is not', async () => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  const target = path.join(directory, 'recovered');
  layDemoEnvironment(home);
  const args = ['recover', '--from', home, '--to', target];

  // Killed as soon as it has begun to copy.
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: 'ignore' });
  const stages = (): string[] => namesIn(directory).filter((name) => name.startsWith('recovered.recovering-'));
  while (stages().length === 0) {
    if (child.exitCode !== null) throw new Error('it was too quick');
    await setTimeout(1);
  }
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const [killed] = stages();
  expect(killed).toBeDefined();

  // Of a process that is there, and of nobody known.
  const living = newStage(target);
  fs.mkdirSync(living);
  const unknown = path.join(directory, 'recovered.recovering-unknown');
  fs.mkdirSync(unknown);

  const { exitCode, stderr } = await figaro(args, { directory });
  expect(exitCode).toBe(0);
  expect(stderr).toBe(
    'warning: <dir>/recovered.recovering-unknown is left of an earlier recovery, of unknown origin: remove it by hand\n',
  );
  expect(stages()).toEqual([path.basename(living), path.basename(unknown)].sort());
  expect(spawnSync('ls', [target]).status).toBe(0);
});
