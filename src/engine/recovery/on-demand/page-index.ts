/** Which records of a log recovery would undo and redo on which pages of a file: one pass over the log, in which no page is looked at. */

import { recordAt } from '../../../format/log/frame.ts';
import { compareLsn, type Lsn } from '../../../format/lsn.ts';
import { type FileOfKind } from '../../environment/environment.ts';
import { type Files } from '../../files/files.ts';
import { LogReader } from '../../log/log-reader.ts';
import { PageCollector } from '../../log/page-collector.ts';
import { scanBatches, type RecordBatch } from '../../log/scan.ts';
import { type ScannedRecord } from '../../log/scanned-record.ts';
import { pause, type Watch } from '../../pause.ts';
import { lastLsn } from '../analysis.ts';
import { type Binding } from '../bindings.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { isFileOperation } from '../record-operations/fileops.ts';
import { isWithoutPages } from '../record-operations/table.ts';
import { followUndoChains } from '../undo-chains.ts';
import { KeptRecords } from './kept-records.ts';
import { NotOnDemand } from './not-on-demand.ts';
import { PageRecords, RecordList } from './page-records.ts';
import { RowsOfLog } from './rows-of-log.ts';
import { treatmentsFor, type Treatment } from './supported.ts';

export interface PageIndexOptions {
  /** More records than these are not kept: then it throws `NotOnDemand`. */
  readonly mostRecords: number;
  /** What has to be undone is not on the pages: only what is redone counts. */
  readonly isOnlyRedone?: boolean;
  /** Told of each record that may end a transaction, in the order of the log. */
  readonly onEnd?: ((batch: RecordBatch, i: number) => void) | undefined;
  readonly watch: Watch;
}

/** Reads the log of a prepared recovery for the pages of one file. Throws `NotOnDemand` where a record is met for which that is not enough. */
export async function indexPages(
  files: Files,
  prepared: PreparedRecovery,
  file: FileOfKind<'database'>,
  { mostRecords, isOnlyRedone = false, onEnd, watch }: PageIndexOptions,
): Promise<PageIndex> {
  const index = new PageIndex(prepared, file, { mostRecords, isOnlyRedone, onEnd });
  if (!isOnlyRedone) {
    const reader = new LogReader(files, prepared.log);
    try {
      await followUndoChains(prepared, reader, watch, (record, check) => index.seeInChain(record, check));
    } finally {
      reader.close();
    }
  }
  const { logBytes } = prepared.analysis;
  let done = 0;
  for (const batch of scanBatches(files, prepared.log, { verify: false })) {
    if (!index.see(batch)) break;
    done += batch.byteCount;
    await pause(watch, { phase: 'find the records', done, total: logBytes, step: batch.byteCount });
  }
  index.rows.requireAll();
  return index;
}

export class PageIndex {
  readonly #prepared: PreparedRecovery;
  readonly #isOnlyRedone: boolean;
  readonly #onEnd: PageIndexOptions['onEnd'];
  readonly #uid: string;
  /** What is undone behind the cut of the restore point, in the order of the log. */
  readonly #behindCut: PageRecords;
  /** What is undone up to there, the last one first. */
  readonly #chained: PageRecords;
  readonly #redone: PageRecords;
  /** By page, when they were asked for. */
  readonly #undoneLists = new Map<number, RecordList>();
  readonly #redoneLists = new Map<number, RecordList>();
  readonly rows: RowsOfLog;
  /** Records that are about the length of the file, as far as there is room. */
  readonly aboutLength = new KeptRecords();
  readonly #last: Lsn;
  readonly #collector = new PageCollector();
  /** Pages of the record that was seen last. */
  readonly #pgnos: number[] = [];
  /** What ids of files stand for in the part of the log that is being read. */
  readonly #bindings = new Map<number, Binding>();

  constructor(
    prepared: PreparedRecovery,
    { uid, format }: FileOfKind<'database'>,
    { mostRecords, isOnlyRedone = false, onEnd }: Omit<PageIndexOptions, 'watch'>,
  ) {
    this.#prepared = prepared;
    this.#isOnlyRedone = isOnlyRedone;
    this.#onEnd = onEnd;
    this.#uid = uid;
    this.#behindCut = new PageRecords(mostRecords);
    this.#chained = new PageRecords(mostRecords);
    this.#redone = new PageRecords(mostRecords);
    this.rows = new RowsOfLog(format);
    this.#last = lastLsn(prepared.analysis);
  }

