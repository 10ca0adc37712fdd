/** The log written since the newest set of a chain (design, section 4; recovery document, section I). The order of it. */

import path from 'node:path';
import { FigaroError, isClosed } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { normalDirectory } from '../../format/names.ts';
import { flagWarnings } from '../environment/config-risks.ts';
import { filesOfKind, logPaths, type Environment, type FileOfKind } from '../environment/environment.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { warningsOf } from '../environment/left-out.ts';
import { identityOf, type NamesInLog } from '../environment/twins.ts';
import { type Files, placeOf } from '../files/files.ts';
import { withFile } from '../files/read.ts';
import { Continuation } from '../log/continuation.ts';
import { Growth } from '../log/growth.ts';
import { logFileName, logTailName } from '../../format/names.ts';
import { type Watch } from '../pause.ts';
import { type ProofState } from '../proofs/proof-state.ts';
import { type Chain } from '../repository/chain.ts';
import { type ManifestLog } from '../repository/manifest.ts';
import { type NewSet } from '../repository/repository.ts';
import { readAdded, showOpenTransactions } from './added-pages.ts';
import { LogCopy, requireSoundEnd, type LogStart } from './copy-log.ts';
import { copyPlain, type PlainCopy } from './copy-plain.ts';
import { CreatedDatabases } from './created-databases.ts';
import { describeLog, logDirectoryOf, manifestFiles, type EnvironmentCopy } from './environment-copy.ts';
import { LogNotes } from './log-notes.ts';
import { requireRoomFor, tailReach, type Room } from './room.ts';
import { listSource, type SourceFiles } from './source.ts';

/** A copy of what is new in an environment. */
export interface IncrementalCopy extends EnvironmentCopy {
  /** Databases of the source that the chain does not have and the new part of the log does not create. */
  readonly unexplained: readonly FileOfKind<'database'>[];
  /** Those that it does create, if the transaction committed. */
  readonly created: readonly FileOfKind<'database'>[];
}

interface IncrementalOptions {
  readonly chain: Chain;
  /** The environment that the chain makes up so far. */
  readonly before: Environment;
  /** What the proof of the chain has left behind. */
  readonly proven: ProofState | undefined;
  readonly set: NewSet;
  readonly watch: Watch;
  readonly choice?: FileChoice | undefined;
  /** See `HotOptions`. */
  readonly onRoom?: ((room: Room) => void) | undefined;
}

/**
 * Copies the log files that are new or grew since the chain's newest set, after proving that they continue it. Throws
 * `chain-gap` when log files in between are gone, `chain-mismatch` when the source has another history.
 *
 * Files of the application's own that were asked for are copied again where they are not what the chain has.
 */
