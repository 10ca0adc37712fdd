import { type Lsn } from '../../../format/lsn.ts';
import { IdIndex } from '../../log/id-index.ts';
import { NotOnDemand } from './not-on-demand.ts';

/** A record that is about a page. */
export interface PageRecord extends Lsn {
  /** Only make sure that the page holds nothing of it. */
  readonly check: boolean;
}

/** What each of them takes, in bytes, while they are gathered and when they were asked for. */
export const bytesPerRecord = 13 + 9;

/** Records of one page, in the order of the log. */
export class RecordList {
  readonly #files: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #checks: Uint8Array;

  /** @param length of records that are filled in by `set` */
  constructor(length: number) {
    this.#files = new Uint32Array(length);
    this.#offsets = new Uint32Array(length);
    this.#checks = new Uint8Array(length);
  }

  get length(): number {
    return this.#files.length;
  }

  set(i: number, file: number, offset: number, check: boolean): void {
    this.#files[i] = file;
    this.#offsets[i] = offset;
    this.#checks[i] = check ? 1 : 0;
  }

  at(i: number): PageRecord {
    return { file: this.#files[i]!, offset: this.#offsets[i]!, check: this.#checks[i] === 1 };
  }

  /** How many there are before a place of the log. */
  countBefore({ file, offset }: Lsn): number {
    let low = 0;
    for (let high = this.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.#files[middle]! - file || this.#offsets[middle]! - offset) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const none = -1;

/** Which records are about which pages. In columns, since there can be millions. */
export class PageRecords {
  readonly #most: number;
  #files = new Uint32Array(1024);
  #offsets = new Uint32Array(1024);
  #checks = new Uint8Array(1024);
  /** By record: the one of its page that was added before it. */
  #before = new Int32Array(1024);
  #count = 0;
  /** By page: the record that was added last. An index has no room for page 0. */
  readonly #last = new IdIndex();
  #lastOfFirst = none;

  /** @param most so many records are kept; one more throws `NotOnDemand` */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** A record that names a page twice is added once. */
  add(pgno: number, file: number, offset: number, check: boolean): void {
    const before = this.#lastOf(pgno);
    if (before !== none && this.#files[before] === file && this.#offsets[before] === offset) return;
    const at = this.#count;
    if (at === this.#most) throw new NotOnDemand('the log has more records than there is memory for');
    if (at === this.#files.length) this.#grow();
    this.#count += 1;
    this.#files[at] = file;
    this.#offsets[at] = offset;
    this.#checks[at] = check ? 1 : 0;
    this.#before[at] = before;
    if (pgno === 0) this.#lastOfFirst = at;
    else this.#last.set(pgno, at);
  }

  #lastOf(pgno: number): number {
    return pgno === 0 ? this.#lastOfFirst : this.#last.get(pgno);
  }

  #grow(): void {
    const length = 2 * this.#count;
    const grown = <Column extends Uint32Array | Int32Array | Uint8Array>(column: Column, to: Column): Column => {
      to.set(column);
      return to;
    };
    this.#files = grown(this.#files, new Uint32Array(length));
    this.#offsets = grown(this.#offsets, new Uint32Array(length));
    this.#checks = grown(this.#checks, new Uint8Array(length));
    this.#before = grown(this.#before, new Int32Array(length));
  }

  countOf(pgno: number): number {
    let count = 0;
    for (let at = this.#lastOf(pgno); at !== none; at = this.#before[at]!) count += 1;
    return count;
  }

  /** Writes the records of a page to `list`, the one added first to `start`; with `step` -1, the others before it. */
  copy(pgno: number, list: RecordList, start: number, step: 1 | -1): void {
    let i = start + step * (this.countOf(pgno) - 1);
    for (let at = this.#lastOf(pgno); at !== none; at = this.#before[at]!) {
      list.set(i, this.#files[at]!, this.#offsets[at]!, this.#checks[at] === 1);
      i -= step;
    }
  }
}
