/** What a standby consists of on disk, as an environment: its log, and its databases, which have no names there. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { metaSize, recognizeFile } from '../../format/page/meta.ts';
import { normalDirectory } from '../../format/names.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { withFile } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { requireOwnTree } from '../files/own-tree.ts';
import { logEndOf, partsOf, type Standby, type StandbyFile } from './standby.ts';

/**
 * The standby without its databases: its log. What a run added to that and did not come to note may be anything, and is cut off. Throws
 * `standby-corrupt` where something in it leads elsewhere, `chain-mismatch` when an application opened it.
 */
export function standbyHome(files: Files, { directory, state }: Standby): Environment {
  const { home } = partsOf(directory);
  requireOwnTree(files, home, 'standby-corrupt');
  const found = discoverEnvironment(files, home);
  requireUnopened(found);
  // As an earlier version of this program left it while it was made.
  if (state.rounds === 0 && !state.taken) return found;
  const { end } = logEndOf(state);
  const kept: EnvironmentFile[] = [];
  for (const file of found.files) {
    if (file.kind !== 'log' || file.logNumber < end.file) kept.push(file);
    else if (file.logNumber > end.file) files.remove(file.path);
    else kept.push({ ...file, stat: { ...file.stat, size: cutOff(files, file, end.offset) } });
  }
  return { ...found, files: kept };
}

/** Returns the size of the file after that. */
function cutOff(files: Files, { path: file, stat }: EnvironmentFile, size: number): number {
  if (stat.size <= size) return stat.size;
  const opened = files.openToWrite(file);
  try {
    opened.truncate(size);
    opened.sync();
  } finally {
    opened.close();
  }
  return size;
}

/** The standby as an environment that recovery works on: its log, and its databases under their names. Throws as `standbyHome`. */
export function standbyEnvironment(files: Files, standby: Standby): Environment {
  const { directory, state } = standby;
  const { pieces } = partsOf(directory);
  const found = standbyHome(files, standby);
  const databases = state.files.map((file) => asEnvironmentFile(files, file, path.join(pieces, file.piece)));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return { ...found, files: [...found.files, ...databases].sort(byName) };
}

/** Throws `chain-mismatch` when an application made something in it of its own: the log there is no longer the primary's. */
function requireUnopened({ home, files, leftOut }: Environment): void {
  const stranger =
    files.find(({ kind }) => kind === 'database' || kind === 'placeholder') ??
    leftOut.find(({ reason }) => reason === 'region' || reason === 'registry');
  if (!stranger) return;
  throw new FigaroError('chain-mismatch', `${home} holds ${stranger.name}: an application opened the standby`, {
    path: stranger.path,
    hint: 'its log may have a history of its own now. Make a new standby in another directory, and open it only when it is promoted.',
  });
}

function asEnvironmentFile(files: Files, file: StandbyFile, at: string): EnvironmentFile {
  const { kind, name, logName, dataDirectory, mode, uid, gid } = file;
  return withFile(files, at, (opened) => {
    const stat = { ...opened.stat(), mode, uid, gid };
    const head = new Uint8Array(metaSize);
    const place = { name, path: at, logName, dataDirectory, stat };
    if (kind !== 'database' && kind !== 'placeholder') return { ...place, kind };
    const recognition = recognizeFile(head.subarray(0, opened.readAt(head, 0)), files.cipher);
    if (recognition.kind === 'database') {
      return { ...place, kind: 'database', format: recognition.format, uid: recognition.format.uid };
    }
    if (recognition.kind === 'placeholder') return { ...place, kind: 'placeholder', uid: recognition.uid };
    throw new FigaroError('page-type', `${at} (${name}) is no longer a database: page 0 is damaged`, {
      path: at,
      pgno: 0,
      hint: 'make a new standby with `figaro-backup failover follow` in another directory.',
    });
  });
}

/** Where the environment of a standby has its log files. */
export function logDirectoryIn(environment: Environment): string {
  return path.join(environment.home, normalDirectory(environment.config.logDirectory ?? '.'));
}
