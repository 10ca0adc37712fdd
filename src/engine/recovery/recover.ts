/** `recover`: from copies of an environment to a new, recovered one. The order of it, step by step. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { discoverEnvironment, type Environment } from '../environment/discover.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { requireStill } from '../environment/unchanged.ts';
import { makeDirectories, type Files } from '../files.ts';
import { type Watch } from '../pause.ts';
import { checkEnvironment, checkStored, requireSound } from '../verify/structure/check-environment.ts';
import { BackgroundCopies } from './background-copies.ts';
import {
  prepareRecovery,
  rehearse,
  requireKey,
  requireWhole,
  runPasses,
  type RecoveredState,
  type RecoveryReport,
} from './recovery.ts';
import { type RestorePoint } from './restore-point.ts';
import { finishCopies, finishRecovery, syncTree } from './finish.ts';
import { giveOwners } from './owners.ts';
import { checkDatabases, copyDatabases, openStage } from './stage.ts';
import { StagedStorage } from './storage.ts';
import { discardStage, newStage, sweepStages } from './leftovers.ts';
import { recoverNatively } from './native.ts';

export interface RecoverOptions {
  /** What to recover; its files are only read. */
  readonly environment: Environment;
  /** A directory that does not exist yet, or is empty. */
  readonly target: string;
  readonly restorePoint?: RestorePoint;
  /** Find out what would happen, and write nothing. */
  readonly dryRun?: boolean;
  /** `native` runs an installed db_recover on the staged copy. */
  readonly engine?: 'embedded' | 'native';
  readonly cacheBytes?: number;
  /** Check the structure of the result before it gets its name; true by default. */
  readonly check?: boolean;
  /** The application orders keys in a way of its own, which the check can not know. */
  readonly anyOrder?: boolean;
  readonly watch?: Watch;
}

export interface RecoverResult {
  readonly target: string;
  readonly dryRun: boolean;
  readonly engine: 'embedded' | 'native';
  /** Undefined with the native engine, and for an environment without logs: there is nothing to recover. */
  readonly report: RecoveryReport | undefined;
  readonly warnings: readonly string[];
}

/**
 * Builds the recovered environment beside the target and renames it into place last: the target appears complete and
 * synced, or not at all. Throws `target-not-empty`, and whatever keeps the environment from being recovered.
 */
