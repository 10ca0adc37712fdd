/** What the pages of a database are used for, how full they are, and how many records are on them. */

import {
  childOf,
  isDeletedItem,
  isTreeInternal,
  isTreeLeaf,
  referenceOf,
  treeItemType,
} from '../../format/page/btree.ts';
import { freeBytesOf } from '../../format/page/describe.ts';
import { bucketGroups, duplicatesIn, hashItemEnd, hashReferenceOf, isHashPage } from '../../format/page/hash.ts';
import { heapSlots, isHeapRecord, readableHeapPage } from '../../format/page/heap.ts';
import { metaAt } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { firstRecordOf, lastRecno, queueLayout, queueRecord } from '../../format/page/queue.ts';
import { hashItemType, itemType, pageType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from '../structure/file-check.ts';
import { type Database } from './database-file.ts';

/** What a page is used for. */
export type PageUse =
  | 'metadata'
  | 'internal'
  | 'leaf'
  /** Trees of duplicates, their internal pages included. */
  | 'duplicates'
  | 'overflow'
  | 'bucket'
  /** Further pages of a bucket. */
  | 'bucketOverflow'
  /** Pages that wait for a hash to grow, and those of a queue whose records are all gone. */
  | 'unused'
  | 'data'
  | 'region';

/** Pages of one use. */
export interface PageTotals {
  pages: number;
  /** Bytes that items could use, and those that none uses; 0 where that is not told. */
  capacity: number;
  freeBytes: number;
}

/** Sums over the pages of a database; those of its partitions are added to it. */
export class Statistics {
  readonly pages: Partial<Record<PageUse, PageTotals>> = {};
  records = 0;
  /** Keys, where a key can have several records. */
  keys = 0;
  /** Levels of the tree. */
  depth = 0;

  add(use: PageUse, capacity = 0, freeBytes = 0): void {
    const totals = (this.pages[use] ??= { pages: 0, capacity: 0, freeBytes: 0 });
    totals.pages += 1;
    totals.capacity += capacity;
    totals.freeBytes += freeBytes;
  }
}

/**
 * Goes through the pages of a database, its metadata page apart. A page is counted where it is met first; what cannot be
 * read, or cannot be where it is, becomes a finding of `check`, and is left out.
 */
export function* countPages(check: FileCheck, database: Database, into: Statistics): Steps {
  yield* new Counting(check, database, into).run();
}

class Counting {
  readonly #check: FileCheck;
  readonly #database: Database;
  readonly #into: Statistics;

  constructor(check: FileCheck, database: Database, into: Statistics) {
    this.#check = check;
    this.#database = database;
    this.#into = into;
  }

  run(): Steps {
    const { method, meta } = this.#database;
    switch (method) {
      case 'btree':
      case 'recno':
        return this.#tree(meta.u32(metaAt.btree.root), meta.pgno, false);
      case 'hash':
        return this.#hash();
      case 'queue':
        return this.#queue();
      case 'heap':
        return this.#heap();
    }
  }

  #add(use: PageUse, page: Page): void {
    this.#into.add(use, page.size - page.indexStart, freeBytesOf(page) ?? 0);
  }

  /** A tree below its root; of duplicates, or that of the database. */
  *#tree(root: number, from: number, ofDuplicates: boolean): Steps {
    const check = this.#check;
    const waiting = [{ pgno: root, from, depth: 1 }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      yield;
      const { pgno, depth } = next;
      const page = check.claim(pgno, next.from);
      if (!page) continue;
      if (!ofDuplicates) this.#into.depth = Math.max(this.#into.depth, depth);
      if (isTreeLeaf(page.type)) {
        this.#add(ofDuplicates ? 'duplicates' : 'leaf', page);
        yield* page.type === pageType.btreeLeaf ? this.#pairs(page) : this.#items(page);
      } else if (isTreeInternal(page.type)) {
        this.#add(ofDuplicates ? 'duplicates' : 'internal', page);
        for (let i = page.entries - 1; i >= 0; i--) {
          const offset = page.itemAt(i);
          waiting.push({ pgno: childOf(page, offset), from: pgno, depth: depth + 1 });
          const isLong = page.type === pageType.btreeInternal && treeItemType(page, offset) === itemType.overflow;
          if (isLong) yield* this.#overflow(referenceOf(page, offset + 12), pgno);
        }
      } else {
        check.find(pgno, `it has type ${page.type}, where a page of a tree has to be`);
      }
    }
  }

  *#pairs(page: Page): Steps {
    let keyAt = -1;
    let isCounted = false;
    for (let i = 0; i + 1 < page.entries; i += 2) {
      const key = page.itemAt(i);
      const data = page.itemAt(i + 1);
      if (key !== keyAt) {
        yield* this.#refersTo(page, key);
        isCounted = false;
      }
      keyAt = key;
      const isDuplicates = treeItemType(page, data) === itemType.duplicates;
      // The records of a tree of duplicates are counted there.
      if (!isDeletedItem(page, data)) {
        if (!isCounted) this.#into.keys += 1;
        isCounted = true;
        if (!isDuplicates) this.#into.records += 1;
      }
      yield* this.#refersTo(page, data);
    }
  }

  *#items(page: Page): Steps {
    for (let i = 0; i < page.entries; i++) {
      const offset = page.itemAt(i);
      if (!isDeletedItem(page, offset)) this.#into.records += 1;
      yield* this.#refersTo(page, offset);
    }
  }

  *#refersTo(page: Page, offset: number): Steps {
    const type = treeItemType(page, offset);
    if (type === itemType.overflow) yield* this.#overflow(referenceOf(page, offset), page.pgno);
    else if (type === itemType.duplicates) yield* this.#tree(referenceOf(page, offset), page.pgno, true);
  }

  *#overflow(first: number, from: number): Steps {
    const check = this.#check;
    if (first < check.end && check.shareOverflow(first)) return;
    let previous = from;
    for (let pgno = first; pgno !== 0;) {
      yield;
      const page = check.claim(pgno, previous);
      if (!page) return;
      if (page.type !== pageType.overflow) {
        check.find(pgno, `it has type ${page.type}, where an overflow page has to be`);
        return;
      }
      if (pgno === first) check.beginOverflow(page);
      this.#add('overflow', page);
      previous = pgno;
      pgno = page.nextPgno;
    }
  }

  *#hash(): Steps {
    const check = this.#check;
    const { meta } = this.#database;
    const maxBucket = meta.u32(metaAt.hash.maxBucket);
    for (const { firstBucket, reserved, firstPgno } of bucketGroups(meta)) {
      // Pages past the end of the file were never used (format document, 4.8.4).
      const end = Math.min(firstPgno + reserved, check.end);
      for (let pgno = firstPgno; pgno < end; pgno++) {
        const isUsed = firstBucket + (pgno - firstPgno) <= maxBucket;
        yield* this.#bucket(pgno, isUsed ? 'bucket' : 'unused');
      }
    }
  }

  *#bucket(first: number, use: PageUse): Steps {
    let previous = this.#database.meta.pgno;
    for (let pgno = first; pgno !== 0;) {
      yield;
      const page = this.#check.claim(pgno, previous);
      if (!page) return;
      const isUnused = isBlank(page.bytes) || page.type === pageType.invalid;
      if (!isHashPage(page.type) && !(pgno === first && isUnused)) {
        this.#check.find(pgno, `it has type ${page.type}, where a page of a hash bucket has to be`);
        return;
      }
      if (isUnused) this.#into.add(use, page.size - page.indexStart, page.size - page.indexStart);
      else this.#add(pgno === first ? use : 'bucketOverflow', page);
      if (isUnused) return;
      for (let i = 0; i + 1 < page.entries; i += 2) yield* this.#hashPair(page, i);
      previous = pgno;
      pgno = page.nextPgno;
    }
  }

  *#hashPair(page: Page, i: number): Steps {
    this.#into.keys += 1;
    const key = page.itemAt(i);
    const data = page.itemAt(i + 1);
    if (page.bytes[key] === hashItemType.overflow) yield* this.#overflow(hashReferenceOf(page, key), page.pgno);
    switch (page.bytes[data]) {
      case hashItemType.offPageDuplicates:
        yield* this.#tree(hashReferenceOf(page, data), page.pgno, true);
        return;
      case hashItemType.duplicates:
        this.#into.records += duplicatesIn(page, data, hashItemEnd(page, i + 1))?.length ?? 0;
        return;
      case hashItemType.overflow:
        this.#into.records += 1;
        yield* this.#overflow(hashReferenceOf(page, data), page.pgno);
        return;
      default:
        this.#into.records += 1;
    }
  }

  *#queue(): Steps {
    const check = this.#check;
    const { meta } = this.#database;
    const layout = queueLayout(meta);
    if (!layout) {
      check.find(0, `it has no room for ${meta.u32(metaAt.queue.recordsPerPage)} records a page`);
      return;
    }
    const first = meta.u32(metaAt.queue.first);
    const current = meta.u32(metaAt.queue.current);
    const isInside = (recno: number): boolean =>
      first <= current ? recno >= first && recno < current : recno >= first || recno < current;
    for (const { start, end } of check.file.queuePages()) {
      for (let pgno = start; pgno < end; pgno++) {
        yield;
        const page = check.look(pgno);
        if (!page || isBlank(page.bytes)) continue;
        const { recordsPerPage, recordLength } = layout;
        let there = 0;
        let isUsed = false;
        const from = firstRecordOf(pgno, layout);
        for (let recno = from; recno < from + recordsPerPage && recno <= lastRecno; recno++) {
          if (!isInside(recno)) continue;
          isUsed = true;
          if (queueRecord(page, recno, layout)) there += 1;
        }
        this.#into.records += there;
        const capacity = recordsPerPage * recordLength;
        this.#into.add(isUsed ? 'data' : 'unused', capacity, capacity - there * recordLength);
      }
    }
  }

  *#heap(): Steps {
    const check = this.#check;
    for (let pgno = 1; pgno < check.end; pgno++) {
      yield;
      const page = check.claim(pgno, 0);
      if (!page || isBlank(page.bytes)) continue;
      if (page.type === pageType.heapRegion) this.#into.add('region');
      else if (page.type === pageType.heapData) this.#heapData(page, pgno);
    }
  }

  #heapData(raw: Page, pgno: number): void {
    const page = raw.entries === 0 ? raw : readableHeapPage(raw, pgno);
    if (typeof page === 'string') return this.#check.find(pgno, page);
    this.#add('data', page);
    for (let i = 0; i < heapSlots(page); i++) {
      const offset = page.itemAt(i);
      if (offset !== 0 && isHeapRecord(page, offset)) this.#into.records += 1;
    }
  }
}
