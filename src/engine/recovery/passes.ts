/** The two passes over the pages: undo backwards, then redo forwards (recovery document, A.14). */

import { FigaroError } from '../../errors.ts';
import { recordAt } from '../../format/log/frame.ts';
import { commit } from '../../format/log/records/txn.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { LogReader } from '../log/log-reader.ts';
import { scanBatches, type RecordBatch } from '../log/scan.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { pause } from '../pause.ts';
import { isFileOperation } from './record-operations/fileops.ts';
import { type Binding } from './bindings.ts';
import { Change, holdsPlace, Misfit, placeOfBefore, type Operation, type PagePlaceInRecord } from './page-change.ts';
import { type StoredFile } from './page-store.ts';
import { type Recovery } from './recovery.ts';
import { operationsFor, isWithoutPages } from './record-operations/table.ts';
import { UnloggedRows } from './unlogged-rows.ts';
import { WaitingRecords } from './waiting-records.ts';
import { followUndoChains, loop, undoStride } from './undo-chains.ts';

interface PageRecordBody {
  readonly fileId: number;
}

/** Who looks on while redo brings an environment further. */
export interface RedoObserver {
  /** Told of each record that counts, before what it says is done. */
  readonly see: (record: ScannedRecord) => void;
  /** Told of each commit of a transaction that is nobody's child, when all of its changes are made. */
  readonly seeCommit: (record: ScannedRecord) => Promise<void>;
}

/** A part of a log. */
interface LogPart {
  /** The record to start with; where the log starts by default. */
  readonly from?: Lsn;
  /** The number of the file behind it. */
  readonly until?: number;
}

/** Memory for records that wait, in bytes. */
const mostWaiting = 128 << 20;

export class Passes {
  readonly change = new Change();
  readonly #recovery: Recovery;
  readonly #observer: RedoObserver | undefined;
  readonly #unlogged = new UnloggedRows();
  #waiting: WaitingRecords | undefined;
  /** There were records of files that nothing in the log registers. */
  hasPassedOver = false;

  constructor(recovery: Recovery, observer?: RedoObserver) {
    this.#recovery = recovery;
    this.#observer = observer;
  }

  /**
   * Takes back, from the last record to the first, what unfinished transactions changed. Behind the cut of a restore point
   * these are all records. Before it they are reached through each transaction's own chain, so that the rest of the log is
   * not read again.
   */
  async undo(): Promise<void> {
    const reader = new LogReader(this.#recovery.files, this.#recovery.log);
    try {
      await this.#undoBehindCut(reader);
      await followUndoChains(this.#recovery, reader, this.#recovery.watch, (record, check) =>
        this.#undoRecord(record, check),
      );
    } finally {
      reader.close();
    }
  }

  async #undoBehindCut(reader: LogReader): Promise<void> {
    const { analysis, watch } = this.#recovery;
    const { transactions, end } = analysis;
    const { cut } = transactions;
    if (!cut) return;
    let done = 0;
    for (let lsn = end.lastRecord; lsn && compareLsn(lsn, cut) > 0;) {
      const record = reader.read(lsn);
      if (record.txnId !== 0) {
        const fate = transactions.fateBehindCut(record.txnId, lsn.file, lsn.offset);
        // Of ignored transactions it is only made sure that nothing of them is on the pages (F.6).
        if (fate !== 'committed') this.#undoRecord(record, fate === 'ignored');
      }
      const before = reader.before(record);
      if (before && compareLsn(before, lsn) >= 0) throw loop(record, before);
      lsn = before;
      if (++done % undoStride === 0) await pause(watch, { phase: 'undo', done });
    }
  }

