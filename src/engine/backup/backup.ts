/** Taking a backup set: the order of it, common to all kinds. */

import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind, logPaths, type Environment } from '../environment/environment.ts';
import { chooseFiles, type FileChoice } from '../environment/file-choice.ts';
import { findLogNearby, whyNoLog } from '../environment/log-nearby.ts';
import { findLogged } from '../inspect/unlogged.ts';
import { placesOf, requireApart, requireLocal } from '../places.ts';
import { noEnvironment } from '../what-is.ts';
import { type Watch } from '../pause.ts';
import { summarize } from '../environment/left-out.ts';
import { findOpaque } from '../environment/opaque.ts';
import { layerEnvironments } from '../environment/layers.ts';
import { type Files } from '../files/files.ts';
import { readIfThere } from '../files/read.ts';
import { proveRecoverable } from '../recovery/proof.ts';
import { BackupPlan } from './plan.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import {
  chainEnvironment,
  chainsOf,
  excludedFrom,
  exclusionOf,
  filesTaken,
  isUnsound,
  newerThan,
  type Chain,
} from '../repository/chain.ts';
import { findChain, isNewestWanted } from '../repository/find-chain.ts';
import { requireSound } from '../structure/report.ts';
import {
  manifestFormat,
  type GoneDatabase,
  type Manifest,
  type ManifestLog,
  type SetKind,
} from '../repository/manifest.ts';
import {
  asWriter,
  createRepository,
  findRepository,
  type LockWait,
  NewSet,
  openRepository,
  readSets,
  type Repository,
} from '../repository/repository.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { describeFiles } from '../repository/set-environment.ts';
import { noteLook } from '../repository/last-look.ts';
import { type Room } from './room.ts';
import { programVersion } from '../version.ts';
import { requireBelongs, withOwnerOf } from './belongs.ts';
import { keepAttributes, type CopiedLog, type EnvironmentCopy } from './environment-copy.ts';
import { type SetFinding } from './damage.ts';
import { excludedDatabases, warningsOfExcluded } from './excluded.ts';
import { findGone, findGoneFromChain, warningsOfGone } from './gone.ts';
import { copyHot } from './hot.ts';
import { copyIncremental, type IncrementalCopy } from './incremental.ts';
import { bringsNothing, isProven, isToldGone } from './nothing-new.ts';
import { copyOffline, lookAtRest } from './offline.ts';
import { requireNoOlderCopies } from './older-copies.ts';
import { listSource } from './source.ts';
import { type InsideNames } from '../environment/environment.ts';
import { wholeEnvironment } from '../environment/outside.ts';

export interface BackupOptions extends LockWait {
  /** Directory of the environment. */
  readonly home: string;
  /** Directory of the repository. A full set makes one where it is empty or does not exist. */
  readonly repository: string;
  /** Incrementals: any set of the chain to continue; the newest chain by default. */
  readonly chain?: string;
  /** Files of the application's own that are taken, and what is passed over: glob patterns. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  /** Directories that the application's code names, and DB_CONFIG does not. */
  readonly dataDirectories?: readonly string[] | undefined;
  readonly logDirectory?: string | undefined;
  /** Full sets: keep a damaged source as a set that is marked unsound. */
  readonly keepDamaged?: boolean;
  /** Full sets: databases that earlier sets have and the source has not are meant to be gone. */
  readonly acceptMissing?: boolean;
  /** Full sets: from now on the repository is of this environment, whatever it was of. */
  readonly newSource?: boolean;
  /** Offline: take databases whose log is gone as they are. */
  readonly withoutLog?: boolean;
  /** The application orders keys in a way of its own, which the proof cannot know. */
  readonly anyOrder?: boolean;
  /** Hot: see `settle`. */
  readonly smallBytes?: number;
  /** Told of the room that the set takes, and of what there is, before anything is copied. */
  readonly onRoom?: (room: Room) => void;
  /** Told of a repository that was made for this set. */
  readonly onCreated?: (repository: Repository) => void;
}

/** Options that only some kinds of set have. */
const onlyOf = {
  chain: ['incremental'],
  keepDamaged: ['hot', 'offline'],
  acceptMissing: ['hot', 'offline'],
  newSource: ['hot', 'offline'],
  withoutLog: ['offline'],
} as const satisfies Partial<Record<keyof BackupOptions, readonly SetKind[]>>;

