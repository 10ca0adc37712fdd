/** What the next run finds of one that was killed, or that a test ended in its place. */

import fs from 'node:fs';
import path from 'node:path';
import { type Files } from '../../src/engine/files/files.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { expiryMs } from '../../src/engine/lease.ts';
import { watchedFiles } from './watched-files.ts';
import { lacks } from './windows.ts';

/**
 * The disk as the next run finds it. Where nothing tells that a process is gone, that run comes minutes later: all that is below the directory now
 * seems to have changed so long ago, for as long as it does not change.
 */
export function laterFiles(directory: string): Files {
  if (!lacks.proc) return nodeFiles;
  const silent = new Map(
    fs
      .readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(directory, name))
      .map((file) => [file, nodeFiles.statIfThere(file)?.changedMs]),
  );
  return watchedFiles(nodeFiles, {
    afterStat: (file, stat) =>
      silent.get(file) === stat.changedMs ? { ...stat, changedMs: stat.changedMs - expiryMs } : stat,
  });
}
