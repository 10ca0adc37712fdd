import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newStage } from '../../../src/engine/recovery/leftovers.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { laterFiles } from '../../support/killed-runs.ts';
import { newPlace, type Place } from '../../support/place.ts';
import { start } from '../../support/program.ts';
import { figaro } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';

/** Kills a recovery as soon as it has begun to write, and returns the path of the stage it leaves. */
async function killRecovery(args: readonly string[], { directory, target }: Place): Promise<string> {
  const begun = (): string | undefined =>
    stagesIn(directory)
      .map((name) => path.join(directory, name))
      .find((stage) => namesIn(stage).length > 0);
  for (let tries = 0; tries < 20; tries++) {
    const { child, outcome } = start(...args);
    while (begun() === undefined && child.exitCode === null) await setTimeout(1);
    child.kill('SIGKILL');
    await outcome;
    const stage = begun();
    if (stage !== undefined) return stage;
    // It was too quick.
    fs.rmSync(target, { recursive: true, force: true });
  }
  throw new Error('it was always too quick');
}

const stagesIn = (directory: string): string[] =>
  namesIn(directory).filter((name) => name.startsWith('recovered.recovering-'));

const databasesIn = (directory: string): Record<string, Buffer> =>
  Object.fromEntries(
    namesIn(directory)
      .filter((name) => name.endsWith('.dbxml'))
      .map((name) => [name, fs.readFileSync(path.join(directory, name))]),
  );

test('what a killed recovery leaves is removed by the next one, and that of a living one is not', async () => {
  const place = newPlace();
  const { directory, home, target } = place;
  layDemoEnvironment(home);
  const args = ['recover', '--from', home, '--to', target];
  const killed = await killRecovery(args, place);
  expect(stagesIn(directory)).toEqual([path.basename(killed)]);
  const files = laterFiles(directory);

  // Of a process that is there, and of nobody known.
  const living = newStage(target);
  fs.mkdirSync(path.join(living, 'environment'), { recursive: true });
  fs.writeFileSync(path.join(living, 'environment/d.dbxml'), 'half of it');
  const unknown = path.join(directory, 'recovered.recovering-unknown');
  fs.mkdirSync(unknown);

  expect(await figaro(args, { directory, files })).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^recovered <dir>\/recovered\n/) as string,
    stderr:
      'warning: <dir>/recovered.recovering-unknown is left of an earlier recovery, of unknown origin: remove it by hand\n',
  });
  expect(stagesIn(directory)).toEqual([path.basename(living), path.basename(unknown)].sort());
  expect(fs.readFileSync(path.join(living, 'environment/d.dbxml'), 'utf8')).toBe('half of it');

  // Nothing of the killed one is in the result.
  const undisturbed = path.join(directory, 'undisturbed');
  expect((await figaro(['recover', '--from', home, '--to', undisturbed])).exitCode).toBe(0);
  expect(namesIn(target)).toEqual(namesIn(undisturbed));
  expect(databasesIn(target)).toEqual(databasesIn(undisturbed));
  expect(Object.keys(databasesIn(target))).toEqual(['d.dbxml', 'e.dbxml']);
});
