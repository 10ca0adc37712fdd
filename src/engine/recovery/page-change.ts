import { FigaroError } from '../../errors.ts';
import { type ByteRange } from '../../format/byte-range.ts';
import { RecordCursor } from '../../format/log/cursor.ts';
import { recordAt } from '../../format/log/frame.ts';
import { type RecordLayout } from '../../format/log/record.ts';
import { compareLsn, equalLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { type RecordBatch } from '../log/scan.ts';
import { type Binding } from './bindings.ts';
import { type DiskComparison } from './disk-comparison.ts';
import { type CachedPage } from './page-cache.ts';
import { PageNumbers } from './page-numbers.ts';
import { type OpenQuestion, type StoredFile } from './page-store.ts';

/** How often redo met a page in which state (recovery document, C.0.3). */
interface RedoCounts {
  /** The change was missing and has been made. */
  applied: number;
  /** The page had it already. */
  present: number;
  /** The page was not there, never written, or changed without the log; settled later, or the recovery fails. */
  questioned: number;
}

/** What the redo of a split has seen. */
export interface SplitSeen {
  /** The page that is split. */
  readonly from: number;
  readonly left: number;
  readonly right: number;
  readonly type: number;
  /** It has more or other items than the log has put there. */
  readonly isGrown: boolean;
}

/** A record does not fit the page it is for. */
export class Misfit extends FigaroError {}

/**
 * One log record being redone or undone on the pages of one file. It decides by LSN whether a page needs the change
 * (recovery document, C.0.2): redo iff the page is in the state the record found, undo iff it is in the state the
 * record left. One instance serves a whole pass.
 */
export class Change {
  /** LSN of the record. */
  lsn: Lsn = { file: 0, offset: 0 };
  /** Log version of the record. */
  version = 0;
  file!: StoredFile;
  binding!: Binding;
  readonly counts: RedoCounts;
  undone = 0;
  /** The pages that the record changes, and did not find changed. */
  readonly made = new PageNumbers();
  /** Set by the redo of a split. */
  split: SplitSeen | undefined;
  /** When set, an undo that finds work is an error: the transaction is not known to be over. */
  onlyChecking = false;
  /** What is recorded before this place was on disk, for certain, when the pages were copied. */
  copiedAfter: Lsn | undefined;
  /** Where it is known what is on the disk of the source. */
  comparison: DiskComparison | undefined;

  /** Has `redoLate` of the record wait for one of its pages. Returns false where that cannot be. */
  putOff: (pgno: number) => boolean = () => false;

  /** @param counts what it adds to */
  constructor(counts: RedoCounts = { applied: 0, present: 0, questioned: 0 }) {
    this.counts = counts;
  }

  aim(lsn: Lsn, version: number, file: StoredFile, binding: Binding): void {
    file.noteRecord(lsn);
    this.aimLate(lsn, version, file, binding);
  }

  /** As `aim`, at a record that its file has taken note of before. */
  aimLate(lsn: Lsn, version: number, file: StoredFile, binding: Binding): void {
    this.lsn = lsn;
    this.version = version;
    this.file = file;
    this.binding = binding;
    this.made.clear();
    this.split = undefined;
  }

  /** True when page contents in the record are in the other byte order than the database's (format document, 3.4). */
  get isSwapped(): boolean {
    return this.version <= 16 && !this.file.format.littleEndian;
  }

  /** The page for redo, with its LSN set to the record's, if it lacks the change. */
  redo(pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isKnown(pgno, before) ? undefined : this.redoOn(this.file.page(pgno), pgno, before);
  }

  /** As `redo`, but a missing page is created. */
  redoOrCreate(pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isKnown(pgno, before) ? undefined : this.redoOn(this.file.pageOrCreate(pgno), pgno, before);
  }

  /** True when the page is known to have the change: then it need not be read. */
  #isKnown(pgno: number, before: Lsn): boolean {
    const { file, lsn } = this;
    if (!file.knownLsns.reaches(pgno, lsn.file, lsn.offset)) return false;
    this.requireContinued(file, pgno, before.file, before.offset, lsn);
    file.lastChanges.note(pgno, lsn.file, lsn.offset);
    this.counts.present += 1;
    return true;
  }

  redoOn(page: CachedPage | undefined, pgno: number, before: Lsn): CachedPage | undefined {
    if (!page) {
      this.question(pgno, 'missing');
      return undefined;
    }
    this.requireContinued(this.file, pgno, before.file, before.offset, this.lsn);
    const difference = page.lsnFile - before.file || page.lsnOffset - before.offset;
    if (difference === 0) {
      this.noteIfOverdue(page, before);
      this.stamp(page);
      return this.file.unfit.has(pgno) ? undefined : page;
    }
    if (difference < 0) {
      if (page.lsnFile !== 0) throw this.#hole(page, before);
      this.question(pgno, page.lsnOffset === 0 ? 'zero' : 'unlogged');
      return undefined;
    }
    if (compareLsn(page.lsn, this.lsn) < 0) throw this.#inconsistent(page, before);
    this.file.notePresent(pgno, page);
    this.file.lastChanges.note(pgno, this.lsn.file, this.lsn.offset);
    this.counts.present += 1;
    return undefined;
  }

  /**
   * Of one page each record names the one before, or a later one that was taken back since. Throws `chain-mismatch` for a
   * record that was made on an older state of its page: somebody put an older copy of the file in its place.
   */
  requireContinued(file: StoredFile, pgno: number, beforeFile: number, beforeOffset: number, lsn: Lsn): void {
    if (beforeFile === 0) return;
    if (file.seen && !file.lastChanges.has(pgno)) file.seen.noteBefore(pgno, beforeFile, beforeOffset);
    if (!file.lastChanges.isLater(pgno, beforeFile, beforeOffset)) return;
    const known = file.lastChanges.of(pgno)!;
    // The record itself, once more.
    if (equalLsn(known, lsn)) return;
    const before = formatLsn({ file: beforeFile, offset: beforeOffset });
    const last = formatLsn(known);
    throw new FigaroError(
      'chain-mismatch',
      `${file.label}: log record ${formatLsn(lsn)} changes page ${pgno} from ${before}, but the log has changed it at ${last} since`,
      { path: file.label, pgno, lsn: formatLsn(lsn), hint: olderCopyHint },
    );
  }

  /**
   * To be called for a page that lacks the change: notes it when a checkpoint had brought that to the disk before the copy
   * was made. The last page of a file is not written when it is freed: behind the end, an older state is as it should be.
   */
  noteIfOverdue({ number }: CachedPage, before: Lsn): void {
    const { file } = this;
    if (before.file === 0 || !this.isBeforeCopy || file.overdue.has(number)) return;
    const made = file.madeChanges.of(number);
    if (made !== undefined && equalLsn(made, before)) return;
    file.overdue.set(number, olderCopy(file.label, number, before, this.lsn));
  }

  /** What the record did was on the disk when the pages were copied. */
  get isBeforeCopy(): boolean {
    return this.copiedAfter !== undefined && compareLsn(this.lsn, this.copiedAfter) < 0;
  }

  /**
   * As `redo`, for a record whose page is known to have the change, and of which no more has to be known.
   *
   * @param before where `view` has the LSN of the page before
   */
  seePresent(file: StoredFile, pgno: number, lsn: Lsn, view: DataView, before: number): void {
    this.requireContinued(file, pgno, view.getUint32(before, true), view.getUint32(before + 4, true), lsn);
    file.lastChanges.note(pgno, lsn.file, lsn.offset);
    file.noteRecord(lsn);
    this.counts.present += 1;
  }

  /** Marks the page as changed by this record. */
  stamp(page: CachedPage): CachedPage {
    this.comparison?.see(this.file, page, this.lsn);
    this.made.add(page.number);
    page.lsn = this.lsn;
    page.dirty = true;
    this.counts.applied += 1;
    this.file.lastChanges.note(page.number, this.lsn.file, this.lsn.offset);
    if (this.copiedAfter) this.file.madeChanges.note(page.number, this.lsn.file, this.lsn.offset);
    if (this.file.questions.size > 0) this.file.questions.delete(page.number);
    return page;
  }

  /** The page for undo, with its LSN set back, if it has the change. */
  undo(pgno: number, before: Lsn): CachedPage | undefined {
    const page = this.file.page(pgno);
    if (!page || !this.isOn(page)) return undefined;
    return this.unstamp(page, before);
  }

  /** True when the page is in the state this record left it in. Throws when that must not be. */
  isOn(page: CachedPage): boolean {
    if (page.lsnOffset !== this.lsn.offset || page.lsnFile !== this.lsn.file) return false;
    if (this.onlyChecking) throw this.#unfinished(page);
    return true;
  }

  unstamp(page: CachedPage, before: Lsn): CachedPage {
    page.lsn = before;
    this.file.knownLsns.note(page.number, 0, 0);
    this.file.lastChanges.note(page.number, 0, 0);
    page.dirty = true;
    this.undone += 1;
    return page;
  }

  /** A change that could not be made: fine if the log later frees, cuts off or allocates the page. */
  question(pgno: number, reason: OpenQuestion['reason']): void {
    this.counts.questioned += 1;
    const { questions } = this.file;
    if (!questions.has(pgno)) questions.set(pgno, { lsn: this.lsn, reason });
  }

  /** The page is freed, cut off or allocated: what could not be done to it before no longer matters. */
  settle(pgno: number): void {
    const { questions, overdue, unfit, lacking, waiting } = this.file;
    waiting?.finish(pgno, pgno);
    questions.delete(pgno);
    overdue.delete(pgno);
    unfit.delete(pgno);
    lacking.delete(pgno);
  }

  /**
   * Throws when a record does not fit the page it is for. Where a message holds values, `misfit` is thrown instead: there are millions of
   * records, and nearly all of them fit.
   */
  require(condition: boolean, page: CachedPage, what: string): asserts condition {
    if (!condition) throw this.misfit(page, what);
  }

  misfit(page: CachedPage, what: string): Misfit {
    return new Misfit(
      'not-recoverable',
      `${this.file.label}: log record ${formatLsn(this.lsn)} does not fit page ${page.number}: ${what}`,
      {
        path: this.file.label,
        pgno: page.number,
        lsn: formatLsn(this.lsn),
        hint: 'the page is torn, or was changed without the log (a bulk transaction, an unlogged database). Use a set taken later or earlier.',
      },
    );
  }

  #hole(page: CachedPage, before: Lsn): FigaroError {
    return new FigaroError(
      'not-recoverable',
      `${this.file.label}: page ${page.number} has LSN ${formatLsn(page.lsn)}, but log record ${formatLsn(this.lsn)} changes it from ${formatLsn(before)}: a change in between is missing`,
      {
        path: this.file.label,
        pgno: page.number,
        lsn: formatLsn(this.lsn),
        hint: 'log files are missing, or the file is older than the log reaches back. Add the log files in between, or use another copy of the file.',
      },
    );
  }

  #inconsistent(page: CachedPage, before: Lsn): FigaroError {
    return new FigaroError(
      'chain-mismatch',
      `${this.file.label}: page ${page.number} has LSN ${formatLsn(page.lsn)}, between ${formatLsn(before)} and ${formatLsn(this.lsn)}, where the log has no change of it`,
      {
        path: this.file.label,
        pgno: page.number,
        lsn: formatLsn(this.lsn),
        hint: 'file and log are not of one history: the LSNs were reset, a database in it is written without the log, or it comes from another environment. Take a full backup after a checkpoint in a new log file.',
      },
    );
  }

  #unfinished(page: CachedPage): FigaroError {
    return new FigaroError(
      'not-recoverable',
      `${this.file.label}: page ${page.number} holds a change of a transaction that began before the log and did not commit`,
      {
        path: this.file.label,
        pgno: page.number,
        lsn: formatLsn(this.lsn),
        hint: 'the first log files are missing. Add them: without them the change cannot be undone.',
      },
    );
  }
}

