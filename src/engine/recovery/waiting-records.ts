/**
 * Records of pages that are not in memory, while redo goes on without them. Redo of a page depends on that page alone, and on the order of
 * its records: where the pages do not fit into memory, reading each of them when its next record comes means a read and a write for nearly
 * every record. Here the records wait, and are made page after page, as the pages lie in the file.
 */

import { type LogFile } from '../log/log-files.ts';
import { type RecordBatch } from '../log/scan.ts';
import { ScannedRecord } from '../log/scanned-record.ts';
import { type Binding } from './bindings.ts';
import { type StoredFile } from './page-store.ts';

/** Makes the change of a record that has waited. Its page is in memory. */
export type RedoLate = (record: ScannedRecord, file: StoredFile, binding: Binding) => void;

/** Memory of a record beside its bytes: five numbers of four bytes. */
const entrySize = 20;
/** There is room for so many of them as there would be if they had so many bytes each. */
const shortRecord = 80;
/** What the engine keeps of a page that records wait for, in bytes. */
const pageSize = 48;
/** There is room for so many pages as there would be if their records had so many bytes each. */
const bytesOfPage = 256;
/** So many pages are made in less than a second on a slow disk. */
const pagesOfStep = 256;

/** What is the same for many records of a file. */
interface Origin {
  readonly logFile: LogFile;
  readonly binding: Binding;
}

/** The records that wait, of all files, in memory that is taken once. */
export class WaitingRecords {
  readonly #redo: RedoLate;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #used = 0;
  /** Of each record: where its bytes are and how many, where it lies in its log file, what `origins` has of it, and the next of its page. */
  readonly #at: Uint32Array;
  readonly #length: Uint32Array;
  readonly #offset: Uint32Array;
  readonly #origin: Uint32Array;
  readonly #next: Uint32Array;
  #count = 0;
  /** How many pages records wait for, and for how many they may. */
  #pages = 0;
  readonly #mostPages: number;
  readonly #files = new Set<WaitingOfFile>();

  /** @param size memory for all of it, in bytes */
  constructor(size: number, redo: RedoLate) {
    const ofEntry = shortRecord + entrySize + (shortRecord / bytesOfPage) * pageSize;
    const entries = Math.max(1, Math.floor(size / ofEntry));
    this.#mostPages = Math.max(1, Math.floor((entries * shortRecord) / bytesOfPage));
    this.#bytes = new Uint8Array(entries * shortRecord);
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = new Uint32Array(entries);
    this.#length = new Uint32Array(entries);
    this.#offset = new Uint32Array(entries);
    this.#origin = new Uint32Array(entries);
    this.#next = new Uint32Array(entries);
    this.#redo = redo;
  }

