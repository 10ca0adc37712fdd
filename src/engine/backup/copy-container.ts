import path from 'node:path';
import { formatSizes } from '../../measures.ts';
import { setTimeout } from 'node:timers/promises';
import { type EnvironmentFile } from '../environment/environment.ts';
import { type PagedFile } from '../environment/paged-files.ts';
import { createInTree, makeDirectories } from '../files/tree.ts';
import { type Files, type FileStat, type OpenFile } from '../files/files.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { hashFile } from '../files/hash.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { identityOf } from '../environment/twins.ts';
import { type PageOnDisk } from '../recovery/disk-comparison.ts';
import { restMs } from '../environment/own-files.ts';
import { showsWrites, stoodStill } from '../environment/unchanged.ts';
import { SpareMemory } from '../files/spare-memory.ts';
import { startHash } from './running-hash.ts';
import { apartMs, PageSource, type DamagedPages, type LogBound, type OpenPages } from './page-source.ts';

/** What files are copied through, most of them one after the other. */
const memory = new SpareMemory();

/** How often a page that changes is read again before it is given up. */
const attempts = 200;

/** A file of pages in a set that is being made: a container, or an extent of a queue. */
export class ContainerCopy {
  readonly paged: PagedFile;
  readonly #files: Files;
  readonly #source: PageSource;
  readonly #bound: LogBound | undefined;
  #name: string;
  #target: string;
  /** Of the copy, in bytes. */
  size = 0;
  sha256 = '';
  stat: FileStat;
  /** Written without the log, in an environment that has one. */
  isUnlogged = false;
  /** Pages that were different when they were read again. */
  pagesInMotion = 0;
  /** Nothing was written to the source while it was read: every page is whole. */
  isUntouched = false;
  /** What was in the log up to here was on disk before any page of the copy was read; undefined without a log. */
  #readAfter: Lsn | undefined;
  /** It has to be hashed: it was not yet, or pages were written since. */
  #unhashed = true;

  /**
   * @param bound undefined for an environment without a log
   * @param damaged takes note of damaged pages
   */
  constructor(files: Files, paged: PagedFile, target: string, bound: LogBound | undefined, damaged: DamagedPages) {
    this.#files = files;
    this.#source = new PageSource(files, paged, bound, damaged);
    this.#bound = bound;
    this.paged = paged;
    this.stat = paged.file.stat;
    this.#name = paged.file.name;
    this.#target = target;
  }

  /** Path in the set. */
  get name(): string {
    return this.#name;
  }

  get target(): string {
    return this.#target;
  }

  /** See `identityOf`; by name where there is none. */
  get identity(): string {
    return identityOf(this.paged.file) ?? this.paged.file.name;
  }

  /** Where the source is now. */
  get source(): EnvironmentFile {
    return this.#source.file;
  }
  set source(file: EnvironmentFile) {
    this.#source.file = file;
  }

  /** Some page carries the LSN of a log record. */
  get isLogged(): boolean {
    return this.#source.isLogged;
  }

