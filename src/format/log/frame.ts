/** Frames of log records and the header of log files (format document, sections 2.3 to 2.6). Plain logs only. */

import { hashBytes, logRecordChecksum } from '../checksum.ts';
import { logMagic } from '../magic.ts';

/** Bytes before the body of a record: `prev`, `len`, `chksum`. */
export const frameSize = 12;

/** Bytes every body begins with: type, transaction id, LSN of the transaction's previous record. */
export const prefixSize = 16;

/** Where the fields are that all records have. */
export const recordAt = { prev: 0, length: 4, checksum: 8, type: 12, txnId: 16, prevLsn: 20, fields: 28 } as const;

/** Bytes of the record at offset 0, the file header. The first real record follows. */
export const fileHeaderSize = 28;

/** Why there is no good record at a place. */
export type FrameProblem = 'end' | 'length' | 'prev' | 'checksum';

const problems: readonly FrameProblem[] = ['end', 'length', 'prev', 'checksum'];

/** The problem behind a negative result of `frameAt`. */
export function frameProblem(result: number): FrameProblem {
  return problems[-result - 1]!;
}

/**
 * Looks at the record at `at` in a buffer. Returns its length in bytes, or a negative number, see `frameProblem`.
 *
 * @param available bytes of the file that follow `at`; those past the buffer are not looked at unless
 *   the record is whole (`at + length <= bytes.length` must hold for the checksum to be checked; the length comes back
 *   unchecked otherwise)
 * @param expectedPrev offset of the record before, in the file
 */
export function frameAt(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  available: number,
  expectedPrev: number,
  withChecksum: boolean,
): number {
  if (available < frameSize) return -1;
  const prev = view.getUint32(at, true);
  const length = view.getUint32(at + 4, true);
  if (prev === 0 && length === 0 && bytes[at + 8] === 0) return -1;
  if (length < frameSize + prefixSize || length > available) return -2;
  if (prev !== expectedPrev) return -3;
  if (at + length > bytes.length || !withChecksum) return length;
  const stored = view.getUint32(at + 8, true);
  return stored === logRecordChecksum(bytes, at + frameSize, at + length, prev) ? length : -4;
}

export interface LogFileHeader {
  readonly version: number;
  /** Maximum size of this file, in bytes. */
  readonly maxSize: number;
  /** Offset of the last record of the file before; 0 in the first file of an environment. */
  readonly prev: number;
}

export type HeaderReading =
  | { readonly kind: 'header'; readonly header: LogFileHeader }
  /** Created, not yet written: the log ends in the file before. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'encrypted' }
  | { readonly kind: 'damaged'; readonly problem: string };

/** Reads the first bytes of a log file. */
export function readFileHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length < fileHeaderSize || bytes.subarray(0, fileHeaderSize).every((b) => b === 0)) {
    return { kind: 'incomplete' };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prev = view.getUint32(0, true);
  const magic = view.getUint32(12, true);
  if (magic !== logMagic) {
    if (view.getUint32(4, true) === 64) return { kind: 'encrypted' };
    if (view.getUint32(12, false) === logMagic) {
      return { kind: 'header', header: { version: view.getUint32(16, false), maxSize: 0, prev: 0 } };
    }
    return { kind: 'damaged', problem: `magic number 0x${magic.toString(16)}, not 0x${logMagic.toString(16)}` };
  }
  const version = view.getUint32(16, true);
  const stored = view.getUint32(8, true);
  const computed = logRecordChecksum(bytes, frameSize, fileHeaderSize, prev);
  // Before v12 neither `prev` nor `len` was part of it.
  if (version >= 12 && (view.getUint32(4, true) !== fileHeaderSize || stored !== computed)) {
    return { kind: 'damaged', problem: 'the header does not match its checksum' };
  }
  return { kind: 'header', header: { version, maxSize: view.getUint32(20, true), prev } };
}

/** The bytes of a plain file header record. */
export function encodeFileHeader(header: LogFileHeader): Uint8Array {
  const bytes = new Uint8Array(fileHeaderSize);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, logMagic, true);
  view.setUint32(16, header.version, true);
  view.setUint32(20, header.maxSize, true);
  sealRecord(bytes, header.prev);
  return bytes;
}

/** Fills in `prev`, `len` and the checksum of a whole record whose body is in place. */
export function sealRecord(record: Uint8Array, prev: number): void {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  view.setUint32(0, prev, true);
  view.setUint32(4, record.length, true);
  view.setUint32(8, (hashBytes(record, frameSize) ^ prev ^ record.length) >>> 0, true);
}