const olderCopyHint =
  'an older copy of the file was put in the place of the newer one, and changed since: what is lost is in older sets. Recover the whole environment from one, to a moment before that.';

/** A page that lacks the change of a record, which was on the disk when the page was copied. */
export function olderCopy(label: string, pgno: number, pageLsn: Lsn, lsn: Lsn): FigaroError {
  return new FigaroError(
    'chain-mismatch',
    `${label}: page ${pgno} has LSN ${formatLsn(pageLsn)}, but log record ${formatLsn(lsn)} has changed it before the last checkpoint`,
    { path: label, pgno, lsn: formatLsn(lsn), hint: olderCopyHint },
  );
}

/** True for a refusal because an older copy of a file was put in its place. */
export function isAboutOlderCopy({ details }: FigaroError): boolean {
  return details.hint === olderCopyHint;
}

/** What recovery does for one record type that changes pages. */
interface PageOperation<Body> {
  readonly redo: (body: Body, change: Change) => void;
  readonly undo: (body: Body, change: Change) => void;
  /** The part of `redo` that it has put off. */
  readonly redoLate?: (body: Body, change: Change) => void;
}

/** A record type and its redo and undo. */
export interface Operation {
  readonly layout: RecordLayout<object>;
  readonly redo: (body: object, change: Change) => void;
  readonly undo: (body: object, change: Change) => void;
  readonly redoLate: ((body: object, change: Change) => void) | undefined;
  /** Where the record names its page, when it changes one page and nothing else. */
  readonly onePage: PagePlaceInRecord | undefined;
}

