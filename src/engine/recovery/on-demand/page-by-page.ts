/** Undo and redo for single pages of a file: what recovery of everything would make of them, and nothing else. */

import { type Lsn, compareLsn, isNoLsn } from '../../../format/lsn.ts';
import { pgAlloc, pgFree, pgFreedata } from '../../../format/log/records/db.ts';
import { LogReader, reaches } from '../../log/log-reader.ts';
import { bodyAs, type ScannedRecord } from '../../log/scanned-record.ts';
import { type Files } from '../../files/files.ts';
import { pause, type Watch } from '../../pause.ts';
import { PageCache } from '../page-cache.ts';
import { maxFileSize } from '../page-store.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { operationsFor } from '../record-operations/table.ts';
import { LengthsOfPass } from './file-length.ts';
import { NotOnDemand } from './not-on-demand.ts';
import { OnePageChange, OnePageFile, type CopiedFile, type FileNow } from './one-page.ts';
import { type PageIndex } from './page-index.ts';
import { type PageRecord, type RecordList } from './page-records.ts';

type Pass = 'undo' | 'redo';

/** How often a record is done on average while it is found out how long the file is: more than in any log seen. */
const mostTimes = 20;

/** As many are passed over in the time that a record takes. */
const cutsPerStep = 16;

/** Two pages are needed at a time. In bytes. */
const cacheBytes = 1 << 20;

/** Records that are done before others have their turn. */
const stride = 1024;

interface Freed {
  readonly pgno: number;
  readonly metaPgno: number;
  readonly lastPgno: number;
}

/** Recovers pages of a file one by one. Each is in the same state then as after a recovery of everything; else `NotOnDemand` is thrown, or what is wrong. */
export class PageByPage {
  readonly #index: PageIndex;
  readonly #prepared: PreparedRecovery;
  readonly #files: Files;
  /** For the records of single pages, and for those that are gone through in order. */
  readonly #reader: LogReader;
  readonly #change = new OnePageChange();
  /** The first page is followed from record to record; others are begun anew each time. */
  readonly #first: OnePageFile;
  readonly #file: OnePageFile;
  readonly #lengths: Record<Pass, LengthsOfPass>;
  #pass: Pass = 'undo';
  #lsn: Lsn;
  #steps = 0;
  #done = 0;
  #mostSteps: number;
  #stepsThroughTime = 0;

  constructor(files: Files, prepared: PreparedRecovery, index: PageIndex, file: CopiedFile) {
    this.#files = files;
    this.#index = index;
    this.#prepared = prepared;
    this.#reader = new LogReader(files, prepared.log, reaches.scattered);
    this.#lsn = prepared.analysis.end.lsn;
    const cache = new PageCache(cacheBytes);
    const now: FileNow = {
      pageCount: () => this.#lengths[this.#pass].pageCountBefore(this.#lsn),
      lastPgno: () => this.#lengths[this.#pass].lastPgnoAt(this.#lsn),
    };
    this.#first = new OnePageFile(file, cache, now);
    this.#file = new OnePageFile(file, cache, now);
    this.#first.begin(0, true);
    const copied = { pageCount: this.#first.copiedPages, lastPgno: this.#first.lastPgno };
    this.#lengths = { undo: new LengthsOfPass('undo', copied), redo: new LengthsOfPass('redo', copied) };
    this.#mostSteps = mostTimes * (index.count + stride);
  }

  close(): void {
    this.#reader.close();
  }

  /** Pages that the file has. */
  get pageCount(): number {
    return this.#lengths.redo.pageCount;
  }

  /** True for a page that the log may change. */
  isInLog(pgno: number): boolean {
    return this.#index.undoneOn(pgno).length > 0 || this.#index.redoneOn(pgno).length > 0;
  }

  /** Pages that the file has where it has most of them. */
  get mostPages(): number {
    return this.#lengths.redo.mostPages;
  }

  /** The page in the form in which it would lie on a disk. */
  recover(pgno: number): Uint8Array {
    if (pgno === 0) return this.#first.stored();
    this.#bring(pgno);
    return this.#stored(pgno);
  }

  /** The page as it was brought. */
  #stored(pgno: number): Uint8Array {
    const { questions } = this.#file;
    if (questions.size > 0) throw new NotOnDemand(`page ${pgno} lacks a change`);
    this.#pass = 'redo';
    this.#lsn = behindAll;
    return this.#file.stored();
  }

