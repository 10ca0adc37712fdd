/** `recover`: from copies of an environment to a new, recovered one. The order of it, step by step. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { separateTwins, twinsOf, warningsOfCopies, type Separated } from '../environment/twins.ts';
import { warningsOf } from '../environment/left-out.ts';
import { requireLogGone } from '../environment/log-nearby.ts';
import { requireStill } from '../environment/unchanged.ts';
import { type Files } from '../files/files.ts';
import { KeptContents } from '../files/kept-contents.ts';
import { type Watch } from '../pause.ts';
import { checkEnvironment } from '../database/check-environment.ts';
import { requireSound } from '../structure/report.ts';
import { type ExpectedFiles } from '../verify/intact.ts';
import { BackgroundCopies } from './background-copies.ts';
import { PassingPages } from './passing-pages.ts';
import { prepareRecovery, rehearse, runPasses, type RecoveredState, type RecoveryOptions } from './rehearse.ts';
import { type PreparedRecovery } from './recovery.ts';
import { publish } from './publish.ts';
import { requireKey, requireContents, requireEmptyTarget } from './requirements.ts';
import { type RecoveryReport } from './report.ts';
import { planDirectories, rearrange, type DirectoryMoves, type DirectoryPlan } from './move-directories.ts';
import { PlacedDirectories } from './place-directories.ts';
import { requireApart, requireNoneAbove } from '../places.ts';
import { proveRecoverable } from './proof.ts';
import { preflight, requireRoom, type Preflight } from './preflight.ts';
import { narrow, selectContainers, withoutOthersDamage } from './select-containers.ts';
import { type RestorePoint } from './restore-point.ts';
import { resetLsns } from './reset-lsns.ts';
import { syncTree } from '../files/sync-tree.ts';
import { finishRecovery } from './finish.ts';
import { giveOwners } from './owners.ts';
import { checkDatabases, copyDatabases, isPiece, logFilesOf, openStage, withLogNearby, type Stage } from './stage.ts';
import { stageUnseen, unseenFiles } from './stage-unseen.ts';
import { OverlayStorage, PartlyStagedStorage, StagedStorage } from './storage.ts';
import { beginStage, discardStage, sweepBeside } from './leftovers.ts';
import { recoverNatively } from './native.ts';

export interface RecoverOptions {
  /** What to recover; its files are only read. */
  readonly environment: Environment;
  /** A directory that does not exist yet, or is empty. */
  readonly target: string;
  /** How far; to the end by default. */
  readonly restorePoint?: RestorePoint;
  /** Find out what would happen, and write nothing. */
  readonly dryRun?: boolean;
  /** `native` runs an installed db_recover on the staged copy. */
  readonly engine?: 'embedded' | 'native';
  /** Memory for pages; 256 MiB by default. */
  readonly cacheBytes?: number;
  /** Check the structure of the result before it gets its name; true by default. */
  readonly check?: boolean;
  /** The application orders keys in a way of its own, which the check cannot know. */
  readonly anyOrder?: boolean;
  /** Make containers that any environment can open: without LSNs, and without a log. */
  readonly resetLsns?: boolean;
  /** Recover these containers alone, by the names they have in the result. */
  readonly only?: readonly string[];
  /** Directories that get another name. */
  readonly moves?: DirectoryMoves;
  /** For sets: what their files have to be. They are there, unless it is some of them `only` that have to be. */
  readonly expected?: ExpectedFiles;
  /** Told what it takes before the work begins. */
  readonly onPreflight?: (needs: Preflight) => void;
  readonly watch?: Watch;
}

export interface RecoverResult {
  readonly target: string;
  readonly dryRun: boolean;
  readonly engine: 'embedded' | 'native';
  readonly preflight: Preflight;
  /** What the result is made of. */
  readonly copied: readonly EnvironmentFile[];
  /** Undefined with the native engine, and for an environment without logs: there is nothing to recover. */
  readonly report: RecoveryReport | undefined;
  readonly warnings: readonly string[];
}

/**
 * Builds the recovered environment beside the target and renames it into place last: the target appears complete and
 * synced, or not at all. Throws `target-not-empty`, and whatever keeps the environment from being recovered.
 */