  /** True when pages are in the copy that were read after a record was on disk. */
  hasRead(pgnos: readonly number[], after: Lsn): boolean {
    if (!this.#readAfter || compareLsn(after, this.#readAfter) >= 0) return false;
    return pgnos.every((pgno) => (pgno - this.paged.firstPgno + 1) * this.#source.pageSize <= this.size);
  }

  /** As `PageSource.areWritten`. */
  areWritten(pgnos: readonly number[], since: Lsn): boolean | undefined {
    return this.#source.areWritten(pgnos, since);
  }

  /** As `PageSource.readSettled`. */
  async readSettled(pgnos: readonly number[], watch: Watch): Promise<ReadonlyMap<number, PageOnDisk> | undefined> {
    return await this.#source.readSettled(pgnos, watch);
  }

  /** Gives the copy another name in the set. */
  rename(name: string, target: string): void {
    makeDirectories(this.#files, path.dirname(target));
    this.#files.rename(this.#target, target);
    this.#name = name;
    this.#target = target;
  }

  /**
   * Copies every page, checked, in large reads. Returns false when the file is gone. Throws `page-unstable` for a page
   * that does not become whole; damaged ones are noted. The source has to have been listed `apartMs` ago.
   */
  async copy(watch: Watch): Promise<boolean> {
    const source = this.#source.openUnseen();
    if (!source) return false;
    try {
      this.stat = source.statAtOpening();
      this.#readAfter = this.#bound?.end;
      const wasStill = this.#isAtRest();
      if (!(await this.#copyPages(source, watch))) return false;
      this.isUntouched = wasStill && stoodStill(this.stat, source.stat());
      return true;
    } finally {
      source.close();
    }
  }

  /** Nobody is writing to the source: not since it was listed, nor, by the clock, for longer than any write takes. */
  #isAtRest(): boolean {
    const { changedMs, mtimeMs } = this.stat;
    if (!stoodStill(this.source.stat, this.stat) || Date.now() - Math.max(changedMs, mtimeMs) < restMs) return false;
    return showsWrites(this.#files, this.source.path, this.stat);
  }

  async #copyPages(source: OpenPages, watch: Watch): Promise<boolean> {
    const { size } = this.stat;
    const buffer = this.#bufferFor(size, watch);
    const hash = startHash(size, buffer);
    try {
      let bytes = source.readFirst((await hash.free()).subarray(0, size));
      if (!bytes) return false;
      // It is opened again to follow its source, which may be read-only.
      const target = createInTree(this.#files, this.target, this.stat.mode | 0o600);
      try {
        // It may grow faster than it is copied. What it grows by later comes from the log.
        while (bytes.length > 0) {
          await source.requireWhole(bytes, this.size);
          hash.update(bytes);
          target.writeAt(bytes, this.size);
          this.size += bytes.length;
          await this.#giveWay('copy', this.size, bytes.length, watch);
          if (this.size >= size) break;
          bytes = source.read((await hash.free()).subarray(0, size - this.size), this.size);
        }
        const digest = await hash.digest();
        this.sha256 = digest ?? '';
        this.#unhashed = digest === undefined;
        target.sync();
      } finally {
        target.close();
      }
      return true;
    } finally {
      hash.close();
      memory.giveBack(buffer);
    }
  }

  /** For whole pages: no larger than what is to be read, and what it may grow by. */
  #bufferFor(bytes: number, watch: Watch): Uint8Array {
    const { pageSize } = this.#source;
    return memory.take(Math.min(unitOf(watch), Math.ceil((bytes + 1) / pageSize) * pageSize));
  }

  /** Follows the log, so that no file of it is missed, and lets others have their turn. */
  async #giveWay(verb: string, done: number, bytes: number, watch: Watch): Promise<void> {
    this.#bound?.keepUp();
    // The source may have grown since it was copied.
    const total = Math.max(this.stat.size, this.size);
    await pause(watch, { phase: `${verb} ${this.name}`, done, total }, bytes);
  }

  /**
   * Reads pages again that may have been in motion when they were copied, until two reads of each agree, and keeps the
   * last. Returns false when the file is no longer there. Throws `page-unstable` for a page that never stands still.
   */
  async confirm(pgnos: Iterable<number>, watch: Watch): Promise<boolean> {
    const { pageSize } = this.#source;
    return await this.#withBoth(async (source, copy) => {
      const positions = [...pgnos]
        .map((pgno) => (pgno - this.paged.firstPgno) * pageSize)
        // Pages behind the end of the copy, which may have become shorter just now, come from the log.
        .filter((position) => position >= 0 && position < this.size);
      const moving = await this.#readAgain(source, copy, positions.sort(ascending), watch);
      await this.#followMoving(source, copy, moving, watch);
    });
  }

  /**
   * Confirms pages, or all of them, where the source is longer than the copy, too. Returns false when the file is no longer
   * there.
   */
  async confirmGrowth(pgnos: Iterable<number> | undefined, watch: Watch): Promise<boolean> {
    const { pageSize } = this.#source;
    const wanted = pgnos && [...pgnos];
    const before = this.size;
    const until = wanted
      ? (wanted.reduce((a, b) => Math.max(a, b), 0) - this.paged.firstPgno + 1) * pageSize
      : Infinity;
    const there = await this.#withBoth(async (source, copy) => await this.#extend(source, copy, until, watch));
    if (!there) return false;
    if (this.size > before) await setTimeout(apartMs);
    if (!wanted) return await this.confirmAll(watch);
    for (let position = before; position < this.size; position += pageSize) wanted.push(this.#source.pgnoAt(position));
    return await this.confirm(new Set(wanted), watch);
  }

  /** Copies pages that the source has grown by since. */
  async #extend(source: OpenPages, copy: OpenFile, until: number, watch: Watch): Promise<void> {
    if (this.size >= until) return;
    const buffer = this.#bufferFor(until - this.size, watch);
    while (this.size < until) {
      const bytes = source.read(buffer.subarray(0, Math.min(buffer.length, until - this.size)), this.size);
      if (bytes.length === 0) return;
      await source.requireWhole(bytes, this.size);
      copy.writeAt(bytes, this.size);
      this.size += bytes.length;
      this.#unhashed = true;
      await this.#giveWay('copy', this.size, bytes.length, watch);
    }
  }

  /** Reads every page again, as `confirm` does. Returns false when the file is no longer there. */
  async confirmAll(watch: Watch): Promise<boolean> {
    return await this.#withBoth(async (source, copy) => {
      const readAfter = this.#bound?.end;
      const moving: number[] = [];
      const buffer = this.#bufferFor(this.size, watch);
      const copied = new Uint8Array(buffer.length);
      for (let position = 0; position < this.size;) {
        const wanted = Math.min(buffer.length, this.size - position);
        const bytes = source.read(buffer.subarray(0, wanted), position);
        if (bytes.length === 0) break;
        const then = copied.subarray(0, copy.readAt(copied.subarray(0, bytes.length), position));
        moving.push(...this.#keepNew(copy, bytes, then, position));
        position += bytes.length;
        await this.#giveWay('read again', position, bytes.length, watch);
      }
      await this.#followMoving(source, copy, moving, watch);
      this.#readAfter = readAfter;
    });
  }

