/** The header of a log file: the record at offset 0 (format document, section 2.4). */

import { type Cipher } from '../crypto.ts';
import { logMagic } from '../magic.ts';
import { frameSize, recordAt } from './frame.ts';
import { encryptedFraming, fileHeaderSizeOf, isSound, plainFraming, type Framing } from './framing.ts';

/** As many bytes as the header of any log file has. */
export const longestFileHeader = fileHeaderSizeOf(encryptedFraming(undefined));

export interface LogFileHeader {
  readonly version: number;
  /** Maximum size of this file, in bytes. */
  readonly maxSize: number;
  /** Offset of the last record of the file before; 0 in the first file of an environment. */
  readonly prev: number;
  readonly framing: Framing;
}

export type HeaderReading =
  | { readonly kind: 'header'; readonly header: LogFileHeader }
  /** Created, not yet written: the log ends in the file before. */
  | { readonly kind: 'incomplete' }
  /** Encrypted; nothing but this is known without the password. */
  | { readonly kind: 'encrypted'; readonly prev: number }
  /** Encrypted with another password, or damaged. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'damaged'; readonly problem: string };

/** Offsets in the body of a header, in its plain form. */
const at = { magic: 12, version: 16, maxSize: 20 } as const;

/** Reads the first bytes of a log file: `longestFileHeader`, or all that it has. */
export function readFileHeader(bytes: Uint8Array, cipher?: Cipher): HeaderReading {
  const plainSize = fileHeaderSizeOf(plainFraming);
  if (bytes.length < plainSize || bytes.subarray(0, plainSize).every((b) => b === 0)) return { kind: 'incomplete' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prev = view.getUint32(recordAt.prev, true);
  const length = view.getUint32(recordAt.length, true);
  const magic = view.getUint32(at.magic, true);
  if (magic === logMagic) {
    const version = view.getUint32(at.version, true);
    // Before v12 neither `prev` nor `len` was part of the checksum.
    if (version >= 12 && (length !== plainSize || !isSound(bytes, 0, plainSize, plainFraming))) {
      return { kind: 'damaged', problem: 'the header does not match its checksum' };
    }
    return { kind: 'header', header: headerOf(view, prev, plainFraming) };
  }
  if (length === longestFileHeader) {
    if (bytes.length < longestFileHeader) return { kind: 'incomplete' };
    if (!cipher) return { kind: 'encrypted', prev };
    const framing = encryptedFraming(cipher);
    if (!isSound(bytes, 0, length, framing)) return { kind: 'locked' };
    return { kind: 'header', header: headerOf(framing.toPlain(bytes, view, 0, length).view, prev, framing) };
  }
  if (view.getUint32(at.magic, false) === logMagic) {
    const version = view.getUint32(at.version, false);
    return { kind: 'header', header: { version, maxSize: 0, prev: 0, framing: plainFraming } };
  }
  return { kind: 'damaged', problem: `magic number 0x${magic.toString(16)}, not 0x${logMagic.toString(16)}` };
}

function headerOf(view: DataView, prev: number, framing: Framing): LogFileHeader {
  return { version: view.getUint32(at.version, true), maxSize: view.getUint32(at.maxSize, true), prev, framing };
}

/** The bytes of a file header. */
export function encodeFileHeader({ version, maxSize, prev, framing }: LogFileHeader): Uint8Array {
  const bytes = new Uint8Array(frameSize + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(at.magic, logMagic, true);
  view.setUint32(at.version, version, true);
  view.setUint32(at.maxSize, maxSize, true);
  return framing.seal(bytes, prev);
}