export async function recoverEnvironment(files: Files, options: RecoverOptions): Promise<RecoverResult> {
  const { dryRun = false, engine = 'embedded', check = true, anyOrder = false, only, moves = noMoves } = options;
  const undamaged = only ? withoutOthersDamage(options.environment, only) : options.environment;
  const isWithoutLog = options.resetLsns === true && filesOfKind(undamaged, 'log').length === 0;
  const doubts = isWithoutLog && !undamaged.withoutLog ? requireLogGone(files, undamaged, withLogNearby) : [];
  const found: Environment = isWithoutLog ? { ...undamaged, withoutLog: true } : undamaged;
  const target = path.resolve(options.target);
  requireContents(files, found);
  // Sets are read by others at the same time.
  const isPlainCopy = options.expected === undefined;
  requireNotInUse(files, found, () => stopHint, isPlainCopy);
  requireKey(found);
  requireEmptyTarget(files, target);
  const plan = planDirectories(found, moves);
  requirePlaces(files, target, plan);
  if (only?.length === 0) throw new FigaroError('usage', 'no container is named that is to be recovered');
  if (only && engine === 'native') {
    throw new FigaroError('usage', 'the native engine recovers whole environments: it cannot be told --only');
  }
  const point = options.restorePoint ?? { kind: 'end' };
  const hasLogs = found.files.some(({ kind }) => kind === 'log');
  if (!hasLogs && point.kind !== 'end') {
    throw new FigaroError('restore-point-unreachable', 'there is no log: only the files as they are can be restored');
  }
  const recovery: RecoveryOptions = {
    restorePoint: point,
    isPart: only !== undefined,
    watch: options.watch ?? {},
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
  };
  const separated = await separate(files, found, hasLogs, recovery, options.expected);
  const { environment, prepared } = separated;
  const told = [...doubts, ...warningsOfCopies(separated), ...warningsOf(environment.leftOut)];
  const work = only
    ? await someOf(files, environment, options, only, prepared, hasLogs, recovery)
    : { environment, copied: environment, needed: undefined, prepared, recovery, warnings: told };
  const needs = preflight(files, work.copied, environment, target);
  options.onPreflight?.(needs);
  if (!dryRun) requireRoom(needs);
  // Databases are read, recovered and checked; the log is read, and replayed; that of a chain comes to the stage before.
  const ofLog = work.prepared ? 1 : options.expected && !dryRun ? 3 : 2;
  const total = needs.databaseBytes * (check ? 2 : 1) + needs.logBytes * ofLog;
  const watch = { ...options.watch, plan: { done: 0, total } };
  const job: Job = {
    ...work,
    recovery: { ...work.recovery, watch },
    watch,
    target,
    hasLogs,
    engine,
    check,
    anyOrder,
    resetLsns: options.resetLsns === true,
    isPlainCopy,
    expected: options.expected,
  };
  const outcome = dryRun ? await rehearseJob(files, job) : await doJob(files, job, plan);
  return { target, dryRun, engine, preflight: needs, copied: work.copied.files, ...outcome };
}

/** Of several files of one database the log says which one it means: then it is read first. */
async function separate(
  files: Files,
  environment: Environment,
  hasLogs: boolean,
  recovery: RecoveryOptions,
  expected: ExpectedFiles | undefined,
): Promise<Separated & { readonly prepared: PreparedRecovery | undefined }> {
  if (!hasLogs || twinsOf(environment).length === 0) return { environment, copies: [], prepared: undefined };
  await expected?.requireLogSums();
  const prepared = await prepareRecovery(files, environment, recovery);
  const { names } = prepared.analysis;
  return { ...separateTwins(environment, (uid) => names.of(uid)), prepared };
}

const noMoves: DirectoryMoves = new Map();

/** What is to be recovered, and how. */
interface Work {
  readonly environment: Environment;
  /** The part of it that the result is made of. */
  readonly copied: Environment;
  /** Names of the files that have to be what they were; undefined for all of them. */
  readonly needed: ReadonlySet<string> | undefined;
  /** The log, when it has been read already. */
  readonly prepared: PreparedRecovery | undefined;
  readonly recovery: RecoveryOptions;
  readonly warnings: readonly string[];
}

