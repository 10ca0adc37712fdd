/** How records lie in a log file: plain, or encrypted (format document, 2.3 to 2.5, 5.4). */

import { macSize, ivSize, newIv, type Cipher } from '../crypto.ts';
import { logRecordChecksum } from '../checksum.ts';
import { frameAt, frameSize, prefixSize, recordAt, sealRecord } from './frame.ts';

/** A record in a buffer, in its plain form. */
export interface PlainRecord {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where it starts. */
  readonly at: number;
  /** In its plain form, frame included, in bytes. */
  readonly length: number;
}

export interface Framing {
  /** Bytes before the body of a record. */
  readonly frameSize: number;
  /** Bytes of the shortest record. */
  readonly shortest: number;
  /** Zero bytes that may follow the fields of a record. */
  readonly padding: number;
  /** Undefined for plain logs. */
  readonly cipher: Cipher | undefined;
  /** Looks at the record at `at`: its length in the file, or a negative number, as `frameAt` has them. */
  readonly frameAt: typeof frameAt;
  /** The plain form of a whole record. `at` is where it stands in the file; its bytes there are not changed. */
  readonly toPlain: (bytes: Uint8Array, view: DataView, at: number, length: number) => PlainRecord;
  /** What is to be written for a plain record, given the offset of the record before. */
  readonly seal: (record: Uint8Array, prev: number) => Uint8Array;
}

/** Bytes of the record at offset 0, the file header: a frame and a body of sixteen. */
export function fileHeaderSizeOf({ frameSize: size }: Framing): number {
  return size + 16;
}

export const plainFraming: Framing = {
  frameSize,
  shortest: frameSize + prefixSize,
  padding: 0,
  cipher: undefined,
  frameAt,
  toPlain: (bytes, view, at, length) => ({ bytes, view, at, length }),
  seal(record, prev) {
    sealRecord(record, prev);
    return record;
  },
};

/** Offsets in the frame of an encrypted record. */
const encryptedAt = { mac: 8, iv: 28, originalSize: 44, body: 48 } as const;

/** An encrypted record is longer than its plain form by this, padding apart. */
const longer = encryptedAt.body - frameSize;

const cipherBlock = 16;

/**
 * Records of a log whose environment has a password.
 *
 * @param cipher undefined when the password is not known: frames can be followed, but neither checked nor read
 */
export function encryptedFraming(cipher: Cipher | undefined): Framing {
  return {
    frameSize: encryptedAt.body,
    shortest: encryptedAt.body + cipherBlock,
    padding: cipherBlock - 1,
    cipher,
    frameAt(bytes, view, at, available, expectedPrev, verify) {
      if (available < encryptedAt.body) return -1;
      const prev = view.getUint32(at, true);
      const length = view.getUint32(at + recordAt.length, true);
      if (prev === 0 && length === 0 && bytes[at + encryptedAt.mac] === 0) return -1;
      const body = length - encryptedAt.body;
      if (body < cipherBlock || body % cipherBlock !== 0 || length > available) return -2;
      if (prev !== expectedPrev) return -3;
      if (!cipher || !verify || at + length > bytes.length) return length;
      return hasRightMac(bytes, at, length, prev, cipher) ? length : -4;
    },
    toPlain(bytes, _view, at, length) {
      if (!cipher) throw new Error('an encrypted record cannot be read without its key');
      // The body keeps its place; the shorter frame moves up to it.
      const plain = bytes.slice(at + longer, at + length);
      cipher.decrypt(plain.subarray(frameSize), bytes.subarray(at + encryptedAt.iv, at + encryptedAt.iv + ivSize));
      const view = new DataView(plain.buffer);
      view.setUint32(recordAt.prev, new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true), true);
      view.setUint32(recordAt.length, plain.length, true);
      return { bytes: plain, view, at: 0, length: plain.length };
    },
    seal(record, prev) {
      if (!cipher) throw new Error('an encrypted record cannot be written without its key');
      const size = record.length - frameSize;
      const padded = Math.ceil(size / cipherBlock) * cipherBlock;
      const sealed = new Uint8Array(encryptedAt.body + padded);
      const view = new DataView(sealed.buffer);
      const iv = newIv();
      view.setUint32(recordAt.prev, prev, true);
      view.setUint32(recordAt.length, sealed.length, true);
      sealed.set(iv, encryptedAt.iv);
      // As the library's own records have it: they are padded before they are counted.
      view.setUint32(encryptedAt.originalSize, padded, true);
      const body = sealed.subarray(encryptedAt.body);
      body.set(record.subarray(frameSize));
      cipher.encrypt(body, iv);
      sealed.set(macOf(body, prev, sealed.length, cipher), encryptedAt.mac);
      return sealed;
    },
  };
}

/** The code of a record: over its encrypted body, with the links mixed in (format document, 2.5). */
function macOf(body: Uint8Array, prev: number, length: number, cipher: Cipher): Uint8Array {
  const mac = cipher.mac(body);
  const view = new DataView(mac.buffer);
  view.setUint32(0, view.getUint32(0, true) ^ prev, true);
  view.setUint32(4, view.getUint32(4, true) ^ length, true);
  return mac;
}

function hasRightMac(bytes: Uint8Array, at: number, length: number, prev: number, cipher: Cipher): boolean {
  const mac = macOf(bytes.subarray(at + encryptedAt.body, at + length), prev, length, cipher);
  for (let i = 0; i < macSize; i++) if (bytes[at + encryptedAt.mac + i] !== mac[i]) return false;
  return true;
}

/** True when a whole record is what its checksum or code says; for records whose links are believed. */
export function isSound(bytes: Uint8Array, at: number, length: number, { cipher }: Framing): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prev = view.getUint32(at, true);
  if (cipher) return hasRightMac(bytes, at, length, prev, cipher);
  return view.getUint32(at + recordAt.checksum, true) === logRecordChecksum(bytes, at + frameSize, at + length, prev);
}
