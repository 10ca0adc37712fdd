import { type Framing } from '../../format/log/framing.ts';
import { type OpenFile } from '../files/files.ts';

/** How long the last record of an opaque log has to stay as it is. */
export const apartMs = 30;

/** A file of an opaque log, encrypted without the password, that is being copied. */
export interface OpaqueFile {
  readonly source: OpenFile;
  readonly header: { readonly framing: Framing };
  /** Where the next record will be. */
  readonly end: number;
  /** Offset of the last record; 0 while there is only the header. */
  lastRecord: number;
  /** The record behind the end, as it was read before, and when. */
  pending: { readonly bytes: Uint8Array; readonly since: number } | undefined;
}

/**
 * Finds the records of an opaque log by their frames, which are not encrypted. A log is written in order, so a record is
 * whole when another follows it; the last one, when it stays as it is. Returns how many bytes they have, and how many are
 * needed to tell of the next one, 0 when there is none.
 *
 * @param bytes of the file from its end on
 * @param isComplete nothing is written to this file any more
 */
export function followOpaque(
  file: OpaqueFile,
  bytes: Uint8Array,
  isComplete: boolean,
): { done: number; needed: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { framing } = file.header;
  const left = file.source.stat().size - file.end;
  /** More of the file can be read than `bytes`. */
  const isBehind = (at: number): boolean => bytes.length < left && at > bytes.length;
  const lengthAt = (at: number, prev: number): number =>
    at + framing.shortest > bytes.length ? 0 : Math.max(0, framing.frameAt(bytes, view, at, left - at, prev, false));
  let at = 0;
  let length = lengthAt(0, file.lastRecord);
  while (length > 0 && at + length <= bytes.length) {
    if (isBehind(at + length + framing.shortest)) return { done: at, needed: length + framing.shortest };
    const next = lengthAt(at + length, file.end + at);
    if (next === 0 && !isComplete && !isSettled(file, bytes.subarray(at, at + length))) {
      return { done: at, needed: 0 };
    }
    file.lastRecord = file.end + at;
    at += length;
    length = next;
  }
  return { done: at, needed: length };
}

/** True when the last record of an opaque log was the same some time ago. */
function isSettled(file: OpaqueFile, bytes: Uint8Array): boolean {
  const { pending } = file;
  if (!pending || Buffer.compare(pending.bytes, bytes) !== 0) {
    file.pending = { bytes: bytes.slice(), since: Date.now() };
    return false;
  }
  if (Date.now() - pending.since < apartMs) return false;
  file.pending = undefined;
  return true;
}