export async function recoverEnvironment(files: Files, options: RecoverOptions): Promise<RecoverResult> {
  const { environment, dryRun = false, engine = 'embedded', check = true, anyOrder = false, watch = {} } = options;
  const target = path.resolve(options.target);
  requireContents(environment);
  requireNotInUse(files, environment, () => stopHint);
  requireKey(environment);
  requireEmptyTarget(files, target);
  const hasLogs = environment.files.some(({ kind }) => kind === 'log');
  const point = options.restorePoint ?? { kind: 'end' };
  if (!hasLogs && point.kind !== 'end') {
    throw new FigaroError('restore-point-unreachable', 'there is no log: only the files as they are can be restored');
  }
  const recovery = {
    restorePoint: point,
    watch,
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
  };
  const done = (report: RecoveryReport | undefined, warnings: readonly string[]): RecoverResult => ({
    target,
    dryRun,
    engine,
    report,
    warnings,
  });
  if (dryRun) {
    const prepared = hasLogs ? await prepareRecovery(files, environment, recovery) : undefined;
    const warnings = await checkDatabases(files, environment, prepared?.analysis, watch);
    const notes: string[] = [];
    const inspect = async ({ table }: RecoveredState): Promise<void> => {
      if (check) notes.push(...requireSound(await checkStored(table, { anyOrder, watch })));
    };
    const report = hasLogs ? await rehearse(files, environment, { ...recovery, inspect }) : undefined;
    if (check && !hasLogs) notes.push(...requireSound(await checkEnvironment(files, environment, { anyOrder, watch })));
    requireStill(files, environment);
    return done(report, [...warnings, ...(report?.warnings ?? []), ...notes]);
  }

  makeDirectories(files, path.dirname(target));
  const leftovers = sweepStages(files, target);
  const stage = newStage(target);
  const copies = new BackgroundCopies(files);
  try {
    makeDirectories(files, stage);
    const staged = openStage(files, environment, stage, copies);
    const prepared = hasLogs ? await prepareRecovery(files, environment, recovery) : undefined;
    const warnings = [...leftovers, ...(await copyDatabases(files, environment, prepared?.analysis, staged, watch))];
    let report: RecoveryReport | undefined;
    if (!prepared) {
      warnings.push('there is no log: the files are restored as they were copied');
      await copies.finish();
      finishCopies(files, environment, staged);
    } else if (engine === 'native') {
      await copies.finish();
      finishCopies(files, environment, staged);
      const { version, framing, path: file } = prepared.log.files.at(-1)!;
      if (framing.cipher) throw noNativePassword(file);
      const program = await recoverNatively(files, staged.home, version, point, watch);
      warnings.push(`recovered by the installed ${program}, not by the engine of this program`);
    } else {
      const storage = new StagedStorage(files, staged.pieces);
      try {
        const state = await runPasses(files, environment, prepared, storage, staged.pathOf, recovery);
        await copies.finish();
        await finishRecovery(files, staged, state, watch);
        report = { ...state.report, pagesWritten: state.table.cache.pagesWritten };
      } finally {
        storage.close();
      }
      warnings.push(...report.warnings);
    }
    if (check) {
      const result = discoverEnvironment(files, staged.home);
      warnings.push(...requireSound(await checkEnvironment(files, result, { anyOrder, watch })));
    }
    requireNotInUse(files, environment, () => stopHint);
    requireStill(files, environment);
    syncTree(files, staged.home);
    warnings.push(...giveOwners(files, environment, staged.home));
    publish(files, stage, staged.home, target);
    return done(report, warnings);
  } catch (error) {
    await copies.stop();
    discardStage(files, stage);
    throw error;
  }
}

const stopHint =
  'stop it first: what is recovered has to stand still. Of an environment in use, take a set with `figaro-backup hot`.';

/** Arguments of a process can be seen by everybody, and db_recover takes the password no other way. */
function noNativePassword(file: string): FigaroError {
  return new FigaroError('usage', `${file} is encrypted: the native engine would show the password to other users`, {
    path: file,
    hint: 'use the embedded engine.',
  });
}

function requireContents(environment: Environment): void {
  requireWhole(environment);
  if (environment.files.some(({ kind }) => kind === 'database' || kind === 'log')) return;
  throw new FigaroError('environment-missing', `${environment.home}: neither a container nor a log file is here`, {
    path: environment.home,
    hint: 'give the directory that holds the copy of the environment.',
  });
}

function requireEmptyTarget(files: Files, target: string): void {
  const problem = whyTaken(files, target);
  if (problem === undefined) return;
  throw new FigaroError('target-not-empty', `${target} ${problem}`, {
    path: target,
    hint: 'choose a directory that is empty or does not exist.',
  });
}

/** What keeps a name from becoming that of a recovered environment; undefined when nothing does. */
function whyTaken(files: Files, target: string): string | undefined {
  const stat = files.statIfThere(target);
  if (!stat) return undefined;
  if (stat.kind !== 'directory') return 'is there already, and is no directory';
  const names = files.listIfThere(target) ?? [];
  if (names.length === 0) return undefined;
  return `already holds ${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ''}`;
}

/**
 * The last step: the recovered environment gets its name, for good or not at all. Throws `target-in-use` when somebody
 * else took the name meanwhile.
 */
function publish(files: Files, stage: string, home: string, target: string): void {
  const problem = whyTaken(files, target);
  if (problem !== undefined) {
    throw new FigaroError('target-in-use', `${target} ${problem}; it was free when the recovery began`, {
      path: target,
      hint: 'does another recovery make it, or an application write there? Choose another directory.',
    });
  }
  if (files.statIfThere(target)) files.removeEmptyDirectory(target);
  files.rename(home, target);
  try {
    files.syncDirectory(path.dirname(target));
  } catch (error) {
    files.rename(target, home);
    throw error;
  }
  discardStage(files, stage);
}
