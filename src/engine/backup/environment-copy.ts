/** What the different ways of copying an environment have in common. */

import path from 'node:path';
import { type Lsn } from '../../format/lsn.ts';
import { normalDirectory } from '../../format/names.ts';
import { type Environment } from '../environment/environment.ts';
import { makeDirectories } from '../files/tree.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { logFileName, logTailName } from '../../format/names.ts';
import { type LeftOut } from '../environment/left-out.ts';
import { type PagesOnDisk } from '../recovery/disk-comparison.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type CopiedLogFile, type LogCopy } from './copy-log.ts';
import { type PlainCopy } from './copy-plain.ts';
import { type SetFinding } from './damage.ts';
import { type RemovedFiles } from './gone.ts';
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
  /** The log is gone: see the manifest. */
  readonly withoutLog?: true;
  /** Full sets: where the last checkpoint before anything was copied says that redo starts. */
  readonly copiedAfter?: Lsn | undefined;
  /** Pages of the source that rows may be missing on, to be compared with what the log makes of them. */
  readonly onDisk?: PagesOnDisk | undefined;
  /** Full sets: what the log that was copied removes. */
  readonly removed?: RemovedFiles;
  /** Damage that was copied because somebody asked for it; none otherwise. */
  readonly findings: readonly SetFinding[];
  /** What of the source is not in the copy. */
  readonly leftOut: readonly LeftOut[];
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

/** What a manifest says of a file beside its contents. */
function attributesOf({
  mode,
  uid,
  gid,
  mtimeMs,
}: FileStat): Pick<ManifestFile, 'mode' | 'uid' | 'gid' | 'modifiedMs'> {
  return { mode, uid, gid, modifiedMs: mtimeMs };
}

/** Gives the copies the owners, permissions and times of their sources, as far as this user may. */
export function keepAttributes(
  files: Files,
  { home, directories }: Environment,
  entries: readonly ManifestFile[],
  target: string,
): void {
  for (const { path: name, mode, uid, gid, modifiedMs } of entries) {
    const copy = path.join(target, name);
    // A set is read and synced by who made it; the manifest has the permissions that its files have when they are recovered.
    files.setOwner(copy, { mode: mode! | 0o400, uid: uid!, gid: gid! });
    files.setTimes(copy, modifiedMs);
  }
  for (const directory of directories) {
    const copy = path.join(target, directory);
    const stat = files.statThrough(path.join(home, directory));
    // To add files to it and to remove it again, its owner has to have all rights.
    if (stat && files.statIfThere(copy)) files.setOwner(copy, { ...stat, mode: stat.mode | 0o700 });
  }
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
      ...attributesOf(stat),
      ...(paged.file.kind === 'database' ? { databaseId: paged.file.uid } : {}),
      pageSize: paged.format.pageSize,
      ...(isUnlogged ? { unlogged: true as const } : {}),
    })),
    ...others.map(({ file, size, sha256, stat }) => ({
      path: file.name,
      kind: file.kind,
      size,
      sha256,
      ...attributesOf(stat),
    })),
    ...logs.map(({ number, from, size, sha256, stat }) => {
      const whole = path.posix.join(logDirectory, logFileName(number));
      const tail = path.posix.join(logDirectory, logTailName(number, from));
      return {
        path: from === 0 ? whole : tail,
        kind: 'log' as const,
        size,
        sha256,
        ...attributesOf(stat),
        ...(from === 0 ? {} : { tailOf: { path: whole, from } }),
      };
    }),
  ];
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}
