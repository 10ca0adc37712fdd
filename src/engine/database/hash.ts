/** Reads hash databases (format document, 4.8). */

import { metaAt } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { hashItemType, pageType } from '../../format/page/types.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { readExternalItem } from './external-files.ts';
import { offPageDuplicates, readOverflow, type DatabaseRecord } from './trees.ts';

/** Records bucket by bucket. */
export function* hashRecords(database: Database): Generator<DatabaseRecord> {
  const { file, meta } = database;
  const maxBucket = meta.u32(metaAt.hash.maxBucket);
  for (let bucket = 0; bucket <= maxBucket; bucket++) {
    for (const page of bucketPages(file, firstPage(meta, bucket))) {
      for (let i = 0; i + 1 < page.entries; i += 2) yield* pairs(file, page, i);
    }
  }
}

function firstPage(meta: Page, bucket: number): number {
  // The smallest k with 2^k >= bucket + 1.
  const group = bucket === 0 ? 0 : 32 - Math.clz32(bucket);
  return bucket + meta.u32(metaAt.hash.spares + 4 * group);
}

function* bucketPages(file: DatabaseFile, first: number): Generator<Page> {
  let visited = 0;
  for (let pgno = first; pgno !== 0;) {
    const page = file.pageIfThere(pgno);
    // The page of a bucket never used may be blank, or past the end of the file (4.8.4).
    if (!page || isBlank(page.bytes) || page.type === pageType.invalid) return;
    if (page.type !== pageType.hash && page.type !== pageType.hashUnsorted) {
      throw file.broken(pgno, `it has type ${page.type}, where a hash page has to be`);
    }
    visited += 1;
    if (visited > file.pageCount) throw file.broken(pgno, 'the chain of a bucket runs in a circle');
    yield page;
    pgno = page.nextPgno;
  }
}

/** Item `i` without its type byte, as far as it is on the page. */
function itemOf(page: Page, i: number): { type: number; offset: number; bytes: Uint8Array } {
  const offset = page.itemAt(i);
  const end = i === 0 ? page.size : page.itemAt(i - 1);
  return { type: page.bytes[offset]!, offset, bytes: page.bytes.subarray(offset + 1, end) };
}

function* pairs(file: DatabaseFile, page: Page, i: number): Generator<DatabaseRecord> {
  const keyItem = itemOf(page, i);
  const key =
    keyItem.type === hashItemType.overflow
      ? readOverflow(file, page.u32(keyItem.offset + 4), page.u32(keyItem.offset + 8))
      : keyItem.bytes;
  const { type, offset, bytes } = itemOf(page, i + 1);
  switch (type) {
    case hashItemType.overflow:
      yield { key, data: readOverflow(file, page.u32(offset + 4), page.u32(offset + 8)) };
      break;
    case hashItemType.offPageDuplicates:
      for (const data of offPageDuplicates(file, page.u32(offset + 4))) yield { key, data };
      break;
    case hashItemType.duplicates:
      for (const data of onPageDuplicates(file, page, offset + 1, offset + 1 + bytes.length)) yield { key, data };
      break;
    case hashItemType.externalFile:
      yield { key, data: readExternalItem(file, page, offset) };
      break;
    default:
      yield { key, data: bytes };
  }
}

/** Each duplicate stands between two copies of its length. */
function* onPageDuplicates(file: DatabaseFile, page: Page, from: number, to: number): Generator<Uint8Array> {
  for (let at = from; at < to;) {
    const length = at + 2 <= to ? page.u16(at) : to;
    if (at + 4 + length > to) throw file.broken(page.pgno, 'a set of duplicates is longer than its item');
    yield page.bytes.subarray(at + 2, at + 2 + length);
    at += 4 + length;
  }
}