interface Job extends Work {
  readonly target: string;
  readonly watch: Watch;
  readonly hasLogs: boolean;
  readonly engine: 'embedded' | 'native';
  readonly check: boolean;
  readonly anyOrder: boolean;
  readonly resetLsns: boolean;
  readonly isPlainCopy: boolean;
  readonly expected: ExpectedFiles | undefined;
}

interface Outcome {
  readonly report: RecoveryReport | undefined;
  readonly warnings: readonly string[];
}

/** The recovery of some containers. */
async function someOf(
  files: Files,
  environment: Environment,
  { expected, dryRun }: RecoverOptions,
  only: readonly string[],
  read: PreparedRecovery | undefined,
  hasLogs: boolean,
  recovery: RecoveryOptions,
): Promise<Work> {
  const prepared = read ?? (hasLogs ? await prepareRecovery(files, environment, recovery) : undefined);
  const { scope, outOf } = await selectContainers(files, environment, prepared, only, recovery.watch ?? {});
  const lastLog = prepared && (prepared.analysis.limit ?? prepared.analysis.end).lsn.file;
  const copied = narrow(environment, scope, lastLog);
  const those = environment.files.filter((file) => file.kind === 'log' || copied.files.includes(file));
  const needed = new Set(those.map(({ name }) => name));
  if (dryRun) await expected?.requireIntact(needed);
  else expected?.requireThere(needed);
  const warnings = [
    `this is ${only.length} of ${outOf} containers: to look into, not to go on with in place of the environment`,
  ];
  return { environment, copied, needed, prepared, recovery: { ...recovery, scope }, warnings };
}

/** Finds out what would happen, and writes nothing. */
async function rehearseJob(files: Files, job: Job): Promise<Outcome> {
  const { environment, copied, recovery, watch, hasLogs, check, anyOrder } = job;
  const prepared = hasLogs ? (job.prepared ?? (await prepareRecovery(files, environment, recovery))) : undefined;
  const passing = new PassingPages();
  const warnings = [...job.warnings, ...(await checkDatabases(files, copied, prepared?.analysis, watch, passing))];
  const notes: string[] = [];
  let report: RecoveryReport | undefined;
  if (check) {
    const proof = await proveRecoverable(files, prepared ? environment : copied, { ...recovery, prepared, anyOrder });
    notes.push(...requireSound(proof.structure));
    ({ report } = proof);
  } else if (prepared) {
    const inspect = async ({ recovered }: RecoveredState) => await passing.requireFurther(recovered, watch);
    report = await rehearse(files, environment, { ...recovery, prepared, inspect });
  } else {
    await passing.requireFurtherIn(files, copied, watch);
  }
  requireStill(files, environment);
  return { report, warnings: [...warnings, ...(report?.warnings ?? []), ...notes] };
}

async function doJob(allFiles: Files, job: Job, plan: DirectoryPlan): Promise<Outcome> {
  const { environment, target, watch, check, anyOrder } = job;
  const { stage, files, lease } = beginStage(allFiles, target);
  const copies = new BackgroundCopies(files);
  const placed = new PlacedDirectories(allFiles);
  try {
    const leftovers = sweepBeside(files, target, stage);
    const { home, passing, report, warnings } = await recoverOnStage(files, job, stage, copies);
    const notes: string[] = [];
    if (check || !passing.isEmpty) {
      const plain = new Set(filesOfKind(job.copied, 'plain').map(({ name }) => name));
      // Each is looked into twice: what it is, and how it hangs together.
      const read = new KeptContents(home).reading(files);
      const found = discoverEnvironment(read, home);
      const result = { ...found, files: found.files.filter(({ name }) => !plain.has(name)) };
      if (check) notes.push(...requireSound(await checkEnvironment(read, result, { anyOrder, watch })));
      else await passing.requireFurtherIn(read, result, watch);
    }
    if (job.resetLsns) {
      await resetLsns(files, home, watch);
      notes.push(
        'LSNs are reset and the log is left out: any environment can open the containers, and no set or log goes on from them',
      );
    }
    requireNotInUse(files, environment, () => stopHint, job.isPlainCopy);
    requireStill(files, environment);
    await syncTree(files, home, watch);
    notes.push(...giveOwners(files, environment, home));
    notes.push(...(await rearrange(files, home, plan, placed)));
    placed.publish((from, copy, to) => publish(files, from, copy, to));
    try {
      publish(files, stage, home, target);
    } catch (error) {
      placed.takeBack();
      throw error;
    }
    return { report, warnings: [...job.warnings, ...leftovers, ...warnings, ...notes] };
  } catch (error) {
    await copies.stop();
    const reason = lease.reasonOf(error);
    discardStage(allFiles, stage);
    throw reason;
  } finally {
    placed.close();
    lease.stop();
  }
}

