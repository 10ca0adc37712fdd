/**
 * On Windows, who has a file open can keep others from opening, replacing or removing it. Scanners and indexers do so for a moment, with
 * whatever was just written.
 */

import fs from 'fs-extra';
import { isCode } from './failures.ts';

/** Waits between attempts, in ms: three seconds together. What is really not permitted is told that much later. */
const pausesMs = [5, 10, 20, 40, 80, 160, 320, 640, 800, 925];

/** What Windows refuses when somebody has it open: to open it, and to replace or remove it. */
const refusals = { open: ['EBUSY'], change: ['EBUSY', 'EPERM', 'EACCES', 'ENOTEMPTY'] } as const;

/** How `open` of libuv is told to share the file with nobody (`UV_FS_O_EXLOCK`). */
const alone = 0x10000000;

interface Surroundings {
  readonly platform?: NodeJS.Platform;
  readonly wait?: (ms: number) => void;
}

/** Runs a call, on Windows again and again for three seconds while somebody may have the file open. Throws what the last one threw. */
export function withPatience<T>(
  what: keyof typeof refusals,
  run: () => T,
  { platform = process.platform, wait = sleep }: Surroundings = {},
): T {
  for (const pauseMs of platform === 'win32' ? pausesMs : []) {
    try {
      return run();
    } catch (error) {
      if (!isCode(error, ...refusals[what])) throw error;
      wait(pauseMs);
    }
  }
  return run();
}

/** As `Files.isOpen`. */
export function isOpen(
  file: string,
  surroundings: Surroundings = {},
  open = fs.openSync,
  close = fs.closeSync,
): boolean {
  if ((surroundings.platform ?? process.platform) !== 'win32') return false;
  try {
    // Closed at once: nobody else can open it meanwhile.
    withPatience('open', () => close(open(file, fs.constants.O_RDONLY | alone)), surroundings);
    return false;
  } catch (error) {
    if (isCode(error, 'EBUSY')) return true;
    // It is gone, or not ours to open: that is told by whoever reads it.
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'EPERM', 'EACCES', 'EISDIR')) return false;
    throw error;
  }
}

/** The engine's operations are synchronous, and so are their pauses. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
