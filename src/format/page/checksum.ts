import { hashWithHole } from '../log/frames.ts';
import { decryptedPage, encryptedPage, hasRightMac } from './encryption.ts';
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
 * True when the page, as it lies on disk, carries its checksum, or needs none: the database has no checksums, or the page
 * was never written. Of encrypted pages nothing can be said without the key.
 */
export function hasRightChecksum(page: Uint8Array, format: DatabaseFormat): boolean {
  if (!format.checksums || isBlank(page)) return true;
  if (format.encrypted) return !format.cipher || hasRightMac(page, format.cipher);
  const { at, end } = place(page);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  return view.getUint32(at, format.littleEndian) === checksumOf(page, at, end);
}

/** A page as it lies on disk to the page itself: decrypted where it is encrypted. */
export function fromStored(page: Uint8Array, { cipher }: DatabaseFormat): Uint8Array {
  return cipher && !isBlank(page) ? decryptedPage(page, cipher) : page;
}

/** A page as it is to be written, with its checksum, and encrypted, if its database has them. */
export function toStored(page: Uint8Array, format: DatabaseFormat): Uint8Array {
  if (!format.checksums || isBlank(page)) return page;
  if (format.cipher) return encryptedPage(page, format.cipher);
  const { at, end } = place(page);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  view.setUint32(at, checksumOf(page, at, end), format.littleEndian);
  return page;
}
