/** A full set of an environment that nobody is writing to (recovery document, sections H and K). The order of it. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { equalLsn } from '../../format/lsn.ts';
import { flagWarnings } from '../environment/config-risks.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { findLogNearby, requireLogGone, whyNoLog } from '../environment/log-nearby.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { differenceSince, stoodStill } from '../environment/unchanged.ts';
import { type Files, placeOf } from '../files/files.ts';
import { DatabaseNames } from '../log/database-names.ts';
import { type Watch } from '../pause.ts';
import { type NewSet } from '../repository/repository.ts';
import { ContainerCopy } from './copy-container.ts';
import { LogCopy, requireSoundTail } from './copy-log.ts';
import { copyPlain, type PlainCopy } from './copy-plain.ts';
import { hashFile } from '../files/hash.ts';
import {
  describeLog,
  logDirectoryOf,
  makeConfiguredDirectories,
  manifestFiles,
  type EnvironmentCopy,
} from './environment-copy.ts';
import { LogNotes } from './log-notes.ts';
import { NamedPages } from './named-pages.ts';
import { RemovedFiles } from './gone.ts';
import { findFirstLogFile } from './redo-start.ts';
import { findingsOf, requireUndamaged } from './damage.ts';
import { DamagedPages } from './page-source.ts';
import { requireRoomFor, type Room } from './room.ts';
import { listSource } from './source.ts';
import { markUnlogged } from './unlogged-copies.ts';

interface OfflineOptions {
  readonly watch: Watch;
  /** As it was found just before. */
  readonly environment: Environment;
  readonly choice?: FileChoice | undefined;
  /** Copy damaged pages and databases as they are, and tell of them. */
  readonly keepDamaged?: boolean;
  /** Take databases whose log is gone as they are. */
  readonly withoutLog?: boolean;
  /** See `HotOptions`. */
  readonly onRoom?: ((room: Room) => void) | undefined;
}

/** The first look, before anything is written. Throws `environment-in-use`, and what `listSource` throws. */
export async function lookAtRest(
  files: Files,
  home: string,
  { choice, keepDamaged, environment: listed }: Pick<OfflineOptions, 'choice' | 'keepDamaged' | 'environment'>,
): Promise<Environment> {
  const { environment } = await listSource(files, home, { choice, keepDamaged, isGlance: true, listed });
  requireNotInUse(files, environment, hintFor);
  return environment;
}

/**
 * Copies an environment and makes sure that it stood still meanwhile. Throws `environment-in-use` when a process has one
 * of its files open for writing, `environment-changed` when anything is different at the end.
 */
