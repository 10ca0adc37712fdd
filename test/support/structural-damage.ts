/** Structural damage to database files: one thing at a time, each page sound by itself where that is possible. */

import { metaAt, recognizeFile } from '../../src/format/page/meta.ts';
import { Page } from '../../src/format/page/page.ts';
import { pageType } from '../../src/format/page/types.ts';

/** Way to damage a page; false when this page does not have what is to be damaged. */
export interface Damage {
  readonly name: string;
  readonly types: readonly number[];
  readonly apply: (page: Page, pages: number) => boolean;
}

const leaves = [pageType.btreeLeaf, pageType.recnoLeaf, pageType.duplicateLeaf];
const internal = [pageType.btreeInternal, pageType.recnoInternal];
const hashed = [pageType.hash];

function change(name: string, types: readonly number[], apply: (page: Page, pages: number) => void): Damage {
  return {
    name,
    types,
    apply: (page, pages) => {
      const before = Buffer.from(page.bytes);
      apply(page, pages);
      return Buffer.compare(before, page.bytes) !== 0;
    },
  };
}

function metaNumber(name: string, type: number, offset: number, to: (n: number) => number): Damage {
  return change(name, [type], (page) => {
    if (page.pgno === 0) page.setU32(offset, to(page.u32(offset)) >>> 0);
  });
}

/** Makes two items change places. */
function swapItems(page: Page, i: number, j: number): void {
  const offset = page.itemAt(i);
  page.setItemAt(i, page.itemAt(j));
  page.setItemAt(j, offset);
}

const anyMeta = [pageType.btreeMeta, pageType.hashMeta, pageType.heapMeta];
const plusOne = (n: number): number => n + 1;

