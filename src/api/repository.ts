import path from 'node:path';
import { consolidate, type Consolidation, type ConsolidateOptions } from '../engine/backup/consolidate.ts';
import { type Recovered, type RecoverFromOptions } from '../engine/recovery/recover-from.ts';
import { listSets, type Catalog } from '../engine/repository/catalog.ts';
import { type ChainChoice } from '../engine/repository/find-chain.ts';
import { expire, type ExpireOptions } from '../engine/repository/expire.ts';
import { assessHealth, type Health, type HealthRules } from '../engine/repository/health.ts';
import { pinChain, unpinChain, type Pin, type PinOptions } from '../engine/repository/pins.ts';
import {
  createRepository as makeRepository,
  openRepository as findRepository,
  type Repository,
} from '../engine/repository/repository.ts';
import { type Decision } from '../engine/repository/retention.ts';
import { type VerifyOptions, type VerifyResult } from '../engine/verify/verification.ts';
import { copySets, type CopyOptions, type CopyResult } from '../engine/transfer/copy-sets.ts';
import { verifyRepository } from '../engine/verify/verify-sets.ts';
import { type Files } from '../engine/files/files.ts';
import { openFiles, type OpenOptions } from './open-options.ts';
import { recover } from './recover.ts';

/** Which chain is recovered, how far, and to where. */
export interface RecoverChainOptions extends ChainChoice, RecoverFromOptions {}

/** Backup sets in a directory. */
export interface OpenRepository extends Repository {
  /** Everything that is here, by chains. Reads manifests only. */
  list(): Catalog;
  /**
   * Makes a recovered environment in `target`, which appears complete and synced, or not at all: of the newest chain, to its
   * end, unless `chain`, `toSet` or `restorePoint` say otherwise. All that is read is compared with its SHA-256 first, and the
   * structure of what comes out is checked.
   *
   * Throws `set-missing`, `chain-gap` where newer sets cannot be used and nothing is named, damage (`set-incomplete`,
   * `file-checksum`, `page-checksum`, `log-corrupt`, `not-recoverable`), `restore-point-unreachable`, `target-not-empty`,
   * `no-space`, `password`, and `usage` for a target inside the repository or what it was made of. Throws `container-missing`,
   * too, when the target is complete but for containers that were excluded when the sets were made: say `acceptMissing` where
   * that is known.
   */
  recover(options: RecoverChainOptions): Promise<Recovered>;
  /**
   * Checks sets, all of them by default. What is wrong does not throw: it is in `findings`, and there is none when all is well.
   * Throws `set-missing` for a set that is not there, and where there is none at all.
   */
  verify(options?: VerifyOptions): Promise<VerifyResult>;
  /**
   * Makes a full set of a chain, the newest by default, without its environment: a new chain, which the next incremental continues. `set`
   * is undefined, and nothing is done, for a chain that is nothing but a full set, and with `dryRun`.
   *
   * Throws `set-missing`, `chain-gap` where newer sets cannot be used and none is named, `usage` for a chain without a log, damage
   * (`set-incomplete`, `file-checksum`, `page-checksum`, `log-corrupt`, `not-recoverable`), `no-space`, `password` and `busy`.
   */
  consolidate(options?: ConsolidateOptions): Promise<Consolidation>;
  /** Whether backups are as they should be, for monitoring. What is wrong does not throw: it is in `problems`, the worst first. */
  health(rules?: HealthRules): Health;
  /**
   * Removes whole chains that no rule keeps; with `dryRun`, says what would go. A chain without reasons goes. The newest chain,
   * the newest sound one, the last one rehearsed and pinned ones always stay. Throws `usage` without a rule, and `busy`.
   */
  expire(options: Omit<ExpireOptions, 'now'>): Promise<readonly Decision[]>;
  /**
   * Copies what the repository in `to` lacks: the rest of chains that it has begun to have, and all that are newer than its newest
   * one, unless `chain`, `newestChain` or `all` say otherwise. What kept single chains from being copied does not throw: it is
   * in `failures`. Throws `usage`, `set-missing` where there is nothing to copy, `chain-mismatch` for a repository of another
   * environment, `busy`, and failures of the disk that is written to.
   */
  copy(options: CopyOptions): Promise<CopyResult>;
  /** Keeps the chain of a set from being expired; `note` says why. Throws `set-missing` and `busy`. */
  pin(options: PinOptions & { readonly note?: string }): Promise<{ readonly chain: string; readonly pin: Pin }>;
  /** Takes the pin away. `wasPinned` is false when there was none. Throws `set-missing` and `busy`. */
  unpin(options: PinOptions): Promise<{ readonly chain: string; readonly wasPinned: boolean }>;
}

/** Opens a repository. Throws `repository-missing` where there is none, and `format-unsupported` for one of a newer version. */
export function openRepository(directory: string, options: OpenOptions = {}): OpenRepository {
  const files = openFiles(options);
  return opened(files, findRepository(files, path.resolve(directory)));
}

/**
 * Opens a repository, and makes it first where the directory is empty or does not exist while the one above it does. Throws
 * `repository-missing` where that is missing, too, as when a disk is not mounted, and `target-not-empty`.
 */
export function createRepository(directory: string, options: OpenOptions = {}): OpenRepository {
  const files = openFiles(options);
  return opened(files, makeRepository(files, directory).repository);
}

function opened(files: Files, repository: Repository): OpenRepository {
  return {
    ...repository,
    list: () => listSets(files, repository),
    recover: ({ chain, toSet, ...recovery }) =>
      recover(
        files,
        { repository, ...(chain === undefined ? {} : { chain }), ...(toSet === undefined ? {} : { toSet }) },
        recovery,
      ),
    verify: (verification) => verifyRepository(files, repository, verification),
    consolidate: (consolidation) => consolidate(files, repository, consolidation),
    health: (rules) => assessHealth(files, repository, rules),
    expire: (expiry) => expire(files, repository, expiry),
    copy: (copying) => copySets(files, repository, copying),
    pin: (pin) => pinChain(files, repository, pin),
    unpin: (pin) => unpinChain(files, repository, pin),
  };
}