export async function copyIncremental(
  files: Files,
  home: string,
  { chain, before, proven, set, watch, choice, onRoom }: IncrementalOptions,
): Promise<IncrementalCopy> {
  const parent = requireLog(chain);
  const namesInLog = namesKept(files, home, before);
  const source = await listSource(files, home, { choice, namesInLog });
  const { environment } = source;
  const logDirectory = logDirectoryOf(environment);
  const from = placeOf(files, path.join(home, logDirectory));
  const to = path.join(set.environment, logDirectory);

  // Where the chain goes on, and whether it does.
  requireSameFormats(environment, before);
  requireSameLogDirectory(files, environment, before, parent);
  requireDataDirectories(home, environment, before, parent);
  const chainLog = logPaths(before);
  const continuation = new Continuation(files, { subject: home, from, chainLog, parent, hints });
  const first = continuation.firstFile();
  const others = environment.files.filter(
    ({ kind, name }) => kind === 'config' || (kind === 'plain' && choice?.includes(name) === true),
  );
  const start = { from, first, known: first === parent.end.file ? knownBeginning(parent) : undefined };
  requireRoomFor(files, set.directory, { others, log: start }, onRoom);

  // The log from there.
  const notes = new LogNotes();
  const created = new CreatedDatabases();
  const compared = lastCompared(files, chain, before);
  // Where it was long since the last checkpoint, the proof knows better where that begins which is still open.
  const isLater = proven && compared === parent && (!parent.redoFrom || compareLsn(proven.from, parent.redoFrom) > 0);
  const growth = new Growth(isLater ? proven.known.bindings : []);
  showOpenTransactions(files, chainLog, isLater ? proven.from : compared.redoFrom, [created, growth]);
  growth.passOver(compared.end);
  const log = new LogCopy(files, { ...start, to, observers: [notes, created, growth, continuation] });
  try {
    const list = async (): Promise<Environment> => (await listSource(files, home, { choice, namesInLog })).environment;
    const { onDisk, warnings } = await readAdded(files, { environment, log, growth, list }, watch);
    log.close();
    await requireSoundEnd(files, from, log.end, log.lastRecord ?? parent.lastRecord, tailReach);
    const { number, header } = log.copied[0]!;
    if (log.isOpaque && number !== parent.end.file) throw unprovable(home, from);
    continuation.requireProof({ path: path.join(from, logFileName(number)), number, prev: header.prev }, log.end);

    // The parent has what did not grow.
    const grown = log.copied.filter(({ size }) => size > 0);
    if (grown[0] !== log.copied[0]) files.remove(path.join(to, logTailName(first, parent.end.offset)));

    // DB_CONFIG goes along: it says where the set has its log files.
    const others: PlainCopy[] = [];
    for (const file of filesOfKind(environment, 'config')) {
      const copied = await copyPlain(files, file, path.join(set.environment, file.name), watch);
      if (copied) others.push(copied);
    }
    const kept = new Map(chain.sets.flatMap(({ manifest }) => manifest.files).map((file) => [file.path, file]));
    for (const file of filesOfKind(environment, 'plain')) {
      if (!choice?.includes(file.name)) continue;
      const target = path.join(set.environment, file.name);
      const copied = await copyPlain(files, file, target, watch);
      if (copied && copied.sha256 !== kept.get(file.name)?.sha256) others.push(copied);
      else files.remove(target);
    }
    const known = new Set(before.files.map(identityOf));
    // An opaque log does not say what it creates.
    const added = log.isOpaque
      ? []
      : filesOfKind(environment, 'database').filter((file) => !known.has(identityOf(file)));
    return {
      files: manifestFiles([], others, grown, logDirectory),
      log: describeLog(log, notes),
      findings: [],
      leftOut: environment.leftOut,
      warnings: [
        ...flagWarnings(environment.config),
        ...newlyLeftOut(chain, source),
        ...changedConfig(chain, others),
        ...unloggedDatabases(chain),
        ...warnings,
      ],
      onDisk,
      unexplained: added.filter(({ uid }) => !created.has(uid)),
      created: added.filter(({ uid }) => created.has(uid)),
    };
  } finally {
    log.close();
  }
}

const hints = {
  gap: 'log files were removed since then. Take a full backup with `figaro-backup hot`, and incrementals more often than log files are removed.',
  mismatch:
    'it was restored, recovered to an earlier point, or is another environment. Begin a new chain with `figaro-backup hot`.',
};

/** The records that prove a continuation cannot be read. */
function unprovable(home: string, from: string): FigaroError {
  return new FigaroError(
    'password',
    `${home} is encrypted: without the password it cannot be proven that ${from} continues the chain, whose last log file is gone`,
    { path: from, hint: 'give the file that holds it with --password-file, or take a full backup.' },
  );
}

function requireSameLogDirectory(
  files: Files,
  environment: Environment,
  before: Environment,
  { end }: ManifestLog,
): void {
  const { home } = environment;
  if (logDirectoryOf(before) === logDirectoryOf(environment)) return;
  throw rearranged(
    home,
    end,
    `its log files are in ${placeOf(files, path.join(home, logDirectoryOf(environment)))} now`,
  );
}

/** Recovered, a container of the chain would be where the application no longer looks for it. */
function requireDataDirectories(
  home: string,
  { config }: Environment,
  before: Environment,
  { end }: ManifestLog,
): void {
  const now = config.dataDirectories.map(normalDirectory);
  const lost = before.files.find(
    ({ dataDirectory }) => dataDirectory !== '' && !now.includes(normalDirectory(dataDirectory)),
  );
  if (!lost) return;
  const { dataDirectory: inside } = lost;
  const [original = inside] =
    [...(before.insideNames ?? [])].find(([, name]) => name === normalDirectory(inside)) ?? [];
  throw rearranged(home, end, `the chain has ${lost.name}, but ${original} is not a data directory now`);
}

