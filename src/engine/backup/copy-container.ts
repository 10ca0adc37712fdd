import { createHash } from 'node:crypto';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { checkPage, type PageFinding } from '../../format/page/check.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { isBlank, Page } from '../../format/page/page.ts';
import { type EnvironmentFile } from '../environment/discover.ts';
import { makeDirectories, openToRead, withFile, type Files, type OpenFile } from '../files.ts';
import { pause, type Watch } from '../pause.ts';

const copyUnit = 4 << 20;
/** How often a page that is not whole is read again, and how long to wait in between. */
const attempts = 12;
const waitMs = 5;

/** What is known of the log while pages are copied. */
export interface LogBound {
  /** Where the log ends now. */
  readonly end: () => Lsn;
  /** Looks whether it has grown. */
  readonly follow: () => void;
}

/** A container in a set that is being made. */
export class ContainerCopy {
  readonly file: EnvironmentFile;
  readonly target: string;
  readonly #files: Files;
  readonly #bound: LogBound | undefined;
  /** In bytes. */
  size = 0;
  sha256 = '';
  /** Pages were written again after they were hashed. */
  #patched = false;
  /** True when some page carries the LSN of a log record. */
  isLogged = false;
  pagesReread = 0;

  /** @param bound undefined for an environment without a log */
  constructor(files: Files, file: EnvironmentFile, target: string, bound: LogBound | undefined) {
    this.#files = files;
    this.file = file;
    this.target = target;
    this.#bound = bound;
  }

  get format(): DatabaseFormat {
    return this.file.format!;
  }

