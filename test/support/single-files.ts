/** The program as one file with Node.js in it, as `npm run package` makes it: once for a run of the tests, and only in the long one. */

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from 'vitest';
import { isLongRun } from './effort.ts';
import { madeOnce } from './servers/live-servers.ts';

const root = path.join(import.meta.dirname, '../..');

/** What this machine can run: its own, and with Wine the one for Windows. */
export const ownName = `figaro-backup-linux-${process.arch}`;
export const windowsName = 'figaro-backup-win-x64.exe';

/** Makes files in a directory that it makes. It fetches Node.js, and takes a while. */
export async function makeSingleFiles(directory: string, names: readonly string[]): Promise<void> {
  const args = [path.join(root, 'build/single-file.ts'), '--to', directory, ...names];
  await promisify(execFile)(process.execPath, ['--import', 'tsx', ...args], { cwd: root });
}

/** The directory that they are in, with all that belongs to them. */
async function singleFiles(): Promise<string> {
  return await madeOnce('single-files', async (room) => {
    const directory = path.join(room, 'packages');
    const isWindowsToo = process.arch === 'x64';
    await makeSingleFiles(directory, [ownName, ...(isWindowsToo ? [windowsName] : [])]);
    return directory;
  });
}

/**
 * `describe` of the long run, for tests of single files. Where none can be made, for want of a network, they are skipped, and say so; in CI
 * that is a failure.
 */
export async function describeSingleFiles(title: string, tests: (directory: string) => void): Promise<void> {
  if (!isLongRun) {
    describe.skip(title, () => tests(''));
    return;
  }
  try {
    const directory = await singleFiles();
    describe(title, () => tests(directory));
  } catch (error) {
    if (process.env.CI) {
      test(`${title}: they can be made`, () => {
        throw error;
      });
    } else {
      console.warn(`SKIPPED, for want of single files: ${title}: ${String(error)}`);
      describe.skip(title, () => tests(''));
    }
  }
}
