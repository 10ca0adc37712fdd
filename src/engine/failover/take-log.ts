/** New log on its way into a standby: from the primary, or from the sets of a repository. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { LogCopy, requireSoundEnd } from '../backup/copy-log.ts';
import { logPaths } from '../environment/environment.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { Continuation } from '../log/continuation.ts';
import { logFileName, logFileNumber, logTailName } from '../../format/names.ts';
import { openLog } from '../log/log-files.ts';
import { appendLogRest, copyLogFile, partAt, wholeLogFile, type LogParts } from '../log/log-parts.ts';
import { differenceInHistory } from '../log/same-history.ts';
import { chainEnvironment, chainsOf } from '../repository/chain.ts';
import { openRepository, readSets } from '../repository/repository.ts';
import { lookAt, type Look } from './rest.ts';
import { damaged, logEndOf, partsOf, writeStandby, type LogUpTo, type Standby } from './standby.ts';
import { logDirectoryIn, standbyHome } from './standby-environment.ts';
import { logPlace } from '../environment/discover.ts';
import { type Directories } from '../environment/outside.ts';

const hints = {
  gap: 'log files were removed before they were followed. Make a new standby in another directory, and let the primary keep its log for longer.',
  mismatch:
    'the primary was restored, recovered to an earlier point, or is another environment. Make a new standby in another directory.',
};

/** What a round took. */
interface Taken {
  /** With what is new in its log files; the one there was when nothing is. */
  readonly standby: Standby;
  /** Before anything was read. */
  readonly look: Look;
}

/** How far behind the end of the primary's log records are looked for: to its files and back, as they grow, in each round. In bytes. */
const reach = 256 << 10;

/**
 * Takes the log that a primary has written since the last round. Throws `chain-gap` when some of it is gone, and
 * `chain-mismatch` when the primary has another history than the standby. What there was before is not read again, whatever the
 * size of log files.
 *
 * @param home the primary, or what is left of it
 * @param logDirectory where it has its log, when only its application's code says so; as when the standby was made by default
 */
export async function takeLogOf(
  files: Files,
  standby: Standby,
  home: string,
  logDirectory = standby.state.logDirectory,
): Promise<Taken> {
  const { directory, state } = standby;
  const own = ownLog(files, standby);
  const from = logDirectoryOf(files, home, { logDirectory });
  const { end, lastRecord } = logEndOf(state);
  const look = lookAt(files, [
    path.join(home, 'DB_CONFIG'),
    from,
    path.join(from, logFileName(end.file)),
    ...own.paths,
  ]);
  const parent = { firstFile: Math.min(...own.log.keys()), end, lastRecord };
  const continuation = new Continuation(files, { subject: home, from, chainLog: own.log, parent, hints });
  const first = continuation.firstFile();
  const incoming = emptyIncoming(files, directory);
  const known = { end: end.offset, lastRecord: lastRecord?.file === end.file ? lastRecord.offset : 0 };
  const start = { from, first, known: first === end.file ? known : undefined };
  const log = new LogCopy(files, { ...start, to: incoming, observers: [continuation] });
  let to: Lsn;
  try {
    to = await log.followToEnd();
    log.close();
    await requireSoundEnd(files, from, to, log.lastRecord ?? lastRecord, reach);
    const { number, header } = log.copied[0]!;
    continuation.requireProof({ path: path.join(from, logFileName(number)), number, prev: header.prev }, to);
  } finally {
    log.close();
  }
  const tail = { path: path.join(incoming, logTailName(end.file, end.offset)), from: end.offset };
  const last = start.known && [...own.log.get(end.file)!, tail];
  const taken = { end: to, lastRecord: log.lastRecord ?? lastRecord };
  return { standby: await bringIn(files, standby, own, { last, taken }), look };
}

/** A standby's log files, and where they are. */
interface OwnLog {
  /** By number. */
  readonly log: ReadonlyMap<number, LogParts>;
  readonly directory: string;
  /** What changes when somebody else writes to them. */
  readonly paths: readonly string[];
}

/** Throws `chain-mismatch` when an application opened the standby, `standby-corrupt` when it has lost its last log file. */
function ownLog(files: Files, standby: Standby): OwnLog {
  const environment = standbyHome(files, standby);
  const directory = logDirectoryIn(environment);
  const log = logPaths(environment);
  const { file: number } = logEndOf(standby.state).end;
  const last = logFileName(number);
  if (!log.has(number)) throw damaged(standby.directory, `it has lost ${last}, in which its log ends`);
  return { log, directory, paths: [environment.home, directory, path.join(directory, last)] };
}