  /** What is to be redone on a page. */
  redoneOn(pgno: number): RecordList {
    return this.#index.redoneOn(pgno);
  }

  /**
   * As `recover`, with some of the records that are redone on the page, where none are undone. Records that are left out are of
   * transactions that have changed the page behind all others.
   *
   * @param counts says which, by their numbers on the page
   * @param cutCounts whether a record counts that has cut the file off
   */
  recoverWith(pgno: number, counts: (i: number) => boolean, cutCounts: (lsn: Lsn) => boolean): Uint8Array {
    const redone = this.#index.redoneOn(pgno);
    this.#stepThroughTime(this.#lengths.redo.cutCount / cutsPerStep);
    const cut = this.#lengths.redo.lastCutWith(pgno, cutCounts);
    this.#file.begin(pgno, !cut);
    for (let i = cut ? redone.countBefore(behind(cut)) : 0; i < redone.length; i++) {
      if (!counts(i)) continue;
      this.#stepThroughTime(1);
      const at = redone.at(i);
      this.#do('redo', this.#file, at, this.#reader.read(at));
    }
    return this.#stored(pgno);
  }

  #stepThroughTime(steps: number): void {
    this.#stepsThroughTime += steps;
    if (this.#stepsThroughTime > mostTimes * (this.#index.count + stride)) {
      throw new NotOnDemand('a page changes again and again');
    }
  }

  /** Goes through what the log does to the first page and to the length of the file. To be called once, before all else. */
  async followLength(watch: Watch): Promise<void> {
    const { aboutLength, rows } = this.#index;
    const backwards = new LogReader(this.#files, this.#prepared.log, reaches.backwards);
    const forwards = new LogReader(this.#files, this.#prepared.log, reaches.forwards);
    try {
      const undone = this.#index.undoneOn(0);
      for (let i = undone.length - 1; i >= 0; i--) {
        const at = undone.at(i);
        this.#undoLength(at, aboutLength.find(at) ?? backwards.read(at));
        await this.#pause('undo', watch);
      }
      const { pageCount, lastPgno } = this.#lengths.undo;
      this.#lengths.redo = new LengthsOfPass('redo', { pageCount, lastPgno });
      const splits = rows.ownSplits.values();
      let split = splits.next();
      const redone = this.#index.redoneOn(0);
      for (let i = 0; i < redone.length; i++) {
        const at = redone.at(i);
        for (; !split.done && compareLsn(split.value.lsn, at) < 0; split = splits.next())
          this.#compareRows(split.value);
        this.#redoLength(at, aboutLength.find(at) ?? forwards.read(at));
        await this.#pause('redo', watch);
      }
      for (; !split.done; split = splits.next()) this.#compareRows(split.value);
      if (this.#first.questions.size > 0) throw new NotOnDemand('the first page lacks a change');
      this.#mostSteps = Infinity;
    } finally {
      backwards.close();
      forwards.close();
    }
  }

  /** Rows may have been put on a page without being logged; that shows where it is split. */
  #compareRows({ pgno, lsn }: { readonly pgno: number; readonly lsn: Lsn }): void {
    this.#bring(pgno, { pass: 'redo', lsn });
  }

  #undoLength(at: PageRecord, record: ScannedRecord): void {
    this.#do('undo', this.#first, at, record);
    const lengths = this.#lengths.undo;
    lengths.set(at, lengths.pageCount, this.#first.lastPgno);
    const allocated = bodyAs(record, pgAlloc);
    if (allocated) {
      const { pgno, pageLsn } = allocated;
      this.#requireFirst(allocated.metaPgno);
      if (!at.check && isNoLsn(pageLsn) && pgno < lengths.pageCount) this.#cutIfSo(pgno, 'undo', at);
    }
    const freed = bodyAs<Freed>(record, pgFree, pgFreedata);
    if (freed && !at.check) {
      const { pageCount, lastPgno } = lengths;
      if (freed.pgno >= pageCount && lastPgno >= freed.pgno) this.#grow(lengths, at, freed.pgno);
    }
  }

  #redoLength(at: PageRecord, record: ScannedRecord): void {
    this.#do('redo', this.#first, at, record);
    const lengths = this.#lengths.redo;
    lengths.set(at, lengths.pageCount, this.#first.lastPgno);
    const allocated = bodyAs(record, pgAlloc);
    if (allocated) {
      this.#requireFirst(allocated.metaPgno);
      if (allocated.pgno >= lengths.pageCount) this.#grow(lengths, at, allocated.pgno);
    }
    const freed = bodyAs<Freed>(record, pgFree, pgFreedata);
    if (freed?.metaPgno === 0 && freed.lastPgno <= freed.pgno) {
      const { pageCount, lastPgno } = lengths;
      if (lastPgno <= freed.pgno && freed.pgno < pageCount) this.#cutIfSo(freed.pgno, 'redo', at);
    }
  }

  #requireFirst(metaPgno: number): void {
    if (metaPgno !== 0) throw new NotOnDemand('a page allocated through another than the first');
  }

  #grow(lengths: LengthsOfPass, at: Lsn, pgno: number): void {
    if (pgno * this.#file.format.pageSize > maxFileSize) throw new NotOnDemand('a page past any possible size');
    lengths.set(at, pgno + 1, lengths.lastPgno);
  }

  /** A record may cut the file off before a page that it allocates or frees: it does if that page is as the record asks for. */
  #cutIfSo(pgno: number, pass: Pass, at: PageRecord): void {
    if (pgno === 0) throw new NotOnDemand('the first page is cut off');
    this.#bring(pgno, { pass, lsn: at });
    if (this.#file.wasCut) this.#lengths[pass].cut(at, pgno);
  }

  /** Does to a page what the log has of it, up to a record that is about it and includes that. */
  #bring(pgno: number, until?: { readonly pass: Pass; readonly lsn: Lsn }): void {
    const { undo, redo } = this.#lengths;
    const cutByRedo = until?.pass === 'undo' ? undefined : redo.lastCutOf(pgno);
    const cutByUndo = undo.lastCutOf(pgno);
    // What was done before it was cut off does not matter.
    this.#file.begin(pgno, !cutByRedo && !cutByUndo);
    const undone = this.#index.undoneOn(pgno);
    const end = cutByRedo ? 0 : cutByUndo ? undone.countBefore(cutByUndo) : undone.length;
    for (let i = end - 1; i >= 0; i--) {
      const at = undone.at(i);
      if (until?.pass === 'undo' && compareLsn(at, until.lsn) < 0) return;
      this.#do('undo', this.#file, at, this.#reader.read(at));
    }
    if (until?.pass === 'undo') return;
    const redone = this.#index.redoneOn(pgno);
    for (let i = cutByRedo ? redone.countBefore(behind(cutByRedo)) : 0; i < redone.length; i++) {
      const at = redone.at(i);
      if (until && compareLsn(at, until.lsn) > 0) return;
      this.#do('redo', this.#file, at, this.#reader.read(at));
    }
  }

  /** Does a record to the page that a file shows. */
  #do(pass: Pass, file: OnePageFile, at: PageRecord, record: ScannedRecord): void {
    if (++this.#steps > this.#mostSteps) throw new NotOnDemand('too much is done again and again');
    this.#pass = pass;
    this.#lsn = at;
    const operation = operationsFor(record.version)[record.code];
    const { fileId } = record.body as { readonly fileId?: number };
    const binding = fileId === undefined ? undefined : this.#prepared.analysis.bindings.at(fileId, at);
    if (!operation || !binding) throw new NotOnDemand('the log is not as it was');
    file.wasCut = false;
    this.#change.aim(at, record.version, file, binding);
    this.#change.onlyChecking = at.check;
    if (pass === 'undo') operation.undo(record.body, this.#change);
    else operation.redo(record.body, this.#change);
    if (this.#change.split?.isGrown) throw new NotOnDemand('a page has rows that are not in the log');
  }

  async #pause(phase: Pass, watch: Watch): Promise<void> {
    if (++this.#done % stride === 0) await pause(watch, { phase, done: this.#done });
  }
}

function behind({ file, offset }: Lsn): Lsn {
  return { file, offset: offset + 1 };
}

/** Behind every record. */
const behindAll: Lsn = { file: 0xffffffff, offset: 0xffffffff };
