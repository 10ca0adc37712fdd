/** The pages of a damaged file: all that can be read of it, and what is wrong with the rest. */

import { FigaroError } from '../../../errors.ts';
import { accessMethods } from '../../../format/magic.ts';
import { checkPage } from '../../../format/page/check.ts';
import { fromStored } from '../../../format/page/checksum.ts';
import { damagedHeapPage, readableHeapPage } from '../../../format/page/heap.ts';
import { formatByLaterPages } from '../../../format/page/later-pages.ts';
import { metaAt, metaSize, recognizeFile, type DatabaseFormat } from '../../../format/page/meta.ts';
import { Page } from '../../../format/page/page.ts';
import { pageType } from '../../../format/page/types.ts';
import { unreadable } from '../../environment/damaged.ts';
import { isOpaque } from '../../environment/opaque.ts';
import { openToRead } from '../../files/read.ts';
import { type Files, type OpenFile } from '../../files/files.ts';
import { encryptedFile, lockedFile } from '../../locked.ts';
import { brokenPage } from '../database-file.ts';
import { PageReader } from '../page-reader.ts';
import { pagesInExtents } from '../queue-extent.ts';
import { type PageRun } from '../../structure/file-check.ts';

/** Something that was passed over, or that is given without being certain. */
export interface SalvageFinding {
  readonly path: string;
  readonly pgno: number;
  readonly code: 'page-checksum' | 'page-type';
  readonly message: string;
}

export type OnFinding = (finding: SalvageFinding) => void;

/** A bit for each page of a file. */
class PageSet {
  readonly #bits: Uint8Array;

  constructor(pageCount: number) {
    this.#bits = new Uint8Array(Math.ceil(pageCount / 8));
  }

