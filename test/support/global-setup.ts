/** What happens once before and after the tests of a run. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundleProgram } from '../../build/bundle.ts';
import { makeRoomForServers } from './servers/live-servers.ts';

let temporary: string;

/** Tests that start the program as a process start the one in dist/. What is temporary of all of them is in one directory. */
export async function setup(): Promise<void> {
  await bundleProgram();
  // They are scripts of a shell.
  if (process.platform !== 'win32') makeRoomForServers();
  temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-tests-'));
  // Some tests are of other users.
  fs.chmodSync(temporary, 0o755);
  process.env['TMPDIR'] = temporary;
  // tsx, which starts the fuzzer, would keep what it compiled there.
  process.env['TSX_DISABLE_CACHE'] = '1';
}

/** Every test removes what it made: one that does not would fill the disk of whoever runs them. */
export function teardown(): void {
  const left = fs.readdirSync(temporary, { recursive: true, encoding: 'utf8' });
  fs.rmSync(temporary, { recursive: true, force: true });
  if (left.length === 0) return;
  // What is thrown here is told, but the run would succeed.
  process.exitCode = 1;
  throw new Error(`left by tests in the temporary directory: ${left.slice(0, 20).join(', ')}`);
}
