/** Comparing what is on the disk of the source with what the log makes of it (recovery document, G.3). */

import { FigaroError } from '../../errors.ts';
import { viewOf, type ByteRange } from '../../format/byte-range.ts';
import { modeOf } from '../../format/log/cursor.ts';
import { adj, cadjust, cdel, irep, repl, split, splitFlag } from '../../format/log/records/btree.ts';
import { addrem, itemMode, merge, pgFree, pgFreedata, pgnoChange, relink } from '../../format/log/records/db.ts';
import { compareLsn, equalLsn, formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { headerSize, Page } from '../../format/page/page.ts';
import { unloggedTypes } from '../log/growth.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { type CachedPage } from './page-cache.ts';
import { type StoredFile } from './page-store.ts';

/** A page as it is on the disk of the source, after the commits that recovery is about. */
export interface PageOnDisk {
  readonly lsn: Lsn;
  readonly entries: number;
  readonly type: number;
}

/** By unique id of the file and page number. */
export type PagesByFile = ReadonlyMap<string, ReadonlyMap<number, PageOnDisk>>;

export interface PagesOnDisk {
  readonly pages: PagesByFile;
  /** They are all that rows could be missing on: one that cannot be compared leaves a doubt. */
  readonly isAll: boolean;
}

/** What a transaction that has not committed made of a page. */
interface Unfinished {
  readonly lsn: Lsn;
  /** Entries it added; negative for what it removed. */
  readonly added: number;
}

/** Follows redo, and marks the pages that have more entries on disk than by the log, in the same state: `StoredFile.lacking`. */
export class DiskComparison {
  readonly #onDisk: PagesByFile;
  readonly #isAll: boolean;
  readonly #unfinished = new Map<PageOnDisk, Unfinished>();
  readonly #compared = new Set<PageOnDisk>();

  readonly #from: Lsn | undefined;

  /**
   * @param from where those begin that go on: transactions that have added pages and commit behind it began behind it, too. A page
   * that is on disk as it was before has nothing of them, and what a bulk transaction puts there is on disk when it commits.
   */
  constructor(onDisk: PagesOnDisk, from?: Lsn) {
    this.#onDisk = onDisk.pages;
    this.#isAll = onDisk.isAll;
    this.#from = from;
  }

  /** A page is about to be changed, or has been for the last time. */
  see(file: StoredFile, page: CachedPage, lsn: Lsn): void {
    const there = this.#pagesOf(file)?.get(page.number);
    if (!there || !equalLsn(page.lsn, there.lsn)) return;
    this.#compared.add(there);
    if (isLess(page, there, 0)) mark(file, page.number, lsn);
  }

  #pagesOf({ uid }: StoredFile): ReadonlyMap<number, PageOnDisk> | undefined {
    return uid === undefined ? undefined : this.#onDisk.get(uid);
  }

  /** Compares the pages that the log does not change again. */
  finish(file: StoredFile, end: Lsn): void {
    for (const pgno of this.#pagesOf(file)?.keys() ?? []) {
      const page = file.page(pgno);
      if (page) this.see(file, page, end);
    }
  }

  /**
   * A transaction that has not committed changes pages. They may have been written to disk so: that is more than the log
   * makes of them by what this transaction has added.
   */
  seeUnfinished(record: ScannedRecord, file: StoredFile): void {
    const pages = this.#pagesOf(file);
    if (!pages || !file.isDatabase) return;
    for (const { pgno, pageLsn, added, found } of effectsOf(record, file.format)) {
      const there = pages.get(pgno);
      const page = there && file.page(pgno);
      if (!page) continue;
      const before = this.#unfinished.get(there);
      // Whoever has changed a page keeps others from it until he ends.
      const isNext = before !== undefined && equalLsn(pageLsn, before.lsn);
      if (!isNext && !equalLsn(pageLsn, page.lsn)) continue;
      const sum = isNext ? before.added : 0;
      this.#unfinished.set(there, { lsn: record.lsn, added: sum + added });
      const isThere = equalLsn(record.lsn, there.lsn);
      if (found !== undefined || isThere) this.#compared.add(there);
      const isFoundLess = found !== undefined && page.entries + sum < found;
      if (isFoundLess || (isThere && isLess(page, there, sum + added))) mark(file, pgno, record.lsn);
    }
  }

  /** Throws `page-unstable` for a page that is on disk in a state of which the log does not tell enough, where that matters. */
  requireCompared(file: StoredFile): void {
    if (!this.#isAll) return;
    for (const [pgno, there] of this.#pagesOf(file) ?? []) {
      const page = file.page(pgno);
      if (this.#from && isLogged(there.lsn) && compareLsn(there.lsn, this.#from) < 0) continue;
      if (this.#compared.has(there) || !page || !takesRows(page) || !takesRows(there)) continue;
      const lsn = formatLsn(there.lsn);
      throw new FigaroError(
        'page-unstable',
        `${file.label}: page ${pgno} was written at ${lsn} by a transaction that has not committed, and cannot be compared with the log`,
        { path: file.label, pgno, lsn, hint: 'try again later, or take a full backup with `figaro-backup hot`.' },
      );
    }
  }
}

function mark(file: StoredFile, pgno: number, lsn: Lsn): void {
  if (!file.lacking.has(pgno)) file.lacking.set(pgno, { lsn, isInLog: false });
}

function takesRows({ type }: { readonly type: number }): boolean {
  return unloggedTypes.has(type);
}

function isLess(page: CachedPage, there: PageOnDisk, added: number): boolean {
  return page.type === there.type && takesRows(page) && page.entries + added < there.entries;
}

/** What a record does to the entries of a page. */
interface Effect {
  readonly pgno: number;
  readonly pageLsn: Lsn;
  readonly added: number;
  /** How many there were, where the record says so. */
  readonly found?: number;
}

function effectsOf(record: ScannedRecord, format: DatabaseFormat): readonly Effect[] {
  const put = bodyAs(record, addrem);
  if (put) return [{ ...put, added: modeOf(put.opcode) === itemMode.add ? 1 : -1 }];
  const adjusted = bodyAs(record, adj);
  if (adjusted) return [{ ...adjusted, added: adjusted.isInsert !== 0 ? 1 : -1 }];
  const changed = bodyAs(record, repl, irep, cadjust, cdel, pgnoChange);
  if (changed) return [{ ...changed, added: 0 }];
  const links = bodyAs(record, relink);
  if (links) {
    return [
      { pgno: links.prevPgno, pageLsn: links.prevPageLsn, added: 0 },
      { pgno: links.nextPgno, pageLsn: links.nextPageLsn, added: 0 },
    ];
  }
  const freed = bodyAs<{ readonly pgno: number; readonly header: ByteRange }>(record, pgFree, pgFreedata);
  if (freed) {
    const page = pageIn(freed.header, format);
    return page ? [{ pgno: freed.pgno, pageLsn: page.lsn, added: -page.entries, found: page.entries }] : [];
  }
  const merged = bodyAs(record, merge);
  const moved = merged && pageIn(merged.hdr, format)?.entries;
  if (moved !== undefined) {
    return [
      { ...merged!, added: moved },
      { pgno: merged!.sourcePgno, pageLsn: merged!.sourceLsn, added: 0, found: moved },
    ];
  }
  const halves = bodyAs(record, split);
  const entries = halves && pageIn(halves.page, format)?.entries;
  if (entries === undefined) return [];
  const { left, leftLsn, indx, parentPgno, parentLsn, nextPgno, nextLsn, flags } = halves!;
  const hasCounts = (flags & splitFlag.counts) !== 0;
  return [
    { pgno: left, pageLsn: leftLsn, added: indx - entries, found: entries },
    { pgno: parentPgno, pageLsn: parentLsn, added: hasCounts ? 0 : 1 },
    { pgno: nextPgno, pageLsn: nextLsn, added: 0 },
  ];
}

/** The page whose beginning a record holds. */
function pageIn(image: ByteRange, format: DatabaseFormat): Page | undefined {
  return image.length < headerSize ? undefined : new Page(viewOf(image), format);
}