/** What is new: the last log file of before, where there is more of it, and how far all of it goes. */
interface Incoming {
  readonly last: LogParts | undefined;
  readonly taken: LogUpTo;
}

/**
 * Adds to a standby's log what comes in: what its last file grew by, and whole files that are synced. Until its state says so, none of
 * it counts.
 */
async function bringIn(files: Files, standby: Standby, own: OwnLog, { last, taken }: Incoming): Promise<Standby> {
  const { directory, state } = standby;
  const { incoming } = partsOf(directory);
  const before = logEndOf(state).end;
  const isNew = compareLsn(taken.end, before) > 0;
  if (isNew) {
    if (last) await appendLogRest(files, last, path.join(own.directory, logFileName(before.file)));
    for (const name of files.listIfThere(incoming) ?? []) {
      if (logFileNumber(name) !== undefined) files.rename(path.join(incoming, name), path.join(own.directory, name));
    }
    files.syncDirectory(own.directory);
  }
  removeTree(files, incoming);
  return isNew ? writeStandby(files, directory, { ...state, taken }) : standby;
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
export async function takeLogFrom(files: Files, standby: Standby, repo: string): Promise<Taken> {
  const { directory, state } = standby;
  const own = ownLog(files, standby);
  const look = lookAt(files, own.paths, repo);
  const known = logEndOf(state);
  const { end } = known;
  const { paths, to } = logThatGoesOn(files, repo, known, own.log.get(end.file)!);
  const incoming = emptyIncoming(files, directory);
  const last = paths.get(end.file);
  const later = [...paths.keys()].filter((number) => number > end.file && number <= to.end.file).sort((a, b) => a - b);
  for (const number of later) await copyLogFile(files, paths.get(number)!, path.join(incoming, logFileName(number)));
  // A file that follows on ours says where our last record is.
  if (!last && later.length > 0) requireSuccessor(files, path.join(incoming, logFileName(later[0]!)), later[0]!, known);
  return { standby: await bringIn(files, standby, own, { last, taken: to }), look };
}

/** The log of a chain: its files by number, and where they end. */
interface ChainLog {
  readonly paths: ReadonlyMap<number, LogParts>;
  readonly to: LogUpTo;
}

/**
 * The log of the chain that goes on furthest from where a standby ends.
 *
 * @param ours the standby's last log file
 */
function logThatGoesOn(files: Files, repo: string, known: LogUpTo, ours: LogParts): ChainLog {
  const { end } = known;
  const { sets } = readSets(files, openRepository(files, repo));
  let best: ChainLog | undefined;
  let different: FigaroError | undefined;
  for (const chain of chainsOf(sets).chains.toReversed()) {
    const to = chain.sets.at(-1)!.manifest.log;
    if (!to || compareLsn(to.end, best?.to.end ?? end) < 0) continue;
    const paths = logPaths(chainEnvironment(files, chain));
    if (!paths.has(end.file) && !paths.has(end.file + 1)) continue;
    const place = differenceFrom(files, paths.get(end.file), ours, known);
    if (place) different ??= place;
    else best = { paths, to: { end: to.end, lastRecord: to.lastRecord } };
  }
  if (best) return best;
  if (different) throw different;
  throw new FigaroError('chain-gap', `${repo} does not continue the standby, which ends at ${formatLsn(end)}`, {
    path: repo,
    lsn: formatLsn(end),
    hint: hints.gap,
  });
}

function differenceFrom(
  files: Files,
  theirs: LogParts | undefined,
  ours: LogParts,
  known: LogUpTo,
): FigaroError | undefined {
  if (theirs === undefined) return undefined;
  const different = differenceInHistory(files, theirs, ours, known);
  if (different === undefined) return undefined;
  const file = partAt(theirs, different);
  const { end } = known;
  return new FigaroError(
    'chain-mismatch',
    `${file} differs from the standby’s at byte ${different}, before ${end.offset}`,
    { path: file, lsn: formatLsn(end), hint: hints.mismatch },
  );
}

function requireSuccessor(files: Files, file: string, number: number, { end, lastRecord }: LogUpTo): void {
  const { prev } = openLog(files, new Map([[number, wholeLogFile(file)]])).files[0]!;
  if (prev === lastRecord?.offset) return;
  throw new FigaroError(
    'chain-gap',
    `${file} follows a record at ${prev}, but the standby’s last one is ${lastRecord ? formatLsn(lastRecord) : 'none'}`,
    { path: file, lsn: formatLsn(end), hint: hints.gap },
  );
}

function emptyIncoming(files: Files, directory: string): string {
  const { incoming } = partsOf(directory);
  removeTree(files, incoming);
  makeDirectories(files, incoming);
  return incoming;
}