function requireFitting(kind: SetKind, options: BackupOptions): void {
  for (const [name, kinds] of Object.entries(onlyOf)) {
    const isGiven = Boolean(options[name as keyof typeof onlyOf]);
    if (!isGiven || (kinds as readonly SetKind[]).includes(kind)) continue;
    throw new FigaroError('usage', `${name} is for ${kinds.join(' and ')} only, and this is ${kind}`);
  }
}

/** A set that was made, or, of an incremental that found nothing new, the one that it would have followed. */
export interface BackupResult extends BackupSet {
  readonly nothingNew?: NothingNew;
}

/** That no set was made, since the newest has everything. */
export interface NothingNew {
  /** When that was looked at. */
  readonly time: Date;
  readonly warnings: readonly string[];
}

/**
 * Takes a set, proves that it can be recovered, and publishes it. The environment is only read. On failure nothing of
 * the set stays. An incremental that finds nothing new makes none, and notes that it has looked.
 */
export async function takeBackup(disk: Files, kind: SetKind, options: BackupOptions): Promise<BackupResult> {
  requireFitting(kind, options);
  const home = path.resolve(options.home);
  const { files, insideNames } = wholeEnvironment(disk, home, options);
  const choice = chooseFiles(options.include, options.exclude);
  requireLocal(files, { what: 'the repository', path: options.repository });
  const directory = path.resolve(options.repository);
  const { directories } = await requireEnvironment(files, home, kind, choice, options.watch);
  for (const place of placesOf(files, 'the environment', home, directories)) {
    requireApart(files, place, { what: 'the repository', path: directory });
  }
  const existing = kind === 'incremental' ? openRepository(files, directory) : findRepository(files, directory);
  if (!existing) await requireWorthARepository(files, home, kind, choice, options);
  const { repository, created } = existing
    ? { repository: existing, created: false }
    : createRepository(files, directory);
  if (created) options.onCreated?.(repository);
  const write = async (held: Files): Promise<BackupResult> => {
    // Another run may have been waited for.
    const started = new Date();
    const environment = await requireEnvironment(held, home, kind, choice, options.watch, true);
    const chain = kind === 'incremental' ? chainToContinue(held, repository, options.chain) : undefined;
    const { chains: earlier, orphans } = kind === 'incremental' ? noChains : chainsOf(readSets(held, repository).sets);
    const before = [...orphans, ...earlier.flatMap(({ sets }) => sets)];
    const notes = options.newSource === true ? [] : requireBelongs(held, environment, directory, before);
    const set = new NewSet(held, repository, kind, started);
    try {
      const newSource = options.newSource === true && before.length > 0;
      const found = { home, started, environment, chain, earlier, choice, insideNames };
      const parts = { ...options, ...found, kind, newSource, notes };
      const filled = await fill(held, set, parts);
      if ('manifest' in filled) return set.publish(filled.manifest);
      discard(set);
      const newest = chain!.sets.at(-1)!;
      noteLook(held, newest, started);
      return { ...newest, nothingNew: { time: started, warnings: filled.warnings } };
    } catch (error) {
      discard(set);
      if (!chain || !(error instanceof FigaroError) || !discontinued.has(error.code)) throw error;
      throw withOwnerOf(held, error, environment, chain);
    }
  };
  return await asWriter(files, repository, write, options);
}

/** What an incremental ends with that does not continue its chain. */
const discontinued: ReadonlySet<ErrorCode> = new Set(['chain-gap', 'chain-mismatch']);

function discard(set: NewSet): void {
  try {
    set.discard();
  } catch {
    // The first failure is the one to be told; the next run sweeps what is left.
  }
}

async function requireEnvironment(
  files: Files,
  home: string,
  kind: SetKind,
  choice: FileChoice,
  watch: Watch = {},
  isGlance = false,
): Promise<Environment> {
  const environment = discoverEnvironment(files, home, { choice, isGlance });
  const logs = filesOfKind(environment, 'log').length;
  const databases = filesOfKind(environment, 'database').length + environment.damaged.length;
  if (logs === 0 && databases === 0) {
    const elsewhere =
      " Where only the application's code knows where they are, name the places with --data-dir and --log-dir.";
    throw noEnvironment(files, home, 'environment', elsewhere);
  }
  // Log files that lie there are of another time.
  if (environment.config.logInMemory && kind !== 'offline') {
    throw new FigaroError('log-missing', `${home} keeps its log in memory: it cannot be backed up while it is in use`, {
      path: path.join(home, 'DB_CONFIG'),
      hint: 'let the application write its log to files, then take a full backup.',
    });
  }
  if (logs === 0 && kind !== 'offline') {
    throw await noLog(files, environment, watch);
  }
  return environment;
}