/** Offsets in the fields of a record, in bytes. */
export interface PagePlaceInRecord {
  readonly fileId: number;
  readonly pgno: number;
  /** Of the LSN that the page had before, where all fields of variable length before it are empty. */
  readonly before: number;
  /** Those fields, likewise. */
  readonly lengths: readonly number[];
}

/** False for a record that ends before these fields do: whoever decodes it says so. */
export function holdsPlace(batch: RecordBatch, i: number, { before }: PagePlaceInRecord): boolean {
  return batch.lengthOf(i) >= recordAt.fields + before + 8;
}

/** Where a record holds the LSN that its page had before; undefined where its lengths lead out of it. */
export function placeOfBefore(
  view: DataView,
  fields: number,
  { before, lengths }: PagePlaceInRecord,
): number | undefined {
  let at = fields;
  for (const length of lengths) {
    if (at + length + 4 > view.byteLength) return undefined;
    at += view.getUint32(at + length, true);
  }
  return at + before + 8 > view.byteLength ? undefined : at + before;
}

/** Declares the redo and undo of a record type, for one or more of its layouts. */
export function on<Body extends object>(
  layouts: RecordLayout<Body> | readonly RecordLayout<Body>[],
  operation: PageOperation<Body>,
): Operation[] {
  const list = Array.isArray(layouts) ? (layouts as readonly RecordLayout<Body>[]) : [layouts as RecordLayout<Body>];
  return list.map((layout) => ({
    layout,
    // The body was decoded with this very layout.
    redo: (body, change) => operation.redo(body as Body, change),
    undo: (body, change) => operation.undo(body as Body, change),
    redoLate: operation.redoLate && ((body, change) => operation.redoLate?.(body as Body, change)),
    onePage: undefined,
  }));
}

