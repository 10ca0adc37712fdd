/** A full set of an environment in use (design, section 5; recovery document, G.4). The order of it. */

import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import {
  discoverEnvironment,
  filesOfKind,
  logPaths,
  normalDirectory,
  type Environment,
  type EnvironmentFile,
} from '../environment/discover.ts';
import { type Files } from '../files.ts';
import { findLastCheckpoint } from '../log/find-checkpoint.ts';
import { openLog } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';
import { pause, type Watch } from '../pause.ts';
import { FileBindings } from '../recovery/bindings.ts';
import { type NewSet } from '../repository/repository.ts';
import { ContainerCopy, copyPlain } from './copy-container.ts';
import { LogCopy } from './copy-log.ts';
import { NamedPages } from './named-pages.ts';

/** What a copy of an environment consists of. */
export interface EnvironmentCopy {
  readonly containers: readonly ContainerCopy[];
  readonly others: readonly EnvironmentFile[];
  readonly logFiles: readonly string[];
  readonly logVersion: number;
  readonly end: Lsn;
  readonly lastRecord: Lsn | undefined;
  readonly warnings: readonly string[];
}

/** How long to wait for the application to write to its log, in ms. */
const flushWaitMs = 400;
const pollMs = 10;

/** Copies an environment that other processes may be writing to. It is only read. */
export async function copyHot(
  files: Files,
  environment: Environment,
  set: NewSet,
  watch: Watch,
): Promise<EnvironmentCopy> {
  const { home, config } = environment;
  const warnings = [...config.risks];

  // 1. The log: the last complete checkpoint says from which file on it is needed.
  const first = firstLogFile(files, environment);

  // 2. Copy it from there at once, and follow it, so that no file can be taken away.
  const logDirectory = normalDirectory(config.logDirectory ?? '.');
  const log = new LogCopy(
    files,
    path.join(home, logDirectory),
    path.join(set.environment, logDirectory),
    first,
  );
  try {
    log.follow();
    const bound = { end: () => log.end, follow: () => void log.follow() };

    // 3. Copy the containers, looking at every page.
    const copies = new Map<string, ContainerCopy>();
    const others = new Map<string, EnvironmentFile>();
    const copyFiles = async (found: Environment): Promise<void> => {
      requireSound(found);
      for (const file of found.files) {
        if (file.kind === 'log' || others.has(file.name)) continue;
        const target = path.join(set.environment, file.name);
        if (file.kind !== 'database') {
          if (copyPlain(files, file, target)) others.set(file.name, file);
        } else if (!copies.has(file.uid!) && ![...copies.values()].some((copy) => copy.file.name === file.name)) {
          const copy = new ContainerCopy(files, file, target, bound);
          if (await copy.copy(watch)) copies.set(file.uid!, copy);
        }
      }
    };
    await copyFiles(withoutTwins(environment));
    // Files that appeared meanwhile; those that vanished or were renamed are explained by the log.
    await copyFiles(withoutTwins(discoverEnvironment(files, home)));

    // 4. Read again what may have been in motion.
    await settle(files, log, [...copies.values()], watch);

    // 5. Copy the log to its end. Every page copied has been compared with it.
    log.follow();
    const { end, lastRecord } = log;
    log.close();
    await requireSoundTail(files, home, end);
    const containers = [...copies.values()];
    for (const copy of containers) {
      copy.finish();
      if (!copy.isLogged) {
        warnings.push(`${copy.file.name} is not written through the log: it is as it was on disk, and no log can recover it`);
      }
    }
    return {
      containers,
      others: [...others.values()],
      logFiles: log.copied.map((name) => path.posix.join(logDirectory, name)),
      logVersion: log.version,
      end,
      lastRecord,
      warnings,
    };
  } finally {
    log.close();
  }
}

export function requireSound({ damaged }: Environment): void {
  const first = damaged[0];
  if (!first) return;
  throw new FigaroError('page-type', `${first.path} is a damaged database: ${first.problem}`, {
    path: first.path,
    pgno: 0,
    hint: 'its first page is not whole. Run verify on an older set, and restore this container from it.',
  });
}

