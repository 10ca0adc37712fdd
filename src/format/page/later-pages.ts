/** Databases whose first page is lost are known by the pages after it. */

import { type Cipher } from '../crypto.ts';
import { accessMethods, type AccessMethod } from '../magic.ts';
import { checkPage } from './check.ts';
import { readableHeapPage } from './heap.ts';
import { type DatabaseFormat } from './meta.ts';
import { headerSize, isBlank, Page } from './page.ts';
import { pageType } from './types.ts';

/** In bytes. */
export const smallestPage = 512;
const largestPage = 65_536;

const at = { pgno: 8, entries: 20, highFree: 22, level: 24, type: 25 } as const;
const types: ReadonlySet<number> = new Set(Object.values(pageType));
/** Levels of a tree; no tree is as high. */
const highestLevel = 32;

/** Fills a buffer from a position of the file on, and says how much there was. */
type ReadAt = (target: Uint8Array, position: number) => number;

/**
 * The page size of a file of which page 1, and page 2 where there is one, are pages of a database (format document,
 * 4.4.1); undefined for other files.
 *
 * @param size of the file, in bytes
 * @param read fills the buffer from a position of the file on, and says how much there was
 */
export function pageSizeByLaterPages(size: number, read: ReadAt): number | undefined {
  const header = new Uint8Array(headerSize);
  const isPage = (pgno: number, pageSize: number): 'page' | 'blank' | 'other' => {
    if (read(header, pgno * pageSize) < headerSize) return 'other';
    if (isBlank(header)) return 'blank';
    return orderOfHeader(header, pgno, pageSize) === undefined ? 'other' : 'page';
  };
  for (let pageSize = smallestPage; pageSize <= largestPage && 2 * pageSize <= size; pageSize *= 2) {
    if (size % pageSize !== 0 || isPage(1, pageSize) !== 'page') continue;
    if (3 * pageSize > size || isPage(2, pageSize) !== 'other') return pageSize;
  }
  return undefined;
}

/** The byte order in which a header is that of a page; undefined when it is in none. */
function orderOfHeader(header: Uint8Array, pgno: number, pageSize: number): 'little' | 'big' | undefined {
  const view = new DataView(header.buffer);
  if (!types.has(header[at.type]!) || header[at.type] === pageType.invalid) return undefined;
  if (header[at.level]! > highestLevel) return undefined;
  const fits = (littleEndian: boolean): boolean =>
    view.getUint32(at.pgno, littleEndian) === pgno &&
    view.getUint16(at.entries, littleEndian) <= pageSize / 2 &&
    view.getUint16(at.highFree, littleEndian) <= pageSize;
  return fits(true) ? 'little' : fits(false) ? 'big' : undefined;
}

/** Pages that are looked at to tell the format of all of them. */
const sampleSize = 64;

/** One page in so many has to be sound: others may look so by chance. */
const leastShare = 4;

/** Page numbers from 1 on, spread over a file. */
function* sampleOf(pageCount: number): Generator<number> {
  const step = Math.max(1, (pageCount - 1) / sampleSize);
  for (let at = 1; at < pageCount; at += step) yield Math.floor(at);
}

interface LikelyFormatOptions {
  /** The key, should the file be encrypted. */
  readonly cipher?: Cipher | undefined;
  /** In bytes; found out when not given. */
  readonly pageSize?: number | undefined;
  /** What the first page says: it holds unless later pages prove that it cannot. */
  readonly claimed?: DatabaseFormat | undefined;
}

/**
 * The format in which most pages after the first one are sound; undefined when none is in any.
 *
 * @param size of the file, in bytes
 */
export function formatByLaterPages(
  size: number,
  read: ReadAt,
  { cipher, pageSize, claimed }: LikelyFormatOptions,
): DatabaseFormat | undefined {
  const { sound, seen } = claimed ? countSound(size, read, claimed) : { sound: 0, seen: 0 };
  if (claimed && seen > 0 && 2 * sound >= seen) return claimed;
  let best = sound > 0 ? claimed : undefined;
  let most = sound;
  const likelySize = pageSize ?? pageSizeByHeaders(size, read);
  if (likelySize === undefined) return best;
  for (const format of formatsOf(likelySize, cipher)) {
    const { sound: count, seen: all } = countSound(size, read, format);
    if (count > most && leastShare * count >= all) [best, most] = [format, count];
  }
  return best;
}

/** The page size by which most places where pages begin have the header of one. */
function pageSizeByHeaders(size: number, read: ReadAt): number | undefined {
  const header = new Uint8Array(headerSize);
  let best: number | undefined;
  let most = 0;
  for (let pageSize = smallestPage; pageSize <= largestPage; pageSize *= 2) {
    let count = 0;
    for (const pgno of sampleOf(Math.floor(size / pageSize))) {
      if (read(header, pgno * pageSize) < headerSize) break;
      if (orderOfHeader(header, pgno, pageSize) !== undefined) count += 1;
    }
    if (count > most) [best, most] = [pageSize, count];
  }
  return best;
}

/** Files of btrees may hold hashes, and pages of both are told by their types. */
const methods: readonly { readonly method: AccessMethod; readonly version: number }[] = [
  { method: 'btree', version: accessMethods.btree.newest },
  { method: 'queue', version: accessMethods.queue.newest },
  { method: 'heap', version: accessMethods.heap.newest },
  // Big-endian heaps of 5.2 and 5.3 are written in a way of their own (format document, 4.10.5).
  { method: 'heap', version: accessMethods.heap.oldest },
];

/** Checksums and codes come first: a page that has one proves that pages do. */
function* formatsOf(pageSize: number, cipher: Cipher | undefined): Generator<DatabaseFormat> {
  for (const littleEndian of [true, false]) {
    for (const { method, version } of methods) {
      const common = { method, version, pageSize, littleEndian, uid: '' };
      if (cipher) yield { ...common, checksums: true, encrypted: true, cipher, indexStart: 64 };
      yield { ...common, checksums: true, encrypted: false, cipher: undefined, indexStart: 32 };
      yield { ...common, checksums: false, encrypted: false, cipher: undefined, indexStart: 26 };
    }
  }
}

/** Pages whose looks prove nothing: nothing on them has to fit together. */
const looseTypes: ReadonlySet<number> = new Set([pageType.invalid, pageType.overflow]);

/** How many pages of a sample hold items, and how many of them are sound in a format. */
function countSound(size: number, read: ReadAt, format: DatabaseFormat): { sound: number; seen: number } {
  const bytes = new Uint8Array(format.pageSize);
  let sound = 0;
  let seen = 0;
  for (const pgno of sampleOf(Math.floor(size / format.pageSize))) {
    if (read(bytes, pgno * format.pageSize) < bytes.length) break;
    if (isBlank(bytes) || looseTypes.has(bytes[at.type]!)) continue;
    seen += 1;
    if (checkPage(bytes, pgno, format) === undefined && isReadableIn(bytes, pgno, format)) sound += 1;
  }
  return { sound, seen };
}

/** Big-endian heap pages are not looked into when they are checked as pages. */
function isReadableIn(bytes: Uint8Array, pgno: number, format: DatabaseFormat): boolean {
  if (format.method !== 'heap' || format.encrypted) return true;
  const page = new Page(bytes, format);
  return page.type !== pageType.heapData || page.entries === 0 || typeof readableHeapPage(page, pgno) !== 'string';
}
