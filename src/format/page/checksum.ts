import { hashWithHole } from '../checksum.ts';
import { metaAt, metaSize, type DatabaseFormat } from './meta.ts';
import { isBlank } from './page.ts';
import { isMetaType } from './types.ts';

/** Where the 4-byte checksum of an ordinary page is (format document, 4.5). */
const checksumOffset = 28;

function place(page: Uint8Array): { at: number; end: number } {
  return isMetaType(page[metaAt.type]!)
    ? { at: metaAt.checksum, end: metaSize }
    : { at: checksumOffset, end: page.length };
}

/** Checksum a plain page should carry. */
function checksumOf(page: Uint8Array, at: number, end: number): number {
  return hashWithHole(page, at, 4, end);
}

/**
 * True when the page carries its checksum, or needs none: the database has no checksums, or the page was never written.
 * Encrypted pages carry a MAC instead; this is not for them.
 */
export function hasRightChecksum(page: Uint8Array, format: DatabaseFormat): boolean {
  if (!format.checksums || isBlank(page)) return true;
  const { at, end } = place(page);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  return view.getUint32(at, format.littleEndian) === checksumOf(page, at, end);
}

/** Stores the checksum of a page that is about to be written, if its database has checksums. */
export function storeChecksum(page: Uint8Array, format: DatabaseFormat): void {
  if (!format.checksums || isBlank(page)) return;
  const { at, end } = place(page);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  view.setUint32(at, checksumOf(page, at, end), format.littleEndian);
}