  /**
   * Makes, from the first record to the last, the changes of committed transactions where a page lacks them. The log may be gone through in
   * parts, one after the other.
   */
  async redo({ from, until = Infinity }: LogPart = {}): Promise<void> {
    const { files, log, analysis, watch } = this.#recovery;
    const { limit, transactions, end, logBytes } = analysis;
    const last = limit?.lsn ?? end.lastRecord;
    if (!last) return;
    const observer = this.#observer;
    const current: { batch?: RecordBatch; i: number } = { i: 0 };
    this.change.putOff = (pgno) => this.#putOffPart(pgno, current.batch!, current.i);
    let done = 0;
    const part = { from, until: Math.min(until, last.file + 1) };
    for (const batch of scanBatches(files, log, { verify: false, ...part })) {
      const { number, version } = batch.file;
      const operations = operationsFor(version);
      const lastOffset = number === last.file ? last.offset : Infinity;
      for (let i = 0; i < batch.count; i++) {
        const txnId = batch.txnId(i);
        if (txnId === 0 || batch.isDebug(i)) continue;
        const offset = batch.offsetOf(i);
        if (offset > lastOffset) break;
        const code = batch.code(i);
        // There is one for every transaction, and mostly nobody waits for it.
        if (code === commit.code && !observer && !this.#unlogged.follows(txnId)) continue;
        if (transactions.fateOf(txnId, number, offset) !== 'committed') {
          this.#seeUnfinished(batch, i);
          continue;
        }
        if (observer) {
          if (code === commit.code) await observer.seeCommit(batch.record(i));
          else observer.see(batch.record(i));
        }
        const onePage = operations[code]?.onePage;
        if (onePage && this.#isDoneWith(batch, i, onePage)) continue;
        current.batch = batch;
        current.i = i;
        if (this.#waiting && isFileOperation(code)) await this.#finishWaiting();
        this.#redoRecord(batch.record(i));
      }
      done += batch.byteCount;
      await pause(watch, { phase: 'redo', done, total: logBytes, step: batch.byteCount });
      if (this.#waiting?.isNearlyFull) await this.#finishWaiting();
    }
    await this.#finishWaiting();
  }

  /** Makes the changes of all records that wait: their pages may be read from a slow disk, one by one, and a signal is heard meanwhile. */
  async #finishWaiting(): Promise<void> {
    await this.#waiting?.finishInSteps(async () => await pause(this.#recovery.watch));
  }

  /**
   * True for a record of one page when nothing is left to do: its page is known to have its change, or the record waits for its page. Nothing
   * but that is found out of the record.
   */
  #isDoneWith(batch: RecordBatch, i: number, place: PagePlaceInRecord): boolean {
    if (!holdsPlace(batch, i, place)) return false;
    const fields = batch.starts[i]! + recordAt.fields;
    const fileId = batch.view.getInt32(fields + place.fileId, true);
    const lsn = { file: batch.file.number, offset: batch.offsetOf(i) };
    const { analysis, table, scope } = this.#recovery;
    const binding = analysis.bindings.at(fileId, lsn);
    const file = binding && table.byUid(binding.uid);
    if (!file) return false;
    const pgno = batch.view.getUint32(fields + place.pgno, true);
    if (!file.knownLsns.reaches(pgno, lsn.file, lsn.offset)) {
      if (!table.cache.isFull || binding.inMemory || !scope.has(binding.uid)) return false;
      if (!file.isDatabase || !this.#putOff(file, pgno, batch, i, binding)) return false;
      file.noteRecord(lsn);
      return true;
    }
    const before = placeOfBefore(batch.view, fields, place);
    if (before === undefined) return false;
    this.change.seePresent(file, pgno, lsn, batch.view, before);
    if (this.#unlogged.follows(batch.txnId(i))) this.#unlogged.seePresent(batch.record(i), file, pgno);
    return true;
  }

  /** Has a record wait for its page. Returns false where the page is in memory, or somebody looks at what the record does. */
  #putOff(file: StoredFile, pgno: number, batch: RecordBatch, i: number, binding: Binding): boolean {
    const { cache } = this.#recovery.table;
    if (!cache.isFull || this.#observer || this.change.comparison || !file.isOut(pgno)) return false;
    if (this.#unlogged.isAbout(batch.txnId(i), file, pgno)) return false;
    this.#waiting ??= this.#waitingRecords();
    return this.#waiting.add(file, pgno, batch, i, binding);
  }

  /** As `#putOff`, for one page of a record of several that is being redone. */
  #putOffPart(pgno: number, batch: RecordBatch, i: number): boolean {
    const { file, binding, lsn } = this.change;
    // What is known of a page is not to be overtaken by what it waits for.
    if (file.knownLsns.reaches(pgno, lsn.file, lsn.offset)) return false;
    return this.#putOff(file, pgno, batch, i, binding);
  }

  #waitingRecords(): WaitingRecords {
    const late = new Change(this.change.counts);
    late.copiedAfter = this.change.copiedAfter;
    return new WaitingRecords(this.#recovery.table.cache.giveAway(mostWaiting), (record, file, binding) => {
      late.aimLate(record.lsn, record.version, file, binding);
      const operation = operationsFor(record.version)[record.code]!;
      if (operation.redoLate) operation.redoLate(record.body, late);
      else this.#redo(operation, record, late);
    });
  }

  /** Redo does not touch what has not committed, but it may be on the disk of the source. */
  #seeUnfinished(batch: RecordBatch, i: number): void {
    const { comparison } = this.change;
    if (!comparison || batch.isDebug(i) || !operationsFor(batch.file.version)[batch.code(i)]) return;
    const { analysis, table } = this.#recovery;
    const record = batch.record(i);
    const { fileId } = record.body as Partial<PageRecordBody>;
    const binding = fileId === undefined ? undefined : analysis.bindings.at(fileId, record.lsn);
    const file = binding && table.byUid(binding.uid);
    if (file) comparison.seeUnfinished(record, file);
  }

  #undoRecord(record: ScannedRecord, check: boolean): void {
    if (record.isDebug) return;
    if (isFileOperation(record.code)) {
      if (!check) this.#recovery.fileOperations.undo(record);
      return;
    }
    const operation = this.#aim(record, false);
    if (!operation) return;
    this.change.onlyChecking = check;
    operation.undo(record.body, this.change);
  }

