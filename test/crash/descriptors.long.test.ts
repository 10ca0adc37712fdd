/** A disk that fails once ends a backup, and leaves no file of it open: what goes on, as `failover follow` does, has only so many. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { withFaults, type SystemCall } from '../support/faulty-system.ts';
import { openBelow } from '../support/open-here.ts';
import { newPlace } from '../support/place.ts';
import { figaro } from '../support/run-cli.ts';
import { slashed } from '../support/windows.ts';

/** Runs a command with one call after the other failing that is meant, until none is left, and looks at what stays open each time. */
async function requireNoneOpen(
  { directory, isMeant, forget }: { directory: string; isMeant: (call: SystemCall) => boolean; forget: () => void },
  ...args: readonly string[]
): Promise<void> {
  for (let at = 0; ; at++) {
    let calls = 0;
    const decide = (call: SystemCall): 'EIO' | undefined => (isMeant(call) && calls++ === at ? 'EIO' : undefined);
    await withFaults(directory, decide, () => figaro(args));
    expect([at, openBelow(directory)]).toEqual([at, []]);
    forget();
    if (calls > at) continue;
    expect(at).toBeGreaterThan(0);
    return;
  }
}

test.each([
  ['readSync', /env\/d\.dbxml$/],
  ['fstatSync', /env\/log\.0000000002$/],
  ['closeSync', /env\/log\.0000000002$/],
  ['closeSync', /-hot-\w+\/environment\/d\.dbxml$/],
])('of a backup no file stays open where %s fails once for %s', async (name, file) => {
  const { directory, home, repository } = newPlace();
  demoApplication(home).commitUpTo([4, 72_115]);
  const isMeant = (call: SystemCall): boolean => call.name === name && file.test(slashed(call.path));
  const forget = (): void => fs.rmSync(repository, { recursive: true, force: true });
  await requireNoneOpen({ directory, isMeant, forget }, 'hot', '-q', '--home', home, '--repo', repository);
});

test('of a round of a standby no file stays open where a look at a log file fails once', async () => {
  const { directory, home } = newPlace();
  const standby = path.join(directory, 'standby');
  const begun = path.join(directory, 'begun');
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  const follow = ['failover', 'follow', '--once', '-q', '--home', home, '--standby', standby];
  expect(await figaro(follow)).toMatchObject({ exitCode: 0 });
  fs.cpSync(standby, begun, { recursive: true, preserveTimestamps: true });
  application.commitUpTo([6, 5737]);
  const isMeant = (call: SystemCall): boolean =>
    call.name === 'fstatSync' && call.path === path.join(home, 'log.0000000004');
  const forget = (): void => {
    fs.rmSync(standby, { recursive: true });
    fs.cpSync(begun, standby, { recursive: true, preserveTimestamps: true });
  };
  await requireNoneOpen({ directory, isMeant, forget }, ...follow);
});
