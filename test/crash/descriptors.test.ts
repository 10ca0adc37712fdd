/** A disk that fails once ends a backup, and leaves no file of it open: what goes on, as `failover follow` does, has only so many. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { withFaults, type SystemCall } from '../support/faulty-system.ts';
import { newPlace } from '../support/place.ts';
import { figaro } from '../support/run-cli.ts';
import { lacks } from '../support/windows.ts';

/** What this process has open below a directory. */
function openBelow(directory: string): readonly string[] {
  const opened = fs.readdirSync('/proc/self/fd').flatMap((descriptor) => {
    // The one of this list is gone.
    const link = path.join('/proc/self/fd', descriptor);
    return fs.existsSync(link) || fs.lstatSync(link, { throwIfNoEntry: false }) ? [fs.readlinkSync(link)] : [];
  });
  return opened.filter((file) => file.startsWith(directory));
}

test.skipIf(lacks.proc).each([
  ['readSync', /env\/d\.dbxml$/],
  ['fstatSync', /env\/log\.0000000002$/],
  ['closeSync', /env\/log\.0000000002$/],
  ['closeSync', /-hot-\w+\/environment\/d\.dbxml$/],
])('no file stays open where %s fails once for %s', async (name, file) => {
  const { directory, home, repository } = newPlace();
  demoApplication(home).commitUpTo([4, 72_115]);
  for (let at = 0; ; at++) {
    let calls = 0;
    const decide = (call: SystemCall): 'EIO' | undefined =>
      call.name === name && file.test(call.path) && calls++ === at ? 'EIO' : undefined;
    await withFaults(directory, decide, () => figaro(['hot', '-q', '--home', home, '--repo', repository]));
    expect([at, openBelow(directory)]).toEqual([at, []]);
    fs.rmSync(repository, { recursive: true, force: true });
    if (calls > at) continue;
    expect(at).toBeGreaterThan(0);
    break;
  }
});