  /**
   * Copies every page, checked, in large reads. Returns false when the file is gone. Throws `page-unstable`,
   * `page-checksum` or `page-type` for a page that never becomes whole.
   */
  async copy(watch: Watch): Promise<boolean> {
    const source = this.#files.openIfThere(this.file.path);
    if (!source) return false;
    makeDirectories(this.#files, path.dirname(this.target));
    const target = this.#files.create(this.target, this.file.stat.mode);
    try {
      const hash = createHash('sha256');
      const { pageSize } = this.format;
      const buffer = new Uint8Array(Math.max(copyUnit, pageSize));
      for (let position = 0; ; ) {
        const bytes = wholePages(buffer.subarray(0, source.readAt(buffer, position)), pageSize);
        if (bytes.length === 0) break;
        await this.#settleAll(source, bytes, position);
        hash.update(bytes);
        target.writeAt(bytes, position);
        position += bytes.length;
        this.size = position;
        const total = source.stat().size;
        await pause(watch, { phase: `copy ${this.file.name}`, done: position, total });
        this.#bound?.follow();
      }
      this.sha256 = hash.digest('hex');
      target.sync();
      return true;
    } finally {
      source.close();
      target.close();
    }
  }

  /** Makes every page of a buffer just read a whole one. */
  async #settleAll(source: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
    const { pageSize } = this.format;
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      if (this.#finding(page, (position + at) / pageSize)) {
        await this.#settle(source, page, (position + at) / pageSize);
      }
    }
  }

  #finding(bytes: Uint8Array, pgno: number): PageFinding | undefined {
    const finding = checkPage(bytes, pgno, this.format);
    if (finding || isBlank(bytes)) return finding;
    const { lsn } = new Page(bytes, this.format);
    if (lsn.file === 0) return undefined;
    this.isLogged = true;
    if (!this.#bound || compareLsn(lsn, this.#bound.end()) < 0) return undefined;
    // The log is on disk before the page: look again before calling it wrong.
    this.#bound.follow();
    if (compareLsn(lsn, this.#bound.end()) < 0) return undefined;
    return {
      code: 'page-type',
      problem: `it was last changed at ${formatLsn(lsn)}, but the log ends at ${formatLsn(this.#bound.end())}`,
    };
  }

  /** Reads a page again until it is whole. */
  async #settle(source: OpenFile, page: Uint8Array, pgno: number): Promise<void> {
    let finding = this.#finding(page, pgno);
    let changed = false;
    const before = new Uint8Array(page.length);
    for (let i = 0; finding && i < attempts; i++) {
      await setTimeout(waitMs * (i + 1));
      before.set(page);
      if (source.readAt(page, pgno * page.length) < page.length) return;
      changed ||= Buffer.compare(before, page) !== 0;
      finding = this.#finding(page, pgno);
      this.pagesReread += 1;
    }
    if (!finding) return;
    const { path: file } = this.file;
    if (changed) throw unstable(file, pgno);
    throw new FigaroError(finding.code, `${file}: page ${pgno} is damaged: ${finding.problem}`, {
      path: file,
      pgno,
      hint: `${attempts + 1} reads gave the same bytes, so this is damage, not a write in progress. Run verify on an older set.`,
    });
  }

  /**
   * Reads pages again that may have been in motion when they were copied. A page that differs is read until two reads
   * agree, and written into the copy. Pages past the end of either file are left to the log.
   */
  async reread(pgnos: Iterable<number>, watch: Watch): Promise<void> {
    const source = this.#files.openIfThere(this.file.path);
    // Removed or renamed meanwhile: the log says so, and the proof will tell whether the copy will do.
    if (!source) return;
    const copy = this.#files.openToWrite(this.target);
    const { pageSize } = this.format;
    const now = new Uint8Array(pageSize);
    const then = new Uint8Array(pageSize);
    let patched = 0;
    try {
      for (const pgno of pgnos) {
        const position = pgno * pageSize;
        if (position + pageSize > this.size) continue;
        if (source.readAt(now, position) < pageSize) continue;
        copy.readAt(then, position);
        if (Buffer.compare(now, then) !== 0) {
          await this.#readTwice(source, now, pgno);
          copy.writeAt(now, position);
          patched += 1;
        }
        await pause(watch, { phase: `read ${this.file.name} again` });
      }
      if (patched > 0) {
        copy.sync();
        this.#patched = true;
      }
    } finally {
      source.close();
      copy.close();
    }
  }

  /** Reads a page until two reads, apart in time, agree on a whole page. */
  async #readTwice(source: OpenFile, page: Uint8Array, pgno: number): Promise<void> {
    const before = new Uint8Array(page.length);
    for (let i = 0; i < attempts; i++) {
      before.set(page);
      await setTimeout(waitMs * (i + 1));
      this.pagesReread += 1;
      if (source.readAt(page, pgno * page.length) < page.length) {
        page.set(before);
        return;
      }
      if (Buffer.compare(before, page) === 0 && !this.#finding(page, pgno)) return;
    }
    throw unstable(this.file.path, pgno);
  }

  /** Every page number of the copy. */
  *allPages(): Generator<number> {
    for (let pgno = 0; pgno * this.format.pageSize < this.size; pgno++) yield pgno;
  }

  /** Hashes the copy again if pages were written into it since. */
  finish(): void {
    if (!this.#patched) return;
    this.sha256 = hashFile(this.#files, this.target).sha256;
    this.#patched = false;
  }
}

function wholePages(bytes: Uint8Array, pageSize: number): Uint8Array {
  return bytes.subarray(0, bytes.length - (bytes.length % pageSize));
}

function unstable(file: string, pgno: number): FigaroError {
  return new FigaroError('page-unstable', `${file}: page ${pgno} was being written each of ${attempts + 1} times it was read`, {
    path: file,
    pgno,
    hint: 'try again when the application writes less.',
  });
}

/** SHA-256 and size of a file. */
export function hashFile(files: Files, file: string): { sha256: string; size: number } {
  return withFile(files, file, (opened) => {
    const hash = createHash('sha256');
    const buffer = new Uint8Array(copyUnit);
    let size = 0;
    for (;;) {
      const bytes = buffer.subarray(0, opened.readAt(buffer, size));
      if (bytes.length === 0) break;
      hash.update(bytes);
      size += bytes.length;
    }
    return { sha256: hash.digest('hex'), size };
  });
}

/** Copies a file that is no container, byte by byte, synced. Returns false when it is gone. */
export function copyPlain(files: Files, file: EnvironmentFile, target: string): boolean {
  if (!files.statIfThere(file.path)) return false;
  const source = openToRead(files, file.path);
  makeDirectories(files, path.dirname(target));
  const copy = files.create(target, file.stat.mode);
  try {
    const buffer = new Uint8Array(copyUnit);
    for (let position = 0; ; ) {
      const bytes = buffer.subarray(0, source.readAt(buffer, position));
      if (bytes.length === 0) break;
      copy.writeAt(bytes, position);
      position += bytes.length;
    }
    copy.sync();
    return true;
  } finally {
    source.close();
    copy.close();
  }
}
