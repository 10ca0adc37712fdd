/** What a recovery needs, told before it begins. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';

/** What a recovery takes. In bytes. */
export interface Preflight {
  /** The target, or what is there of the path to it. */
  readonly directory: string;
  /** For the files as they are; what the log creates or makes grow comes on top. */
  readonly bytesNeeded: number;
  readonly bytesFree: number;
  /** Of databases, to be read and copied. */
  readonly databaseBytes: number;
  /** Of log, to be read; about as much as there is to replay. */
  readonly logBytes: number;
}

/**
 * @param copied what the result will be made of
 * @param read what is read for it: more log, where only some containers are asked for
 */
export function preflight(files: Files, copied: Environment, read: Environment, target: string): Preflight {
  const directory = nearestDirectory(files, path.resolve(target));
  return {
    directory,
    bytesNeeded: bytesOf(copied.files),
    bytesFree: files.freeSpace(directory),
    databaseBytes: bytesOf(copied.files.filter(({ kind }) => kind !== 'log')),
    logBytes: bytesOf(filesOfKind(read, 'log')),
  };
}

function bytesOf(files: Environment['files']): number {
  return files.reduce((sum, { stat }) => sum + stat.size, 0);
}

function nearestDirectory(files: Files, directory: string): string {
  let there = directory;
  while (!files.statThrough(there) && path.dirname(there) !== there) there = path.dirname(there);
  return there;
}

/** Throws `no-space` when the files alone do not fit. */
export function requireRoom({ directory, bytesNeeded, bytesFree }: Preflight): void {
  if (bytesFree >= bytesNeeded) return;
  throw new FigaroError(
    'no-space',
    `${directory} has ${formatBytes(bytesFree)} free, and the recovered environment needs at least ${formatBytes(bytesNeeded)}`,
    { path: directory, hint: 'make room there, or choose a directory on another file system.' },
  );
}
