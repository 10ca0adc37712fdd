/** What the structural checks of several files found, together. */

import { checkFile } from './check-file.ts';
import { findingOf, type CheckedFile, type StructureFinding } from './file-check.ts';
import { FigaroError } from '../../errors.ts';
import { pause, type Watch } from '../pause.ts';

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

/** Collects what is found, file after file. */
export class Collected {
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

  /** Looks at some of the pages of a file, each by itself. */
  async checkPages(file: CheckedFile, pgnos: Iterable<number>): Promise<void> {
    const { watch = {} } = this.#options;
    const progress = { phase: `check ${file.name}`, step: file.format.pageSize };
    for (const pgno of pgnos) {
      try {
        file.pageIfThere(pgno);
      } catch (error) {
        this.find(findingOf(file.name, pgno, error));
      }
      await pause(watch, progress);
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
 * Throws `not-recoverable` when the check found anything in what it is called, the result of a recovery by default: with all findings, and the first one in
 * the message. Returns what could not be checked.
 */
export function requireSound({ findings, total, notes }: StructureReport, what?: string): readonly string[] {
  const first = findings[0];
  if (!first) return notes;
  const more = total === 1 ? '' : total === 2 ? ', and 1 more finding' : `, and ${total - 1} more findings`;
  throw new FigaroError('not-recoverable', `${what ?? 'the result'} is damaged: ${first.message}${more}`, {
    path: first.path,
    pgno: first.pgno,
    findings,
    hint:
      'use an older set or an earlier restore point. If the application has an order of keys of its own, add --any-order.' +
      // Whatever else is checked is to be relied upon.
      (what === undefined ? ' --no-check gives the result as it is.' : ''),
  });
}