/** No repository is made for an environment of which the first look shows that no full set can be taken. */
async function requireWorthARepository(
  files: Files,
  home: string,
  kind: SetKind,
  choice: FileChoice,
  { keepDamaged, withoutLog, watch = {} }: BackupOptions,
): Promise<void> {
  if (kind === 'hot') {
    await listSource(files, home, { choice, keepDamaged, isGlance: true });
    return;
  }
  const environment = await lookAtRest(files, home, { choice, keepDamaged: keepDamaged === true });
  if (withoutLog === true || filesOfKind(environment, 'log').length > 0) return;
  if (await findLogged(files, environment, watch)) throw await noLog(files, environment, watch);
}

/** There is no log where it should be: nothing can be backed up in use. */
async function noLog(files: Files, environment: Environment, watch: Watch): Promise<FigaroError> {
  const nearby = findLogNearby(files, environment);
  const logged = nearby ? undefined : await findLogged(files, environment, watch);
  const { message, advice } = whyNoLog(environment, logged?.name, nearby);
  return new FigaroError('log-missing', message, { path: environment.home, hint: advice });
}

function chainToContinue(files: Files, repository: Repository, wanted: string | undefined): Chain {
  const { sets, broken } = readSets(files, repository);
  const chain = findChain(sets, wanted === undefined ? {} : { chain: wanted }, broken);
  // A damaged set after the chain's last one may be its continuation.
  const damaged = newerThan(chain, sets, broken).find(({ problem }) => problem.startsWith('is damaged'));
  if (!damaged || !isNewestWanted(wanted)) return chain;
  throw new FigaroError('chain-gap', `${damaged.id} is newer than ${chain.sets.at(-1)!.id}, and ${damaged.problem}`, {
    path: damaged.directory,
    hint: 'begin a new chain with `figaro-backup hot`, or name the chain to continue with --chain.',
  });
}

const noChains = { chains: [], orphans: [] };

interface Parts extends Omit<BackupOptions, 'chain'> {
  readonly kind: SetKind;
  readonly started: Date;
  readonly environment: Environment;
  readonly chain: Chain | undefined;
  readonly choice: FileChoice;
  readonly insideNames: InsideNames;
  /** Full sets: the chains that are there, the oldest first. */
  readonly earlier: readonly Chain[];
  /** What the operator has to know of the source before anything is copied. */
  readonly notes: readonly string[];
}

