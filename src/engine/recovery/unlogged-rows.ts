/**
 * Rows that are not in the log (recovery document, G.3). A transaction begun with DB_TXN_BULK does not log what it puts
 * on pages that it adds to a btree or recno; all of these are on disk when its commit is. So copies made after the commit
 * have such rows, and to others no log can bring them. What gives the transaction away: it splits a page to make room for
 * a row, or adds one, and logs nothing of what it puts there.
 */

import { modeOf } from '../../format/log/cursor.ts';
import { addrem, itemMode, pgFree, pgFreedata } from '../../format/log/records/db.ts';
import { child, commit, txnOpcode } from '../../format/log/records/txn.ts';
import { type Lsn } from '../../format/lsn.ts';
import { newPageOf, rowTypes } from '../log/growth.ts';
import { PageCollector } from '../log/page-collector.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { type Change, type SplitSeen } from './page-change.ts';
import { type StoredFile } from './page-store.ts';

/** A file of which it is noted which of its pages lack rows. */
export type FileWithRows = Pick<StoredFile, 'lacking'>;

/** What the redo of a record has done to a file. */
export interface RedoneOn extends Pick<Change, 'split'> {
  readonly file: FileWithRows;
  /** The pages that it has changed. */
  readonly made: Pick<Change['made'], 'includes'>;
}

function putsRow(record: ScannedRecord): boolean {
  const body = bodyAs(record, addrem);
  return body !== undefined && modeOf(body.opcode) === itemMode.add;
}

function mark(file: FileWithRows, pgno: number, lsn: Lsn): void {
  file.lacking.set(pgno, { lsn, isInLog: true });
}

/** A page that a transaction has added to a file. */
interface AddedPage {
  /** Redo had to make a change that rows may have been put after without being logged: the copy is older than they. */
  isOlder: boolean;
  /** Redo had to add it. */
  readonly isNew: boolean;
  /** The transaction has logged something of it but that it is there. */
  isUsed: boolean;
  /** It is one half of a page that the transaction has split. */
  isHalf: boolean;
}

/** A split that has to be followed by a row on one of the halves. */
interface Waiting {
  readonly left: number;
  readonly right: number;
  readonly made: readonly number[];
}

/** A transaction that makes a file longer, until it commits. */
class Grower {
  readonly added = new Map<number, AddedPage>();
  #split: Waiting | undefined;
  /** It has put rows without logging them. */
  isBulk = false;
  /**
   * It logs its rows: a hot backup by the library's own protocol goes on (DB_HOTBACKUP_IN_PROGRESS), and what was not
   * logged was written when that began.
   */
  #logsRows = false;

  /** True for a page of which it has to see all records. */
  isAbout(pgno: number): boolean {
    return this.added.has(pgno) || this.#split?.left === pgno || this.#split?.right === pgno;
  }

  /**
   * A record of it changes a page. It may be the split of a half: the row did not fit.
   *
   * @param isMade redo had to make the change
   */
  use(pgno: number, isMade: boolean, does: 'put a row' | 'split' | 'something else'): void {
    const page = this.added.get(pgno);
    const isLoggedRow = does === 'put a row' && page?.isHalf === true;
    if (isLoggedRow) this.#logsRows = true;
    if (page) {
      page.isUsed = true;
      if (does !== 'split' && !this.#logsRows) page.isOlder ||= isMade;
    }
    const last = this.#split;
    if (!last || (last.left !== pgno && last.right !== pgno)) return;
    this.#split = undefined;
    if (!this.#logsRows) this.#markHalves(last);
  }

  /** It has split a page, and is going to put a row on one of the halves. */
  noteSplit({ left, right }: SplitSeen, made: RedoneOn['made']): void {
    this.#miss();
    for (const pgno of [left, right]) {
      const page = this.added.get(pgno);
      if (page) page.isHalf = true;
    }
    this.#split = this.added.has(right)
      ? { left, right, made: [left, right].filter((pgno) => made.includes(pgno)) }
      : undefined;
  }

  #markHalves({ left, right, made }: Waiting): void {
    for (const pgno of [left, right]) {
      const page = this.added.get(pgno);
      if (page) page.isOlder ||= made.includes(pgno);
    }
  }

  /** What had to follow a split has not. */
  #miss(): void {
    if (!this.#split) return;
    this.isBulk = true;
    this.#logsRows = false;
    this.#markHalves(this.#split);
    this.#split = undefined;
  }

  /** Everything it will ever log is known. */
  finish(): void {
    this.#miss();
    for (const page of this.added.values()) {
      if (page.isUsed) continue;
      this.isBulk = true;
      page.isOlder ||= page.isNew;
    }
  }
}

/** Follows the redo of committed transactions, and marks the pages that lack rows of theirs: `StoredFile.lacking`. */
export class UnloggedRows {
  /** By transaction and file. */
  readonly #growers = new Map<number, Map<FileWithRows, Grower>>();
  readonly #collector = new PageCollector();

