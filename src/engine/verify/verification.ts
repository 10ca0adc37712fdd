/** Which sets and chains are looked at, and what was found in them. */

import path from 'node:path';
import { FigaroError, isOfTheRun, isSetDamage } from '../../errors.ts';
import { findOpaque } from '../environment/opaque.ts';
import { type Files } from '../files/files.ts';
import { encryptedFile } from '../locked.ts';
import { type Watch } from '../pause.ts';
import { proveRecoverable } from '../recovery/proof.ts';
import { chainEnvironment, grownIn, isUnsound, type Chain } from '../repository/chain.ts';
import { isInFuture } from '../repository/chain-order.ts';
import { appendCheck, readChecks } from '../repository/checks.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { programVersion } from '../version.ts';
import { verifyLog } from './log.ts';
import { type StructureReport } from '../structure/report.ts';
import { type Finding } from './finding.ts';
import { checkFiles, hasEnvironment, unlessDamaged, type CheckedFiles } from './set-files.ts';

/** What is looked at, and how closely: every byte of everything by default. */
export interface VerifyOptions {
  /** The chain of this set only; everything in the repository by default. */
  readonly chain?: string;
  /** This set only: its files, not how it continues its chain. */
  readonly set?: string;
  /** Only so large a part of the chains, the least recently verified first: more than 0, up to 1. */
  readonly share?: number;
  /** Begin no further chain after so many ms; the least recently verified come first. */
  readonly budgetMs?: number;
  /** Compare names and sizes with the manifest, and read nothing else. Not noted as a check. */
  readonly quick?: boolean;
  /** Go through the recovery of each chain, in memory, and check the structure of what comes out. */
  readonly rehearse?: boolean;
  /** The application orders keys in a way of its own, which the check cannot know. */
  readonly anyOrder?: boolean;
  /** Note the result in each set; true by default. */
  readonly record?: boolean;
  readonly watch?: Watch;
}

/** What was looked at in a set. */
export interface VerifiedSet extends CheckedFiles {
  readonly findings: number;
}

/** What was looked at, and all that was found. */
export interface VerifyResult {
  readonly sets: readonly VerifiedSet[];
  /** Log records read. */
  readonly records: number;
  /** Chains whose recovery was gone through without trouble. */
  readonly rehearsed: readonly string[];
  /** Chains that were left to the next run. */
  readonly left: readonly string[];
  readonly findings: readonly Finding[];
  /** What does not touch the sets: a check that could not be noted, a run that did not finish. */
  readonly warnings: readonly string[];
}

/** More than these of one set say nothing new. */
const maxFindings = 1000;

/** One run over sets. */
export class Verification {
  readonly #files: Files;
  readonly #options: VerifyOptions;
  readonly #watch: Watch;
  readonly #sets: CheckedFiles[] = [];
  readonly #findings: Finding[] = [];
  readonly #counts = new Map<string, number>();
  readonly #rehearsed: string[] = [];
  #left: readonly string[] = [];
  #records = 0;
  readonly warnings: string[] = [];

  constructor(files: Files, options: VerifyOptions) {
    this.#files = files;
    this.#options = options;
    this.#watch = options.watch ?? {};
  }

  result(): VerifyResult {
    return {
      sets: this.#sets.map((set) => ({ ...set, findings: this.#countOf(set.id) })),
      records: this.#records,
      rehearsed: this.#rehearsed,
      left: this.#left,
      findings: this.#findings,
      warnings: this.warnings,
    };
  }

  find(finding: Finding): void {
    const count = this.#countOf(finding.set);
    this.#counts.set(finding.set, count + 1);
    if (count < maxFindings) this.#findings.push(finding);
    else if (count === maxFindings)
      this.warnings.push(`${finding.set} has more findings than the first ${maxFindings}`);
  }

  #countOf(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  /** As many as `share` and `budgetMs` allow; one at least. */
  async verifyChains(chains: readonly Chain[]): Promise<void> {
    const { share = 1, budgetMs = Infinity } = this.#options;
    const isPartial = share < 1 || budgetMs < Infinity;
    const waiting = isPartial ? this.#longestUnverifiedFirst(chains) : [...chains];
    const end = performance.now() + budgetMs;
    const count = Math.ceil(chains.length * share);
    for (let done = 0; done < count && (done === 0 || performance.now() < end); done++) {
      await this.#verifyWhileThere(waiting.shift()!);
    }
    this.#left = waiting.map(({ id }) => id);
  }

  /** A chain can be expired while it is verified: that is no finding. */
  async #verifyWhileThere(chain: Chain): Promise<void> {
    const isThere = (): boolean =>
      chain.sets.every(({ directory }) => this.#files.statIfThere(path.join(directory, 'manifest.json')) !== undefined);
    const before = this.#findings.length;
    try {
      await this.verifyChain(chain);
    } catch (error) {
      if (!(error instanceof FigaroError) || isOfTheRun(error) || isThere()) throw error;
    }
    if (isThere()) return;
    this.#findings.length = before;
    this.warnings.push(`${chain.id} was removed while it was verified`);
  }