/** Copies the files and proves them. Returns what the manifest says of it, or what is to be told when nothing is new. */
async function fill(
  files: Files,
  set: NewSet,
  parts: Parts,
): Promise<{ readonly manifest: Manifest } | Pick<NothingNew, 'warnings'>> {
  const { kind, home, environment, chain, choice, insideNames, exclude = [] } = parts;
  const before = chain && chainEnvironment(files, chain);
  const plan = new BackupPlan(kind, before ?? environment);
  const watch = { ...parts.watch, plan };
  const following =
    chain && before
      ? await copyIncremental(files, home, { chain, before, set, watch, choice, onRoom: parts.onRoom })
      : undefined;
  const copy: EnvironmentCopy & Partial<IncrementalCopy> =
    following ??
    (kind === 'hot'
      ? await copyHot(files, home, set, { ...parts, watch, choice })
      : await copyOffline(files, home, set, { ...parts, watch, choice }));
  keepAttributes(files, environment, copy.files, set.environment);
  const found = discoverEnvironment(files, set.environment, { choice: filesTaken(copy.files) });
  const withoutLog = copy.withoutLog ? { withoutLog: copy.withoutLog } : {};
  const copied = { ...found, ...withoutLog, originalHome: home, insideNames };
  const exclusion = chain ? exclusionOf(chain) : exclude.length > 0 ? { excludes: choice.excludes } : {};
  const whole = { ...(before ? layerEnvironments([before, copied]) : copied), ...exclusion };
  const settings = settingsOf(files, set.environment);
  const described = { ...copy, files: describeFiles(copy.files, found) };
  const isUnread = findOpaque(files, whole) !== undefined;
  const look = (): Environment => discoverEnvironment(files, home, { choice, isGlance: true });
  const missing = chain
    ? findGoneFromChain(files, chain, whole, isUnread, look)
    : goneFrom(files, copy, isUnread, parts);
  const gone = missing.filter(({ path: name }) => !choice.excludes(name));
  const told = [...parts.notes, ...warningsOfGone(gone)];
  const unread = isUnread ? [unreadWarning(home, kind)] : [];
  if (following && bringsNothing(following, chain!) && isToldGone(gone, chain!) && isProven(chain!, isUnread)) {
    return { warnings: [...following.warnings, ...told, ...warningsOfExcluded(excludedFrom(chain!.sets)), ...unread] };
  }
  // The proof: recovery of the set, in memory, over the files just written.
  plan.beginProof(whole);
  const proof = isUnread ? undefined : await prove(files, whole, copy, { ...parts, watch });
  const report = proof?.report;
  const findings = [...copy.findings, ...(proof?.findings ?? [])];
  const unexplained = (copy.unexplained ?? [])
    .filter(({ logName }) => !report?.databases.includes(logName))
    .map(
      ({ path: file }) =>
        `${file} is not part of the chain: it was copied into the environment, or its creation is not committed. If this is said again, take a full backup`,
    );
  const excluded = excludedDatabases(copy, { report, missing, chain, before, choice });
  const created = (copy.created ?? [])
    .filter(({ logName }) => report?.databases.includes(logName))
    .map(({ name, uid }) => ({ path: name, databaseId: uid }));
  const warnings = [...told, ...warningsOfExcluded(excluded), ...unread, ...unexplained, ...(proof?.notes ?? [])];
  const manifest: Manifest = {
    ...describe(set, parts, described, proof, warnings),
    settings,
    ...(created.length > 0 ? { created } : {}),
    ...(gone.length > 0 ? { gone } : {}),
    ...(exclude.length > 0 || excluded.length > 0 ? { excluded: { patterns: exclude, databases: excluded } } : {}),
    ...(parts.newSource ? { newSource: true as const } : {}),
    ...withoutLog,
    ...(isUnread ? { unread: true } : {}),
    ...(findings.length > 0 ? { unsound: findings.slice(0, mostFindings) } : {}),
  };
  return { manifest };
}

/** What DB_CONFIG in a set says. */
function settingsOf(files: Files, home: string): NonNullable<Manifest['settings']> {
  const bytes = readIfThere(files, path.join(home, 'DB_CONFIG'));
  return bytes ? { dbConfig: Buffer.from(bytes).toString('utf8') } : {};
}

function unreadWarning(home: string, kind: SetKind): string {
  const unchecked =
    kind === 'incremental'
      ? 'log records could not be checked'
      : 'pages were read twice, but neither they nor log records could be checked';
  return `${home} is encrypted and was copied without the password: ${unchecked}, and recovery was not rehearsed. Use --password-file, here or with verify --rehearse`;
}

/** What the newest sound chain of this source has, and the new full set has not. */
function goneFrom(
  files: Files,
  copy: EnvironmentCopy,
  isOpaque: boolean,
  { home, environment, earlier, acceptMissing, newSource, keepDamaged }: Parts,
): GoneDatabase[] {
  const before = earlier.findLast(({ sets: [full] }) => !isUnsound(full!) && full!.manifest.source === home);
  if (!before || !copy.removed || acceptMissing === true || newSource === true) return [];
  const leftOut = summarize(copy.leftOut);
  const chains = new Set(earlier.map(({ id }) => id));
  const databases = copy.files.flatMap(({ path: name, databaseId }) =>
    databaseId === undefined ? [] : [{ path: name, databaseId }],
  );
  return findGone(files, before, {
    source: home,
    databases,
    leftOut,
    removed: copy.removed,
    sourceLog: logPaths(environment),
    firstCopied: copy.log?.firstFile,
    isOpaque,
    chains,
    keepDamaged,
  });
}

/** More of them in a manifest say nothing new. */
const mostFindings = 1000;

/** Refusals of recovery that say something of the source. */
const unprovable: ReadonlySet<ErrorCode> = new Set(['not-recoverable', 'container-missing']);
/** With these, a damaged source can be kept. */
const keepable: ReadonlySet<ErrorCode> = new Set([
  ...unprovable,
  'chain-mismatch',
  'page-checksum',
  'page-type',
  'format-unsupported',
]);

/** What was proven of a set, or what keeps it from being recovered, when it is kept all the same. */
interface SetProof {
  readonly report: RecoveryReport | undefined;
  readonly structure: 'all' | 'changed' | undefined;
  readonly findings: readonly SetFinding[];
  readonly notes: readonly string[];
}

