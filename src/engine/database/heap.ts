/** Reads heaps (format document, 4.10). */

import {
  heapItemData,
  heapItemFlag,
  heapPiece,
  heapSlots,
  isHeapRecord,
  readableHeapPage,
} from '../../format/page/heap.ts';
import { metaAt } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { readExternalItem } from './external-files.ts';
import { type PageChoice } from './page-choice.ts';
import { type DatabaseRecord } from './trees.ts';

/** A record with its place, which is what the application knows it by. */
export interface HeapRecord {
  readonly pgno: number;
  readonly slot: number;
  readonly data: Uint8Array;
}

/** Records page by page; a record in pieces is where its first piece is. */
export function* heapRecords(database: Database): Generator<DatabaseRecord> {
  for (const { data } of placedHeapRecords(database)) yield { key: undefined, data };
}

/**
 * As `heapRecords`, with their places.
 *
 * @param choice only the records on these pages, and those of which a piece is there
 */
export function* placedHeapRecords({ file, meta }: Database, choice?: PageChoice): Generator<HeapRecord> {
  const end = Math.min(meta.u32(metaAt.lastPgno) + 1, file.pageCount);
  for (let pgno = 1; pgno < end; pgno++) {
    if (choice && !choice.isThorough && !choice.has(pgno)) continue;
    const page = dataPage(file, pgno);
    if (!page) continue;
    for (let slot = 0; slot < heapSlots(page); slot++) {
      const offset = page.itemAt(slot);
      if (offset === 0 || !isHeapRecord(page, offset)) continue;
      const isSplit = (page.bytes[offset]! & heapItemFlag.split) !== 0;
      if (isSplit || !choice || choice.has(pgno)) yield { pgno, slot, data: readItem(file, page, offset) };
    }
  }
}

/** True when a page holds pieces of records that begin elsewhere. */
export function hasLaterPieces(file: DatabaseFile, pgno: number): boolean {
  const page = dataPage(file, pgno);
  if (!page) return false;
  for (let slot = 0; slot < heapSlots(page); slot++) {
    const offset = page.itemAt(slot);
    if (offset !== 0 && !isHeapRecord(page, offset)) return true;
  }
  return false;
}

/** A data page that holds something. Throws `page-type` for one that cannot be read. */
function dataPage(file: DatabaseFile, pgno: number): Page | undefined {
  const page = file.page(pgno);
  if (page.type !== pageType.heapData || page.entries === 0) return undefined;
  if (page.littleEndian) return page;
  const readable = readableHeapPage(page, pgno);
  if (typeof readable === 'string') throw file.broken(pgno, readable);
  return readable;
}

function readItem(file: DatabaseFile, page: Page, offset: number): Uint8Array {
  const flags = page.bytes[offset]!;
  if ((flags & heapItemFlag.externalFile) !== 0) return readExternalItem(file, page, offset, 'heap');
  return (flags & heapItemFlag.split) === 0 ? heapItemData(page, offset) : readPieces(file, page, offset);
}

function readPieces(file: DatabaseFile, firstPage: Page, firstOffset: number): Uint8Array {
  let piece = heapPiece(firstPage, firstOffset);
  const { totalLength } = piece;
  const parts = [piece.data];
  let length = piece.data.length;
  while (!piece.isLast && length <= totalLength && parts.length <= file.pageCount) {
    const { nextPgno, nextIndx } = piece;
    const page = nextPgno < file.pageCount ? dataPage(file, nextPgno) : undefined;
    const offset = page && nextIndx < heapSlots(page) ? page.itemAt(nextIndx) : 0;
    const isPiece = page && offset !== 0 && (page.bytes[offset]! & heapItemFlag.split) !== 0;
    if (!isPiece)
      throw file.broken(nextPgno, `a piece of the record on page ${firstPage.pgno} has to be in slot ${nextIndx}`);
    piece = heapPiece(page, offset);
    parts.push(piece.data);
    length += piece.data.length;
  }
  if (!piece.isLast || length !== totalLength) {
    throw file.broken(firstPage.pgno, `the pieces of a record have ${length} bytes, not ${totalLength}`);
  }
  return Buffer.concat(parts);
}
