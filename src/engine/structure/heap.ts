/** Checks heaps: region pages, data pages, and records in pieces (format document, 4.10). */

import { heapItemFlag, heapPiece, heapSlots, readableHeapPage, type HeapPiece } from '../../format/page/heap.ts';
import { metaAt } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from './file-check.ts';

/** Checks the heap of a metadata page. */
export function* checkHeap(check: FileCheck, meta: Page): Steps {
  yield* new HeapCheck(check, meta).run();
}

class HeapCheck {
  readonly #check: FileCheck;
  readonly #meta: Page;
  /** By page: pieces that do not begin a record, and how many of them belong to a record that was followed. */
  readonly #pieces: Uint16Array;
  readonly #followed: Uint16Array;
  #unreadable = 0;

  constructor(check: FileCheck, meta: Page) {
    this.#check = check;
    this.#meta = meta;
    this.#pieces = new Uint16Array(check.end);
    this.#followed = new Uint16Array(check.end);
  }

  *run(): Steps {
    const check = this.#check;
    const unit = this.#meta.u32(metaAt.heap.regionSize) + 1;
    const regions = Math.ceil((check.end - 1) / unit);
    const said = this.#meta.u32(metaAt.heap.regions);
    if (said !== regions) check.find(0, `it says that it has ${said} regions, but has pages of ${regions}`);
    for (let pgno = 1; pgno < check.end; pgno++) {
      yield;
      const page = check.look(pgno);
      if (!page || isBlank(page.bytes)) continue;
      if (page.level !== 0) check.find(pgno, `it has level ${page.level}, which its type has not`);
      const isRegion = (pgno - 1) % unit === 0;
      if (isRegion) this.#region(page, unit);
      else if (page.type !== pageType.heapData) {
        check.find(pgno, `it has type ${page.type}, where a data page of a heap has to be`);
      } else this.#countPieces(page, pgno);
    }
    if (this.#unreadable > 0) {
      check.note(`${this.#unreadable} pages are in a byte order that cannot be read, and are not checked`);
      return;
    }
    for (let pgno = 1; pgno < check.end; pgno++) {
      yield;
      const page = this.#data(pgno);
      if (page) this.#records(page);
    }
    for (let pgno = 1; pgno < check.end; pgno++) {
      const missing = this.#pieces[pgno]! - this.#followed[pgno]!;
      if (missing > 0) check.find(pgno, `it holds ${missing} pieces of records that nothing refers to`);
    }
  }

  #region(page: Page, unit: number): void {
    if (page.type !== pageType.heapRegion) {
      this.#check.find(page.pgno, `it has type ${page.type}, where a region page has to be`);
      return;
    }
    // Header of region pages: the highest page of the region in use.
    const high = page.prevPgno;
    if (high !== 0 && (high < page.pgno || high >= page.pgno + unit)) {
      this.#check.find(page.pgno, `it says that page ${high} is the last one of its region`);
    }
  }

  /** A data page with all numbers in the order of its file; undefined when there is none. */
  #data(pgno: number): Page | undefined {
    const page = this.#check.look(pgno);
    if (!page || page.type !== pageType.heapData || page.entries === 0) return undefined;
    const readable = readableHeapPage(page, pgno);
    return typeof readable === 'string' ? undefined : readable;
  }

  /** The number on the page may be turned (format document, 4.10.5). */
  #countPieces(raw: Page, pgno: number): void {
    if (raw.entries === 0) return;
    const page = this.#data(pgno);
    if (!page) {
      this.#unreadable += 1;
      return;
    }
    for (const offset of itemsOf(page)) {
      const flags = page.bytes[offset]!;
      if ((flags & heapItemFlag.split) === 0) {
        const ofPieces = heapItemFlag.first | heapItemFlag.last;
        if ((flags & ofPieces) !== 0) {
          this.#check.find(page.pgno, `the record at ${offset} is whole, but has the flags ${flags} of a piece`);
        }
        continue;
      }
      if (offset + 16 > page.size) this.#check.find(page.pgno, `the piece at ${offset} has no room for its head`);
      else if ((flags & heapItemFlag.first) === 0) this.#pieces[page.pgno]! += 1;
    }
  }

  #records(page: Page): void {
    for (const offset of itemsOf(page)) {
      const flags = page.bytes[offset]!;
      const begins = (flags & heapItemFlag.split) !== 0 && (flags & heapItemFlag.first) !== 0;
      if (begins && offset + 16 <= page.size) this.#follow(page.pgno, heapPiece(page, offset));
    }
  }

  /** Follows the pieces of a record from its first one. A piece can be followed once only, so that this ends. */
  #follow(from: number, first: HeapPiece): void {
    const check = this.#check;
    let length = first.data.length;
    for (let piece = first; !piece.isLast;) {
      const { nextPgno, nextIndx } = piece;
      const page = nextPgno < check.end ? this.#data(nextPgno) : undefined;
      const offset = page && nextIndx < heapSlots(page) ? page.itemAt(nextIndx) : 0;
      const flags = page && offset !== 0 ? page.bytes[offset]! : 0;
      const isPiece = (flags & heapItemFlag.split) !== 0 && (flags & heapItemFlag.first) === 0;
      if (!page || !isPiece || offset + 16 > page.size) {
        check.find(from, `a piece of a record has to be in slot ${nextIndx} of page ${nextPgno}`);
        return;
      }
      this.#followed[nextPgno]! += 1;
      if (this.#followed[nextPgno]! > this.#pieces[nextPgno]!) {
        check.find(nextPgno, `a piece in slot ${nextIndx} belongs to more than one record`);
        return;
      }
      piece = heapPiece(page, offset);
      length += piece.data.length;
    }
    if (length !== first.totalLength) {
      check.find(from, `the pieces of a record have ${length} bytes, not ${first.totalLength}`);
    }
  }
}

/** Offsets of the items of a page. */
function* itemsOf(page: Page): Generator<number> {
  for (let i = 0; i < heapSlots(page); i++) {
    const offset = page.itemAt(i);
    if (offset !== 0) yield offset;
  }
}