function rearranged(home: string, end: Lsn, how: string): FigaroError {
  return new FigaroError(
    'chain-mismatch',
    `${home} does not continue the chain, which ends at ${formatLsn(end)}: ${how}`,
    {
      path: home,
      lsn: formatLsn(end),
      hint: 'DB_CONFIG, --data-dir or --log-dir name other directories than they did, or the same ones in another way. Name them as they were, or, where files were moved, begin a new chain with `figaro-backup hot`.',
    },
  );
}

/** What the chain has of its last log file. */
function knownBeginning({ end, lastRecord }: ManifestLog): NonNullable<LogStart['known']> {
  return { end: end.offset, lastRecord: lastRecord?.file === end.file ? lastRecord.offset : 0 };
}

/** The log of the chain's newest set. Throws `usage` for a chain of an environment without logs. */
function requireLog(chain: Chain): ManifestLog {
  const { log } = chain.sets.at(-1)!.manifest;
  if (log) return log;
  throw new FigaroError('usage', `${chain.id} is a set of an environment without logs: nothing can be added to it`, {
    hint: 'take another full set with `figaro-backup offline`.',
  });
}

/**
 * The log of the newest set whose pages were compared with the source. Those after it were made without a key to the sets before them,
 * and what nobody has compared then is compared now, by whoever has the key.
 */
function lastCompared(files: Files, chain: Chain, before: Environment): ManifestLog {
  const newest = requireLog(chain);
  const { log } = (chain.sets.findLast(({ manifest }) => !manifest.unread) ?? chain.sets[0]!).manifest;
  return log && log !== newest && hasKey(files, before) ? log : newest;
}

/** Whether the containers of a chain can be read. */
function hasKey(files: Files, environment: Environment): boolean {
  const container = filesOfKind(environment, 'database').find(({ stat }) => stat.size > 0);
  if (!container) return false;
  try {
    return withFile(files, container.path, (opened) => opened.readAt(new Uint8Array(1), 0) === 1);
  } catch (error) {
    if (isClosed(error)) return false;
    throw error;
  }
}

/** Of several files of one database the one counts that the chain has, if it is still there. */
function namesKept(files: Files, home: string, before: Environment): NamesInLog {
  const kept = filesOfKind(before, 'database').filter(({ name }) => files.statThrough(path.join(home, name)));
  const names = new Map(kept.map((file) => [identityOf(file), [file.logName]] as const));
  return (uid) => names.get(uid) ?? names.get(uid.slice(0, 24)) ?? [];
}

/** What the full set of the chain has not told yet. */
function newlyLeftOut(chain: Chain, { environment, copies }: SourceFiles): string[] {
  const { files, leftOut } = chain.sets[0]!.manifest;
  const known = new Set([...files, ...leftOut].map(({ path: name }) => name));
  return [
    ...warningsOf(environment.leftOut.filter(({ name }) => !known.has(name || './'))),
    ...copies
      .filter(({ name }) => !known.has(name))
      .map(({ name, of }) => `${name} is a copy of ${of}, made since the chain began: the next full set has it`),
  ];
}

function changedConfig(chain: Chain, now: readonly PlainCopy[]): string[] {
  const last = chain.sets.flatMap(({ manifest }) => manifest.files).findLast(({ kind }) => kind === 'config');
  const config = now.find(({ file }) => file.kind === 'config');
  if (config?.sha256 === last?.sha256) return [];
  return ['DB_CONFIG has changed since the newest set of the chain'];
}

function unloggedDatabases(chain: Chain): string[] {
  const full = chain.sets[0]!;
  return full.manifest.files
    .filter(({ unlogged }) => unlogged)
    .map(
      ({ path: name, copiedIn = full.id }) =>
        `${name} is written without the log: the chain has it as it was in ${copiedIn}`,
    );
}

/** Throws `chain-mismatch` when a container was upgraded since the chain began: that is not in the log (I.3). */
function requireSameFormats(environment: Environment, before: Environment): void {
  const known = new Map(filesOfKind(before, 'database').map((file) => [identityOf(file), file]));
  for (const file of filesOfKind(environment, 'database')) {
    const earlier = known.get(identityOf(file));
    if (!earlier || earlier.format.version === file.format.version) continue;
    throw new FigaroError(
      'chain-mismatch',
      `${file.path} was upgraded from ${file.format.method} version ${earlier.format.version} to ${file.format.version} since the chain began`,
      { path: file.path, hint: 'an upgrade is not in the log. Take a full backup with `figaro-backup hot`.' },
    );
  }
}
