/** Encryption of pages (format document, 4.5 and 5.5). Works on pages as they lie on disk. */

import { ivSize, macSize, newIv, type Cipher } from '../crypto.ts';
import { isMetaType } from './types.ts';

interface Places {
  /** What is encrypted. */
  readonly start: number;
  readonly end: number;
  readonly iv: number;
  readonly mac: number;
  /** Up to here the authentication code covers the page. */
  readonly covered: number;
}

const typeAt = 25;

function placesOf(page: Uint8Array): Places {
  return isMetaType(page[typeAt]!)
    ? { start: 64, end: 512, iv: 476, mac: 492, covered: 512 }
    : { start: 64, end: page.length, iv: 48, mac: 28, covered: page.length };
}

/** The rest of a metadata page from here on is garbage once it is decrypted: the fields there were stored after. */
const metaContentsEnd = 464;

/** A page as it is when it is decrypted; the fields that encryption itself uses are zero. */
export function decryptedPage(stored: Uint8Array, cipher: Cipher): Uint8Array {
  const page = stored.slice();
  const { start, end, iv, mac } = placesOf(page);
  cipher.decrypt(page.subarray(start, end), stored.subarray(iv, iv + ivSize));
  if (end === 512 && iv > start) page.fill(0, metaContentsEnd, end);
  else page.fill(0, mac, start);
  return page;
}

/** A page as it is to be stored. */
export function encryptedPage(plain: Uint8Array, cipher: Cipher): Uint8Array {
  const page = plain.slice();
  const { start, end, iv, mac } = placesOf(page);
  const vector = newIv();
  cipher.encrypt(page.subarray(start, end), vector);
  page.set(vector, iv);
  page.set(macOf(page, cipher), mac);
  return page;
}

/** True when a stored page carries the right authentication code. */
export function hasRightMac(stored: Uint8Array, cipher: Cipher): boolean {
  const { mac } = placesOf(stored);
  const expected = macOf(stored, cipher);
  for (let i = 0; i < macSize; i++) if (stored[mac + i] !== expected[i]) return false;
  return true;
}

function macOf(page: Uint8Array, cipher: Cipher): Uint8Array {
  const { mac, covered } = placesOf(page);
  return cipher.mac(page.slice(0, covered).fill(0, mac, mac + macSize));
}