/** Of files with one identity, the one with a permanent name; the other is a name in passing. */
function withoutTwins(environment: Environment): Environment {
  const byUid = new Map<string, EnvironmentFile>();
  for (const file of filesOfKind(environment, 'database')) {
    const twin = byUid.get(file.uid!);
    if (!twin || isPassing(twin.name)) byUid.set(file.uid!, file);
    else if (!isPassing(file.name)) {
      throw new FigaroError('not-recoverable', `${file.path} and ${twin.path} carry the same unique id`, {
        path: file.path,
        hint: 'one is a copy of the other. Move the copy out of the environment.',
      });
    }
  }
  const kept = new Set(byUid.values());
  return { ...environment, files: environment.files.filter((file) => file.kind !== 'database' || kept.has(file)) };
}

function isPassing(name: string): boolean {
  return /(^|\/)(__db\.)?[0-9a-f]+\.[0-9a-f]+$/.test(name);
}

/** Number of the first log file that recovery of a copy begun now can need (recovery document, F.2). */
export function firstLogFile(files: Files, environment: Environment): number {
  const log = openLog(files, logPaths(environment));
  const checkpoint = findLastCheckpoint(files, log);
  const first = log.files[0]!;
  if (checkpoint) {
    if (checkpoint.redoFrom.file >= first.number) return checkpoint.redoFrom.file;
    throw new FigaroError(
      'log-missing',
      `${environment.home}: the last checkpoint needs the log from ${formatLsn(checkpoint.redoFrom)} on, and ${first.path} is the first`,
      { path: first.path, hint: 'let the application take a checkpoint, then run the same command again.' },
    );
  }
  if (first.number === 1 && first.prev === 0) return 1;
  throw new FigaroError('log-missing', `${environment.home}: the log holds no checkpoint and does not start at its beginning`, {
    path: first.path,
    hint: 'let the application take a checkpoint, then run the same command again.',
  });
}

/**
 * Reads again every page that the log names since the checkpoint: no other page can have been written meanwhile. An
 * abort writes pages back without a record on disk that names them yet, so the log must have been flushed once more
 * first; where nobody writes, every page is read again instead (recovery document, G.5).
 */
async function settle(
  files: Files,
  log: LogCopy,
  copies: readonly ContainerCopy[],
  watch: Watch,
): Promise<void> {
  const flushed = await waitForFlushes(log, 2, watch);
  const named = await namedPages(files, log, watch);
  for (const copy of copies) {
    // A container the log does not name may be written to without it.
    const pages = flushed ? (named.of(copy.file.uid!) ?? copy.allPages()) : copy.allPages();
    await copy.reread(pages, watch);
    log.follow();
  }
}

/** Waits until the log has grown this many times; false when it does not within bounds. */
async function waitForFlushes(log: LogCopy, times: number, watch: Watch): Promise<boolean> {
  let { offset, file } = log.end;
  for (let grown = 0, waited = 0; waited < flushWaitMs; waited += pollMs) {
    const end = log.follow();
    if (end.offset !== offset || end.file !== file) {
      ({ offset, file } = end);
      grown += 1;
      if (grown >= times) return true;
    }
    await setTimeout(pollMs);
    await pause(watch, { phase: 'wait for the log' });
  }
  return false;
}

/** The pages named by the log copied so far. */
async function namedPages(files: Files, log: LogCopy, watch: Watch): Promise<NamedPages> {
  const copied = openLog(files, log.paths());
  const bindings = new FileBindings();
  let count = 0;
  for (const record of scanLog(files, copied, { verify: false })) {
    bindings.see(record);
    if (++count % 4096 === 0) await pause(watch, { phase: 'read the log' });
  }
  const named = new NamedPages();
  for (const record of scanLog(files, copied, { verify: false })) {
    named.see(record, bindings);
    if (++count % 4096 === 0) await pause(watch, { phase: 'read the log' });
  }
  return named;
}

/** Throws `log-corrupt` when good records lie behind the place where the copy of the log ends. */
export async function requireSoundTail(files: Files, home: string, end: Lsn): Promise<void> {
  const tries = 5;
  for (let i = 1; ; i++) {
    const paths = logPaths(discoverEnvironment(files, home));
    const kept = new Map([...paths].filter(([number]) => number >= end.file));
    try {
      const scan = scanLog(files, openLog(files, kept));
      while (!scan.next().done);
      return;
    } catch (error) {
      // A record being written just now looks like damage; damage stays.
      if (i === tries || !(error instanceof FigaroError)) throw error;
      await setTimeout(20 * i);
    }
  }
}