  #redoRecord(record: ScannedRecord): void {
    if (isFileOperation(record.code)) {
      this.#recovery.fileOperations.redo(record);
      return;
    }
    this.#unlogged.seeEnd(record);
    const operation = this.#aim(record, true);
    if (!operation) return;
    this.#redo(operation, record, this.change);
    this.#unlogged.seeRedone(record, this.change);
  }

  /** Does what a record says. That its page does not fit is fine if the log later frees, cuts off or allocates the page. */
  #redo(operation: Operation, record: ScannedRecord, change: Change): void {
    try {
      operation.redo(record.body, change);
    } catch (error) {
      if (!(error instanceof Misfit) || !operation.onePage) throw error;
      change.file.unfit.set(error.details.pgno!, error);
    }
  }

  /** Points the change at the record's file. Returns the record's operation, if there is anything to do on pages. */
  #aim(record: ScannedRecord, redoing: boolean): Operation | undefined {
    const operation = operationsFor(record.version)[record.code];
    if (!operation) {
      requireNoPages(record);
      return undefined;
    }
    const body = record.body as Partial<PageRecordBody>;
    if (body.fileId === undefined) return undefined;
    const { analysis, table, scope, fileOperations } = this.#recovery;
    const binding = analysis.bindings.at(body.fileId, record.lsn);
    if (!binding) {
      // Ids used before the redo point need not be registered any more, and their changes are on the pages (F.1).
      if (compareLsn(record.lsn, analysis.onPagesBefore) < 0) {
        this.hasPassedOver = true;
        return undefined;
      }
      throw new FigaroError(
        'not-recoverable',
        `log record ${formatLsn(record.lsn)} is about file id ${body.fileId}, which no record in the log registers`,
        {
          lsn: formatLsn(record.lsn),
          hint: 'the log begins too late for these files. Add the earlier log files.',
        },
      );
    }
    if (binding.inMemory || !scope.has(binding.uid)) return undefined;
    const file = table.byUid(binding.uid);
    if (!file?.isDatabase) {
      const { missing } = fileOperations;
      if (redoing && !missing.has(binding.uid)) {
        missing.set(binding.uid, { name: binding.name, lsn: record.lsn });
      }
      return undefined;
    }
    table.cache.nextRound();
    this.change.aim(record.lsn, record.version, file, binding);
    return operation;
  }
}

function requireNoPages(record: ScannedRecord): void {
  if (isWithoutPages(record.code)) return;
  const name = record.layout?.name;
  // Decoding throws for records that are unknown altogether.
  if (name === undefined) void record.body;
  throw new FigaroError(
    'format-unsupported',
    `log record ${formatLsn(record.lsn)} (${name}) is of a kind of database that cannot be recovered yet`,
    { lsn: formatLsn(record.lsn), hint: 'use `recover --engine native` with an installed db_recover.' },
  );
}
