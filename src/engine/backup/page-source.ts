/** Reading pages of a file that others write to. */

import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { fromStored, hasRightChecksum } from '../../format/page/checksum.ts';
import { metaAt } from '../../format/page/meta.ts';
import { Page } from '../../format/page/page.ts';
import { type EnvironmentFile } from '../environment/environment.ts';
import { problemOfPage, type PageProblem } from '../environment/page-verdict.ts';
import { type PagedFile } from '../environment/paged-files.ts';
import { identityOf } from '../environment/twins.ts';
import { statAtOpening, type Files, type FileStat, type OpenFile } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { type PageOnDisk } from '../recovery/disk-comparison.ts';

/** How often a page that is not whole is read again, and how long to wait in between. */
const attempts = 12;
const waitMs = 5;

/**
 * A page must not be read again while the same write goes on: two reads that agree prove something only if a write would
 * have come to its end in between. In milliseconds.
 */
export const apartMs = 30;

/** What is known of the log while pages are read. */
export interface LogBound {
  readonly end: Lsn;
  /** Looks whether it has grown. */
  follow(): Lsn;
  /** Follows, unless that was done a moment ago. */
  keepUp(): void;
}

/** Pages of which it is certain that they are damaged. */
export class DamagedPages {
  readonly #found = new Map<string, FigaroError>();

