/** What happens once before and after the tests of a run. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundleProgram } from '../../build/bundle.ts';
import { isLongRun } from './effort.ts';
import { makeRoomForServers } from './servers/live-servers.ts';

let temporary: string;

/** Much more than the quick run takes. In bytes. */
const mostTaken = 4 * 2 ** 30;

/**
 * Where tests make their directories: on a disk in the long run, and in the quick one in memory where there is enough of it, which saves a quarter of
 * its time. Elsewhere when TMPDIR says so.
 */
function roomForTests(): string {
  const memory = '/dev/shm';
  if (isLongRun || process.env['TMPDIR'] !== undefined || !fs.existsSync(memory)) return os.tmpdir();
  const { bavail, bsize } = fs.statfsSync(memory);
  return bavail * bsize >= mostTaken && mayHavePrograms(memory) ? memory : os.tmpdir();
}

/** Some tests make scripts. */
function mayHavePrograms(directory: string): boolean {
  const room = fs.mkdtempSync(path.join(directory, 'figaro-tests-'));
  const script = path.join(room, 'script');
  fs.writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
  const { status } = spawnSync(script);
  fs.rmSync(room, { recursive: true });
  return status === 0;
}

/** Tests that start the program as a process start the one in dist/. What is temporary of all of them is in one directory. */
export async function setup(): Promise<void> {
  await bundleProgram();
  // They are scripts of a shell.
  if (process.platform !== 'win32') makeRoomForServers();
  temporary = fs.mkdtempSync(path.join(roomForTests(), 'figaro-tests-'));
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
