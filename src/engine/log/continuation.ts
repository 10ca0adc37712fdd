/** Whether a log continues a chain's (recovery document, I.1 to I.3). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { checkpoint } from '../../format/log/records/txn.ts';
import { compareLsn, formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { openLog } from './log-files.ts';
import { wholeLogFile, type LogParts } from './log-parts.ts';
import { LogReader } from './log-reader.ts';
import { differenceInHistory } from './same-history.ts';
import { type LogObserver } from './log-observer.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** Where a chain's log begins and ends. */
export interface ChainEnd {
  /** Number of its first file. */
  readonly firstFile: number;
  /** Where the next record would go. */
  readonly end: Lsn;
  readonly lastRecord: Lsn | undefined;
}

interface ContinuationParts {
  /** What is said to continue the chain, for messages. */
  readonly subject: string;
  /** The directory of its log files. */
  readonly from: string;
  /** The chain's log files by number. */
  readonly chainLog: ReadonlyMap<number, LogParts>;
  readonly parent: ChainEnd;
  /** What the operator can do. */
  readonly hints: { readonly gap: string; readonly mismatch: string };
}

/** A place in the chain's log that the new log points at. */
interface BackReference {
  readonly lsn: Lsn;
  readonly txnId: number;
  /** Code of the record that has to be there, where it is known. */
  readonly code: number | undefined;
}

/** More would prove nothing more. */
const maxReferences = 1000;

export class Continuation implements LogObserver {
  readonly #files: Files;
  readonly #parts: ContinuationParts;
  readonly #references: BackReference[] = [];
  /** The chain's last log file, in the chain; undefined where the chain has lost it. */
  readonly #lastFile: LogParts | undefined;

  constructor(files: Files, parts: ContinuationParts) {
    this.#files = files;
    this.#parts = parts;
    this.#lastFile = parts.chainLog.get(parts.parent.end.file);
  }

  /** Number of the log file to go on from: the chain's last one, or the next when the source no longer has it. */
  firstFile(): number {
    const { from, parent } = this.#parts;
    const { end } = parent;
    const numbers = (this.#files.listIfThere(from) ?? []).map(logFileNumber).filter((number) => number !== undefined);
    if (numbers.length === 0) {
      throw new FigaroError('log-missing', `${from} holds no log files`, {
        path: from,
        hint: 'is this the environment that the chain is of?',
      });
    }
    const first = Math.min(...numbers.filter((number) => number >= end.file));
    if (first === Infinity) throw this.#mismatch(`its last log file is ${logFileName(Math.max(...numbers))}`);
    if (first > end.file + 1) {
      throw this.#gap(
        `it goes on at ${logFileName(first)}, but the newest set ends in ${logFileName(end.file)} at ${formatLsn(end)}`,
      );
    }
    if (first === end.file) this.#requirePrefix(path.join(from, logFileName(first)));
    return first;
  }

  /** Takes note of what the new log says about the chain's; to be called for every record copied. */
  see(record: ScannedRecord): void {
    if (this.#references.length >= maxReferences) return;
    const { txnId, prevLsn } = record;
    if (txnId !== 0) this.#refer({ lsn: prevLsn, txnId, code: undefined });
    const taken = bodyAs(record, checkpoint);
    if (taken) this.#refer({ lsn: taken.lastCheckpoint, txnId: 0, code: checkpoint.code });
  }

  #refer(reference: BackReference): void {
    const { lsn } = reference;
    if (isLogged(lsn) && compareLsn(lsn, this.#parts.parent.end) < 0) this.#references.push(reference);
  }

  /**
   * Throws `chain-mismatch` unless a log continues the chain; its records were shown to `see` before.
   *
   * @param first its file that `firstFile` named, and the last record that its header says is before it
   * @param end of the log
   */
  requireProof(first: { readonly path: string; readonly number: number; readonly prev: number }, end: Lsn): void {
    const { parent } = this.#parts;
    const { number, prev } = first;
    if (compareLsn(end, parent.end) < 0) throw this.#mismatch(`its log ends at ${formatLsn(end)}`);
    // It was compared before it was copied; unless it is gone by now, nobody has put another one in its place since.
    if (number === parent.end.file) {
      if (this.#files.statThrough(first.path)) this.#requirePrefix(first.path);
      return;
    }
    const last = parent.lastRecord;
    if (!last || last.file !== number - 1 || prev < last.offset) {
      const place = last ? formatLsn(last) : 'none';
      throw this.#mismatch(`${logFileName(number)} follows a record at ${prev}, but the chain’s last one is ${place}`);
    }
    if (prev > last.offset) {
      throw this.#gap(
        `${logFileName(last.file)} was removed after it had grown to a record at ${prev}, but the newest set ends in it at ${formatLsn(parent.end)}`,
      );
    }
    this.#requireReferences();
  }

  /** Throws unless a file begins with the chain's last one. */
  #requirePrefix(file: string): void {
    const { parent } = this.#parts;
    if (!this.#lastFile) throw this.#gap(`the chain has lost ${logFileName(parent.end.file)}, its last log file`);
    const different = differenceInHistory(this.#files, wholeLogFile(file), this.#lastFile, parent);
    if (different === undefined) return;
    const before = parent.end.offset;
    throw this.#mismatch(`${path.basename(file)} differs from the chain’s at byte ${different}, before ${before}`);
  }

  /** With no file in common, records that point into the chain have to hit: the header alone is weak evidence (I.2). */
  #requireReferences(): void {
    if (this.#references.length === 0) throw this.#mismatch('no record in its log points back into the chain');
    const reader = new LogReader(this.#files, openLog(this.#files, this.#parts.chainLog));
    try {
      for (const { lsn, txnId, code } of this.#references) {
        // The chain may begin later than a transaction.
        if (lsn.file < this.#parts.parent.firstFile) continue;
        const record = readIfThere(reader, lsn);
        if (record && record.txnId === txnId && (code === undefined || record.code === code)) continue;
        throw this.#mismatch(`its log points back to ${formatLsn(lsn)}, where the chain has something else`);
      }
    } finally {
      reader.close();
    }
  }

  #gap(problem: string): FigaroError {
    const { subject, parent, hints } = this.#parts;
    return new FigaroError('chain-gap', `${subject} does not continue the chain: ${problem}`, {
      path: subject,
      lsn: formatLsn(parent.end),
      hint: hints.gap,
    });
  }

  #mismatch(problem: string): FigaroError {
    const { subject, parent, hints } = this.#parts;
    const message = `${subject} does not continue the chain, which ends at ${formatLsn(parent.end)}: ${problem}`;
    return new FigaroError('chain-mismatch', message, {
      path: subject,
      lsn: formatLsn(parent.end),
      hint: hints.mismatch,
    });
  }
}

function readIfThere(reader: LogReader, lsn: Lsn): ScannedRecord | undefined {
  try {
    return reader.read(lsn);
  } catch (error) {
    if (error instanceof FigaroError && error.code === 'log-corrupt') return undefined;
    throw error;
  }
}
