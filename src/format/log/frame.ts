/** Frames of plain log records (format document, sections 2.3 to 2.6). */

import { hashBytes, logRecordChecksum } from '../checksum.ts';

/** Bytes before the body of a record: `prev`, `len`, `chksum`. */
export const frameSize = 12;

/** Bytes every body begins with: type, transaction id, LSN of the transaction's previous record. */
export const prefixSize = 16;

/** Where the fields are that all records have. */
export const recordAt = { prev: 0, length: 4, checksum: 8, type: 12, txnId: 16, prevLsn: 20, fields: 28 } as const;

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

/** Fills in `prev`, `len` and the checksum of a whole record whose body is in place. */
export function sealRecord(record: Uint8Array, prev: number): void {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  view.setUint32(0, prev, true);
  view.setUint32(4, record.length, true);
  view.setUint32(8, (hashBytes(record, frameSize) ^ prev ^ record.length) >>> 0, true);
}
