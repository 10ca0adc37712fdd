/** Items of hash pages, and where buckets are (format document, 4.8). The page has to be a checked one. */

import { metaAt } from './meta.ts';
import { type Page } from './page.ts';
import { pageType } from './types.ts';

export function isHashPage(type: number): boolean {
  return type === pageType.hash || type === pageType.hashUnsorted;
}

/** Where item `i` ends: where the one before it begins. */
export function hashItemEnd(page: Page, i: number): number {
  return i === 0 ? page.size : page.itemAt(i - 1);
}

/**
 * The order of keys on a sorted page: by bytes as unsigned, but a key comes behind those that it is the beginning of
 * (tried with 5.3: `ab`, then `a`).
 */
export function compareHashKeys(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  return Buffer.compare(a.subarray(0, common), b.subarray(0, common)) || b.length - a.length;
}

/** The bytes of the item at an offset, behind its type; a view. */
export function hashItemData(page: Page, offset: number, end: number): Uint8Array {
  return page.bytes.subarray(offset + 1, end);
}

/** The page an item refers to: the first one of an overflow chain, or the root of a tree of duplicates. */
export function hashReferenceOf(page: Page, offset: number): number {
  return page.u32(offset + 4);
}

/** Bytes of an item that is on overflow pages. */
export function hashOverflowLength(page: Page, offset: number): number {
  return page.u32(offset + 8);
}

/**
 * The duplicates in an item that holds a set of them: each stands between two copies of its length. Returns undefined
 * when the lengths do not lead to the end of the item.
 */
export function duplicatesIn(page: Page, offset: number, end: number): Uint8Array[] | undefined {
  const { duplicates, isWhole } = leadingDuplicates(page, offset, end);
  return isWhole ? duplicates : undefined;
}

/** The duplicates of such an item up to the first one whose lengths do not agree. */
export function leadingDuplicates(
  page: Page,
  offset: number,
  end: number,
): { readonly duplicates: Uint8Array[]; readonly isWhole: boolean } {
  const duplicates: Uint8Array[] = [];
  let at = offset + 1;
  while (at < end) {
    const length = at + 2 > end ? Infinity : page.u16(at);
    const after = at + 2 + length;
    if (after + 2 > end || page.u16(after) !== length) return { duplicates, isWhole: false };
    duplicates.push(page.bytes.subarray(at + 2, after));
    at = after + 2;
  }
  return { duplicates, isWhole: true };
}

/** Buckets whose first pages follow each other in the file. */
interface BucketGroup {
  readonly firstBucket: number;
  /** Of those in use. */
  readonly buckets: number;
  /** Pages that belong to the group: the table grows into them. */
  readonly reserved: number;
  readonly firstPgno: number;
}

/** The buckets in use, by the groups that were added each time the table doubled. */
export function bucketGroups(meta: Page): BucketGroup[] {
  const maxBucket = meta.u32(metaAt.hash.maxBucket);
  const groups: BucketGroup[] = [];
  for (let group = 0; group < 32; group++) {
    const firstBucket = group === 0 ? 0 : 2 ** (group - 1);
    if (firstBucket > maxBucket) break;
    const last = Math.min(maxBucket, group === 0 ? 0 : 2 ** group - 1);
    const firstPgno = firstBucket + meta.u32(metaAt.hash.spares + 4 * group);
    groups.push({ firstBucket, buckets: last - firstBucket + 1, reserved: Math.max(1, firstBucket), firstPgno });
  }
  return groups;
}

/** What a hash database says of its hash function, when it is the default one (4.8.3). */
export const defaultCharKey = 0x5e688dd1;

/** The bucket of a key, by the default hash function. */
export function bucketOf(key: Uint8Array, meta: Page): number {
  let hash = 0;
  for (const byte of key) hash = Math.imul(hash, 16777619) ^ byte;
  hash >>>= 0;
  const high = (hash & meta.u32(metaAt.hash.highMask)) >>> 0;
  return high > meta.u32(metaAt.hash.maxBucket) ? (hash & meta.u32(metaAt.hash.lowMask)) >>> 0 : high;
}
