/** Checks hash databases: buckets, their chains, and where keys belong (format document, 4.8). */

import {
  bucketGroups,
  bucketOf,
  compareHashKeys,
  defaultCharKey,
  duplicatesIn,
  hashItemData,
  hashItemEnd,
  hashOverflowLength,
  hashReferenceOf,
  isHashPage,
} from '../../format/page/hash.ts';
import { hashFlag, metaAt } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { hashItemType, pageType } from '../../format/page/types.ts';
import { type FileCheck, type Order, type Steps } from './file-check.ts';
import { checkOverflow } from './overflow.ts';
import { type DuplicateShape } from './expected-tree.ts';
import { checkDuplicateTree } from './tree.ts';

/**
 * Checks the hash database of a metadata page that is sound.
 *
 * @param isSorted keys are in the standard order of hash pages
 */
export function* checkHash(check: FileCheck, meta: Page, isSorted: boolean, duplicateOrder: Order): Steps {
  const flags = meta.u32(metaAt.flags);
  const hasDuplicates = (flags & hashFlag.duplicates) !== 0;
  const duplicates = hasDuplicates
    ? { sorted: (flags & hashFlag.sortedDuplicates) !== 0, order: duplicateOrder }
    : undefined;
  yield* new HashCheck(check, meta, isSorted, duplicates).run();
}

class HashCheck {
  readonly #check: FileCheck;
  readonly #meta: Page;
  /** Keys are in the standard order of hash pages. */
  readonly #isSorted: boolean;
  readonly #duplicates: DuplicateShape | undefined;
  readonly #knowsHash: boolean;

  constructor(check: FileCheck, meta: Page, isSorted: boolean, duplicates: DuplicateShape | undefined) {
    this.#check = check;
    this.#meta = meta;
    this.#isSorted = isSorted;
    this.#duplicates = duplicates;
    this.#knowsHash = meta.u32(metaAt.hash.charKey) === defaultCharKey;
  }

  *run(): Steps {
    const check = this.#check;
    const maxBucket = this.#meta.u32(metaAt.hash.maxBucket);
    if (!this.#knowsHash) {
      check.note('it has a hash function of its own: whether keys are in their buckets is not checked');
    }
    for (const { firstBucket, firstPgno, reserved } of bucketGroups(this.#meta)) {
      if (firstPgno === firstBucket && firstBucket > 0) {
        check.find(this.#meta.pgno, `it has no pages for bucket ${firstBucket} and those after it`);
        continue;
      }
      // Pages past the end of the file were never used (4.8.4).
      const end = Math.min(firstPgno + reserved, check.end);
      for (let pgno = firstPgno; pgno < end; pgno++) {
        const bucket = firstBucket + (pgno - firstPgno);
        yield* this.#bucket(pgno, bucket <= maxBucket ? bucket : undefined);
      }
    }
  }

  /** @param bucket undefined for a page that waits for the table to grow */
  *#bucket(first: number, bucket: number | undefined): Steps {
    const check = this.#check;
    let previous = 0;
    for (let pgno = first; pgno !== 0;) {
      yield;
      const page = check.claim(pgno, previous === 0 ? this.#meta.pgno : previous);
      if (!page) return;
      if (pgno === first && isBlank(page.bytes)) return;
      if (pgno === first && page.type === pageType.invalid) {
        if (page.nextPgno !== 0) check.find(pgno, `it was never used, but says that page ${page.nextPgno} follows`);
        return;
      }
      if (!isHashPage(page.type)) {
        check.find(pgno, `it has type ${page.type}, where a page of a hash bucket has to be`);
        return;
      }
      if (page.prevPgno !== previous) {
        check.find(pgno, `the page before it in its bucket is ${previous}, but it says ${page.prevPgno}`);
      }
      if (bucket !== undefined) yield* this.#items(page, bucket);
      else if (page.entries > 0) check.find(pgno, 'it holds records of a bucket that is not in use');
      previous = pgno;
      pgno = page.nextPgno;
    }
  }

  *#items(page: Page, bucket: number): Steps {
    const check = this.#check;
    let previous: Uint8Array | undefined;
    let wasLong = false;
    for (let i = 0; i + 1 < page.entries; i += 2) {
      const key = yield* this.#key(page, i);
      if (key && this.#knowsHash) {
        const right = bucketOf(key, this.#meta);
        if (right !== bucket) check.find(page.pgno, `the key in item ${i} belongs into bucket ${right}, not ${bucket}`);
      }
      const isLong = page.bytes[page.itemAt(i)] === hashItemType.overflow;
      if (page.type === pageType.hash && this.#isSorted && key && previous) {
        // Of a long key and one that it begins with, either can come first: it depends on which was there before.
        // 5.3 stores a key twice when such a long one is in its way; db_verify accepts that, too.
        const isEither = (isLong || wasLong) && isPrefix(key, previous);
        if (!isEither && compareHashKeys(previous, key) > 0) {
          check.find(page.pgno, `the key in item ${i} is before the one in item ${i - 2}`);
        }
      }
      previous = key;
      wasLong = isLong;
      yield* this.#data(page, i + 1);
    }
  }

  *#key(page: Page, i: number): Steps<Uint8Array | undefined> {
    const offset = page.itemAt(i);
    switch (page.bytes[offset]) {
      case hashItemType.keyData:
        return hashItemData(page, offset, hashItemEnd(page, i));
      case hashItemType.overflow:
        return yield* this.#overflow(page, offset);
      default:
        this.#check.find(page.pgno, `item ${i} holds no key, where one has to be`);
        return undefined;
    }
  }

  *#data(page: Page, i: number): Steps {
    const offset = page.itemAt(i);
    switch (page.bytes[offset]) {
      case hashItemType.overflow:
        yield* this.#overflow(page, offset);
        return;
      case hashItemType.duplicates:
        this.#onPageDuplicates(page, i, offset);
        return;
      case hashItemType.offPageDuplicates:
        if (this.#duplicates) {
          yield* checkDuplicateTree(this.#check, hashReferenceOf(page, offset), page.pgno, this.#duplicates);
        } else {
          this.#check.find(page.pgno, `item ${i} refers to duplicates, which this database cannot have`);
        }
        return;
      default:
      // Bytes on the page; the contents of external files are not part of the structure.
    }
  }

  *#overflow(page: Page, offset: number): Steps<Uint8Array | undefined> {
    return yield* checkOverflow(
      this.#check,
      hashReferenceOf(page, offset),
      hashOverflowLength(page, offset),
      page.pgno,
    );
  }

  #onPageDuplicates(page: Page, i: number, offset: number): void {
    const check = this.#check;
    if (!this.#duplicates) check.find(page.pgno, `item ${i} holds duplicates, which this database cannot have`);
    const duplicates = duplicatesIn(page, offset, hashItemEnd(page, i));
    if (!duplicates) {
      check.find(page.pgno, `the duplicates in item ${i} do not end where it does`);
      return;
    }
    if (!this.#duplicates?.sorted || !this.#duplicates.order) return;
    for (let j = 1; j < duplicates.length; j++) {
      if (this.#duplicates.order(duplicates[j - 1]!, duplicates[j]!) > 0) {
        check.find(page.pgno, `duplicate ${j} in item ${i} is before the one before it`);
      }
    }
  }
}

/** True when one of two keys is the beginning of the other. */
function isPrefix(a: Uint8Array, b: Uint8Array): boolean {
  const common = Math.min(a.length, b.length);
  return Buffer.compare(a.subarray(0, common), b.subarray(0, common)) === 0;
}
