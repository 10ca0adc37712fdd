import { FigaroError } from '../../errors.ts';
import { type Lsn } from '../../format/lsn.ts';
import { hasRightChecksum, storeChecksum } from '../../format/page/checksum.ts';
import { metaAt, recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { type Piece } from './storage.ts';

/** A page in the cache. Whoever changes it sets `dirty`. */
export class CachedPage extends Page {
  readonly file: StoredFile;
  readonly number: number;
  dirty = false;
  /** The round in which it was last handed out; a page of the current round is not evicted. */
  lastUse = 0;

  constructor(bytes: Uint8Array, file: StoredFile, number: number) {
    super(bytes, file.format!);
    this.file = file;
    this.number = number;
  }
}

/** Why a committed change could not be made on a page; settled when the page is freed, cut off or allocated anew. */
export interface OpenQuestion {
  readonly lsn: Lsn;
  readonly reason: 'missing' | 'zero' | 'unlogged';
}

/**
 * Database pages in memory, over pieces of storage: a write-back cache with an upper bound. Pages of the record being
 * worked on stay in memory whatever the bound.
 */
export class PageCache {
  readonly #capacity: number;
  readonly #pages: CachedPage[] = [];
  #hand = 0;
  #bytes = 0;
  #round = 1;
  pagesRead = 0;
  pagesWritten = 0;

  /** @param capacityBytes upper bound of the memory for pages */
  constructor(capacityBytes: number) {
    this.#capacity = capacityBytes;
  }

  /** Starts the work on another record: pages handed out before may be evicted. */
  nextRound(): void {
    this.#round += 1;
  }

  used(page: CachedPage): void {
    page.lastUse = this.#round;
  }

  add(page: CachedPage): void {
    page.lastUse = this.#round;
    this.#pages.push(page);
    this.#bytes += page.size;
    if (this.#bytes > this.#capacity) this.#evict();
  }

  /** Forgets pages without writing them. */
  drop(pages: Iterable<CachedPage>): void {
    for (const page of pages) {
      page.dirty = false;
      // Far in the past: the clock takes it next time round.
      page.lastUse = -1;
    }
  }

  /** A clock: pages not used since the hand last came by go first. */
  #evict(): void {
    const target = this.#capacity * 0.9;
    let looked = 0;
    while (this.#bytes > target && looked < 2 * this.#pages.length) {
      if (this.#hand >= this.#pages.length) this.#hand = 0;
      const page = this.#pages[this.#hand]!;
      looked += 1;
      if (page.lastUse === this.#round) {
        this.#hand += 1;
      } else if (page.lastUse > 0) {
        page.lastUse = 0;
        this.#hand += 1;
      } else {
        if (page.dirty) page.file.writeBack(page);
        page.file.forget(page);
        this.#bytes -= page.size;
        const last = this.#pages.pop()!;
        if (last !== page) this.#pages[this.#hand] = last;
      }
    }
  }
}

/** One database file during recovery: its pages, its identity, its name. */
export class StoredFile {
  readonly piece: Piece;
  readonly #cache: PageCache;
  readonly #pages = new Map<number, CachedPage>();
  /** As log records name it; undefined when a later file has taken its name. */
  name: string | undefined;
  /** The data directory it is in, as DB_CONFIG writes it; empty for home. */
  dataDirectory: string;
  /** Permission bits to give it, when recovery creates it. */
  mode: number | undefined;
  /** Undefined until page 0 is known. */
  format: DatabaseFormat | undefined;
  uid: string | undefined;
  isPlaceholder = false;
  /** Pages that exist: 0 up to this number. */
  pageCount = 0;
  readonly questions = new Map<number, OpenQuestion>();
  /** Changes that recovery made to its pages. */
  changes = 0;

  constructor(piece: Piece, cache: PageCache, name: string, dataDirectory: string) {
    this.piece = piece;
    this.#cache = cache;
    this.name = name;
    this.dataDirectory = dataDirectory;
    if (piece.size > 0) this.#recognize();
  }

  /** How messages call it. */
  get label(): string {
    return this.name ?? `(a former file with id ${this.uid})`;
  }

  get isEmpty(): boolean {
    return this.format === undefined && !this.isPlaceholder;
  }

  #recognize(): void {
    const head = new Uint8Array(Math.min(512, this.piece.size));
    this.piece.read(head, 0);
    const recognition = recognizeFile(head);
    if (recognition.kind === 'database') {
      this.format = recognition.format;
      this.uid = recognition.format.uid;
      this.isPlaceholder = false;
      this.pageCount = Math.floor(this.piece.size / recognition.format.pageSize);
    } else if (recognition.kind === 'placeholder') {
      this.isPlaceholder = true;
      this.uid = recognition.uid;
    }
  }

  /** The page, or undefined when the file does not reach that far. Throws `page-checksum`. */
  page(pgno: number): CachedPage | undefined {
    const cached = this.#pages.get(pgno);
    if (cached) {
      this.#cache.used(cached);
      return cached;
    }
    return pgno < this.pageCount ? this.#load(pgno) : undefined;
  }

  /** The page; the file grows to hold it. */
  pageOrCreate(pgno: number): CachedPage {
    const there = this.page(pgno);
    if (there) return there;
    const pageSize = this.format!.pageSize;
    if (pgno * pageSize > maxFileSize) {
      throw new FigaroError('log-corrupt', `${this.label}: the log asks for page ${pgno}, past any possible size`, {
        pgno,
      });
    }
    const page = new CachedPage(new Uint8Array(pageSize), this, pgno);
    this.#presentBlank(page);
    this.pageCount = Math.max(this.pageCount, pgno + 1);
    page.dirty = true;
    this.#pages.set(pgno, page);
    this.#cache.add(page);
    return page;
  }

  #load(pgno: number): CachedPage {
    const format = this.format!;
    const bytes = new Uint8Array(format.pageSize);
    this.piece.read(bytes, pgno * format.pageSize);
    this.#cache.pagesRead += 1;
    if (!hasRightChecksum(bytes, format)) {
      throw new FigaroError('page-checksum', `${this.label}: page ${pgno} does not match its checksum`, {
        path: this.label,
        pgno,
        hint: 'the page is damaged, and the log can not repair it. Use an older set.',
      });
    }
    const page = new CachedPage(bytes, this, pgno);
    this.#presentBlank(page);
    this.#pages.set(pgno, page);
    this.#cache.add(page);
    return page;
  }

  /** A page never initialised is presented as an empty hash page (recovery document, C.0.1). */
  #presentBlank(page: CachedPage): void {
    const { method } = this.format!;
    if (method === 'queue' || method === 'heap' || page.number === 0) return;
    if (page.pgno !== 0 || page.type === pageType.hashMeta) return;
    page.lsn = { file: 0, offset: 0 };
    page.initialize(page.number, 0, 0, 0, pageType.hash);
  }

  /** Cuts the file off after `pages` pages; nothing happens when it is shorter already. */
  shorten(pages: number): void {
    for (const pgno of this.questions.keys()) if (pgno >= pages) this.questions.delete(pgno);
    if (pages >= this.pageCount) return;
    for (const [pgno, page] of this.#pages) {
      if (pgno < pages) continue;
      this.#cache.drop([page]);
      this.#pages.delete(pgno);
    }
    this.pageCount = pages;
    this.piece.shorten(pages * this.format!.pageSize);
  }

  /** Writes bytes in their form on disk, as file operations log them. */
  writeRaw(bytes: Uint8Array, position: number): void {
    this.flush();
    for (const page of this.#pages.values()) this.#cache.drop([page]);
    this.#pages.clear();
    const end = position + bytes.length;
    const unit = this.format?.pageSize ?? bytes.length;
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
    if (position === 0 || this.format === undefined) this.#recognize();
    if (this.format) this.pageCount = Math.floor(this.piece.size / this.format.pageSize);
  }

  writeBack(page: CachedPage): void {
    storeChecksum(page.bytes, this.format!);
    this.piece.write(page.bytes, page.number * this.format!.pageSize);
    page.dirty = false;
    this.#cache.pagesWritten += 1;
  }

  forget(page: CachedPage): void {
    if (this.#pages.get(page.number) === page) this.#pages.delete(page.number);
  }

  /** Writes all changed pages to storage, in order. */
  flush(): void {
    const dirty = [...this.#pages.values()].filter((page) => page.dirty);
    dirty.sort((a, b) => a.number - b.number);
    for (const page of dirty) this.writeBack(page);
  }

  /** Throws away what is cached; the file is going. */
  discard(): void {
    this.#cache.drop(this.#pages.values());
    this.#pages.clear();
    this.questions.clear();
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
const maxFileSize = 2 ** 44;