  /** Writes the pages of a run that are different into the copy; returns where they are. */
  #keepNew(copy: OpenFile, bytes: Uint8Array, copied: Uint8Array, position: number): number[] {
    if (Buffer.compare(bytes, copied) === 0) return [];
    const { pageSize } = this.#source;
    const different: number[] = [];
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      if (Buffer.compare(page, copied.subarray(at, at + pageSize)) === 0) continue;
      copy.writeAt(page, position + at);
      different.push(position + at);
    }
    this.pagesInMotion += different.length;
    this.#unhashed = true;
    return different;
  }

  /** Reads single pages again; returns where they were different. What was read is in the copy. */
  async #readAgain(source: OpenPages, copy: OpenFile, positions: readonly number[], watch: Watch): Promise<number[]> {
    const page = new Uint8Array(this.#source.pageSize);
    const copied = new Uint8Array(page.length);
    const different: number[] = [];
    let count = 0;
    for (const position of positions) {
      // Cut off meanwhile: the log says so.
      if (source.read(page, position).length === 0) break;
      copy.readAt(copied, position);
      different.push(...this.#keepNew(copy, page, copied, position));
      if (++count % 256 === 0) await this.#giveWay('read again', position, 256 * page.length, watch);
    }
    return different;
  }

  /** Follows pages that moved until each is whole: by its checksum, or read twice with equal bytes. */
  async #followMoving(source: OpenPages, copy: OpenFile, first: readonly number[], watch: Watch): Promise<void> {
    if (this.#source.tellsWhole) return await this.#takeWhole(source, copy, first);
    let moving = first;
    for (let i = 1; moving.length > 0; i++) {
      if (i > attempts) throw this.#source.unstable(moving[0]!);
      await setTimeout(apartMs);
      moving = await this.#readAgain(source, copy, moving, watch);
    }
    const page = new Uint8Array(this.#source.pageSize);
    for (const position of first) {
      if (copy.readAt(page, position) < page.length) continue;
      const before = page.slice();
      await source.requireWhole(page, position);
      if (Buffer.compare(before, page) !== 0) throw this.#source.unstable(position);
    }
  }

  /** Reads each page again until it is whole. What is written all the time is whole at times. */
  async #takeWhole(source: OpenPages, copy: OpenFile, positions: readonly number[]): Promise<void> {
    const page = new Uint8Array(this.#source.pageSize);
    for (const position of positions) {
      // Cut off meanwhile: the log says so.
      if (source.read(page, position).length === 0) return;
      await source.requireWhole(page, position);
      copy.writeAt(page, position);
      this.#unhashed = true;
    }
  }

  /** Opens source and copy. A source that became shorter makes the copy as short: so it would look a moment later. */
  async #withBoth(use: (source: OpenPages, copy: OpenFile) => Promise<void>): Promise<boolean> {
    const source = this.#source.open();
    if (!source) return false;
    try {
      const copy = this.#files.openToWrite(this.target);
      try {
        const { size } = source.stat();
        const whole = size - (size % this.#source.pageSize);
        if (whole < this.size) {
          copy.truncate(whole);
          this.size = whole;
          this.#unhashed = true;
        }
        await use(source, copy);
        if (this.#unhashed) copy.sync();
      } finally {
        copy.close();
      }
      return true;
    } finally {
      source.close();
    }
  }

  /** Where the source has other bytes than the copy now; undefined when they agree. For sources at rest. */
  async firstDifference(watch: Watch): Promise<string | undefined> {
    const source = this.#source.open();
    if (!source) return 'it is gone';
    const copy = this.#files.openIfThere(this.target)!;
    try {
      const { size } = source.stat();
      if (size !== this.stat.size) {
        const [had, has] = formatSizes(this.stat.size, size);
        return `it had ${had}, and has ${has}`;
      }
      const buffer = this.#bufferFor(this.size, watch);
      const copied = new Uint8Array(buffer.length);
      for (let position = 0; position < this.size;) {
        const bytes = source.read(buffer.subarray(0, Math.min(buffer.length, this.size - position)), position);
        if (bytes.length === 0) return 'it became shorter';
        const then = copied.subarray(0, copy.readAt(copied.subarray(0, bytes.length), position));
        if (Buffer.compare(bytes, then) !== 0) {
          const at = bytes.findIndex((byte, i) => byte !== then[i]);
          return `a second read gave other bytes on page ${Math.floor(this.#source.pgnoAt(position + at))}`;
        }
        position += bytes.length;
        await this.#giveWay('read again', position, bytes.length, watch);
      }
      return undefined;
    } finally {
      source.close();
      copy.close();
    }
  }

  /** Hashes the copy again if pages were written into it since. */
  async finish(watch: Watch): Promise<void> {
    if (!this.#unhashed) return;
    ({ sha256: this.sha256 } = await hashFile(this.#files, this.target, watch));
    this.#unhashed = false;
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}
