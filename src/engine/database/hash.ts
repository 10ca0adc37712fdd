/** Reads hash databases (format document, 4.8). */

import {
  bucketGroups,
  duplicatesIn,
  hashItemData,
  hashItemEnd,
  hashOverflowLength,
  hashReferenceOf,
  isHashPage,
} from '../../format/page/hash.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { hashItemType, pageType } from '../../format/page/types.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { readExternalItem } from './external-files.ts';
import { PageCount } from './page-count.ts';
import { offPageDuplicates, readOverflow, type DatabaseRecord } from './trees.ts';

/** Records bucket by bucket. */
export function* hashRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  const count = new PageCount(file);
  for (const { firstPgno, buckets } of bucketGroups(meta)) {
    // Buckets whose pages are past the end of the file were never used (4.8.4).
    const end = Math.min(firstPgno + buckets, file.pageCount);
    for (let first = firstPgno; first < end; first++) {
      for (const page of bucketPages(file, first, count)) {
        for (let i = 0; i + 1 < page.entries; i += 2) yield* pairs(file, page, i, count);
      }
    }
  }
}

function* bucketPages(file: DatabaseFile, first: number, count: PageCount): Generator<Page> {
  for (let pgno = first; pgno !== 0;) {
    const page = file.page(pgno);
    // The page of a bucket that was never used may be blank.
    if (pgno === first && (isBlank(page.bytes) || page.type === pageType.invalid)) return;
    if (!isHashPage(page.type)) throw file.broken(pgno, `it has type ${page.type}, where a hash page has to be`);
    count.add(pgno);
    yield page;
    pgno = page.nextPgno;
  }
}

/** The records of the pair whose key is item `i`: more than one when it has duplicates. */
function* pairs(file: DatabaseFile, page: Page, i: number, count: PageCount): Generator<DatabaseRecord> {
  const key = itemBytes(file, page, i);
  const offset = page.itemAt(i + 1);
  switch (page.bytes[offset]) {
    case hashItemType.offPageDuplicates:
      for (const data of offPageDuplicates(file, hashReferenceOf(page, offset), count)) yield { key, data };
      break;
    case hashItemType.duplicates: {
      const duplicates = duplicatesIn(page, offset, hashItemEnd(page, i + 1));
      if (!duplicates) throw file.broken(page.pgno, `the duplicates in item ${i + 1} do not end where it does`);
      for (const data of duplicates) yield { key, data };
      break;
    }
    default:
      yield { key, data: itemBytes(file, page, i + 1) };
  }
}

/** The bytes of an item: those on the page, or what it refers to. */
function itemBytes(file: DatabaseFile, page: Page, i: number): Uint8Array {
  const offset = page.itemAt(i);
  switch (page.bytes[offset]) {
    case hashItemType.overflow:
      return readOverflow(file, hashReferenceOf(page, offset), hashOverflowLength(page, offset));
    case hashItemType.externalFile:
      return readExternalItem(file, page, offset, 'tree');
    case hashItemType.keyData:
      return hashItemData(page, offset, hashItemEnd(page, i));
    default:
      throw file.broken(page.pgno, `item ${i} holds duplicates, where none can be`);
  }
}
