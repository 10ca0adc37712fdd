/** Making what was written last. */

import path from 'node:path';
import { someAtOnce } from '../at-once.ts';
import { pause, type Watch } from '../pause.ts';
import { type Files } from './files.ts';
import { fewFiles, smallBytes } from './syncs-beside.ts';

/** As many as Node.js asks the system for at the same time. One journal of a file system commits several of them at once. */
const filesAtOnce = 4;

const syncing = { phase: 'sync what was written' };

/**
 * Syncs every file and directory of a tree of ours: files side by side, many together where the system can do that, then what is inside
 * before what holds it. Cheaper than to sync each file when it is written, since a disk has begun with the first ones by then.
 */
export async function syncTree(files: Files, directory: string, watch: Watch = {}): Promise<void> {
  const tree = listTree(files, directory);
  await pause(watch, syncing);
  const together = tree.smallCount > fewFiles && tree.isOfOne ? files.syncAll?.(directory) : undefined;
  await (together ?? syncEach(files, tree.files, watch));
  for (const inside of tree.directories.toReversed()) files.syncDirectory(inside);
}

async function syncEach(files: Files, written: readonly string[], watch: Watch): Promise<void> {
  await someAtOnce(filesAtOnce, written, async (file) => {
    await files.sync(file);
    await pause(watch, syncing);
  });
}

interface Tree {
  readonly files: readonly string[];
  /** How many of them are small. */
  readonly smallCount: number;
  /** Each comes before what is in it. */
  readonly directories: readonly string[];
  /** All of it is in one file system: nobody has mounted another one in it. */
  readonly isOfOne: boolean;
}

/** What is in a directory, and itself. */
function listTree(files: Files, top: string): Tree {
  const found: string[] = [];
  const directories = [top];
  const device = files.statThrough(top)?.device;
  let isOfOne = true;
  let smallCount = 0;
  for (const directory of directories) {
    for (const name of files.listIfThere(directory) ?? []) {
      const entry = path.join(directory, name);
      const stat = files.statIfThere(entry);
      (stat?.kind === 'directory' ? directories : found).push(entry);
      if (stat && stat.device !== device) isOfOne = false;
      if (stat?.kind === 'file' && stat.size <= smallBytes) smallCount += 1;
    }
  }
  return { files: found, smallCount, directories, isOfOne };
}
