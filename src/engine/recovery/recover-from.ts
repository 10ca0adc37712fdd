/** Recovery of what somebody named: the chain or the copies are found, kept apart from the target, and proven intact. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Environment } from '../environment/environment.ts';
import { discoverLayers } from '../environment/layers.ts';
import { type Files } from '../files/files.ts';
import { requireCounts } from '../given.ts';
import { type Watch } from '../pause.ts';
import {
  isSamePlace,
  placesOf,
  requireApart,
  requireLocal,
  requireNoneAbove,
  requireOutside,
  sourcesHere,
  type Place,
} from '../places.ts';
import { chainEnvironment, chainsOf, excludedFrom, type Chain } from '../repository/chain.ts';
import { chooseOf } from '../repository/choose-chain.ts';
import { coveredUntil } from '../repository/covered.ts';
import { isNewestWanted, type ChainChoice } from '../repository/find-chain.ts';
import { readSets, type Repository } from '../repository/repository.ts';
import { ExpectedFiles } from '../verify/intact.ts';
import { recoverEnvironment, type RecoverOptions, type RecoverResult } from './recover.ts';
import { chainOfPoint } from './chain-of-point.ts';
import { describePoint, type RestorePoint } from './restore-point.ts';
import { withSurvivingLogs } from './surviving-logs.ts';
import { wholeCopies } from '../environment/outside.ts';
import { isOutside } from '../../format/names.ts';
import { shellWord } from '../../shell-words.ts';

/** A chain of a repository, the newest to its end by default; or plain copies, later ones laid over earlier ones. */
export type RecoverySource =
  | (ChainChoice & { readonly repository: Repository })
  | {
      readonly copies: readonly string[];
      /** Where a copy has a directory that its DB_CONFIG names outside of the environment: by that name. */
      readonly directoriesAt?: ReadonlyMap<string, string>;
    };

export interface RecoverFromOptions extends Omit<RecoverOptions, 'environment' | 'expected'> {
  /** The directory with the log files that are left of the broken environment: go on to their end. */
  readonly survivingLogs?: string;
  /** Chains: give files to all users that the manifests name, also where no file of a set is theirs. */
  readonly trustOwners?: boolean;
  /** Be content without the containers that were excluded when the sets were made. */
  readonly acceptMissing?: boolean;
}

/** What a recovery made, or with `dryRun` would make, and of what. */
export interface Recovered extends RecoverResult {
  /** What it was recovered from, surviving log files included. */
  readonly environment: Environment;
  /** Undefined for plain copies. */
  readonly chain: Chain | undefined;
  /** The sets of the chain, or the copies. */
  readonly directories: readonly string[];
  /** Why this chain, where the restore point has chosen it: for people. */
  readonly chosenAs: string | undefined;
}

interface RecoverFromResult extends Recovered {
  /**
   * `container-missing`, where containers were excluded on purpose when the sets were made, but maybe not by who recovers.
   * All the rest is in the target, as it has to be; a success it is only to who knows.
   */
  readonly lacking: FigaroError | undefined;
}

/**
 * Recovers into a new directory. Throws what keeps a chain from being used (`set-missing`, `chain-gap`, `set-incomplete`,
 * `file-checksum`), `usage` where the target and what it is made from do not lie apart, and as `recoverEnvironment`.
 */
export async function recoverFrom(
  disk: Files,
  from: RecoverySource,
  { survivingLogs, trustOwners = false, acceptMissing = false, ...options }: RecoverFromOptions,
): Promise<RecoverFromResult> {
  requireCounts({ cacheBytes: options.cacheBytes });
  const { target, watch = {}, only, restorePoint: asked = { kind: 'end' } } = options;
  const source = await findSource(disk, from, { point: asked, survivingLogs, trustOwners, watch });
  const { files, chain, directories, found, chosenAs } = source;
  requireOwnPlace(files, { what: 'the target', path: target }, source, survivingLogs);
  for (const to of options.moves?.values() ?? []) {
    if (path.isAbsolute(to)) requireOwnPlace(files, { what: 'the directory', path: to }, source, survivingLogs);
  }
  const expected = chain && new ExpectedFiles(files, chain, found, watch);
  if (expected && !only) {
    if (options.dryRun) await expected.requireIntact();
    else expected.requireThere();
    if (survivingLogs !== undefined) await expected.requireLogSums();
  }
  const environment = survivingLogs === undefined ? found : await withSurvivingLogs(files, found, survivingLogs, watch);
  const restorePoint = survivingLogs === undefined ? withCover(files, asked, chain) : asked;
  const result = await recoverEnvironment(files, {
    ...options,
    environment,
    restorePoint,
    ...(expected ? { expected } : {}),
  });
  const warnings = [...source.warnings, ...result.warnings];
  const lacking = only ? undefined : whatIsLacking(chain, result);
  if (lacking && acceptMissing) warnings.push(lacking.message);
  return {
    ...result,
    environment,
    chain,
    directories,
    chosenAs,
    warnings,
    lacking: acceptMissing ? undefined : lacking,
  };
}

