/** Databases whose first page is lost are known by the pages after it. */

import { headerSize, isBlank } from './page.ts';
import { pageType } from './types.ts';

/** In bytes. */
export const smallestPage = 512;
const largestPage = 65_536;

const at = { pgno: 8, entries: 20, highFree: 22, level: 24, type: 25 } as const;
const types: ReadonlySet<number> = new Set(Object.values(pageType));
/** Levels of a tree; no tree is as high. */
const highestLevel = 32;

/**
 * The page size of a file of which page 1, and page 2 where there is one, are pages of a database (format document,
 * 4.4.1); undefined for other files.
 *
 * @param size of the file, in bytes
 * @param read fills the buffer from a position of the file on, and says how much there was
 */
export function pageSizeByLaterPages(
  size: number,
  read: (target: Uint8Array, position: number) => number,
): number | undefined {
  const header = new Uint8Array(headerSize);
  const isPage = (pgno: number, pageSize: number): 'page' | 'blank' | 'other' => {
    if (read(header, pgno * pageSize) < headerSize) return 'other';
    if (isBlank(header)) return 'blank';
    return isHeaderOf(header, pgno, pageSize) ? 'page' : 'other';
  };
  for (let pageSize = smallestPage; pageSize <= largestPage && 2 * pageSize <= size; pageSize *= 2) {
    if (size % pageSize !== 0 || isPage(1, pageSize) !== 'page') continue;
    if (3 * pageSize > size || isPage(2, pageSize) !== 'other') return pageSize;
  }
  return undefined;
}

function isHeaderOf(header: Uint8Array, pgno: number, pageSize: number): boolean {
  const view = new DataView(header.buffer);
  if (!types.has(header[at.type]!) || header[at.type] === pageType.invalid) return false;
  if (header[at.level]! > highestLevel) return false;
  return [true, false].some(
    (littleEndian) =>
      view.getUint32(at.pgno, littleEndian) === pgno &&
      view.getUint16(at.entries, littleEndian) <= pageSize / 2 &&
      view.getUint16(at.highFree, littleEndian) <= pageSize,
  );
}
