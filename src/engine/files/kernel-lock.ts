/** A lock of the kernel on a file or directory of ours: it ends with the process, however that ends, and not while it stands still. */

import { spawnSync } from 'node:child_process';
import fs from 'fs-extra';
import { type Hold } from './files.ts';
import { withoutLinks, withoutWaiting } from './open-flags.ts';

/** How `flock` ends when another process has the lock; of all other ways to fail it has its own codes. */
const conflict = 75;

/** Looks by others take a moment. In s. */
const longestLook = 2;

/** As `Files.hold`. */
export function hold(file: string): Hold | undefined {
  const descriptor = openToHold(file);
  if (descriptor === undefined) return undefined;
  if (lockOpened(descriptor, ['-x', '-w', String(longestLook)]) === 'locked') {
    return { release: () => closeQuietly(descriptor) };
  }
  closeQuietly(descriptor);
  return undefined;
}

/** As `Files.isHeld`. */
export function isHeld(file: string): boolean {
  const descriptor = openToHold(file);
  if (descriptor === undefined) return false;
  try {
    // Several may look at once.
    return lockOpened(descriptor, ['-s', '-n']) === 'held';
  } finally {
    closeQuietly(descriptor);
  }
}

/**
 * Locks what is open as `descriptor`, for all processes that have it from us: the lock stays when `flock` has ended. Undefined
 * where there is no such program, or no lock on this file system.
 */
function lockOpened(descriptor: number, options: readonly string[]): 'locked' | 'held' | undefined {
  if (process.platform !== 'linux') return undefined;
  const { status } = spawnSync('flock', ['-E', String(conflict), ...options, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: (longestLook + 3) * 1000,
    killSignal: 'SIGKILL',
  });
  return status === 0 ? 'locked' : status === conflict ? 'held' : undefined;
}

/** Nothing was written to it. */
function closeQuietly(descriptor: number): void {
  try {
    fs.closeSync(descriptor);
  } catch {
    // It is gone either way.
  }
}

function openToHold(file: string): number | undefined {
  try {
    return fs.openSync(file, withoutWaiting | withoutLinks);
  } catch {
    return undefined;
  }
}
