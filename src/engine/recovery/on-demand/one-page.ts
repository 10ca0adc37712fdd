/** One page of a file, as redo and undo change it, where the others of its records are left out. */

import { type Lsn } from '../../../format/lsn.ts';
import { toStored } from '../../../format/page/checksum.ts';
import { CachedPage, type PageCache } from '../page-cache.ts';
import { Change } from '../page-change.ts';
import { StoredFile } from '../page-store.ts';

/** What is known of the file at the record that is redone or undone. */
export interface FileNow {
  /** Pages that the file has before the record is done. */
  readonly pageCount: () => number;
  /** What its first page says of its last one, when the record has been done to that. */
  readonly lastPgno: () => number;
}

/** A file whose pages are begun with. */
export type CopiedFile = Pick<StoredFile, 'piece' | 'label' | 'dataDirectory' | 'format'>;

/** No record has this LSN: pages that are left out are newer than all of them. */
const newerThanAll: Lsn = { file: 0xffffffff, offset: 0xffffffff };

/**
 * A file for the operations of records, which see one page of it: that which `begin` names. Nothing is ever written to the piece.
 */
export class OnePageFile extends StoredFile {
  readonly #cache: PageCache;
  readonly #now: FileNow;
  /** Pages that the file had when it was copied. */
  readonly copiedPages: number;
  /** Stands for each of the other pages. */
  readonly #other: CachedPage;
  #pgno = 0;
  #held: CachedPage | undefined;
  /** It is all zero: in a hole, or given back. */
  #isBlank = false;
  #isMaking = false;
  /** It was cut off since this was set to false. */
  wasCut = false;

  /** @param file the file as it was copied */
  constructor(file: CopiedFile, cache: PageCache, now: FileNow) {
    super(file.piece, cache, file.label, file.dataDirectory, undefined, { cipher: file.format.cipher });
    this.#cache = cache;
    this.#now = now;
    this.copiedPages = this.pageCount;
    this.#other = new CachedPage(new Uint8Array(this.format.pageSize), this, 0);
    this.#other.lsn = newerThanAll;
  }

  /**
   * Shows another page from now on.
   *
   * @param isCopied begin with the page as it was copied; else it is not there
   */
  begin(pgno: number, isCopied: boolean): void {
    this.#drop();
    this.#pgno = pgno;
    this.pageCount = isCopied && pgno < this.copiedPages ? pgno + 1 : pgno;
    this.wasCut = false;
    this.settle(0, Infinity);
    this.#forgetLsns();
  }

  #drop(): void {
    this.#isBlank = false;
    if (!this.#held) return;
    this.#cache.drop([this.#held]);
    this.forget(this.#held);
    this.#held = undefined;
  }

  #forgetLsns(): void {
    this.knownLsns.note(this.#pgno, 0, 0);
    this.lastChanges.note(this.#pgno, 0, 0);
  }

  get pgno(): number {
    return this.#pgno;
  }

  get #isThere(): boolean {
    return this.pageCount > this.#pgno;
  }

  override page(pgno: number): CachedPage | undefined {
    if (pgno !== this.#pgno) return pgno < this.#now.pageCount() ? this.#other : undefined;
    if (this.#isThere) return (this.#held ??= super.page(pgno));
    return this.#isMaking || pgno >= this.#now.pageCount() ? undefined : this.#blankPage();
  }

  override pageOrCreate(pgno: number): CachedPage {
    if (pgno !== this.#pgno) return this.#other;
    return (this.#held = super.pageOrCreate(pgno));
  }

  /** The page is held, whatever records find. */
  override notePresent(pgno: number, page: CachedPage): void {
    this.knownLsns.note(pgno, page.lsnFile, page.lsnOffset);
  }

  /** The page as it is read where nothing was ever written. */
  #blankPage(): CachedPage {
    this.#isMaking = true;
    const page = this.pageOrCreate(this.#pgno);
    this.#isMaking = false;
    page.dirty = false;
    this.#isBlank = true;
    return page;
  }

  override get lastPgno(): number {
    return this.#pgno === 0 ? super.lastPgno : this.#now.lastPgno();
  }

  override shorten(pages: number): void {
    if (pages > this.#pgno) return;
    this.settle(pages, Infinity);
    this.#drop();
    this.#forgetLsns();
    this.pageCount = this.#pgno;
    this.wasCut = true;
  }

  override blank(): void {
    this.#drop();
    this.pageCount = this.#pgno;
    this.#blankPage();
  }

  /** The page in the form in which it would lie on a disk; zeros where it is not there. */
  stored(): Uint8Array {
    const { pageSize } = this.format;
    const page = this.page(this.#pgno);
    if (page?.dirty) return toStored(page.bytes.slice(), this.format);
    const bytes = new Uint8Array(pageSize);
    if (page && !this.#isBlank) this.piece.read(bytes, this.#pgno * pageSize);
    return bytes;
  }
}

/** Redo and undo of records on the page of an `OnePageFile` alone. */
export class OnePageChange extends Change {
  declare file: OnePageFile;

  #isElsewhere(pgno: number): boolean {
    return pgno !== this.file.pgno;
  }

  override redo(pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isElsewhere(pgno) ? undefined : super.redo(pgno, before);
  }

  override redoOrCreate(pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isElsewhere(pgno) ? undefined : super.redoOrCreate(pgno, before);
  }

  override redoOn(page: CachedPage | undefined, pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isElsewhere(pgno) ? undefined : super.redoOn(page, pgno, before);
  }

  override undo(pgno: number, before: Lsn): CachedPage | undefined {
    return this.#isElsewhere(pgno) ? undefined : super.undo(pgno, before);
  }

  override question(pgno: number, reason: 'missing' | 'zero' | 'unlogged'): void {
    if (!this.#isElsewhere(pgno)) super.question(pgno, reason);
  }
}
