/** What the different ways of copying an environment have in common. */

import path from 'node:path';
import { type Lsn } from '../../format/lsn.ts';
import { normalDirectory, type Environment } from '../environment/discover.ts';
import { makeDirectories, type Files } from '../files.ts';
import { logFileName } from '../log/log-files.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type CopiedLogFile, type LogCopy } from './copy-log.ts';
import { type PlainCopy } from './copy-plain.ts';
import { type LogNotes } from './log-notes.ts';

/** The log of a set as it was copied. */
export interface CopiedLog {
  /** Undefined for an opaque log: encrypted, and copied without the password. */
  readonly version: number | undefined;
  /** Number of the first file copied. */
  readonly firstFile: number;
  readonly end: Lsn;
  readonly lastRecord: Lsn | undefined;
  readonly notes: LogNotes;
}

/** A copy of an environment, or of what is new in one, lying in a set. */
export interface EnvironmentCopy {
  readonly files: readonly ManifestFile[];
  /** Undefined for an environment without transactions. */
  readonly log: CopiedLog | undefined;
  readonly warnings: readonly string[];
}

/** Where log files are, relative to the environment. */
export function logDirectoryOf({ config }: Environment): string {
  return normalDirectory(config.logDirectory ?? '.');
}

/** Creates the directories that DB_CONFIG names and the source has: an empty one is needed, too. */
export function makeConfiguredDirectories(files: Files, { config, directories }: Environment, target: string): void {
  const named = [...config.dataDirectories, config.createDirectory, config.logDirectory];
  for (const directory of named) {
    const normal = directory === undefined ? '' : normalDirectory(directory);
    if (normal !== '' && directories.includes(normal)) makeDirectories(files, path.join(target, normal));
  }
}

export function describeLog(log: LogCopy, notes: LogNotes): CopiedLog {
  const { copied, end, lastRecord } = log;
  return { version: copied.at(-1)!.header.version, firstFile: copied[0]!.number, end, lastRecord, notes };
}

/** The manifest's entries, in order of path. */
export function manifestFiles(
  containers: readonly ContainerCopy[],
  others: readonly PlainCopy[],
  logs: readonly CopiedLogFile[],
  logDirectory: string,
): ManifestFile[] {
  const entries: ManifestFile[] = [
    ...containers.map(({ paged, name, size, sha256, stat, isUnlogged }) => ({
      path: name,
      kind: paged.file.kind,
      size,
      sha256,
      mode: stat.mode,
      modifiedMs: stat.mtimeMs,
      pageSize: paged.format.pageSize,
      ...(isUnlogged ? { unlogged: true as const } : {}),
    })),
    ...others.map(({ file, size, sha256, stat }) => ({
      path: file.name,
      kind: file.kind,
      size,
      sha256,
      mode: stat.mode,
      modifiedMs: stat.mtimeMs,
    })),
    ...logs.map(({ number, size, sha256, stat }) => ({
      path: path.posix.join(logDirectory, logFileName(number)),
      kind: 'log' as const,
      size,
      sha256,
      mode: stat.mode,
      modifiedMs: stat.mtimeMs,
    })),
  ];
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}
