import { FigaroError } from '../../errors.ts';
import { unreadable } from '../environment/damaged.ts';
import { checkPage } from '../../format/page/check.ts';
import { fromStored } from '../../format/page/checksum.ts';
import { btreeFlag, metaAt, metaSize, recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { Page } from '../../format/page/page.ts';
import { lastRecno, pageOfRecord, queueLayout } from '../../format/page/queue.ts';
import { pageType } from '../../format/page/types.ts';
import { openToRead } from '../files/read.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { isOpaque } from '../environment/opaque.ts';
import { encryptedFile, lockedFile } from '../locked.ts';
import { PageReader } from './page-reader.ts';
import { extentNumbers, pagesInExtents } from './queue-extent.ts';
import { type PageRun } from '../structure/file-check.ts';
import { isMasterPage } from '../../format/page/sub-databases.ts';
import { extentName } from '../../format/names.ts';

/** Pages kept in memory. */
const cachedPages = 256;

const damagedHint = 'use an older copy of this file.';

/** A database file, read page by page. Every page is checked before it is believed. */
export class DatabaseFile {
  readonly path: string;
  readonly format: DatabaseFormat;
  /** In bytes. */
  readonly size: number;
  /** Pages of the file itself; queues with extents have more elsewhere. */
  readonly pageCount: number;
  /** Where the file is, and what belongs to it. */
  readonly files: Files;
  readonly #opened: OpenFile;
  readonly #cache = new Map<number, Page>();
  /** Pages an extent of a queue has; 0 when it has no extents. */
  readonly #extentPages: number = 0;
  #reader: PageReader;
  readonly #onPage: ((pgno: number) => void) | undefined;

  /**
   * Opens a file. Throws `container-missing` when it is no database, `page-type` when it is a damaged one.
   *
   * @param onPage told of each page when it is read
   */
  constructor(files: Files, path: string, onPage?: (pgno: number) => void) {
    this.path = path;
    this.files = files;
    this.#onPage = onPage;
    this.#opened = openToRead(files, path);
    try {
      const head = new Uint8Array(metaSize);
      const recognition = recognizeFile(head.subarray(0, this.#opened.readAt(head, 0)), files.cipher);
      if (recognition.kind === 'locked') throw lockedFile(path);
      if (recognition.kind === 'damaged' || recognition.kind === 'unsupported') {
        const code = recognition.kind === 'damaged' ? 'page-type' : 'format-unsupported';
        throw unreadable({ path, problem: recognition.problem, code }, damagedHint);
      }
      if (recognition.kind !== 'database') {
        throw new FigaroError('container-missing', `${path} is not a container`, {
          path,
          hint: 'give a database file: a container, or another file of an environment.',
        });
      }
      if (isOpaque(recognition.format)) throw encryptedFile(path);
      this.format = recognition.format;
      this.size = this.#opened.stat().size;
      this.pageCount = Math.floor(this.size / this.format.pageSize);
      this.#reader = new PageReader(files, this.#opened, this.format, 0);
      const meta = this.page(0);
      if (this.format.method !== 'queue') return;
      this.#extentPages = meta.u32(metaAt.queue.extentPages);
      this.#reader = new PageReader(files, this.#opened, this.format, this.#extentPages);
    } catch (error) {
      this.#opened.close();
      throw error;
    }
  }

  close(): void {
    this.#opened.close();
  }

  /** A page that has to be there. Throws `page-checksum` or `page-type`. */
  page(pgno: number): Page {
    const page = this.pageIfThere(pgno);
    if (page) return page;
    throw new FigaroError('page-type', `${this.path}: page ${pgno} is missing: the file has ${this.pageCount} pages`, {
      path: this.path,
      pgno,
      hint: 'the file is cut off. Use another copy, or recover it.',
    });
  }

  /** A page, or undefined when the file does not reach that far. */
  pageIfThere(pgno: number): Page | undefined {
    const cached = this.#cache.get(pgno);
    if (cached) return cached;
    const bytes = new Uint8Array(this.format.pageSize);
    if (this.#reader.read(pgno, bytes) < bytes.length) return undefined;
    const finding = checkPage(bytes, pgno, this.format);
    if (finding) {
      throw new FigaroError(finding.code, `${this.path}: page ${pgno} is damaged: ${finding.problem}`, {
        path: this.path,
        pgno,
      });
    }
    const page = new Page(fromStored(bytes, this.format), this.format);
    this.#onPage?.(pgno);
    if (this.#cache.size >= cachedPages) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(pgno, page);
    return page;
  }

  /** The bytes of a page decrypted, unchecked: as many as there are. */
  contentsOf(pgno: number): Uint8Array {
    const bytes = new Uint8Array(this.format.pageSize);
    const length = this.#reader.read(pgno, bytes);
    return length < bytes.length ? bytes.subarray(0, length) : fromStored(bytes, this.format);
  }

  /** Runs of pages of a queue that are in files, in order: `end` is not among them. */
  queuePages(): readonly PageRun[] {
    if (!this.#extentPages) return [{ start: 1, end: this.pageCount }];
    return pagesInExtents(this.files, this.path, this.#extentPages, this.format.pageSize);
  }

  /**
   * What of the file is missing at its end: it is cut in a page, or has fewer pages than its metadata page says (format
   * document, 4.3), or not the page of the last record of a queue. Undefined when nothing is.
   */
  firstMissing(): MissingPage | undefined {
    const { pageSize, method } = this.format;
    const rest = this.size % pageSize;
    if (rest !== 0) return { pgno: this.pageCount, problem: `it is cut off after ${rest} of ${pageSize} bytes` };
    const meta = this.page(0);
    if (method === 'queue') return this.#cutExtent() ?? this.#missingOfQueue(meta);
    const said = meta.u32(metaAt.lastPgno) + 1;
    if (said <= this.pageCount) return undefined;
    return { pgno: 0, problem: `it says that the file has ${said} pages, but it has ${this.pageCount}` };
  }

  /** Extents have whole pages. */
  #cutExtent(): MissingPage | undefined {
    const { pageSize } = this.format;
    for (const number of this.#extentPages ? extentNumbers(this.files, this.path) : []) {
      const path = extentName(this.path, number);
      const size = this.files.statIfThere(path)?.size ?? 0;
      const rest = size % pageSize;
      if (rest === 0) continue;
      const pgno = 1 + number * this.#extentPages + Math.floor(size / pageSize);
      return { pgno, problem: `it is cut off after ${rest} of ${pageSize} bytes, in ${path}` };
    }
    return undefined;
  }

  #missingOfQueue(meta: Page): MissingPage | undefined {
    const last = lastRecordOf(meta);
    const layout = queueLayout(meta);
    if (!layout || last === undefined) return undefined;
    const pgno = pageOfRecord(last, layout);
    if (this.queuePages().some(({ start, end }) => pgno >= start && pgno < end)) return undefined;
    return { pgno, problem: `it is missing, but record ${last} has to be on it` };
  }

  /**
   * The first page that is not there of those from the first record of a queue with extents to its last one: undefined when
   * all are. Records that were on it are lost, if there were any: the library removes an extent whose records are all gone and
   * leaves pages out that it has no record for, so most gaps mean nothing.
   */
  queueGap(): MissingPage | undefined {
    const meta = this.page(0);
    const last = this.#extentPages ? lastRecordOf(meta) : undefined;
    const layout = queueLayout(meta);
    if (!layout || last === undefined) return undefined;
    const first = meta.u32(metaAt.queue.first);
    const page = (recno: number): number => pageOfRecord(recno, layout);
    // Past the last number that there is, numbers begin with 1 again.
    const pgno =
      first <= last
        ? this.#gapIn(page(first), page(last))
        : (this.#gapIn(page(first), page(lastRecno)) ?? this.#gapIn(1, page(last)));
    if (pgno === undefined) return undefined;
    return { pgno, problem: 'it is not there, and if there were records on it, they are lost' };
  }

  #gapIn(first: number, last: number): number | undefined {
    let next = first;
    for (const { start, end } of this.queuePages()) {
      const endOfExtent = start + this.#extentPages;
      if (endOfExtent <= next || start > last) continue;
      if (start > next) return next;
      if (end < Math.min(endOfExtent, last + 1)) return Math.max(next, end);
      next = endOfExtent;
    }
    return next > last ? undefined : next;
  }

  /** Throws `page-type` when the end of the file is missing. */
  requireWhole(): void {
    const missing = this.firstMissing();
    if (missing) throw this.broken(missing.pgno, missing.problem);
  }

  /** What is wrong with the structure around a page, as an error. */
  broken(pgno: number, problem: string): FigaroError {
    return brokenPage(this.path, pgno, problem);
  }
}

export function brokenPage(path: string, pgno: number, problem: string): FigaroError {
  return new FigaroError('page-type', `${path}: page ${pgno}: ${problem}`, {
    path,
    pgno,
    hint: 'the database is damaged. Use another copy, recover it, or read what is left of it with `figaro-backup dump --salvage`.',
  });
}

/** A page that is not there, but has to be. */
interface MissingPage {
  readonly pgno: number;
  readonly problem: string;
}

/** The last record of a queue; undefined for an empty one. */
function lastRecordOf(meta: Page): number | undefined {
  const first = meta.u32(metaAt.queue.first);
  const current = meta.u32(metaAt.queue.current);
  if (first === current) return undefined;
  return current > 1 ? current - 1 : lastRecno;
}

export type DatabaseMethod = 'btree' | 'recno' | 'hash' | 'queue' | 'heap';

/** One database of a file. */
export interface Database {
  readonly file: DatabaseFile;
  /** Name of a sub-database, as its bytes; undefined when the file is one database. */
  readonly name: Uint8Array | undefined;
  readonly metaPgno: number;
  readonly meta: Page;
  readonly method: DatabaseMethod;
}

/** The database that a metadata page begins. */
export function databaseAt(file: DatabaseFile, metaPgno: number, name?: Uint8Array): Database {
  const meta = file.page(metaPgno);
  return { file, name, metaPgno, meta, method: methodOf(file, meta) };
}

function methodOf(file: DatabaseFile, meta: Page): DatabaseMethod {
  switch (meta.type) {
    case pageType.btreeMeta:
      return (meta.u32(metaAt.flags) & btreeFlag.recno) !== 0 ? 'recno' : 'btree';
    case pageType.hashMeta:
      return 'hash';
    case pageType.queueMeta:
      return 'queue';
    case pageType.heapMeta:
      return 'heap';
    default:
      throw file.broken(meta.pgno, `it has type ${meta.type}, where a metadata page has to be`);
  }
}

/** True when the file is a master of sub-databases (format document, 4.4.3). */
export function isMaster({ meta }: Database): boolean {
  return isMasterPage(meta);
}
