/** Files of a mirror whose bytes come from a store when they are read, each once. */

import { FigaroError } from '../../errors.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { type Range, type StoredObject } from '../store/store.ts';
import { largestRead, type SyncReader } from '../store/sync-reader.ts';

/** What is fetched at once, in bytes: a page alone is not worth a question. */
const blockSize = 64 << 10;
/** Of a file that is read from one end to the other. */
const mostAhead = largestRead / blockSize;

/** A file that is as long as its object, and of which some blocks are there. */
interface LazyFile {
  readonly object: string;
  readonly size: number;
  /** When the object was written: that blocks come is no change. */
  readonly changedMs: number;
  /** A byte a block: 1 for those that are there. */
  readonly present: Uint8Array;
  /** The block after the last one that was fetched. */
  next: number;
  /** How many blocks to fetch at once. */
  ahead: number;
}

/** Stands between the engine and its disk for as long as a mirror is used. */
export class LazyFiles {
  readonly files: Files;
  readonly #disk: Files;
  readonly #reader: SyncReader;
  /** By path. */
  readonly #lazy = new Map<string, LazyFile>();

  constructor(disk: Files, reader: SyncReader) {
    this.#disk = disk;
    this.#reader = reader;
    this.files = filesWith(disk, {
      openIfThere: (file) => this.#open(file) ?? disk.openIfThere(file),
      openOwnIfThere: (file) => this.#open(file) ?? disk.openOwnIfThere(file),
      statIfThere: (file) => this.#unchanged(file, disk.statIfThere(file)),
      statThrough: (file) => this.#unchanged(file, disk.statThrough(file)),
      copy: async (from, to) => {
        const lazy = this.#lazy.get(from);
        if (lazy) this.#fill(from, lazy);
        await disk.copy(from, to);
      },
    });
  }

  /** Makes a file that stands for an object. */
  add(file: string, { name, size, changedMs }: StoredObject, mode: number): void {
    // Blocks are written into it, whatever it is that the source could do with it.
    const opened = this.#disk.create(file, mode | 0o600);
    try {
      opened.truncate(size);
    } finally {
      opened.close();
    }
    const present = new Uint8Array(Math.ceil(size / blockSize));
    this.#lazy.set(file, { object: name, size, changedMs, present, next: 0, ahead: 1 });
  }

  /** Forgets the bytes of a file that is an object now. */
  release(file: string, object: StoredObject): void {
    const { mode } = this.#disk.statIfThere(file)!;
    this.#disk.remove(file);
    this.add(file, object, mode);
  }

  #unchanged<T extends FileStat | undefined>(file: string, stat: T): T {
    const lazy = stat && this.#lazy.get(file);
    return lazy ? { ...stat, mtimeMs: lazy.changedMs, changedMs: lazy.changedMs } : stat;
  }

  #open(file: string): OpenFile | undefined {
    const lazy = this.#lazy.get(file);
    // It may have been removed or renamed since.
    if (!lazy || this.#disk.statIfThere(file)?.kind !== 'file') return undefined;
    const opened = this.#disk.openToWrite(file);
    return {
      path: file,
      stat: () => this.#unchanged(file, opened.stat()),
      readAt: (target, position) => {
        this.#fetch(opened, lazy, position, position + target.length);
        return opened.readAt(target, position);
      },
      writeAt: (source, position) => opened.writeAt(source, position),
      truncate: (size) => opened.truncate(size),
      sync: () => opened.sync(),
      close: () => opened.close(),
    };
  }

  #fill(file: string, lazy: LazyFile): void {
    const opened = this.#disk.openToWrite(file);
    try {
      this.#fetch(opened, lazy, 0, lazy.size);
    } finally {
      opened.close();
    }
  }

  /** Brings what is missing between two places of a file. */
  #fetch(opened: OpenFile, lazy: LazyFile, start: number, end: number): void {
    const { present } = lazy;
    const last = Math.min(Math.ceil(end / blockSize), present.length);
    for (let at = Math.floor(start / blockSize); at < last;) {
      if (present[at] === 1) {
        at += 1;
        continue;
      }
      lazy.ahead = at === lazy.next ? Math.min(2 * lazy.ahead, mostAhead) : 1;
      let to = at + 1;
      const most = Math.min(present.length, at + mostAhead, Math.max(last, at + lazy.ahead));
      while (to < most && present[to] === 0) to += 1;
      this.#fetchBlocks(opened, lazy, at, to);
      present.fill(1, at, to);
      lazy.next = to;
      at = to;
    }
  }

  #fetchBlocks(opened: OpenFile, { object, size }: LazyFile, from: number, to: number): void {
    const start = from * blockSize;
    const length = Math.min(to * blockSize, size) - start;
    const bytes = this.#read(object, { start, length });
    if (bytes?.length !== length) {
      const problem = bytes ? `it ends after ${start + bytes.length} bytes of ${size}` : 'it is not there any more';
      throw new FigaroError('io', `${object} changed while it was read: ${problem}`, {
        path: opened.path,
        hint: 'another run may have removed its set. Run the same command again.',
      });
    }
    opened.writeAt(bytes, start);
  }

  /** As of a disk, failures have a cause: without one, an error is about what is in a file. */
  #read(object: string, range: Range): Uint8Array | undefined {
    try {
      return this.#reader.read(object, range);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      throw new FigaroError(error.code, error.message, { ...error.details, cause: error.details.cause ?? error });
    }
  }
}