  /** Takes note of one, by the name of its file in the set. */
  add(name: string, error: FigaroError): void {
    const key = `${name} ${error.details.pgno}`;
    if (!this.#found.has(key)) this.#found.set(key, error);
  }

  get errors(): readonly FigaroError[] {
    return [...this.#found.values()];
  }
}

/** Where the first bytes of databases are read to, one after the other. */
const beginning = new Uint8Array(metaAt.uid + 20);

/** A file of pages, wherever it is at the moment. */
export class PageSource {
  readonly paged: PagedFile;
  /** Where it is now: it may be renamed while it is read. */
  file: EnvironmentFile;
  readonly #files: Files;
  readonly #bound: LogBound | undefined;
  readonly #damaged: DamagedPages;
  /** Some page carries the LSN of a log record. */
  isLogged = false;

  /** @param bound undefined for an environment without a log */
  constructor(files: Files, paged: PagedFile, bound: LogBound | undefined, damaged: DamagedPages) {
    this.#files = files;
    this.#damaged = damaged;
    this.paged = paged;
    this.file = paged.file;
    this.#bound = bound;
  }

  get pageSize(): number {
    return this.paged.format.pageSize;
  }

  /** A page shows by itself whether it is whole: it has a checksum, and we can read it. */
  get tellsWhole(): boolean {
    const { checksums, encrypted, cipher } = this.paged.format;
    return checksums && (!encrypted || cipher !== undefined);
  }

  /** Opens the file, if it is there and still the same database. */
  open(): OpenPages | undefined {
    const opened = this.openUnseen();
    if (!opened) return undefined;
    let isSame = false;
    try {
      isSame = opened.readFirst(beginning) !== undefined;
    } finally {
      if (!isSame) opened.close();
    }
    return isSame ? opened : undefined;
  }

  /** Opens the file, if it is there: `readFirst` tells whether it is still the same database. */
  openUnseen(): OpenPages | undefined {
    const opened = this.#files.openIfThere(this.file.path);
    return opened && new OpenPages(this, opened);
  }

  /** True for the first bytes of this database, whatever its file is called. */
  isBeginning(bytes: Uint8Array): boolean {
    const identity = identityOf(this.paged.file);
    if (identity === undefined) return true;
    const uid = bytes.subarray(metaAt.uid, metaAt.uid + identity.length / 2);
    return Buffer.from(uid.buffer, uid.byteOffset, uid.length).toString('hex') === identity;
  }

  /** True when pages are on disk, all as they were at `since` or later; undefined when the file is no longer there. */
  areWritten(pgnos: readonly number[], since: Lsn): boolean | undefined {
    const opened = this.open();
    if (!opened) return undefined;
    const bytes = new Uint8Array(this.pageSize);
    try {
      return pgnos.every((pgno) => {
        const page = opened.read(bytes, (pgno - this.paged.firstPgno) * this.pageSize);
        return page.length > 0 && compareLsn(new Page(page, this.paged.format).lsn, since) >= 0;
      });
    } finally {
      opened.close();
    }
  }

  /**
   * Pages as they are on disk; undefined when the file is no longer there. Those are left out that are not there, were never
   * logged, or are damaged.
   */
  async readSettled(pgnos: readonly number[], watch: Watch): Promise<ReadonlyMap<number, PageOnDisk> | undefined> {
    const opened = this.open();
    if (!opened) return undefined;
    const found = new Map<number, PageOnDisk>();
    try {
      for (const [i, pgno] of pgnos.entries()) {
        const page = await this.#readSettled(opened, pgno);
        if (page) found.set(pgno, page);
        await pause(watch, { phase: `look at new pages of ${this.file.path}`, done: i + 1, total: pgnos.length });
      }
    } finally {
      opened.close();
    }
    return found;
  }

  async #readSettled(opened: OpenPages, pgno: number): Promise<PageOnDisk | undefined> {
    const { format, firstPgno } = this.paged;
    const bytes = new Uint8Array(format.pageSize);
    for (let i = 1; i <= attempts; i++) {
      if (opened.read(bytes, (pgno - firstPgno) * format.pageSize).length === 0) return undefined;
      if (hasRightChecksum(bytes, format)) {
        const { lsn, entries, type } = new Page(fromStored(bytes, format), format);
        return isLogged(lsn) ? { lsn, entries, type } : undefined;
      }
      // It is being written just now.
      await setTimeout(apartMs);
    }
    return undefined;
  }

  pgnoAt(position: number): number {
    return this.paged.firstPgno + position / this.pageSize;
  }

  /** What keeps bytes from being a whole page of this file, changed within the log. */
  findProblem(bytes: Uint8Array, position: number): PageProblem | undefined {
    return problemOfPage(bytes, this.pgnoAt(position), this.paged.format, this.#beyond);
  }

  readonly #beyond = (lsn: Lsn): string | undefined => {
    this.isLogged = true;
    // The log is on disk before the page: look again before calling it wrong.
    if (!this.#bound || compareLsn(lsn, this.#bound.end) < 0) return undefined;
    const end = this.#bound.follow();
    return compareLsn(lsn, end) < 0 ? undefined : `but the log ends at ${formatLsn(end)}`;
  };

  unstable(position: number): FigaroError {
    const { path } = this.file;
    const pgno = this.pgnoAt(position);
    return new FigaroError('page-unstable', `${path}: page ${pgno} was different each time it was read`, {
      path,
      pgno,
      hint: 'try again when the application writes less, or give it a larger cache: pages in use stay in it, then.',
    });
  }

  /** Damage is collected: whoever copies wants to hear of all of it. */
  noteDamaged({ code, problem }: PageProblem, position: number): void {
    const { name, path } = this.file;
    const pgno = this.pgnoAt(position);
    const error = new FigaroError(code, `${path}: page ${pgno} ${problem}`, {
      path,
      pgno,
      hint:
        code === 'not-recoverable'
          ? 'log files are missing, or this file belongs to another environment.'
          : `${attempts + 1} reads gave the same bytes, so this is damage, not a write in progress. Run verify on older sets, and restore this file from one. --keep-damaged keeps a copy all the same, marked unsound.`,
    });
    this.#damaged.add(name, error);
  }
}

/** A file of pages, opened for reading. */
export class OpenPages {
  readonly #source: PageSource;
  readonly #opened: OpenFile;

  constructor(source: PageSource, opened: OpenFile) {
    this.#source = source;
    this.#opened = opened;
  }

  stat(): FileStat {
    return this.#opened.stat();
  }

  statAtOpening(): FileStat {
    return statAtOpening(this.#opened);
  }

  close(): void {
    this.#opened.close();
  }

  /** As `read`, from the beginning; undefined where another database has the name by now. */
  readFirst(buffer: Uint8Array): Uint8Array | undefined {
    const length = this.#opened.readAt(buffer, 0);
    return this.#source.isBeginning(buffer.subarray(0, length)) ? this.#wholePages(buffer, length) : undefined;
  }

  /** As many whole pages as the buffer takes; a part of a page at the end of the file was never finished. */
  read(buffer: Uint8Array, position: number): Uint8Array {
    return this.#wholePages(buffer, this.#opened.readAt(buffer, position));
  }

  #wholePages(buffer: Uint8Array, length: number): Uint8Array {
    return buffer.subarray(0, length - (length % this.#source.pageSize));
  }

  /**
   * Makes every page of a buffer just read a whole one, by reading it again. Throws `page-unstable` for one that is
   * different each time. One that stays as it is and is not whole is noted as damaged.
   */
  async requireWhole(bytes: Uint8Array, position: number): Promise<void> {
    const { pageSize } = this.#source;
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      const problem = this.#source.findProblem(page, position + at);
      if (problem) await this.#readUntilWhole(page, position + at, problem);
    }
  }

  async #readUntilWhole(page: Uint8Array, position: number, first: PageProblem): Promise<void> {
    let problem: PageProblem | undefined = first;
    let moved = false;
    const before = new Uint8Array(page.length);
    for (let i = 1; problem && i <= attempts; i++) {
      await setTimeout(waitMs * i);
      before.set(page);
      // A page that the file has lost meanwhile is one of zeros.
      if (this.read(page, position).length === 0) page.fill(0);
      moved ||= Buffer.compare(before, page) !== 0;
      problem = this.#source.findProblem(page, position);
    }
    if (problem && moved) throw this.#source.unstable(position);
    if (problem) this.#source.noteDamaged(problem, position);
  }
}
