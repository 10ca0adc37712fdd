/** Files of a mirror whose bytes come from a store when they are read, each once. */

import { FigaroError } from '../../errors.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { type Range, type StoredObject } from '../store/store.ts';
import { largestRead, type SyncReader } from '../store/sync-reader.ts';
import { type Expected, type StandIn } from './stand-in.ts';

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
  /** What it is, where something else may have the same bytes. */
  readonly expected: Expected | undefined;
}

/** Stands between the engine and its disk for as long as a mirror is used. */
export class LazyFiles {
  readonly files: Files;
  readonly #disk: Files;
  readonly #reader: SyncReader;
  readonly #standIn: StandIn | undefined;
  /** By path. */
  readonly #lazy = new Map<string, LazyFile>();

  constructor(disk: Files, reader: SyncReader, standIn?: StandIn) {
    this.#disk = disk;
    this.#reader = reader;
    this.#standIn = standIn;
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
  add(file: string, { name, size, changedMs }: StoredObject, mode: number, expected?: Expected): void {
    // Blocks are written into it, whatever it is that the source could do with it.
    const opened = this.#disk.create(file, mode | 0o600);
    try {
      opened.truncate(size);
    } finally {
      opened.close();
    }
    const present = new Uint8Array(Math.ceil(size / blockSize));
    this.#lazy.set(file, { object: name, size, changedMs, present, next: 0, ahead: 1, expected });
  }

  /** Forgets the bytes of a file that is an object now. */
  release(file: string, object: StoredObject, expected?: Expected): void {
    const { mode } = this.#disk.statIfThere(file)!;
    this.#disk.remove(file);
    this.add(file, object, mode, expected);
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
      if (this.#fetchBlocks(opened, lazy, at, to) === 'whole') {
        present.fill(1);
        return;
      }
      present.fill(1, at, to);
      lazy.next = to;
      at = to;
    }
  }

  /** Returns `whole` where all of the file came. */
  #fetchBlocks(opened: OpenFile, { object, size, expected }: LazyFile, from: number, to: number): 'blocks' | 'whole' {
    const start = from * blockSize;
    const length = Math.min(to * blockSize, size) - start;
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#read(object, { start, length });
    } catch (error) {
      const isLocked = error instanceof FigaroError && error.code === 'password';
      if (isLocked && expected && this.#standIn?.fill(opened, expected)) return 'whole';
      throw error;
    }
    if (bytes?.length !== length) {
      const problem = bytes ? `it ends after ${start + bytes.length} bytes of ${size}` : 'it is not there any more';
      throw new FigaroError('io', `${object} changed while it was read: ${problem}`, {
        path: opened.path,
        hint: 'another run may have removed its set. Run the same command again.',
      });
    }
    opened.writeAt(bytes, start);
    return 'blocks';
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