  /**
   * Takes a record in, to be made when its page is needed. Where there is no room for it, those that wait are made, and it is not taken:
   * returns false.
   */
  add(file: StoredFile, pgno: number, batch: RecordBatch, i: number, binding: Binding): boolean {
    const length = batch.lengthOf(i);
    const isFull = this.#count === this.#at.length || this.#pages >= this.#mostPages;
    if (isFull || this.#used + length > this.#bytes.length) {
      this.finish();
      return false;
    }
    const start = batch.starts[i]!;
    this.#bytes.set(batch.bytes.subarray(start, start + length), this.#used);
    const entry = this.#count++;
    this.#at[entry] = this.#used;
    this.#length[entry] = length;
    this.#offset[entry] = batch.offsetOf(i);
    this.#used += length;
    const waiting = this.#of(file);
    this.#origin[entry] = waiting.originOf(batch.file, binding);
    if (waiting.append(pgno, entry, this.#next)) this.#pages += 1;
    return true;
  }

  #of(file: StoredFile): WaitingOfFile {
    const there = file.waiting;
    if (there) return there;
    const made = new WaitingOfFile(file, (entry, origins) => this.#redoAll(file, entry, origins));
    file.waiting = made;
    this.#files.add(made);
    return made;
  }

  /** Little room is left. */
  get isNearlyFull(): boolean {
    const part = 7 / 8;
    return (
      this.#count > part * this.#at.length ||
      this.#used > part * this.#bytes.length ||
      this.#pages > part * this.#mostPages
    );
  }

  /** Makes the changes of all records that wait. */
  finish(): void {
    for (const waiting of this.#files) waiting.finish();
    this.#forget();
  }

  /** As `finish`; between the pages of one step and those of the next, others take their turn. They must not come here. */
  async finishInSteps(pause: () => Promise<void>): Promise<void> {
    for (const waiting of this.#files) {
      for (const pgnos of waiting.steps(pagesOfStep)) {
        waiting.file.changeInPassing(pgnos);
        await pause();
      }
    }
    this.#forget();
  }

  #forget(): void {
    for (const { file } of this.#files) file.waiting = undefined;
    this.#files.clear();
    this.#used = 0;
    this.#count = 0;
  }

  /** @param last the last record of a page, whose `next` is the first one */
  #redoAll(file: StoredFile, last: number, origins: readonly Origin[]): void {
    this.#pages -= 1;
    let entry = last;
    do {
      entry = this.#next[entry]!;
      const { logFile, binding } = origins[this.#origin[entry]!]!;
      const { number, version, framing } = logFile;
      const lsn = { file: number, offset: this.#offset[entry]! };
      const [at, length] = [this.#at[entry]!, this.#length[entry]!];
      this.#redo(new ScannedRecord(this.#bytes, this.#view, at, length, lsn, version, framing.padding), file, binding);
    } while (entry !== last);
  }
}

/** The records of one file that wait. None of its pages that they are about is in memory. */
export class WaitingOfFile {
  readonly file: StoredFile;
  readonly #redoAll: (last: number, origins: readonly Origin[]) => void;
  readonly #origins: Origin[] = [];
  /** Where they have the bindings that were met in the log file of the last record. */
  readonly #originOf = new Map<Binding, number>();
  /** By page: its last record. */
  readonly #lastOf = new Map<number, number>();

  constructor(file: StoredFile, redoAll: (last: number, origins: readonly Origin[]) => void) {
    this.file = file;
    this.#redoAll = redoAll;
  }

  /** Databases of one file have a binding each, and their records alternate. */
  originOf(logFile: LogFile, binding: Binding): number {
    if (this.#origins.at(-1)?.logFile !== logFile) this.#originOf.clear();
    let origin = this.#originOf.get(binding);
    if (origin === undefined) {
      origin = this.#origins.push({ logFile, binding }) - 1;
      this.#originOf.set(binding, origin);
    }
    return origin;
  }

  /**
   * @param next of each record the one behind it, and of the last one of a page the first
   * @returns whether it is the first of its page
   */
  append(pgno: number, entry: number, next: Uint32Array): boolean {
    const last = this.#lastOf.get(pgno);
    this.#lastOf.set(pgno, entry);
    next[entry] = last === undefined ? entry : next[last]!;
    if (last === undefined) return true;
    next[last] = entry;
    return false;
  }

  /** To be called for a page that has come into memory: makes the changes that have waited for it. */
  arrived(pgno: number): void {
    const last = this.#lastOf.get(pgno);
    if (last === undefined) return;
    this.#lastOf.delete(pgno);
    this.#redoAll(last, this.#origins);
  }

  /** The pages whose records wait, in order, so many at a time. */
  *steps(pages: number): Generator<Uint32Array> {
    const pgnos = Uint32Array.from(this.#lastOf.keys()).sort();
    for (let i = 0; i < pgnos.length; i += pages) yield pgnos.subarray(i, i + pages);
  }

  /** Makes the changes that wait for the pages `first` to `last`. */
  finish(first = 0, last = Infinity): void {
    if (this.#lastOf.size === 0) return;
    const inRange = first === last ? [first] : this.#lastOf.keys();
    const pgnos = [...inRange].filter((pgno) => pgno >= first && pgno <= last && this.#lastOf.has(pgno));
    if (pgnos.length > 0) this.file.changeInPassing(Uint32Array.from(pgnos).sort());
  }
}
