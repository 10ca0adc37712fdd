/** What is otherwise where tests run with Node.js for Windows, in Wine or not. */

import fs from 'node:fs';
import path from 'node:path';

export const isWindows = process.platform === 'win32';
export const isWine = isWindows && fs.existsSync(String.raw`C:\Windows\System32\winecfg.exe`);

/**
 * What is not there on Windows, or not in Wine: `test.skipIf(lacks.links)`. `.ci/wine` prints the name of each test that is skipped there,
 * and how many they are.
 */
export const lacks = {
  /** Links are for administrators there, and Wine makes none. */
  links: isWindows,
  /** Who owns a file, and who may do what with it: all that is kept is whether it is read-only. */
  owners: isWindows,
  /** Pipes and devices with a name in a directory. */
  pipes: isWindows,
  /** Locks of the kernel that end with their process: signs of life take their place. */
  holds: isWindows,
  /** Signals that a process hears: others end it, and it is not told. */
  signals: isWindows,
  /** That a file goes at once which is open: in Wine it keeps its directory until it is closed. */
  openRemoval: isWindows,
  /** That a process is ended with those that it has started: the `taskkill` of Wine knows no `/t`. */
  endOfTrees: isWine,
  /** What Linux says of its processes, such as which one a number is of. */
  proc: isWindows,
  /** Names with line breaks, quotes and whatever else. */
  anyName: isWindows,
  /** Programs of Linux: a shell and its tools. */
  shell: isWindows,
} as const;

/** A path with `/` between its parts, as on Linux. */
export function slashed(file: string): string {
  return file.replaceAll(path.sep, '/');
}

/** A path between double quotes, as TOML, JSON and Prometheus want it. */
export function inQuotes(file: string): string {
  return file.replaceAll('\\', '\\\\');
}