  /** What is to be undone on a page, in the order of the log: the last one first. */
  undoneOn(pgno: number): RecordList {
    let list = this.#undoneLists.get(pgno);
    if (!list) {
      const chained = this.#chained.countOf(pgno);
      list = new RecordList(chained + this.#behindCut.countOf(pgno));
      this.#chained.copy(pgno, list, chained - 1, -1);
      this.#behindCut.copy(pgno, list, chained, 1);
      this.#undoneLists.set(pgno, list);
    }
    return list;
  }

  /** What is to be redone on a page, where it lacks it, in the order of the log. */
  redoneOn(pgno: number): RecordList {
    let list = this.#redoneLists.get(pgno);
    if (!list) {
      list = new RecordList(this.#redone.countOf(pgno));
      this.#redone.copy(pgno, list, 0, 1);
      this.#redoneLists.set(pgno, list);
    }
    return list;
  }

  get count(): number {
    return this.#behindCut.count + this.#chained.count + this.#redone.count;
  }

  /** A record that is to be undone. */
  seeInChain(record: ScannedRecord, check: boolean): void {
    const { code, version, lsn } = record;
    const treatment = record.isDebug ? undefined : treatmentOf(code, version);
    if (!treatment) return;
    const fileId = this.#collect(record);
    if (fileId === undefined || !this.#isOfFile(fileId, lsn.file, lsn.offset)) return;
    this.#add(this.#chained, treatment, lsn.file, lsn.offset, check);
  }

  /** Records in order of the log. False when what follows does not matter. */
  see(batch: RecordBatch): boolean {
    const { transactions, end } = this.#prepared.analysis;
    const { number, version } = batch.file;
    const redoneUpTo = offsetIn(number, this.#last);
    const cut = transactions.cut ? offsetIn(number, transactions.cut) : Infinity;
    const endOfLog = end.lastRecord ? offsetIn(number, end.lastRecord) : -1;
    if (endOfLog < 0) return false;
    const treatments = treatmentsFor(version);
    for (let i = 0; i < batch.count; i++) {
      const txnId = batch.txnId(i);
      if (txnId === 0 || batch.isDebug(i)) continue;
      const offset = batch.offsetOf(i);
      if (offset > endOfLog) return false;
      const isUpToLast = offset <= redoneUpTo;
      if (!isUpToLast && this.#isOnlyRedone) return false;
      if (!isUpToLast && offset <= cut) continue;
      const code = batch.code(i);
      const treatment = treatments[code] ?? treatmentOf(code, version);
      if (!treatment) {
        if (!isUpToLast) continue;
        this.rows.seeEnd(batch, i);
        this.#onEnd?.(batch, i);
        continue;
      }
      const fileId = this.#find(batch, i, treatment);
      if (fileId === undefined || !this.#isOfFile(fileId, number, offset)) continue;
      if (isUpToLast) {
        if (transactions.fateOf(txnId, number, offset) !== 'committed') continue;
        if (treatment.isAboutLength) this.aboutLength.keep(batch, i);
        this.#add(this.#redone, treatment, number, offset, false);
        this.rows.seeRedone(batch, i, this.#pgnos);
      } else {
        const fate = transactions.fateBehindCut(txnId, number, offset);
        if (fate === 'committed') continue;
        if (treatment.isAboutLength) this.aboutLength.keep(batch, i);
        this.#add(this.#behindCut, treatment, number, offset, fate === 'ignored');
      }
    }
    return true;
  }

  /** Finds the pages of a record in a batch. Returns the id of its file. */
  #find(batch: RecordBatch, i: number, { places }: Treatment): number | undefined {
    if (!places) return this.#collect(batch.record(i));
    if (recordAt.fields + places.end > batch.lengthOf(i)) throw new NotOnDemand('a record that is too short');
    const { view } = batch;
    const fields = batch.starts[i]! + recordAt.fields;
    const pgnos = this.#pgnos;
    let count = 0;
    for (const at of places.pgnos) pgnos[count++] = view.getUint32(fields + at, true);
    for (const at of places.pgnosIfAny) {
      const pgno = view.getUint32(fields + at, true);
      if (pgno !== 0) pgnos[count++] = pgno;
    }
    // To set it takes longer than all the rest.
    if (pgnos.length !== count) pgnos.length = count;
    return view.getInt32(fields + places.fileId, true);
  }

  #collect(record: ScannedRecord): number | undefined {
    this.#collector.reset();
    record.decodeWith(this.#collector);
    this.#pgnos.length = 0;
    for (const pgno of this.#collector.pgnos) this.#pgnos.push(pgno);
    return this.#collector.collectedFileId;
  }

  #isOfFile(fileId: number, file: number, offset: number): boolean {
    const known = this.#bindings.get(fileId);
    if (known && isIn(known, file, offset)) return known.uid === this.#uid;
    const { bindings, onPagesBefore } = this.#prepared.analysis;
    const lsn = { file, offset };
    const binding = bindings.at(fileId, lsn);
    if (binding && !binding.inMemory) {
      this.#bindings.set(fileId, binding);
      return binding.uid === this.#uid;
    }
    if (binding || compareLsn(lsn, onPagesBefore) < 0) return false;
    throw new NotOnDemand(`file id ${fileId} is not registered`);
  }

  #add(to: PageRecords, treatment: Treatment, file: number, offset: number, check: boolean): void {
    const { layout, isSupported, isAboutLength } = treatment;
    if (!isSupported) throw new NotOnDemand(`${layout.name} records`);
    for (const pgno of this.#pgnos) to.add(pgno, file, offset, check);
    // How long the file is follows from what is kept of its first page.
    if (isAboutLength) to.add(0, file, offset, check);
  }
}

/** Undefined for what is not done to pages. Throws `NotOnDemand` for a record that nobody knows. */
function treatmentOf(code: number, version: number): Treatment | undefined {
  const treatment = treatmentsFor(version)[code];
  if (!treatment && !isWithoutPages(code) && !isFileOperation(code)) throw new NotOnDemand(`records of type ${code}`);
  return treatment;
}

/** The offset in a log file up to which an LSN reaches. */
function offsetIn(file: number, lsn: Lsn): number {
  return file < lsn.file ? Infinity : file > lsn.file ? -1 : lsn.offset;
}

function isIn({ from, to }: Binding, file: number, offset: number): boolean {
  if (file < from.file || (file === from.file && offset < from.offset)) return false;
  return to === undefined || file < to.file || (file === to.file && offset < to.offset);
}
