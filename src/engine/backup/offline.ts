/** A full set of an environment that nobody is writing to (recovery document, section H). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import {
  discoverEnvironment,
  filesOfKind,
  normalDirectory,
  type Environment,
  type EnvironmentFile,
} from '../environment/discover.ts';
import { type Files } from '../files.ts';
import { type Watch } from '../pause.ts';
import { type NewSet } from '../repository/repository.ts';
import { ContainerCopy, copyPlain, hashFile } from './copy-container.ts';
import { LogCopy } from './copy-log.ts';
import { firstLogFile, requireSound, requireSoundTail, type EnvironmentCopy } from './hot.ts';

/**
 * Copies an environment and makes sure that it stood still meanwhile. Throws `environment-changed` when it did not.
 * Environments without a log are read twice: there is nothing else that could show a change.
 */
export async function copyOffline(
  files: Files,
  environment: Environment,
  set: NewSet,
  watch: Watch,
): Promise<EnvironmentCopy> {
  requireSound(environment);
  const { home, config } = environment;
  const warnings = [...config.risks];
  const hasLog = filesOfKind(environment, 'log').length > 0;
  const logDirectory = normalDirectory(config.logDirectory ?? '.');
  const log = hasLog
    ? new LogCopy(
        files,
        path.join(home, logDirectory),
        path.join(set.environment, logDirectory),
        firstLogFile(files, environment),
      )
    : undefined;
  try {
    log?.follow();
    const bound = log && { end: () => log.end, follow: () => void log.follow() };
    const containers: ContainerCopy[] = [];
    const others: EnvironmentFile[] = [];
    for (const file of environment.files) {
      if (file.kind === 'log') continue;
      const target = path.join(set.environment, file.name);
      if (file.kind === 'database') {
        const copy = new ContainerCopy(files, file, target, bound);
        if (!(await copy.copy(watch))) throw changed(file.path, 'it is gone');
        containers.push(copy);
      } else {
        if (!copyPlain(files, file, target)) throw changed(file.path, 'it is gone');
        others.push(file);
      }
    }

    // The last look: nothing may be different from the first.
    const { offset, file } = log?.end ?? { offset: 0, file: 0 };
    const end = log?.follow() ?? { file: 0, offset: 0 };
    if (end.offset !== offset || end.file !== file) throw changed(home, 'its log has grown');
    requireUnchanged(environment, discoverEnvironment(files, home));
    if (log) await requireSoundTail(files, home, end);
    else requireSameContents(files, containers);
    return {
      containers,
      others,
      logFiles: log?.copied.map((name) => path.posix.join(logDirectory, name)) ?? [],
      logVersion: log?.version ?? 0,
      end,
      lastRecord: log?.lastRecord,
      warnings,
    };
  } finally {
    log?.close();
  }
}

function requireUnchanged(first: Environment, last: Environment): void {
  const now = new Map(last.files.map((file) => [file.name, file]));
  for (const { name, path: file, stat } of first.files) {
    const later = now.get(name);
    if (!later) throw changed(file, 'it is gone');
    if (later.stat.size !== stat.size) throw changed(file, `it had ${stat.size} bytes, and has ${later.stat.size}`);
    if (later.stat.mtimeMs !== stat.mtimeMs || later.stat.inode !== stat.inode) {
      throw changed(file, 'it was written to');
    }
    now.delete(name);
  }
  for (const { path: file } of now.values()) throw changed(file, 'it is new');
}

function requireSameContents(files: Files, containers: readonly ContainerCopy[]): void {
  for (const { file, size, sha256 } of containers) {
    if (hashFile(files, file.path).sha256 !== sha256 && size === file.stat.size) {
      throw changed(file.path, 'a second read gave other bytes');
    }
  }
}

function changed(file: string, how: string): FigaroError {
  return new FigaroError('environment-changed', `${file} changed during the offline backup: ${how}`, {
    path: file,
    hint: 'stop the application, or use `figaro-backup hot`.',
  });
}
