/** Record numbers, slots and the pointers of a queue (format document, 4.9; recovery document, C.7). */

import { writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { metaAt } from '../../../format/page/meta.ts';
import { pageType } from '../../../format/page/types.ts';
import { type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { type StoredFile } from '../page-store.ts';

/** Flags of a record slot. */
export const slotFlag = { valid: 1, set: 2 } as const;

/** Record numbers run from 1 to this, and then from 1 again. */
const lastRecno = 0xffffffff;

export function nextRecno(recno: number): number {
  return recno === lastRecno ? 1 : recno + 1;
}

/** Steps from one record number forward to another. */
function distance(from: number, to: number): number {
  return to >= from ? to - from : lastRecno - from + to;
}

const at = metaAt.queue;

/** A queue: its first page, and the way to its records. */
export class Queue {
  readonly file: StoredFile;
  readonly meta: CachedPage;
  readonly #recordLength: number;
  readonly #recordsPerPage: number;
  readonly #slotSize: number;
  readonly #start: number;

  constructor(file: StoredFile) {
    this.file = file;
    const meta = file.page(0)!;
    this.meta = meta;
    this.#recordLength = meta.u32(at.recordLength);
    this.#recordsPerPage = meta.u32(at.recordsPerPage);
    this.#slotSize = (1 + this.#recordLength + 3) & ~3;
    this.#start = file.format.encrypted ? 64 : file.format.checksums ? 48 : 28;
  }

  /** False for metadata that cannot be a queue's. */
  get isSound(): boolean {
    const { meta } = this;
    const used = this.#start + this.#recordsPerPage * this.#slotSize;
    return meta.type === pageType.queueMeta && this.#recordsPerPage > 0 && used <= meta.size;
  }

  get first(): number {
    return this.meta.u32(at.first);
  }
  set first(recno: number) {
    if (recno === this.first) return;
    this.meta.setU32(at.first, recno);
    this.meta.dirty = true;
  }

  get current(): number {
    return this.meta.u32(at.current);
  }
  set current(recno: number) {
    if (recno === this.current) return;
    this.meta.setU32(at.current, recno);
    this.meta.dirty = true;
  }

  /** True for a record number outside of the queue and nearer to its first record than to its end. */
  isBeforeFirst(recno: number): boolean {
    return !this.holds(recno) && distance(recno, this.first) < distance(this.current, recno);
  }

  /** True for a record number outside of the queue and nearer to its end. */
  isAfterCurrent(recno: number): boolean {
    return !this.holds(recno) && !this.isBeforeFirst(recno);
  }

  /** True for a record number from the first to the last of the queue. */
  holds(recno: number): boolean {
    return distance(this.first, recno) < distance(this.first, this.current);
  }

  pgnoOf(recno: number): number {
    return 1 + Math.floor((recno - 1) / this.#recordsPerPage);
  }

  /** Offset of a record's flags on its page. */
  slotOf(recno: number): number {
    return this.#start + ((recno - 1) % this.#recordsPerPage) * this.#slotSize;
  }

  isValid(recno: number): boolean {
    const page = this.file.page(this.pgnoOf(recno));
    return page?.type === pageType.queueData && (page.bytes[this.slotOf(recno)]! & slotFlag.valid) !== 0;
  }

  /**
   * Moves the first record number forward over records that are gone, up to the end of the queue. Extents left behind
   * are removed when the recovery is over.
   */
  skipGone(): void {
    let { first } = this;
    const { current } = this;
    while (first !== current) {
      const pgno = this.pgnoOf(first);
      if (this.file.page(pgno)) {
        if (this.isValid(first)) break;
        first = nextRecno(first);
      } else {
        first = this.#firstBehind(pgno, first, current);
      }
    }
    this.first = first;
  }

  /** The first record number behind a page that is not there, or `current` if that comes first. */
  #firstBehind(pgno: number, first: number, current: number): number {
    const { extents, pageCount } = this.file;
    const behind = extents ? extents.nextBehind(pgno) : pgno >= pageCount ? Infinity : pgno + 1;
    const recno = Math.min((behind - 1) * this.#recordsPerPage + 1, lastRecno + 1);
    const steps = recno - first;
    if (steps >= distance(first, current)) return current;
    return recno > lastRecno ? 1 : recno;
  }

  /** Writes the data of a record, padded to its length, and its flags. */
  write(page: CachedPage, recno: number, data: ByteRange, flags: number): void {
    const slot = this.slotOf(recno);
    const { bytes } = page;
    const start = slot + 1;
    bytes[slot] = flags;
    writeRange(data, bytes, start);
    bytes.fill(this.meta.u32(at.pad) & 0xff, start + data.length, start + this.#recordLength);
    page.dirty = true;
  }

  /** The data of a record; undefined where there is none. */
  dataOf(page: CachedPage, recno: number): Uint8Array | undefined {
    const slot = this.slotOf(recno);
    if ((page.bytes[slot]! & slotFlag.valid) === 0) return undefined;
    return page.bytes.subarray(slot + 1, slot + 1 + this.#recordLength);
  }

  /** The flags of a record. */
  flags(page: CachedPage, recno: number): number {
    return page.bytes[this.slotOf(recno)]!;
  }

  setFlags(page: CachedPage, recno: number, flags: number): void {
    page.bytes[this.slotOf(recno)] = flags;
    page.dirty = true;
  }

  /** Throws unless the record's page and data are what this queue has them be. */
  requireFit(change: Change, recno: number, pgno: number, indx: number, dataLength: number): void {
    const { meta } = this;
    change.require(this.isSound, meta, 'its record length and records per page do not go together');
    change.require(recno > 0, meta, 'there is no record 0');
    const fits = this.pgnoOf(recno) === pgno && (recno - 1) % this.#recordsPerPage === indx;
    if (!fits) throw change.misfit(meta, `record ${recno} is not item ${indx} of page ${pgno}`);
    if (dataLength > this.#recordLength) throw change.misfit(meta, `record ${recno} has ${dataLength} bytes`);
  }

  /** True when the extent holds no record of the queue. */
  isOutside(extent: number): boolean {
    const { pagesPerExtent } = this.file.extents!;
    const from = extent * pagesPerExtent * this.#recordsPerPage + 1;
    if (from > lastRecno) return true;
    const to = Math.min(from + pagesPerExtent * this.#recordsPerPage - 1, lastRecno);
    const { first, current } = this;
    return first === current || (!this.holds(from) && (first < from || first > to));
  }
}
