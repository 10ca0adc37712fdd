/** Syncing all of a file system in one go, by the program that GNU has for it: Node.js has no call for that. */

import { spawn, spawnSync } from 'node:child_process';
import os from 'node:os';
import { type Readable } from 'node:stream';
import { FigaroError } from '../../errors.ts';
import { isLocal } from './file-systems.ts';

/** From this release of Linux on, who syncs a file system is told of writes that have failed since it was last synced. */
const [firstMajor, firstMinor] = [5, 8];

/** Known once somebody has asked. */
let isTold: boolean | undefined;

/** As `Disk.syncAll`. */
export function syncAll(directory: string): Promise<void> | undefined {
  if (!isLocal(directory)) return undefined;
  isTold ??= isRecentLinux(os.release()) && isProgramOfGnu();
  return isTold ? syncFileSystem(directory) : undefined;
}

/** @param release as the system tells it: `5.10.0-28-amd64` */
export function isRecentLinux(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return major > firstMajor || (major === firstMajor && minor >= firstMinor);
}

/** Others of this name do not say whether it failed, or sync something else. */
function isProgramOfGnu(): boolean {
  const { stdout } = spawnSync('sync', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return stdout?.includes('(GNU coreutils)') ?? false;
}

/** Syncs the file system that a directory is in. Throws `io` where that failed. */
export async function syncFileSystem(directory: string): Promise<void> {
  // In a process group of its own: a signal that is meant for us must not end it.
  const child = spawn('sync', ['--file-system', '--', directory], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // With no descriptor left for it there is none, and the error is told all the same.
  const stderr = child.stderr as Readable | undefined;
  let said = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => void (said += text));
  await new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(failure(directory, error.message)));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(failure(directory, said.trim() || `it ended with ${code}`)),
    );
  });
}

function failure(directory: string, why: string): FigaroError {
  return new FigaroError('io', `${directory}: cannot sync its file system: ${why}`, {
    path: directory,
    hint: 'look for errors of the disk in the log of the system, then run the same command again.',
  });
}