/** As `on`, for records that change one page, and nothing else: once that has the change, redo has nothing to do. */
export function onOnePage<Body extends object>(
  layout: RecordLayout<Body>,
  operation: PageOperation<Body>,
): Operation[] {
  return on(layout, operation).map((declared) => ({ ...declared, onePage: placeOfPage(layout) }));
}

/** Reads a layout over no bytes at all, to see where its fields are. */
class PlaceCursor extends RecordCursor {
  #fileId: number | undefined;
  #pgno: number | undefined;
  #before: number | undefined;
  readonly #lengths: number[] = [];
  #pages = 0;

  override fileId(): number {
    if (this.#lengths.length === 0) this.#fileId = this.position;
    return super.fileId();
  }

  override pgno(): number {
    if (this.#lengths.length === 0) this.#pgno = this.position;
    this.#pages += 1;
    return super.pgno();
  }

  override bytes(): ByteRange {
    if (this.#before === undefined) this.#lengths.push(this.position);
    return super.bytes();
  }

  override lsn(): Lsn {
    this.#before ??= this.position;
    return super.lsn();
  }

  get place(): PagePlaceInRecord | undefined {
    if (this.#fileId === undefined || this.#pgno === undefined || this.#pages !== 1) return undefined;
    if (this.#before === undefined) return undefined;
    return { fileId: this.#fileId, pgno: this.#pgno, before: this.#before, lengths: this.#lengths };
  }
}

function placeOfPage(layout: RecordLayout<object>): PagePlaceInRecord {
  const cursor = new PlaceCursor();
  layout.decode(cursor);
  const { place } = cursor;
  if (!place) throw new Error(`${layout.name} does not name one page at a fixed place`);
  return place;
}

/** For records that change nothing on disk. */
export const nothing: PageOperation<object> = { redo: () => {}, undo: () => {} };