export async function copyOffline(
  files: Files,
  home: string,
  set: NewSet,
  { watch, environment: listed, choice, keepDamaged = false, withoutLog = false, onRoom }: OfflineOptions,
): Promise<EnvironmentCopy> {
  const environment = await lookAtRest(files, home, { choice, keepDamaged, environment: listed });
  const hasLog = filesOfKind(environment, 'log').length > 0;
  const logDirectory = logDirectoryOf(environment);
  const from = placeOf(files, path.join(home, logDirectory));
  const first = hasLog ? findFirstLogFile(files, from) : undefined;
  const others = environment.files.filter(({ kind }) => kind !== 'log');
  requireRoomFor(files, set.directory, { others, log: first === undefined ? undefined : { from, first } }, onRoom);
  const notes = new LogNotes();
  const named = new NamedPages();
  const names = new DatabaseNames();
  const removed = new RemovedFiles();
  const log =
    first === undefined
      ? undefined
      : new LogCopy(files, {
          from,
          isAtRest: true,
          to: path.join(set.environment, logDirectory),
          first,
          observers: [notes, named, names, removed],
        });
  try {
    // The log from the last checkpoint on, then everything else.
    const end = await log?.followPatiently(watch);
    if (end) requireSoundTail(files, from, end.file);
    const list = { choice, keepDamaged, namesInLog: (uid: string) => names.of(uid) };
    const source = await listSource(files, home, list);
    const { paged, plain } = source;
    makeConfiguredDirectories(files, environment, set.environment);
    const damaged = new DamagedPages();
    const containers: ContainerCopy[] = [];
    const others: PlainCopy[] = [];
    for (const candidate of paged) {
      const { name, path: file } = candidate.file;
      const copy = new ContainerCopy(files, candidate, path.join(set.environment, name), log, damaged);
      if (!(await copy.copy(watch))) throw changed(file, 'it is gone');
      containers.push(copy);
    }
    for (const file of plain) {
      const copied = await copyPlain(files, file, path.join(set.environment, file.name), watch);
      if (!copied) throw changed(file.path, 'it is gone');
      others.push(copied);
    }

    requireUndamaged(damaged, keepDamaged);

    // The last look: nothing may be different from the first. What nobody was writing to, as its times say, is not read again.
    const requireSame = async (copy: ContainerCopy): Promise<void> => {
      const difference = await copy.firstDifference(watch);
      if (difference) throw changed(copy.source.path, difference);
    };
    for (const copy of containers) if (!copy.isUntouched) await requireSame(copy);
    for (const { file, size, sha256 } of others) {
      if ((await hashFile(files, file.path, watch, { end: size + 1 })).sha256 !== sha256)
        throw changed(file.path, 'it has other contents');
    }
    if (log && !equalLsn(log.follow(), end!)) throw changed(home, 'its log has grown');
    log?.close();
    const last = (await listSource(files, home, list)).environment;
    requireUnchanged(source.environment, last);
    const now = new Map(last.files.map(({ name, stat }) => [name, stat]));
    for (const copy of containers) {
      if (copy.isUntouched && !stoodStill(copy.stat, now.get(copy.name)!)) await requireSame(copy);
    }
    requireNotInUse(files, environment, hintFor);
    const isLogGone = withoutLog && !log && containers.some(({ isLogged }) => isLogged);
    const warnings = [
      ...flagWarnings(environment.config),
      ...source.warnings,
      ...(isLogGone
        ? logGone(files, source.environment)
        : judge(files, source.environment, containers, named, log && notes, log?.isOpaque === true)),
    ];
    return {
      files: manifestFiles(containers, others, log?.copied ?? [], logDirectory),
      findings: [...source.findings, ...findingsOf(damaged)],
      ...(isLogGone ? { withoutLog: true as const } : {}),
      log: log && describeLog(log, notes),
      removed,
      copiedAfter: log && notes.checkpoint?.redoFrom,
      leftOut: source.environment.leftOut,
      warnings,
    };
  } finally {
    log?.close();
  }
}

/** What is to be said of databases without their log. Throws `log-missing` when it is nearby. */
function logGone(files: Files, environment: Environment): string[] {
  return [
    ...requireLogGone(files, environment, ({ advice }) => advice),
    `${environment.home} has no log, and its databases were taken as they are: what was in the log only is lost`,
  ];
}

function hintFor({ files }: Environment): string {
  return files.some(({ kind }) => kind === 'log')
    ? 'stop it, or use `figaro-backup hot`.'
    : 'stop it: an environment without logs can only be backed up while nobody writes to it.';
}

/** What is to be said of the copies. Throws `log-missing` when there should be a log. */
function judge(
  files: Files,
  environment: Environment,
  containers: readonly ContainerCopy[],
  named: NamedPages,
  notes: LogNotes | undefined,
  isOpaque: boolean,
): string[] {
  if (!notes) {
    const logged = containers.find(({ isLogged }) => isLogged);
    if (!logged) return [];
    const { message, advice } = whyNoLog(environment, logged.name, findLogNearby(files, environment));
    throw new FigaroError('log-missing', message, { path: environment.home, hint: advice });
  }
  // An opaque log tells neither.
  if (isOpaque) return [];
  const warnings = markUnlogged(containers, named).map(
    ({ name }) => `${name} is written without the log: incrementals cannot update it`,
  );
  if (!notes.endsInCheckpoint) {
    warnings.push('the log does not end in a checkpoint: the containers of this set are not usable before recovery');
  }
  return warnings;
}

function requireUnchanged(first: Environment, last: Environment): void {
  const now = new Map(last.files.map((file) => [file.name, file]));
  for (const { name, path: file, stat } of first.files) {
    const difference = differenceSince(stat, now.get(name)?.stat);
    if (difference !== undefined) throw changed(file, difference);
    now.delete(name);
  }
  for (const { path: file } of now.values()) throw changed(file, 'it is new');
}

function changed(file: string, how: string): FigaroError {
  return new FigaroError('environment-changed', `${file} changed during the offline backup: ${how}`, {
    path: file,
    hint: 'stop the application, or use `figaro-backup hot`.',
  });
}