  has(pgno: number): boolean {
    return ((this.#bits[pgno >>> 3] ?? 0) & (1 << (pgno & 7))) !== 0;
  }

  add(pgno: number): void {
    this.#bits[pgno >>> 3]! |= 1 << (pgno & 7);
  }
}

/** A file of btrees may be a hash, too, when that is known by its later pages alone. */
function metaTypesOf({ method }: DatabaseFormat): readonly number[] {
  const { metaType } = accessMethods[method];
  return method === 'btree' ? [metaType, accessMethods.hash.metaType] : [metaType];
}

/** Pages kept in memory. */
const cachedPages = 256;

export class SalvagePages {
  readonly path: string;
  readonly files: Files;
  readonly format: DatabaseFormat;
  /** Pages of the file itself. */
  readonly pageCount: number;
  /** The first page; undefined when it is no metadata page that can be read. */
  readonly meta: Page | undefined;
  /** True when the first page is there and matches its checksum. */
  readonly isMetaCertain: boolean;
  /** Pages whose records were given, or that hold none. */
  readonly done: PageSet;
  /** Overflow pages and pages of duplicates that a record has led to. */
  readonly referenced: PageSet;
  readonly #opened: OpenFile;
  readonly #onFinding: OnFinding;
  readonly #told: PageSet;
  readonly #cache = new Map<number, Page>();
  #reader: PageReader;

  /**
   * Opens a file whose first page may be lost.
   *
   * @param pageSize in bytes; found out when not given
   * @throws `container-missing` when no page of it is one of a database, `password`, `format-unsupported`
   */
  constructor(files: Files, path: string, onFinding: OnFinding, pageSize?: number) {
    this.path = path;
    this.files = files;
    this.#onFinding = onFinding;
    this.#opened = openToRead(files, path);
    try {
      const { size } = this.#opened.stat();
      const { format, problem } = this.#findFormat(size, pageSize);
      this.format = format;
      this.pageCount = Math.floor(size / format.pageSize);
      this.done = new PageSet(this.pageCount);
      this.referenced = new PageSet(this.pageCount);
      this.#told = new PageSet(this.pageCount);
      this.#reader = new PageReader(files, this.#opened, format, 0);
      if (problem !== undefined) this.tell(0, problem);
      const rest = size % format.pageSize;
      if (rest !== 0)
        this.tell(this.pageCount, `it is passed over: it is cut off after ${rest} of ${format.pageSize} bytes`);
      this.isMetaCertain = this.page(0) !== undefined;
      const first = this.#firstPage();
      this.meta = first && metaTypesOf(format).includes(first.type) ? first : undefined;
      if (this.meta) this.#tellCut(this.meta);
      this.#reader = new PageReader(files, this.#opened, format, this.extentPages);
    } catch (error) {
      this.#opened.close();
      throw error;
    }
  }

  close(): void {
    this.#opened.close();
  }

  /** Pages an extent of a queue has; 0 when it has no extents. */
  get extentPages(): number {
    return this.meta?.type === pageType.queueMeta ? this.meta.u32(metaAt.queue.extentPages) : 0;
  }

  /** Runs of pages that may hold records of a queue. */
  get queuePages(): readonly PageRun[] {
    const { extentPages, files, path, format, pageCount } = this;
    return extentPages > 0 ? pagesInExtents(files, path, extentPages, format.pageSize) : [{ start: 1, end: pageCount }];
  }

  #findFormat(size: number, pageSize: number | undefined): { format: DatabaseFormat; problem: string | undefined } {
    const { path } = this;
    const { cipher } = this.files;
    const head = new Uint8Array(metaSize);
    const recognition = recognizeFile(head.subarray(0, this.#opened.readAt(head, 0)), cipher);
    const read = (target: Uint8Array, position: number): number => this.#opened.readAt(target, position);
    if (recognition.kind === 'unsupported') {
      throw unreadable({ path, problem: recognition.problem, code: 'format-unsupported' }, '');
    }
    if (recognition.kind === 'database') {
      const isUnreadable = isOpaque(recognition.format);
      const claimed = { ...recognition.format, pageSize: pageSize ?? recognition.format.pageSize };
      const believed = isUnreadable ? undefined : claimed;
      const format = formatByLaterPages(size, read, { cipher, pageSize, claimed: believed }) ?? claimed;
      if (isUnreadable && format === claimed) throw encryptedFile(path);
      const problem =
        format === claimed
          ? undefined
          : 'it says that pages have another format than they have: the format is told by later pages';
      return { format, problem };
    }
    const format = formatByLaterPages(size, read, { cipher, pageSize });
    if (format) {
      const why = recognition.kind === 'damaged' ? recognition.problem : 'it is not the first page of a database';
      return { format, problem: `it is damaged: ${why}; the format is told by later pages` };
    }
    if (recognition.kind === 'locked') throw lockedFile(path);
    throw new FigaroError('container-missing', `${path} has no page of a database that can be read`, {
      path,
      hint: 'give --page-size if you know it, and --password-file if it is encrypted.',
    });
  }

  /**
   * The first page. It holds no records, so that what it says may be tried even if it does not match its checksum: only
   * where that shows in the records themselves, or does not matter to them.
   */
  #firstPage(): Page | undefined {
    const page = this.page(0);
    if (page || this.format.encrypted) return page;
    const bytes = new Uint8Array(this.format.pageSize);
    return this.#reader.read(0, bytes) < bytes.length ? undefined : new Page(bytes, this.format);
  }

  /** Pages that the file should have and has not. Of a queue nobody knows. */
  #tellCut(meta: Page): void {
    const said = meta.u32(metaAt.lastPgno) + 1;
    if (meta.type === pageType.queueMeta || said <= this.pageCount) return;
    this.tell(0, `it says that the file has ${said} pages, but it has ${this.pageCount}`);
  }

  /**
   * A page, sound or not: what is wrong with it is told once. Undefined when it is not there, or when nothing on it can be
   * believed, since it does not match its checksum.
   */
  page(pgno: number): Page | undefined {
    const cached = this.#cache.get(pgno);
    if (cached) return cached;
    const bytes = new Uint8Array(this.format.pageSize);
    if (this.#reader.read(pgno, bytes) < bytes.length) return undefined;
    const finding = checkPage(bytes, pgno, this.format);
    const isFirst = !this.#told.has(pgno);
    if (pgno < this.pageCount) this.#told.add(pgno);
    if (finding?.code === 'page-checksum') {
      const what = pgno === 0 ? 'what it says is not certain' : 'it is passed over';
      if (isFirst) this.tell(pgno, `${what}: ${finding.problem}`, finding.code);
      return undefined;
    }
    if (finding && isFirst) this.tell(pgno, `it is damaged: ${finding.problem}; what can be read of it is given`);
    const page = this.#readable(new Page(fromStored(bytes, this.format), this.format), pgno, isFirst);
    if (!page) return undefined;
    // Where it lies counts, whatever it calls itself.
    page.pgno = pgno;
    if (this.#cache.size >= cachedPages) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(pgno, page);
    return page;
  }

  /** Data pages of big-endian heaps have to be turned first. */
  #readable(page: Page, pgno: number, isFirst: boolean): Page | undefined {
    if (page.type !== pageType.heapData || page.entries === 0 || page.littleEndian) return page;
    const readable = readableHeapPage(page, pgno);
    if (typeof readable !== 'string') return readable;
    const turned = damagedHeapPage(page);
    const what = turned
      ? `it is damaged: ${readable}; what can be read of it is given`
      : `it is passed over: ${readable}`;
    if (isFirst) this.tell(pgno, what);
    return turned;
  }

  broken(pgno: number, problem: string): FigaroError {
    return brokenPage(this.path, pgno, problem);
  }

  tell(pgno: number, problem: string, code: SalvageFinding['code'] = 'page-type'): void {
    const { path } = this;
    this.#onFinding({ path, pgno, code, message: `${path}: page ${pgno}: ${problem}` });
  }
}