/** Proves that what was copied can be recovered. Throws when it cannot, unless damage is to be kept. */
async function prove(
  files: Files,
  whole: Environment,
  { copiedAfter, onDisk }: EnvironmentCopy,
  { environment, chain, watch = {}, anyOrder = false, keepDamaged = false }: Parts,
): Promise<SetProof> {
  watch.onProgress?.({ phase: 'prove that it can be recovered' });
  // What the new part of the log is not about was checked with the sets before, if they looked.
  const looked = chain?.sets.every(({ manifest }) => manifest.proof?.structure !== undefined) === true;
  const changedSince = looked ? chain!.sets.at(-1)!.manifest.log?.end : undefined;
  try {
    const { report, structure } = await proveRecoverable(files, whole, {
      watch,
      anyOrder,
      changedSince,
      copiedAfter,
      onDisk,
    });
    const findings = structure.findings.map(({ path: name, pgno, code, message }) => ({
      path: name,
      pgno,
      code,
      message,
    }));
    if (!keepDamaged) requireSound(structure, 'this copy');
    if (!chain) await requireNoOlderCopies(files, environment, whole, copiedAfter, watch);
    return { report, structure: changedSince ? 'changed' : 'all', findings, notes: structure.notes };
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    const { code, message, details } = error;
    if (keepDamaged && keepable.has(code)) {
      const { path: name = '', pgno } = details;
      return { report: undefined, structure: undefined, findings: [{ path: name, pgno, code, message }], notes: [] };
    }
    if (!unprovable.has(code)) throw error;
    throw new FigaroError(code, chain ? `the chain ${chain.id} cannot be continued: ${message}` : message, {
      ...details,
      cause: error,
      hint: chain
        ? 'containers were changed without the log since the chain began. Begin a new chain with `figaro-backup hot`.'
        : 'the log does not explain the containers, or they are damaged. If this is a copy that was not recovered, use `figaro-backup recover --from` on it; otherwise restore the container from an older set, and keep a copy of what is there with --keep-damaged. If the application has an order of keys of its own, add --any-order.',
    });
  }
}

function describe(
  set: NewSet,
  { kind, home, started, environment, chain, earlier, insideNames }: Parts,
  copy: EnvironmentCopy,
  proof: SetProof | undefined,
  unexplained: readonly string[],
): Manifest {
  const report = proof?.report;
  return {
    format: manifestFormat,
    program: `figaro-backup ${programVersion}`,
    id: set.id,
    kind,
    parent: chain?.sets.at(-1)!.id,
    chain: chain?.id ?? set.id,
    after: earlier.at(-1)?.id,
    source: path.resolve(home),
    host: hostname(),
    started: started.toISOString(),
    finished: new Date().toISOString(),
    dataDirectories: environment.config.dataDirectories,
    logDirectory: environment.config.logDirectory,
    ...(insideNames.size > 0
      ? { outside: [...insideNames].map(([directory, name]) => ({ directory, path: name })) }
      : {}),
    files: copy.files,
    directories: [...environment.owners].map(([name, owner]) => ({ path: name, ...owner })),
    leftOut: summarize(copy.leftOut),
    log: copy.log && describeLog(copy.log, chain, report),
    proof: proof?.structure && {
      records: report?.records ?? 0,
      transactionsCommitted: report?.transactionsCommitted ?? 0,
      transactionsUndone: report?.transactionsUndone ?? 0,
      changesRedone: report?.changesRedone ?? 0,
      changesUndone: report?.changesUndone ?? 0,
      structure: proof.structure,
    },
    warnings: [...new Set([...copy.warnings, ...unexplained, ...(report?.warnings ?? [])])],
  };
}

function describeLog(
  { version, firstFile, end, lastRecord, notes }: CopiedLog,
  chain: Chain | undefined,
  report: RecoveryReport | undefined,
): ManifestLog {
  const parent = chain?.sets.at(-1)!.manifest.log;
  return {
    version,
    firstFile: parent?.firstFile ?? firstFile,
    lastFile: end.file,
    end,
    lastRecord: lastRecord ?? parent?.lastRecord,
    checkpoint: notes.checkpoint?.lsn ?? parent?.checkpoint,
    redoFrom: notes.checkpoint?.redoFrom ?? parent?.redoFrom,
    firstCommit: report?.window.first,
    lastCommit: report?.window.last,
    recoveryRequired: !report || report.changesRedone > 0 || report.changesUndone > 0,
  };
}
