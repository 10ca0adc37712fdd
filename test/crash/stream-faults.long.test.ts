/** Sets that leave and come as streams, with the operating system failing at one call after the other. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { callsToTry, faultKinds, withFault } from '../support/fault-kinds.ts';
import { withFaults, type Fault } from '../support/faulty-system.ts';
import { laterFiles } from '../support/killed-runs.ts';
import { newPlace, type Place } from '../support/place.ts';
import { streaming, type CliSurroundings } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

interface Run extends CliSurroundings {
  readonly args: readonly string[];
}

const running =
  ({ args, ...surroundings }: Run) =>
  () =>
    streaming(args, surroundings);

const spoolIn = ({ directory }: Place): string => path.join(directory, 'spool');

function placed(): Place {
  const place = newPlace();
  layDemoEnvironment(place.home);
  fs.mkdirSync(spoolIn(place));
  return place;
}

const leaving = (place: Place): Run => ({
  args: ['offline', '--quiet', '--home', place.home, '--to-stdout', '--spool', spoolIn(place)],
});

test.each(Object.entries(faultKinds))(
  'a set leaves as a whole or not at all, while the disk %s',
  async (what, kind) => {
    const whole = placed();
    const { calls, result } = await withFault(whole.directory, kind, Infinity, running(leaving(whole)));
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(namesIn(spoolIn(whole))).toEqual([]);
    for (const at of callsToTry(calls, `leaving ${what}`)) {
      const place = placed();
      const source = fingerprint(place.home);
      const { result: outcome } = await withFault(place.directory, kind, at, running(leaving(place)));
      const context = `call ${at}: ${outcome.stderr}`;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      expect(fingerprint(place.home), context).toEqual(source);
      const { exitCode } = await streaming(['verify', '-q', '--from-stdin'], { stdin: [outcome.bytes] });
      expect(exitCode === 0, context).toBe(outcome.exitCode === 0);
      // What could not be removed goes with the next run. The process that left something in the spool is gone, but this one is not.
      buryIn(spoolIn(place));
      const files = laterFiles(place.directory);
      expect(await streaming(leaving(place).args, { files }), context).toMatchObject({ exitCode: 0, stderr: '' });
      expect(namesIn(spoolIn(place)), context).toEqual([]);
    }
  },
  600_000,
);

/** Gives the stages in a directory the names that those of a process have which is over. */
function buryIn(directory: string): void {
  for (const name of namesIn(directory)) {
    const ofNoProcess = name.replace(/-(\d+)-(\d*)(?=\.[0-9a-f]{6}$)/, '-4194303-$2');
    nodeFiles.rename(path.join(directory, name), path.join(directory, ofNoProcess));
  }
}

test.each(Object.entries(faultKinds))(
  'a set that comes is recovered as a whole or not at all, while the disk %s',
  async (what, kind) => {
    const tar = (await streaming(leaving(placed()).args)).bytes;
    const coming = ({ target }: Place): Run => ({
      args: ['recover', '--quiet', '--from-stdin', '--to', target],
      stdin: [tar],
    });
    const whole = newPlace();
    const { calls, result } = await withFault(whole.directory, kind, Infinity, running(coming(whole)));
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(namesIn(whole.directory)).toEqual(['recovered']);
    for (const at of callsToTry(calls, `coming ${what}`)) {
      const place = newPlace();
      const { result: outcome } = await withFault(place.directory, kind, at, running(coming(place)));
      const context = `call ${at}: ${outcome.stderr}`;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      const isThere = fs.existsSync(place.target);
      expect(isThere || outcome.exitCode !== 0, context).toBe(true);
      if (isThere) expect(namesIn(place.target), context).toEqual(namesIn(whole.target));
      // What could not be removed goes with the next run to the same target.
      fs.rmSync(place.target, { recursive: true, force: true });
      buryIn(place.directory);
      const { args, ...surroundings } = coming(place);
      const files = laterFiles(place.directory);
      expect(await streaming(args, { ...surroundings, files }), context).toMatchObject({ exitCode: 0, stderr: '' });
      expect(namesIn(place.directory), context).toEqual(['recovered']);
    }
  },
  600_000,
);

test('streams are as whole when no read and no write does more than half of what it was told', async () => {
  const place = placed();
  const half = (): Fault => 'short';
  const left = await withFaults(place.directory, half, async () => await streaming(leaving(place).args));
  expect(left).toMatchObject({ exitCode: 0, stderr: '' });
  const args = ['recover', '--quiet', '--from-stdin', '--to', place.target];
  const come = await withFaults(place.directory, half, async () => await streaming(args, { stdin: [left.bytes] }));
  expect(come).toMatchObject({ exitCode: 0, stderr: '' });
});
