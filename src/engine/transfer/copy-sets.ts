/** Sets from one repository into another. The first is only read; the other has a lock and a retention of its own. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { requireApart, requireOutside, sourcesHere } from '../places.ts';
import { isHidden, type BackupSet } from '../repository/backup-set.ts';
import { chainsOf, newerThan, whyOrphaned, type Chain } from '../repository/chain.ts';
import { whyNone } from '../repository/find-chain.ts';
import { noteLook, readLook } from '../repository/last-look.ts';
import {
  asWriter,
  createRepository,
  findRepository,
  readSets,
  type LockWait,
  type Repository,
} from '../repository/repository.ts';
import {
  missingOf,
  requireOneChoice,
  wantedChains,
  type CopyChoice,
  type Held,
  type WantedChain,
} from './choose-sets.ts';
import { RepositorySink } from './repository-sink.ts';
import { requireSameEnvironment } from './same-environment.ts';
import { bytesOf, sendSet } from './send-set.ts';

/** Where a repository is copied to, and which chains of it. */
export interface CopyOptions extends CopyChoice, LockWait {
  /** The directory of the repository to copy into. It is made where it is empty or does not exist. */
  readonly to: string;
  /** Say what would be copied, and write nothing. */
  readonly dryRun?: boolean;
  /** Told of a repository that was made. */
  readonly onCreated?: (repository: Repository) => void;
  /** Awaited after each set. */
  readonly onCopied?: () => Promise<void>;
}

/** A set that was copied, or with `dryRun` would be. */
export interface CopiedSet {
  readonly id: string;
  readonly chain: string;
  readonly bytes: number;
}

/** What a copy got, and what it did not. */
export interface CopyResult {
  /** In the order in which they were copied. */
  readonly copied: readonly CopiedSet[];
  /** Chains that are not in the copy and were not asked for: older than what it has. */
  readonly left: readonly string[];
  /** What kept chains from being copied as far as they go. All the others are copied. */
  readonly failures: readonly FigaroError[];
  readonly warnings: readonly string[];
}

/**
 * Copies what the other repository lacks: chain by chain, the oldest first, and set by set, so that what is there is whole at every
 * moment. Throws `usage` where the two do not lie apart, `chain-mismatch` for a repository of another environment, `busy`,
 * and failures of the disk that is written to.
 */
export async function copySets(files: Files, from: Repository, options: CopyOptions): Promise<CopyResult> {
  requireOneChoice(options);
  const to = path.resolve(options.to);
  requireApart(files, { what: 'the repository', path: from.directory }, { what: 'the copy', path: to });
  const found = readSets(files, from);
  const manifests = found.sets.map(({ manifest }) => manifest);
  for (const source of sourcesHere(files, manifests)) requireOutside(files, { what: 'the copy', path: to }, source);
  // No repository is made for nothing.
  if (wantedChains(found, nothing, options).length === 0) throw whyNone(found.broken) ?? nothingToCopy(from);
  const existing = findRepository(files, to);
  if (options.dryRun) return await new Copy(files, from, existing, options).perform();
  const { repository, created } = existing
    ? { repository: existing, created: false }
    : createRepository(files, options.to, { id: from.id });
  if (created) options.onCreated?.(repository);
  return await asWriter(
    files,
    repository,
    (held, watch) => new Copy(held, from, repository, { ...options, watch }).perform(),
    options,
  );
}

const nothing: Held = { sets: [], broken: [] };

function nothingToCopy({ directory }: Repository): FigaroError {
  return new FigaroError('set-missing', `${directory} holds no chain: there is nothing to copy`, {
    path: directory,
    hint: 'take a full set with `figaro-backup hot` or `offline`.',
  });
}

/** What the disk fails to show may be the newest there is, and then everything would seem to be newer than what is there. */
function requireShown({ broken }: Held): void {
  const hidden = broken.find(isHidden);
  if (!hidden) return;
  throw new FigaroError(hidden.code, `${hidden.id} cannot be read: ${hidden.problem}`, {
    path: hidden.directory,
    hint: 'nothing was copied. See to that set first.',
  });
}

class Copy {
  readonly #files: Files;
  readonly #from: Repository;
  readonly #to: Repository | undefined;
  readonly #options: CopyOptions;
  readonly #copied: CopiedSet[] = [];
  readonly #failures: FigaroError[] = [];
  readonly #warnings: string[] = [];