/** Copies and recovers beside the target. */
async function recoverOnStage(
  files: Files,
  job: Job,
  stage: string,
  copies: BackgroundCopies,
): Promise<Outcome & Pick<Stage, 'home' | 'passing'>> {
  const { environment, copied, expected, recovery, watch, hasLogs, engine } = job;
  // What was read of the log has to be what is recovered from: it is not fetched again.
  const logs = logFilesOf(files, copied);
  const unseen = expected && !job.prepared ? unseenFiles(copied, logs, expected) : [];
  const others = new Set(unseen.map(({ path: file }) => file));
  const staged = openStage(files, copied, stage, copies, { others, logs, isInPlace: true });
  const { home, passing } = staged;
  await expected?.requireSums(isReadBefore(job, unseen));
  const seen = expected ? await stageUnseen(files, unseen, staged, copies, expected, watch) : files;
  const prepared = hasLogs ? (job.prepared ?? (await prepareRecovery(seen, environment, recovery))) : undefined;
  const warnings = [...(await copyDatabases(seen, copied, prepared?.analysis, staged, watch, expected))];
  if (!prepared || engine === 'native') {
    await copies.finish();
    if (prepared) warnings.push(await recoverNatively(files, home, prepared.log, recovery));
    else warnings.push('there is no log: the files are restored as they were copied');
    return { home, passing, report: undefined, warnings };
  }
  // Of files that are not copied, it only matters what they are called.
  const original = new Map(environment.files.map(({ name, path: file }) => [name, file]));
  const pathOf = (name: string): string => staged.pathOf(name) ?? original.get(name)!;
  const isStaged = (file: string): boolean => staged.inPlace.has(file);
  const storage = new PartlyStagedStorage(
    new StagedStorage(files, staged.pieces, staged.copied),
    new OverlayStorage(files),
    isStaged,
  );
  try {
    const state = await runPasses(seen, { ...prepared, environment, storage, pathOf }, recovery);
    await copies.finish();
    await finishRecovery(seen, staged, state, watch);
    const report = { ...state.report, pagesWritten: state.table.cache.pagesWritten };
    return { home, passing, report, warnings: [...warnings, ...report.warnings] };
  } finally {
    storage.close();
  }
}

/** Which files are read to know that they are what they were: all that are not when they come to the stage. */
function isReadBefore({ copied, needed }: Job, unseen: readonly EnvironmentFile[]) {
  const later = new Set([...unseen, ...copied.files.filter(isPiece)].map(({ path: file }) => file));
  return (name: string, file: string): boolean => (!needed || needed.has(name)) && !later.has(file);
}

/** Throws `target-not-empty` for a place that is taken, and `usage` where places do not lie apart. */
function requirePlaces(files: Files, target: string, { placements }: DirectoryPlan): void {
  const places = [...placements.values()];
  for (const to of places) {
    requireNoneAbove(files, { what: 'the directory', path: to });
    requireEmptyTarget(files, to);
  }
  requireApart(
    files,
    { what: 'the target', path: target },
    ...places.map((at) => ({ what: 'the directory', path: at })),
  );
}

const stopHint =
  'stop it first: what is recovered has to stand still. Of an environment in use, take a set with `figaro-backup hot`.';