  /** Wants to see all records of a transaction. */
  follows(txnId: number): boolean {
    return this.#growers.size > 0 && this.#growers.has(txnId);
  }

  /** Wants to see all records of a transaction that are about this page. */
  isAbout(txnId: number, file: FileWithRows, pgno: number): boolean {
    return this.#growers.size > 0 && this.#growers.get(txnId)?.get(file)?.isAbout(pgno) === true;
  }

  /** True when the transaction of a record has added a page to a file. */
  hasAdded(record: ScannedRecord, file: FileWithRows, pgno: number): boolean {
    return this.#find(record, file)?.added.has(pgno) === true;
  }

  /** A record is about one page, which has its change already. */
  seePresent(record: ScannedRecord, file: FileWithRows, pgno: number): void {
    this.#find(record, file)?.use(pgno, false, putsRow(record) ? 'put a row' : 'something else');
  }

  /** A transaction has ended, or has become a part of another. */
  seeEnd(record: ScannedRecord): void {
    if (this.#growers.size === 0) return;
    const nested = bodyAs(record, child);
    if (nested) return this.#takeOver(nested.child, record.txnId);
    if (bodyAs(record, commit)?.opcode !== txnOpcode.commit) return;
    const growers = this.#growers.get(record.txnId);
    this.#growers.delete(record.txnId);
    for (const [file, grower] of growers ?? []) {
      grower.finish();
      if (!grower.isBulk) continue;
      for (const [pgno, { isOlder }] of grower.added) if (isOlder) mark(file, pgno, record.lsn);
    }
  }

  /** What a nested transaction has added belongs to its parent; its own rows are logged. */
  #takeOver(childId: number, parentId: number): void {
    const nested = this.#growers.get(childId);
    this.#growers.delete(childId);
    for (const [file, { added }] of nested ?? []) {
      const parent = this.#of(parentId, file);
      for (const [pgno, page] of added) parent.added.set(pgno, { ...page, isUsed: true });
    }
  }

  #find({ txnId }: ScannedRecord, file: FileWithRows): Grower | undefined {
    return this.#growers.get(txnId)?.get(file);
  }

  #of(txnId: number, file: FileWithRows): Grower {
    let growers = this.#growers.get(txnId);
    if (!growers) this.#growers.set(txnId, (growers = new Map()));
    let grower = growers.get(file);
    if (!grower) growers.set(file, (grower = new Grower()));
    return grower;
  }

  /** A record has been redone. */
  seeRedone(record: ScannedRecord, { file, made, split }: RedoneOn): void {
    const page = newPageOf(record);
    if (page) {
      const newPage = { isNew: made.includes(page.pgno), isOlder: false, isUsed: false, isHalf: false };
      this.#of(record.txnId, file).added.set(page.pgno, newPage);
      return;
    }
    // Of most records nothing is to be noted: no transaction has added anything, and no page is split.
    if (this.#growers.size === 0 && !split) return;
    const grower = this.#find(record, file);
    if (split) this.#seeSplit(record, file, split, grower);
    if (!grower) return;
    const freed = bodyAs<{ readonly pgno: number }>(record, pgFree, pgFreedata);
    if (freed) {
      grower.added.delete(freed.pgno);
      return;
    }
    this.#collector.reset();
    record.decodeWith(this.#collector);
    const does = split ? 'split' : putsRow(record) ? 'put a row' : 'something else';
    for (const pgno of this.#collector.pgnos) grower.use(pgno, made.includes(pgno), does);
    if (split && rowTypes.has(split.type)) grower.noteSplit(split, made);
  }

  /** The record of a split holds all that was on the page. */
  #seeSplit(
    { lsn }: ScannedRecord,
    file: FileWithRows,
    { from, isGrown }: SplitSeen,
    grower: Grower | undefined,
  ): void {
    // Marked by the log, so are the other pages of that transaction.
    const isKnown = file.lacking.get(from)?.isInLog === true;
    file.lacking.delete(from);
    if (!isGrown || isKnown) return;
    if (grower?.added.has(from)) grower.isBulk = true;
    // A transaction before it has put rows there, and where else cannot be said.
    else mark(file, from, lsn);
  }
}