export const damages: readonly Damage[] = [
  change('next leaf', leaves, (page, pages) => void (page.nextPgno = (page.nextPgno + 1) % pages)),
  change('previous leaf', leaves, (page, pages) => void (page.prevPgno = (page.prevPgno + 1) % pages)),
  change('leaf left out', leaves, (page) => void (page.nextPgno = 0)),
  change('level', internal, (page) => void (page.level += 1)),
  change('one child for another', internal, (page) => {
    if (page.entries > 2) swapItems(page, 1, 2);
  }),
  change('child number', internal, (page, pages) => {
    const at = page.itemAt(page.entries - 1) + (page.type === pageType.recnoInternal ? 0 : 4);
    page.setU32(at, (page.u32(at) + 1) % pages);
  }),
  change('entries of a leaf', leaves, (page) => void (page.entries = Math.max(0, page.entries - 2))),
  change('entries of an internal page', internal, (page) => void (page.entries -= 1)),
  change('keys in wrong order', [pageType.btreeLeaf], (page) => {
    if (page.entries > 4) swapItems(page, 2, page.entries - 2);
  }),
  change('duplicates in wrong order', [pageType.duplicateLeaf], (page) => {
    if (page.entries > 3) swapItems(page, 1, 2);
  }),
  change('item offset', leaves, (page) => {
    if (page.entries > 0) page.setItemAt(0, page.itemAt(0) + 4);
  }),
  change('start of items', [...leaves, ...internal, ...hashed], (page) => void (page.highFree -= 4)),
  change('first byte of a key', [pageType.btreeLeaf], (page) => {
    if (page.entries > 2) page.bytes[page.itemAt(2) + 3]! ^= 0xff;
  }),
  change('record count of a child', internal, (page) => {
    const at = page.itemAt(0) + (page.type === pageType.recnoInternal ? 4 : 8);
    if (page.u32(at) > 0) page.setU32(at, page.u32(at) + 1);
  }),
  change('record count of a root', internal, (page) => {
    if (page.prevPgno > 0) page.prevPgno += 1;
  }),
  change('bytes on an overflow page', [pageType.overflow], (page) => void (page.highFree -= 1)),
  change('next overflow page', [pageType.overflow], (page, pages) => {
    page.nextPgno = (page.nextPgno + 1) % pages;
  }),
  change('previous overflow page', [pageType.overflow], (page, pages) => {
    page.prevPgno = (page.prevPgno + 1) % pages;
  }),
  change('references to an overflow page', [pageType.overflow], (page) => void (page.entries += 1)),
  change('next free page', [pageType.invalid], (page, pages) => void (page.nextPgno = (page.nextPgno + 1) % pages)),
  change('free page of another type', [pageType.invalid], (page) => void (page.type = pageType.overflow)),
  change('head of the free list', anyMeta, (page, pages) => {
    if (page.pgno === 0) page.setU32(metaAt.free, (page.u32(metaAt.free) + 1) % pages);
  }),
  change('lost free list', anyMeta, (page) => page.setU32(metaAt.free, 0)),
  change('last page', anyMeta, (page) => {
    if (page.pgno === 0) page.setU32(metaAt.lastPgno, page.u32(metaAt.lastPgno) + 1);
  }),
  change('root', [pageType.btreeMeta], (page) => page.setU32(metaAt.btree.root, page.u32(metaAt.btree.root) + 1)),
  change('unique id of a sub-database', [pageType.btreeMeta, pageType.hashMeta], (page) => {
    if (page.pgno > 0) page.bytes[metaAt.uid]! ^= 1;
  }),
  metaNumber('last bucket', pageType.hashMeta, metaAt.hash.maxBucket, plusOne),
  metaNumber('fewer buckets', pageType.hashMeta, metaAt.hash.maxBucket, (n) => Math.max(0, n - 1)),
  metaNumber('high mask', pageType.hashMeta, metaAt.hash.highMask, (n) => 2 * n + 1),
  metaNumber('low mask', pageType.hashMeta, metaAt.hash.lowMask, (n) => n >>> 1),
  metaNumber('pages of buckets', pageType.hashMeta, metaAt.hash.spares + 8, plusOne),
  change('next page of a bucket', hashed, (page, pages) => void (page.nextPgno = (page.nextPgno + 1) % pages)),
  change('previous page of a bucket', hashed, (page, pages) => void (page.prevPgno = (page.prevPgno + 1) % pages)),
  change('key of another bucket', hashed, (page) => {
    if (page.entries > 0 && page.bytes[page.itemAt(0)] === 1) page.bytes[page.size - 1]! ^= 1;
  }),
  change('type of an item', hashed, (page) => {
    if (page.entries > 0) page.bytes[page.itemAt(page.entries - 1)]! ^= 2;
  }),
  metaNumber('records on a page', pageType.queueMeta, metaAt.queue.recordsPerPage, (n) => n - 1),
  metaNumber('length of records', pageType.queueMeta, metaAt.queue.recordLength, (n) => n + 40),
  change('flags of a record', [pageType.queueData], (page) => void (page.bytes[28] = 9)),
  change('type of a queue page', [pageType.queueData], (page) => void (page.type = pageType.btreeLeaf)),
  metaNumber('regions', pageType.heapMeta, metaAt.heap.regions, plusOne),
  metaNumber('size of regions', pageType.heapMeta, metaAt.heap.regionSize, (n) => n + 3),
  change('type of a region', [pageType.heapRegion], (page) => void (page.type = pageType.heapData)),
  change('slot of a heap page', [pageType.heapData], (page) => {
    if (page.entries > 0) page.setItemAt(0, page.itemAt(0) + 4);
  }),
  change('items of a heap page', [pageType.heapData], (page) => void (page.entries += 1)),
  change('next piece of a record', [pageType.heapData], (page) => {
    const offset = page.entries > 0 ? page.itemAt(0) : 0;
    if (offset > 0 && (page.bytes[offset]! & 5) === 1) page.setU32(offset + 8, page.u32(offset + 8) + 1);
  }),
  change('page number', [...leaves, ...internal, ...hashed, pageType.overflow], (page) => void (page.pgno += 1)),
];

/** The pages of a file, as views of its bytes. */
export function pagesOf(bytes: Buffer): Page[] {
  const recognition = recognizeFile(bytes.subarray(0, 512));
  if (recognition.kind !== 'database') throw new Error(`this is no database: ${recognition.kind}`);
  const { format } = recognition;
  const pages: Page[] = [];
  for (let at = 0; at + format.pageSize <= bytes.length; at += format.pageSize) {
    pages.push(new Page(bytes.subarray(at, at + format.pageSize), format));
  }
  return pages;
}
