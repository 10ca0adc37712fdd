/** New log on its way into a standby: from the primary, or from the sets of a repository. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { LogCopy, requireSoundEnd } from '../backup/copy-log.ts';
import { logPaths } from '../environment/environment.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { Continuation } from '../log/continuation.ts';
import { logFileName } from '../../format/names.ts';
import { openLog } from '../log/log-files.ts';
import { differenceInHistory } from '../log/same-history.ts';
import { chainEnvironment, chainsOf } from '../repository/chain.ts';
import { openRepository, readSets } from '../repository/repository.ts';
import { logDirectoryIn, partsOf, standbyEnvironment, type Standby, type StandbyState } from './standby.ts';
import { logPlace } from '../environment/discover.ts';
import { type Directories } from '../environment/outside.ts';

const hints = {
  gap: 'log files were removed before they were followed. Make a new standby in another directory, and let the primary keep its log for longer.',
  mismatch:
    'the primary was restored, recovered to an earlier point, or is another environment. Make a new standby in another directory.',
};

/**
 * Takes the log that a primary has written since the last round. Throws `chain-gap` when some of it is gone, and
 * `chain-mismatch` when the primary has another history than the standby.
 *
 * @param home the primary, or what is left of it
 * @param logDirectory where it has its log, when only its application's code says so; as when the standby was made by default
 */
export async function takeLogOf(
  files: Files,
  standby: Standby,
  home: string,
  logDirectory = standby.state.logDirectory,
): Promise<void> {
  const { directory, state } = standby;
  const environment = standbyEnvironment(files, standby);
  const from = logDirectoryOf(files, home, { logDirectory });
  const chainLog = logPaths(environment);
  const firstFile = Math.min(...chainLog.keys());
  const parent = { firstFile, end: state.end, lastRecord: state.lastRecord };
  const continuation = new Continuation(files, { subject: home, from, chainLog, parent, hints });
  const first = continuation.firstFile();
  const incoming = emptyIncoming(files, directory);
  const log = new LogCopy(files, { from, to: incoming, first, observers: [continuation] });
  try {
    const end = await log.followToEnd();
    log.close();
    await requireSoundEnd(files, from, end);
    const { number, header } = log.copied[0]!;
    continuation.requireProof({ path: path.join(incoming, logFileName(number)), number, prev: header.prev }, end);
  } finally {
    log.close();
  }
  const grown = log.copied.filter(({ number, size }) => number !== state.end.file || size > state.end.offset);
  moveIn(
    files,
    incoming,
    logDirectoryIn(environment),
    grown.map(({ number }) => number),
  );
}

function logDirectoryOf(files: Files, home: string, known: Directories | undefined): string {
  if (!files.statThrough(home)) {
    throw new FigaroError('environment-missing', `${home}: no such directory`, {
      path: home,
      hint: 'if the primary is gone, see `figaro-backup failover promote --help`.',
    });
  }
  return logPlace(files, home, known);
}

/** Takes the log that the sets of a repository hold beyond the last round. Throws as `takeLogOf` does. */
export async function takeLogFrom(files: Files, standby: Standby, repo: string): Promise<void> {
  const { directory, state } = standby;
  const environment = standbyEnvironment(files, standby);
  const { end } = state;
  const ours = logPaths(environment).get(end.file)!;
  const paths = logThatGoesOn(files, repo, state, ours);
  const first = paths.get(end.file);
  const incoming = emptyIncoming(files, directory);
  const numbers = [...paths.keys()].filter((number) => number >= end.file).sort((a, b) => a - b);
  const grown = numbers.filter(
    (number) => number > end.file || files.statIfThere(paths.get(number)!)!.size > end.offset,
  );
  for (const number of grown) await files.copy(paths.get(number)!, path.join(incoming, logFileName(number)));
  // A file that follows on ours says where our last record is.
  if (!first && grown.length > 0)
    requireSuccessor(files, path.join(incoming, logFileName(grown[0]!)), grown[0]!, standby);
  moveIn(files, incoming, logDirectoryIn(environment), grown);
}

/**
 * The log, by number, of the chain that goes on furthest from where a standby ends.
 *
 * @param ours the standby's last log file
 */
function logThatGoesOn(files: Files, repo: string, state: StandbyState, ours: string): Map<number, string> {
  const { end } = state;
  const { sets } = readSets(files, openRepository(files, repo));
  let best: { readonly paths: Map<number, string>; readonly to: Lsn } | undefined;
  let different: FigaroError | undefined;
  for (const chain of chainsOf(sets).chains.toReversed()) {
    const to = chain.sets.at(-1)!.manifest.log?.end;
    if (!to || compareLsn(to, best?.to ?? end) < 0) continue;
    const paths = logPaths(chainEnvironment(files, chain));
    if (!paths.has(end.file) && !paths.has(end.file + 1)) continue;
    const place = differenceFrom(files, paths.get(end.file), ours, state);
    if (place) different ??= place;
    else best = { paths, to };
  }
  if (best) return best.paths;
  if (different) throw different;
  throw new FigaroError('chain-gap', `${repo} does not continue the standby, which ends at ${formatLsn(end)}`, {
    path: repo,
    lsn: formatLsn(end),
    hint: hints.gap,
  });
}

function differenceFrom(
  files: Files,
  file: string | undefined,
  ours: string,
  state: StandbyState,
): FigaroError | undefined {
  if (file === undefined) return undefined;
  const different = differenceInHistory(files, file, ours, state);
  if (different === undefined) return undefined;
  const { end } = state;
  return new FigaroError(
    'chain-mismatch',
    `${file} differs from the standby’s at byte ${different}, before ${end.offset}`,
    { path: file, lsn: formatLsn(end), hint: hints.mismatch },
  );
}

function requireSuccessor(files: Files, file: string, number: number, { state }: Standby): void {
  const { prev } = openLog(files, new Map([[number, file]])).files[0]!;
  if (prev === state.lastRecord?.offset) return;
  throw new FigaroError(
    'chain-gap',
    `${file} follows a record at ${prev}, but the standby’s last one is ${state.lastRecord ? formatLsn(state.lastRecord) : 'none'}`,
    { path: file, lsn: formatLsn(state.end), hint: hints.gap },
  );
}

function emptyIncoming(files: Files, directory: string): string {
  const { incoming } = partsOf(directory);
  removeTree(files, incoming);
  makeDirectories(files, incoming);
  return incoming;
}

/** Puts synced log files in their place. Each takes that of a shorter one with the same beginning. */
function moveIn(files: Files, incoming: string, log: string, numbers: readonly number[]): void {
  for (const number of numbers) {
    files.rename(path.join(incoming, logFileName(number)), path.join(log, logFileName(number)));
  }
  if (numbers.length > 0) files.syncDirectory(log);
  removeTree(files, incoming);
}
