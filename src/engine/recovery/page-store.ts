import { FigaroError } from '../../errors.ts';
import { type Cipher } from '../../format/crypto.ts';
import { compareLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { fromStored, hasRightChecksum, toStored } from '../../format/page/checksum.ts';
import { metaAt, metaSize, recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { asIn60 } from '../../format/page/heap.ts';
import { Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { lockedFile } from '../locked.ts';
import { KnownLsns } from './known-lsns.ts';
import { CachedPage, type PageCache } from './page-cache.ts';
import { changeInPassing } from './pages-in-passing.ts';
import { QueueExtents, type PagePlace } from './queue-extents.ts';
import { type Piece } from './piece.ts';
import { type SeenPages } from './seen-pages.ts';
import { SparseMap } from './sparse-map.ts';
import { type WaitingOfFile } from './waiting-records.ts';

/** Why a committed change could not be made on a page; settled when the page is freed, cut off or allocated anew. */
export interface OpenQuestion {
  readonly lsn: Lsn;
  readonly reason: 'missing' | 'zero' | 'unlogged';
}

function turnedCopy({ bytes, format }: Page): Uint8Array {
  const copy = new Page(bytes.slice(), format);
  asIn60(copy);
  return copy.bytes;
}

/** What a file does not say about the form its pages are stored in. */
export interface HowStored {
  /** The key of encrypted files. */
  readonly cipher?: Cipher | undefined;
  /** The environment is one of release 6.0. */
  readonly heapsAsIn60?: boolean;
}

/** A record of a queue as it was before recovery changed it. */
export interface SlotBefore {
  /** Undefined where there was no record. */
  readonly data: Uint8Array | undefined;
  readonly pageLsn: Lsn;
  /** The last change of it that was taken back, and the last one that was made. */
  undone: Lsn | undefined;
  redone: Lsn | undefined;
}

/** A page lacks rows that are not in the log. */
interface LackingRows {
  /** Where the log has it that they were put before. */
  readonly lsn: Lsn;
  /** The log gives them away, and not the disk of the source. */
  readonly isInLog: boolean;
}

/** The beginning of a file that is looked at. */
const firstBytes = new Uint8Array(metaSize);

/** Pages that are written together. In bytes. */
const run = new Uint8Array(256 << 10);

/** One database file during recovery: its pages, its identity, its name. */
export class StoredFile {
  readonly piece: Piece;
  readonly #cache: PageCache;
  readonly #createPiece: (() => Piece) | undefined;
  /** As log records name it; undefined when a later file has taken its name. */
  name: string | undefined;
  /** The data directory it is in, as DB_CONFIG writes it; empty for home. */
  dataDirectory: string;
  #format: DatabaseFormat | undefined;
  uid: string | undefined;
  isPlaceholder = false;
  /** The log has written bytes to it as to any file. */
  isRewritten = false;
  /** Pages that exist: 0 up to this number. */
  pageCount = 0;
  readonly questions = new SparseMap<OpenQuestion>();
  /** Pages that lack a change older than the copy, unless they are freed, cut off or allocated anew: why that is wrong. */
  readonly overdue = new SparseMap<FigaroError>();
  /** Of a queue: records that may have to be as they were, by their numbers. */
  readonly slotsBefore = new SparseMap<SlotBefore>();
  /** Pages that a change did not fit, unless they are freed, cut off or allocated anew: why not. They are not changed any more. */
  readonly unfit = new SparseMap<FigaroError>();
  /** Pages that lack rows which a bulk transaction has put there, unless they are freed, cut off or allocated anew. */
  readonly lacking = new SparseMap<LackingRows>();
  /** By page: the metadata page whose root it became by a change that is being undone. */
  readonly rootsUndone = new SparseMap<number>();
  knownLsns = new KnownLsns();
  /** By page: the last record that redo has met, whether the page had it or not. */
  readonly lastChanges = new KnownLsns();
  /** By page: the last change that redo has made; kept where the copy has to be judged. */
  readonly madeChanges = new KnownLsns();
  /** What is to be remembered of its pages; undefined where nobody asks. */
  seen: SeenPages | undefined;
  /** Its pages were changed, or some were added or cut off, as far as that has left the cache. */
  #isChanged = false;
  /** Changes of redo that wait for their pages to be read; undefined where there are none. */
  waiting: WaitingOfFile | undefined;
  /** Records that are about its pages. */
  changes = 0;
  /** The last of them. */
  #lastFile = 0;
  #lastOffset = 0;
  /** Of queues only, whose pages but the first are in files of their own. */
  extents: QueueExtents | undefined;

  readonly #pages = new SparseMap<CachedPage>();
  /** The storage may reach further than the pages that exist. */
  #isCut = false;
  readonly #how: HowStored;

  /**
   * @param createPiece makes new extents of a queue
   * @param known what its first page says, where that was read before, and is as it was then
   */
  constructor(
    piece: Piece,
    cache: PageCache,
    name: string,
    dataDirectory: string,
    createPiece?: () => Piece,
    how: HowStored = {},
    known?: DatabaseFormat,
  ) {
    this.piece = piece;
    this.#how = how;
    this.#cache = cache;
    this.#createPiece = createPiece;
    this.name = name;
    this.dataDirectory = dataDirectory;
    if (known) this.#become(known);
    else if (piece.size > 0) this.#recognize();
  }

  /** Takes note of a record that is about its pages. */
  noteRecord(lsn: Lsn): void {
    this.changes += 1;
    this.#lastFile = lsn.file;
    this.#lastOffset = lsn.offset;
  }

  /** To be called before redo meets records that it has met before. */
  beginRedoAnew(): void {
    this.knownLsns.forget(0);
    this.lastChanges.forget(0);
  }

  /** Its pages are not as they were, or not as many. */
  get isChanged(): boolean {
    if (this.#isChanged) return true;
    for (const page of this.#pages.values()) if (page.dirty) return true;
    return false;
  }

  /** Writes all changed pages to storage. What is changed from here on is told apart from it. */
  beginUnchanged(): void {
    this.flush();
    this.#isChanged = false;
  }

  /** True when the last record that is about its pages, in the order of the passes, lies at this LSN or behind it. */
  changedSince(lsn: Lsn): boolean {
    return compareLsn({ file: this.#lastFile, offset: this.#lastOffset }, lsn) >= 0;
  }

  /** How messages call it. */
  get label(): string {
    return this.name ?? `(a former file with id ${this.uid})`;
  }

  /** False until page 0 is known: there are no pages to ask for. */
  get isDatabase(): boolean {
    return this.#format !== undefined;
  }

  /** Of a database only. */
  get format(): DatabaseFormat {
    if (!this.#format) throw new Error(`${this.label} has no page 0`);
    return this.#format;
  }

  get isEmpty(): boolean {
    return !this.isDatabase && !this.isPlaceholder;
  }

  #recognize(): void {
    const head = firstBytes.subarray(0, Math.min(firstBytes.length, this.piece.size));
    this.piece.read(head, 0);
    const recognition = recognizeFile(head, this.#how.cipher);
    if (recognition.kind === 'locked') throw lockedFile(this.label);
    if (recognition.kind === 'database') {
      this.#become(recognition.format);
      if (recognition.format.method === 'queue') {
        this.#recognizeExtents(fromStored(head, recognition.format), recognition.format);
      }
    } else if (recognition.kind === 'placeholder') {
      this.isPlaceholder = true;
      this.uid = recognition.uid;
    }
  }

  #become(format: DatabaseFormat): void {
    this.#format = format;
    this.uid = format.uid;
    this.isPlaceholder = false;
    this.pageCount = Math.floor(this.piece.size / format.pageSize);
  }

  #recognizeExtents(head: Uint8Array, { pageSize, littleEndian }: DatabaseFormat): void {
    if (!this.#createPiece) return;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const pagesPerExtent = view.getUint32(metaAt.queue.extentPages, littleEndian);
    if (pagesPerExtent === 0 || this.extents?.pagesPerExtent === pagesPerExtent) return;
    this.extents = new QueueExtents(pagesPerExtent, pageSize, this.#createPiece);
  }

  /** Where a page is kept; undefined when the file does not reach that far. */
  #find(pgno: number): PagePlace | undefined {
    if (this.extents && pgno > 0) return this.extents.find(pgno);
    return pgno < this.pageCount ? { piece: this.piece, position: pgno * this.format.pageSize } : undefined;
  }

  /** Notes that a page has the changes of all records up to its LSN, so that these do not look at it again. */
  notePresent(pgno: number, page: CachedPage): void {
    this.knownLsns.note(pgno, page.lsnFile, page.lsnOffset);
    // One that had to be read again may have to be once more; so do those of which nothing is remembered.
    if (!page.isReadAgain && this.knownLsns.of(pgno)) this.#cache.passBy(page);
  }

  /** True for a page that is in storage only. */
  isOut(pgno: number): boolean {
    return !this.extents && pgno < this.pageCount && !this.#pages.has(pgno);
  }

  /** The page, or undefined when the file does not reach that far. Throws `page-checksum`. */
  page(pgno: number): CachedPage | undefined {
    const cached = this.#pages.get(pgno);
    if (cached) {
      this.#cache.used(cached);
      return cached;
    }
    const place = this.#find(pgno);
    return place && this.#load(pgno, place);
  }

  /** The page; the file grows to hold it. */
  pageOrCreate(pgno: number): CachedPage {
    const there = this.page(pgno);
    if (there) return there;
    const pageSize = this.format.pageSize;
    if (pgno * pageSize > maxFileSize) {
      throw new FigaroError('log-corrupt', `${this.label}: the log asks for page ${pgno}, past any possible size`, {
        pgno,
      });
    }
    const page = this.#cache.take(this, pgno);
    page.bytes.fill(0);
    this.#presentBlank(page);
    if (this.extents && pgno > 0) this.extents.make(pgno);
    else if (pgno >= this.pageCount) this.#growTo(pgno + 1);
    page.dirty = true;
    this.#pages.set(pgno, page);
    this.#cache.add(page);
    return page;
  }

  #growTo(pages: number): void {
    // What was cut off does not come back.
    this.#cutStorage();
    this.pageCount = pages;
  }

  #load(pgno: number, { piece, position }: PagePlace): CachedPage {
    const page = this.#cache.take(this, pgno);
    piece.read(page.bytes, position);
    this.#present(page);
    page.isReadAgain = this.knownLsns.of(pgno) !== undefined;
    this.#pages.set(pgno, page);
    this.#cache.add(page);
    this.waiting?.arrived(pgno);
    return page;
  }

  /** Has the changes made that wait for these pages, given in order, each once. They do not come into the cache. */
  changeInPassing(pgnos: Uint32Array): void {
    changeInPassing(this.piece, pgnos, this.format.pageSize, (bytes, pgno) => {
      const page = new CachedPage(bytes, this, pgno);
      this.#present(page);
      // The cache does not have it, and need not let it go.
      page.isReadAgain = true;
      this.#pages.set(pgno, page);
      this.waiting?.arrived(pgno);
      this.#pages.delete(pgno);
      if (!page.dirty) return false;
      const stored = this.#storedForm(page);
      if (stored !== bytes) bytes.set(stored);
      return true;
    });
  }

  /** What was read from storage becomes a page. */
  #present(page: CachedPage): void {
    const { bytes, number: pgno } = page;
    const format = this.format;
    this.#cache.pagesRead += 1;
    if (!hasRightChecksum(bytes, format)) {
      throw new FigaroError('page-checksum', `${this.label}: page ${pgno} does not match its checksum`, {
        path: this.label,
        pgno,
        hint: 'the page is damaged, and the log cannot repair it. Use an older set.',
      });
    }
    if (format.cipher) bytes.set(fromStored(bytes, format));
    if (this.#isTurned(page)) asIn60(page);
    this.#presentBlank(page);
  }

  /** A page never initialised is presented as an empty hash page (recovery document, C.0.1). */
  #presentBlank(page: CachedPage): void {
    const { method } = this.format;
    if (method === 'queue' || method === 'heap' || page.number === 0) return;
    if (page.pgno !== 0 || page.type === pageType.hashMeta) return;
    page.lsn = { file: 0, offset: 0 };
    page.initialize(page.number, 0, 0, 0, pageType.hash);
  }

  /**
   * Makes a page one that was never written. It leaves the cache, so that whoever needs it next gets it as `#load`
   * presents such pages: what is on a page must not depend on whether it is in the cache.
   */
  blank(page: CachedPage): void {
    page.bytes.fill(0);
    this.#writeBack(page);
    this.forget(page);
    this.#cache.drop([page]);
  }

  /** The pages `first` to `last` are freed, cut off or allocated: what could not be done to them before no longer matters. */
  settle(first: number, last: number): void {
    this.waiting?.finish(first, last);
    for (const open of [this.questions, this.overdue, this.unfit, this.lacking]) {
      if (open.size === 0) continue;
      for (const pgno of open.keys()) if (pgno >= first && pgno <= last) open.delete(pgno);
    }
  }

  /** Cuts the file off after `pages` pages; nothing happens when it is shorter already. */
  shorten(pages: number): void {
    this.settle(pages, Infinity);
    if (pages >= this.pageCount) return;
    this.knownLsns.forget(pages);
    this.lastChanges.forget(pages);
    this.madeChanges.forget(pages);
    this.seen?.forget(pages);
    this.#isChanged = true;
    const drop = (pgno: number, page: CachedPage): void => {
      this.#cache.drop([page]);
      this.#pages.delete(pgno);
    };
    if (this.pageCount - pages < this.#pages.size) {
      for (let pgno = pages; pgno < this.pageCount; pgno++) {
        const page = this.#pages.get(pgno);
        if (page) drop(pgno, page);
      }
    } else {
      for (const [pgno, page] of this.#pages) if (pgno >= pages) drop(pgno, page);
    }
    this.pageCount = pages;
    this.#isCut = true;
  }

  /** Cuts off in storage what has been cut off. Undo takes off one page after the other: all of them at once are cheaper. */
  #cutStorage(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    this.piece.shorten(this.pageCount * this.format.pageSize);
  }

  /**
   * Cuts the file off after `pages` pages, as it was done at `lsn`. Pages that were added again since stay: what a bulk
   * transaction put there is in no log (recovery document, G.3).
   */
  cutOff(pages: number, lsn: Lsn): void {
    this.settle(pages, Infinity);
    const isNewer = (page: CachedPage | undefined): boolean => page !== undefined && compareLsn(page.lsn, lsn) > 0;
    let end = this.pageCount;
    while (end > pages && !isNewer(this.page(end - 1))) end -= 1;
    this.shorten(end);
    for (let pgno = pages; pgno < end; pgno++) {
      const page = this.page(pgno)!;
      if (!isNewer(page)) this.blank(page);
    }
  }

  /**
   * Empties the pages of extents that were last changed before `lsn`, where the log creates the queue: a copy that was
   * made around that moment can hold extents of an earlier queue of the same name.
   */
  emptyExtents(lsn: Lsn): void {
    if (!this.extents) return;
    const { pagesPerExtent } = this.extents;
    for (const [number] of this.extents) {
      for (let i = 0; i < pagesPerExtent; i++) {
        const page = this.page(number * pagesPerExtent + 1 + i);
        if (!page) break;
        if (isLogged(page.lsn) && compareLsn(page.lsn, lsn) < 0) this.blank(page);
      }
    }
  }

  /** Removes an extent with all of its pages. */
  removeExtent(number: number): void {
    for (const [pgno, page] of this.#pages) {
      if (pgno === 0 || this.extents?.extentOf(pgno) !== number) continue;
      this.#cache.drop([page]);
      this.#pages.delete(pgno);
    }
    this.extents?.delete(number);
  }

  /** Writes bytes in their form on disk, as file operations log them. */
  writeRaw(bytes: Uint8Array, position: number): void {
    this.isRewritten = true;
    this.#isChanged = true;
    this.flush();
    this.knownLsns.forget(0);
    this.lastChanges.forget(0);
    this.madeChanges.forget(0);
    this.seen?.forget(0);
    for (const page of this.#pages.values()) this.#cache.drop([page]);
    this.#pages.clear();
    const end = position + bytes.length;
    const unit = this.#format?.pageSize ?? bytes.length;
    if (position % unit === 0 && bytes.length === unit) {
      this.piece.write(bytes, position);
    } else {
      // Storage is written in whole pages.
      for (let at = position - (position % unit); at < end; at += unit) {
        const page = new Uint8Array(unit);
        this.piece.read(page, at);
        const from = Math.max(position, at);
        page.set(bytes.subarray(from - position, Math.min(end, at + unit) - position), from - at);
        this.piece.write(page, at);
      }
    }
    if (position === 0 || !this.isDatabase) this.#recognize();
    if (this.isDatabase) this.pageCount = Math.floor(this.piece.size / this.format.pageSize);
  }

  #writeBack(page: CachedPage): void {
    if (this.extents && page.number > 0) {
      const { piece, position } = this.extents.make(page.number);
      piece.write(this.#storedForm(page), position);
    } else {
      this.piece.write(this.#storedForm(page), page.number * this.format.pageSize);
    }
  }

  /** The page as it is to be written now. */
  #storedForm(page: CachedPage): Uint8Array {
    page.dirty = false;
    this.#isChanged = true;
    this.#cache.pagesWritten += 1;
    return toStored(this.#isTurned(page) ? turnedCopy(page) : page.bytes, this.format);
  }

  /** Writes pages from the first to the last; those that lie one behind the other together. */
  writeAll(pages: readonly CachedPage[]): void {
    if (pages.length === 0) return;
    const { pageSize } = this.format;
    const longest = this.extents ? 1 : Math.max(1, Math.floor(run.length / pageSize));
    const numbers = Uint32Array.from(pages, ({ number }) => number).sort();
    for (let i = 0, end = 0; i < numbers.length; i = end) {
      const number = numbers[i]!;
      for (end = i + 1; end < numbers.length && end - i < longest; end++) {
        if (numbers[end] !== number + end - i) break;
      }
      if (end === i + 1) {
        this.#writeBack(this.#pages.get(number)!);
        continue;
      }
      for (let j = i; j < end; j++) run.set(this.#storedForm(this.#pages.get(numbers[j]!)!), (j - i) * pageSize);
      this.piece.writePages(run.subarray(0, (end - i) * pageSize), number * pageSize, pageSize);
    }
  }

  /** Big-endian heaps of 6.0 are stored in a wrong way (format document, 4.10.5). */
  #isTurned({ type, littleEndian }: Page): boolean {
    return this.#how.heapsAsIn60 === true && type === pageType.heapData && !littleEndian;
  }

  forget(page: CachedPage): void {
    if (this.#pages.get(page.number) === page) this.#pages.delete(page.number);
  }

  /** Writes all changed pages to storage, in order. */
  flush(): void {
    this.#cutStorage();
    if (this.#pages.size === 0) return;
    this.writeAll([...this.#pages.values()].filter((page) => page.dirty));
  }

  /** As `flush`; and cuts off what is behind the last page: a part of one, or pages allocated and never written. */
  flushToEnd(): void {
    this.flush();
    this.piece.shorten((this.extents ? 1 : this.pageCount) * this.format.pageSize);
  }

  /** Throws away what is cached; the file is going. */
  discard(): void {
    this.#cache.drop(this.#pages.values());
    this.#pages.clear();
    this.questions.clear();
    this.overdue.clear();
    this.unfit.clear();
    this.lacking.clear();
  }

  /** Metadata field of page 0, for those who need one without going through the log. */
  metaU32(offset: number): number {
    return this.page(0)?.u32(offset) ?? 0;
  }

  get lastPgno(): number {
    return this.metaU32(metaAt.lastPgno);
  }
}

/** Beyond this, a page number in a log record can only be wrong: 16 TiB. */
export const maxFileSize = 2 ** 44;
