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
import { type PageChoice } from './page-choice.ts';
import { PageCount } from './page-count.ts';
import { offPageDuplicates, readOverflow, type DatabaseRecord } from './trees.ts';

/**
 * Records bucket by bucket.
 *
 * @param choice only the records on these pages
 */
export function* hashRecords(database: Database, choice?: PageChoice): Generator<DatabaseRecord> {
  const { file } = database;
  const count = new PageCount(file);
  const pages = choice && !choice.isThorough ? chosenPages(database, choice) : allPages(database, count);
  for (const page of pages) {
    for (let i = 0; i + 1 < page.entries; i += 2) {
      const isOffPage = page.bytes[page.itemAt(i + 1)] === hashItemType.offPageDuplicates;
      if (isOffPage || !choice || choice.has(page.pgno)) yield* pairs(file, page, i, count, choice);
    }
  }
}

function* allPages({ file, meta }: Database, count: PageCount): Generator<Page> {
  for (const { firstPgno, buckets } of bucketGroups(meta)) {
    // Buckets whose pages are past the end of the file were never used (4.8.4).
    const end = Math.min(firstPgno + buckets, file.pageCount);
    for (let first = firstPgno; first < end; first++) yield* bucketPages(file, first, count);
  }
}

/** Chosen pages that belong to a bucket: others of the file are passed over. */
function* chosenPages({ file, meta }: Database, choice: PageChoice): Generator<Page> {
  const groups = bucketGroups(meta);
  const isFirst = (pgno: number): boolean =>
    groups.some(({ firstPgno, buckets }) => pgno >= firstPgno && pgno < firstPgno + buckets);
  for (const pgno of choice) {
    if (pgno >= file.pageCount) return;
    const page = file.page(pgno);
    if (!isHashPage(page.type)) continue;
    let first = page;
    for (let steps = 0; first.prevPgno !== 0; steps++) {
      if (steps > file.pageCount) throw file.broken(pgno, 'pages lead to each other in a circle');
      const before = file.page(first.prevPgno);
      if (!isHashPage(before.type) || before.nextPgno !== first.pgno) break;
      first = before;
    }
    if (first.prevPgno === 0 && isFirst(first.pgno)) yield page;
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
function* pairs(
  file: DatabaseFile,
  page: Page,
  i: number,
  count: PageCount,
  choice: PageChoice | undefined,
): Generator<DatabaseRecord> {
  const key = itemBytes(file, page, i);
  const offset = page.itemAt(i + 1);
  switch (page.bytes[offset]) {
    case hashItemType.offPageDuplicates:
      for (const data of offPageDuplicates(file, hashReferenceOf(page, offset), count, choice)) yield { key, data };
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