function whatIsLacking(chain: Chain | undefined, { target, report }: RecoverResult): FigaroError | undefined {
  const there = new Set(report?.databases);
  const all = [...excludedFrom(chain?.sets ?? []), ...(report?.excluded ?? [])];
  const missing = [...new Set(all)].filter((name) => !there.has(name));
  if (missing.length === 0) return undefined;
  return new FigaroError(
    'container-missing',
    `${missing.join(', ')}: ${whyLacking(missing)} when the sets were made, and not in ${target}`,
    {
      path: missing[0]!,
      hint:
        !chain && path.isAbsolute(missing[0]!)
          ? `the application opened it by its full path. Say what the copy is a copy of: --dir-at ${shellWord(path.dirname(missing[0]!))}=DIR. With --accept-missing, this is a warning.`
          : 'all the rest is as it has to be. With --accept-missing, this is a warning.',
    },
  );
}

function whyLacking(missing: readonly string[]): string {
  if (!missing.some(isOutside)) return 'excluded';
  return missing.every(isOutside) ? 'outside of the environment' : 'excluded, or outside of the environment,';
}

/** What is recovered. */
export interface Found {
  /** Through which it is looked at. */
  readonly files: Files;
  readonly chain: Chain | undefined;
  readonly directories: readonly string[];
  readonly found: Environment;
  readonly chosenAs: string | undefined;
  readonly warnings: readonly string[];
}

interface Wanted {
  readonly point: RestorePoint;
  readonly survivingLogs?: string | undefined;
  readonly trustOwners?: boolean;
  readonly watch: Watch;
}

/** Finds the chain or the copies that somebody named, or that a restore point is in. Throws as `recoverFrom`. */
export async function findSource(
  files: Files,
  from: RecoverySource,
  { point, survivingLogs, trustOwners = false, watch }: Wanted,
): Promise<Found> {
  if ('copies' in from) {
    const { copies, directoriesAt } = from;
    const whole = wholeCopies(files, copies, directoriesAt);
    const found = { ...discoverLayers(whole.files, whole.homes), insideNames: whole.insideNames };
    return { files: whole.files, chain: undefined, directories: copies, found, chosenAs: undefined, warnings: [] };
  }
  const { repository, chain: named, toSet } = from;
  const isOpen = isNewestWanted(named) && isNewestWanted(toSet);
  const read = readSets(files, repository);
  const { sets } = read;
  // Surviving log files are those of the newest chain, and say what is in reach.
  const byPoint = isOpen && survivingLogs === undefined ? await chainOfPoint(files, sets, point, watch) : undefined;
  const choice = byPoint ? { chain: byPoint.id } : from;
  const { chain, warnings } = chooseOf(read, { ...choice, anyAge: point.kind !== 'end' });
  const directories = chain.sets.map(({ directory }) => directory);
  const found = chainEnvironment(files, chain, { trustOwners, acceptGrown: true });
  const count = chainsOf(sets).chains.length;
  const chosenAs = byPoint && `the newest of ${count} chains that covers ${describePoint(point)}`;
  return { files, chain, directories, found, chosenAs, warnings };
}

/** A chain is known to be whole up to its last set, though nothing may have been committed in the end. */
export function withCover(files: Files, point: RestorePoint, chain: Chain | undefined): RestorePoint {
  return point.kind === 'time' && chain ? { ...point, coveredUntil: coveredUntil(files, chain) } : point;
}

/** What is recovered must not become part of what it is made from. */
function requireOwnPlace(
  files: Files,
  target: Place,
  { chain, directories, found }: Found,
  survivingLogs: string | undefined,
): void {
  requireLocal(files, target);
  requireNoneAbove(files, target);
  if (chain) {
    requireApart(files, target, { what: 'the repository', path: path.dirname(directories[0]!) });
    // In its own place an environment can be recovered, when that is empty.
    const sources = sourcesHere(
      files,
      chain.sets.map(({ manifest }) => manifest),
    );
    for (const source of sources) {
      if (!isSamePlace(files, target.path, source.path)) requireOutside(files, target, source);
    }
  }
  for (const copy of chain ? [] : directories) {
    for (const place of placesOf(files, 'the copy', copy, found.directories)) requireApart(files, target, place);
  }
  if (survivingLogs !== undefined) requireApart(files, target, { what: 'the surviving log in', path: survivingLogs });
}
