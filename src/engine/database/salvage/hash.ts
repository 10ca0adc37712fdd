/** Hash databases that may be damaged. */

import {
  bucketGroups,
  hashItemData,
  hashItemEnd,
  hashOverflowLength,
  hashReferenceOf,
  isHashPage,
  leadingDuplicates,
} from '../../../format/page/hash.ts';
import { type Page } from '../../../format/page/page.ts';
import { hashItemType, pageType } from '../../../format/page/types.ts';
import { type DatabaseRecord } from '../trees.ts';
import { externalItemSize } from '../../../format/page/external.ts';
import { entryCount, externalFile, overflowItem, unknown } from './items.ts';
import { type SalvagePages } from './pages.ts';
import { type SalvagedTrees } from './trees.ts';

/** The records of the buckets of a hash; undefined now and then. */
export function* hashRecordsBelow(
  pages: SalvagePages,
  meta: Page,
  trees: SalvagedTrees,
): Generator<DatabaseRecord | undefined> {
  for (const { firstPgno, buckets } of bucketGroups(meta)) {
    const end = Math.min(firstPgno + buckets, pages.pageCount);
    for (let first = firstPgno; first < end; first++) {
      yield undefined;
      for (const page of bucketPages(pages, first)) yield* hashPairs(pages, page, trees);
    }
  }
}

function* bucketPages(pages: SalvagePages, first: number): Generator<Page> {
  let from = first;
  for (let pgno = first; pgno !== 0;) {
    const page = pages.done.has(pgno) ? undefined : pages.page(pgno);
    // The page of a bucket that was never used may be blank.
    if (pgno === first && page?.type === pageType.invalid) return;
    if (!page || !isHashPage(page.type)) {
      pages.tell(from, `it leads to page ${pgno}, which is not a page of this bucket, or is one of another`);
      return;
    }
    pages.done.add(pgno);
    yield page;
    from = pgno;
    pgno = page.nextPgno;
  }
}

/** The records of a page of a hash. */
export function* hashPairs(pages: SalvagePages, page: Page, trees: SalvagedTrees): Generator<DatabaseRecord> {
  const count = entryCount(page);
  for (let i = 0; i < count; i += 2) {
    const key = itemBytes(pages, page, i);
    const data = i + 1 < count ? dataOf(pages, page, i + 1, trees) : [undefined];
    for (const one of data) {
      if (!key && !one) {
        pages.tell(page.pgno, `items ${i} and ${i + 1} cannot be read`);
        continue;
      }
      if (!key) pages.tell(page.pgno, `item ${i} cannot be read: UNKNOWN stands for this key`);
      if (!one) pages.tell(page.pgno, `item ${i + 1} cannot be read: UNKNOWN stands for it`);
      yield { key: key ?? unknown.either, data: one ?? unknown.either };
    }
  }
}

/** The place of an item; undefined when none can be there. */
function itemAt(page: Page, i: number): { readonly offset: number; readonly end: number } | undefined {
  const offset = page.itemAt(i);
  const end = hashItemEnd(page, i);
  return offset >= page.indexStart + 2 * (i + 1) && offset < end && end <= page.size ? { offset, end } : undefined;
}

/** What belongs to a key: more than one when it has duplicates; undefined for what cannot be read. */
function* dataOf(pages: SalvagePages, page: Page, i: number, trees: SalvagedTrees): Generator<Uint8Array | undefined> {
  const place = itemAt(page, i);
  const kind = place && page.bytes[place.offset];
  if (place && kind === hashItemType.offPageDuplicates && place.end - place.offset >= 8) {
    yield* trees.duplicates(hashReferenceOf(page, place.offset));
  } else if (place && kind === hashItemType.duplicates) {
    const { duplicates, isWhole } = leadingDuplicates(page, place.offset, place.end);
    yield* duplicates;
    if (!isWhole) pages.tell(page.pgno, `of the duplicates in item ${i} only ${duplicates.length} can be read`);
  } else {
    yield itemBytes(pages, page, i);
  }
}

/** The bytes of an item: those on the page, or what it refers to; undefined when they cannot be read. */
function itemBytes(pages: SalvagePages, page: Page, i: number): Uint8Array | undefined {
  const place = itemAt(page, i);
  if (!place) return undefined;
  const { offset, end } = place;
  switch (page.bytes[offset]) {
    case hashItemType.keyData:
      return hashItemData(page, offset, end);
    case hashItemType.overflow:
      return end - offset < 12
        ? undefined
        : overflowItem(pages, hashReferenceOf(page, offset), hashOverflowLength(page, offset));
    case hashItemType.externalFile:
      return end - offset < externalItemSize ? undefined : externalFile(pages, page, offset, 'tree');
    default:
      return undefined;
  }
}
