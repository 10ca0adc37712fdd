/** The structural check of all databases of an environment. */

import { FigaroError } from '../../errors.ts';
import { DatabaseFile } from './database-file.ts';
import { partitionCount, partitionPath } from './partitions.ts';
import { isOpaque } from '../environment/opaque.ts';
import { filesOfKind, type Environment } from '../environment/discover.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { FilePages, StoredPages } from './file-pages.ts';
import { findingOf, type CheckedFile, type StructureFinding } from '../structure/file-check.ts';
import { checkFile } from '../structure/check-file.ts';

export interface StructureOptions {
  /** The application orders keys in a way of its own: order is not looked at. */
  readonly anyOrder?: boolean;
  readonly watch?: Watch;
}

/** What the check of an environment found. */
export interface StructureReport {
  /** The first ones of each file. */
  readonly findings: readonly StructureFinding[];
  /** All of them. */
  readonly total: number;
  /** What could not be checked. */
  readonly notes: readonly string[];
}

/** Checks the databases of an environment that is recovered already. */
export async function checkEnvironment(
  files: Files,
  environment: Environment,
  options: StructureOptions = {},
): Promise<StructureReport> {
  const collected = new Collected(options);
  for (const { name, problem } of environment.damaged) {
    collected.find({ path: name, pgno: 0, code: 'page-type', message: `${name} is a damaged database: ${problem}` });
  }
  for (const { name, path, format } of filesOfKind(environment, 'database')) {
    if (isOpaque(format!)) {
      collected.notes.push(`${name} is encrypted: without its password, its structure is not checked`);
      continue;
    }
    const file = collected.open(files, name, path);
    try {
      if (file) await collected.check(new FilePages(file, name));
    } finally {
      file?.close();
    }
  }
  return collected.report();
}

/** Checks one database file, and the partitions that belong to it. */
export async function checkDatabaseFile(
  files: Files,
  path: string,
  options: StructureOptions = {},
): Promise<StructureReport> {
  const collected = new Collected(options);
  const paths = [path];
  for (const one of paths) {
    const file = collected.open(files, one, one);
    if (!file) continue;
    try {
      const missing = file.firstMissing() ?? file.queueGap();
      if (missing) collected.find(findingOf(one, missing.pgno, file.broken(missing.pgno, missing.problem)));
      await collected.check(new FilePages(file, one));
      if (one === path) paths.push(...partitionsThere(files, path, partitionCount(file.page(0))));
    } finally {
      file.close();
    }
  }
  return collected.report();
}

/** Partitions up to the first one that is missing. */
function* partitionsThere(files: Files, path: string, count: number): Generator<string> {
  for (let i = 0; i < count && files.statIfThere(partitionPath(path, i)); i++) yield partitionPath(path, i);
}

/** Checks databases as recovery has them in memory. What is in its cache is written to its storage. */
export async function checkStored(
  stored: Iterable<StoredFile>,
  options: StructureOptions = {},
): Promise<StructureReport> {
  const collected = new Collected(options);
  for (const file of stored) {
    file.flush();
    await collected.check(new StoredPages(file));
  }
  return collected.report();
}

class Collected {
  readonly #options: StructureOptions;
  readonly #findings: StructureFinding[] = [];
  readonly notes: string[] = [];
  #total = 0;

  constructor(options: StructureOptions) {
    this.#options = options;
  }

  async check(file: CheckedFile): Promise<void> {
    const { anyOrder = false, watch = {} } = this.#options;
    const steps = checkFile(file, anyOrder);
    const { pageSize } = file.format;
    const progress = { phase: `check ${file.name}`, step: pageSize };
    let step = steps.next();
    for (; !step.done; step = steps.next()) await pause(watch, progress);
    this.#findings.push(...step.value.findings);
    this.notes.push(...step.value.notes);
    this.#total += step.value.total;
  }

  /** Opens a file. When its first page is damaged, that is a finding. */
  open(files: Files, name: string, path: string): DatabaseFile | undefined {
    try {
      return new DatabaseFile(files, path);
    } catch (error) {
      this.find(findingOf(name, 0, error));
      return undefined;
    }
  }

  find(finding: StructureFinding): void {
    this.#findings.push(finding);
    this.#total += 1;
  }

  report(): StructureReport {
    return { findings: this.#findings, total: this.#total, notes: this.notes };
  }
}

/**
 * Throws `not-recoverable` when the check found anything in what it is called: with all findings, and the first one in
 * the message. Returns what could not be checked.
 */
export function requireSound({ findings, total, notes }: StructureReport, what = 'the result'): readonly string[] {
  const first = findings[0];
  if (!first) return notes;
  const more = total === 1 ? '' : total === 2 ? ', and 1 more finding' : `, and ${total - 1} more findings`;
  throw new FigaroError('not-recoverable', `${what} is damaged: ${first.message}${more}`, {
    path: first.path,
    pgno: first.pgno,
    findings,
    hint:
      'use an older set or an earlier restore point. If the application has an order of keys of its own, add --any-order. ' +
      '--no-check gives the result as it is.',
  });
}