  #longestUnverifiedFirst(chains: readonly Chain[]): Chain[] {
    // A check that is dated in the future would be the last one for ever.
    const believed = (time = ''): string => (isInFuture(time) ? '' : time);
    const lastOf = ({ sets }: Chain): string =>
      sets.map((set) => believed(readChecks(this.#files, set, () => {}).made.at(-1)?.time)).sort()[0]!;
    const times = new Map(chains.map((chain) => [chain, lastOf(chain)]));
    return [...chains].sort((a, b) => (times.get(a)! < times.get(b)! ? -1 : 1));
  }

  async verifyChain(chain: Chain): Promise<void> {
    if (this.#options.quick) {
      for (const set of chain.sets) await this.verifySet(set);
      return;
    }
    const isWhole = (set: BackupSet): boolean =>
      hasEnvironment(this.#files, set) && grownIn(this.#files, set) === undefined;
    if (!chain.sets.every(isWhole)) {
      for (const set of chain.sets) await this.verifySet(set);
      for (const set of chain.sets) this.note(set, false);
      return;
    }
    if (isUnsound(chain.sets[0]!)) return await this.#verifyUnsound(chain);
    this.#tellUnread(chain);
    for (const set of chain.sets) await this.verifySet(set);
    if (chain.sets.at(-1)!.manifest.log) this.#records += await this.#verifyLog(chain);
    if (this.#options.rehearse) await this.#rehearse(chain);
    for (const set of chain.sets) this.note(set, this.#rehearsed.includes(chain.id));
  }

  async #verifyLog(chain: Chain): Promise<number> {
    try {
      return await verifyLog(this.#files, chain, (finding) => this.find(finding), this.#watch);
    } catch (error) {
      // Of what the store cannot give, each file was told already.
      if (isSetDamage(error) && chain.sets.some(({ id }) => this.#countOf(id) > 0)) return 0;
      throw error;
    }
  }

  /** A copy of a damaged source: whether it still is that copy. */
  async #verifyUnsound(chain: Chain): Promise<void> {
    this.warnings.push(`${chain.id} is a copy of a damaged source: only its SHA-256 sums are compared`);
    for (const set of chain.sets) {
      await this.verifySet(set);
      this.note(set, false);
    }
  }

  /** Says what cannot be checked of an encrypted chain. Throws `password` when its recovery is to be rehearsed. */
  #tellUnread(chain: Chain): void {
    const opaque = unlessDamaged(() => findOpaque(this.#files, chainEnvironment(this.#files, chain)));
    if (opaque === undefined) return;
    if (this.#options.rehearse) throw encryptedFile(opaque);
    this.warnings.push(
      `${chain.id} is encrypted, and no password was given: pages and log records were not checked, only their SHA-256 and the headers of pages`,
    );
  }

  /** The files of one set, without how it continues its chain. */
  async verifySet(set: BackupSet): Promise<void> {
    const { quick = false } = this.#options;
    this.#sets.push(await checkFiles(this.#files, set, (finding) => this.find(finding), { quick, watch: this.#watch }));
  }

  /** Goes through the recovery of a chain. */
  async #rehearse(chain: Chain): Promise<void> {
    const set = chain.sets.at(-1)!.id;
    const { anyOrder = false } = this.#options;
    try {
      this.#watch.onProgress?.({ phase: `rehearse the recovery of ${chain.id}` });
      const environment = chainEnvironment(this.#files, chain);
      const { report, structure } = await proveRecoverable(this.#files, environment, { watch: this.#watch, anyOrder });
      this.#tellStructure(set, structure);
      if (structure.total === 0) this.#rehearsed.push(chain.id);
      this.warnings.push(...(report?.warnings ?? []));
      const lacks = report?.excluded ?? [];
      this.warnings.push(
        ...lacks.map((name) => `${name} was excluded from ${chain.id}, and no recovery brings it back`),
      );
    } catch (error) {
      if (!(error instanceof FigaroError) || isOfTheRun(error)) throw error;
      const { pgno, lsn } = error.details;
      this.find({
        set,
        code: error.code,
        message: error.message,
        ...(pgno === undefined ? {} : { pgno }),
        ...(lsn === undefined ? {} : { lsn }),
      });
    }
  }

  #tellStructure(set: string, { findings, total, notes }: StructureReport): void {
    for (const { code, message, path: name, pgno } of findings) this.find({ set, code, message, path: name, pgno });
    const left = total - findings.length;
    if (left > 0) this.warnings.push(`${set}: ${left} more findings about the structure of its databases are left out`);
    this.warnings.push(...notes);
  }

  /** Writes into the set that it was checked. A repository that can only be read can be checked all the same. */
  note(set: BackupSet, rehearsed: boolean): void {
    if (this.#options.record === false || this.#options.quick) return;
    const check = {
      time: new Date().toISOString(),
      program: `figaro-backup ${programVersion}`,
      findings: this.#countOf(set.id),
      rehearsed,
    };
    try {
      appendCheck(this.#files, set, check);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      this.warnings.push(`the check of ${set.id} could not be noted: ${error.message}`);
    }
  }
}