  constructor(files: Files, from: Repository, to: Repository | undefined, options: CopyOptions) {
    this.#files = files;
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  async perform(): Promise<CopyResult> {
    const from = readSets(this.#files, this.#from);
    const to = this.#to ? readSets(this.#files, this.#to) : nothing;
    if (this.#to) {
      requireShown(to);
      requireSameEnvironment({ repository: this.#from, sets: from.sets }, { repository: this.#to, sets: to.sets });
    }
    const chains = wantedChains(from, to, this.#options);
    this.#tellUnusable(from, this.#options.chain !== undefined);
    const wanted = chains.flatMap((one) => this.#orFailure(() => missingOf(one, to)));
    const total = wanted.flatMap(({ missing }) => missing).reduce((sum, set) => sum + bytesOf(set), 0);
    const watch: Watch = { ...this.#options.watch, plan: { done: 0, total } };
    for (const one of wanted) await this.#copyChain(one, watch);
    const known = new Set([...chains, ...chainsOf(to.sets).chains].map(({ id }) => id));
    const left = chainsOf(from.sets).chains.filter(({ id }) => !known.has(id));
    return {
      copied: this.#copied,
      left: left.map(({ id }) => id),
      failures: this.#failures,
      warnings: this.#warnings,
    };
  }

  async #copyChain({ chain, missing }: WantedChain, watch: Watch): Promise<void> {
    for (const set of missing) {
      if (!(this.#options.dryRun === true || (await this.#copySet(set, watch)))) return;
      this.#copied.push({ id: set.id, chain: chain.id, bytes: bytesOf(set) });
    }
    if (!this.#options.dryRun) this.#passOnLook(chain);
  }

  /** False when the set, or what of it there is, cannot be copied: then those that follow it have no chain there. */
  async #copySet(set: BackupSet, watch: Watch): Promise<boolean> {
    try {
      await sendSet(this.#files, set, new RepositorySink(this.#files, this.#to!), watch);
    } catch (error) {
      if (!(error instanceof FigaroError) || !isAbout(error, set)) throw error;
      if (this.#files.statIfThere(path.join(set.directory, 'manifest.json'))) this.#failures.push(error);
      else this.#warnings.push(`${set.id} was removed while it was copied`);
      return false;
    }
    await this.#options.onCopied?.();
    return true;
  }

  /** That the source had nothing new is as true of the copy, where that is as far. */
  #passOnLook({ sets }: Chain): void {
    const newest = sets.at(-1)!;
    const copy = { ...newest, directory: path.join(this.#to!.directory, newest.id) };
    const looked = readLook(this.#files, newest, (failure) => this.#warnings.push(failure.message));
    const known = readLook(this.#files, copy, () => {});
    if (looked !== undefined && (known === undefined || known < looked)) {
      noteLook(this.#files, copy, new Date(looked));
    }
  }

  #orFailure(choose: () => WantedChain): WantedChain[] {
    try {
      return [choose()];
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      this.#failures.push(error);
      return [];
    }
  }

  /** Sets that are none: of the newest it is a failure, unless somebody named another chain. */
  #tellUnusable({ sets, broken }: Held, isNamed: boolean): void {
    const newer = isNamed ? [] : newerThan(chainsOf(sets).chains.at(-1), sets, broken);
    for (const { id, directory, problem, code } of newer) {
      const hint =
        code === 'chain-gap'
          ? 'begin a new chain with `figaro-backup hot`, and see what is wrong with this one.'
          : 'see to that set, then run the same command again.';
      this.#failures.push(new FigaroError(code, `${id} is not copied: it ${problem}`, { path: directory, hint }));
    }
    const told = new Set(newer.map(({ id }) => id));
    const others = [
      ...chainsOf(sets).orphans.map((set) => ({ id: set.id, problem: whyOrphaned(sets, set) })),
      ...broken
        .filter(({ state }) => state === 'damaged')
        .map(({ id, problem }) => ({ id, problem: `is damaged: ${problem}` })),
    ].filter(({ id }) => !told.has(id));
    for (const { id, problem } of others) this.#warnings.push(`${id} is not copied: it ${problem}`);
  }
}

/** What is wrong is wrong with the set that is read, not with the place that is written to. */
function isAbout({ code, details }: FigaroError, { directory }: BackupSet): boolean {
  return (
    code !== 'interrupted' && (details.path === directory || details.path?.startsWith(directory + path.sep) === true)
  );
}
