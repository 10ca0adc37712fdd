/** Whether two log files of one number tell one history up to a place (recovery document, I.1). */

import { readFileHeader } from '../../format/log/file-header.ts';
import { recordAt } from '../../format/log/frame.ts';
import { type Cipher } from '../../format/crypto.ts';
import { type Lsn } from '../../format/lsn.ts';
import { checkpoint, commit } from '../../format/log/records/txn.ts';
import { firstDifference } from '../files/compare.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { withLogFile, type LogParts } from './log-parts.ts';
import { debugBit } from './scanned-record.ts';

/** So much of the beginning is compared: the header and the first records. In bytes. */
const headSize = 4096;

/**
 * So much before the end is compared at least, in bytes. Records of another history lie elsewhere or name other LSNs, and a
 * commit or checkpoint has its time and a random number of the environment as it was opened: where the last of them is the
 * same in both files, whoever wrote one had the other behind it.
 */
const stretchSize = 128 << 10;

/**
 * Offset of a byte in which a log file differs from the beginning of a history that is known, the first one; undefined where
 * it goes on from it. Only the beginning is read, and the stretch before the end that tells histories apart, whatever
 * the size of the file.
 *
 * @param known the log file as the chain or standby has it
 * @param end where its records end
 * @param lastRecord the last of them
 */
export function differenceInHistory(
  files: Files,
  file: LogParts,
  known: LogParts,
  { end, lastRecord }: { readonly end: Lsn; readonly lastRecord: Lsn | undefined },
): number | undefined {
  const last = lastRecord?.file === end.file ? lastRecord.offset : 0;
  return withLogFile(files, file, (theirs) =>
    withLogFile(files, known, (ours) => {
      if (tellsSame(theirs, ours, end.offset, new Marks(ours, last, files.cipher))) return undefined;
      // For people: where the histories part.
      return firstDifference(theirs, ours, end.offset);
    }),
  );
}

function tellsSame(theirs: OpenFile, ours: OpenFile, end: number, marks: Marks): boolean {
  const head = Math.min(headSize, end);
  if (!isSame(theirs, ours, new Uint8Array(head), 0, head)) return false;
  const room = new Uint8Array(stretchSize + recordAt.fields);
  for (let to = end; to > head;) {
    const from = Math.max(head, to - stretchSize);
    // A record that begins in this stretch may have its links behind it.
    const stretch = room.subarray(0, Math.min(end, to + recordAt.fields) - from);
    if (!isSame(theirs, ours, stretch, from, stretch.length)) return false;
    if (marks.isIn(stretch, from)) return true;
    to = from;
  }
  return true;
}

/** Compares a part of two files; `target` holds it then. */
function isSame(theirs: OpenFile, ours: OpenFile, target: Uint8Array, at: number, length: number): boolean {
  const other = new Uint8Array(length);
  return (
    theirs.readAt(other, at) === length && ours.readAt(target, at) === length && Buffer.compare(target, other) === 0
  );
}

/** Looks for the last commit or checkpoint of a log file, backwards along its records. */
class Marks {
  /** Offset of the record to look at next; 0 when there is none. */
  #next: number;
  /** Every record of an encrypted log has random bytes of its own. */
  readonly #areEverywhere: boolean;

  constructor(log: OpenFile, lastRecord: number, cipher: Cipher | undefined) {
    const head = new Uint8Array(headSize);
    const reading = readFileHeader(head.subarray(0, log.readAt(head, 0)), cipher);
    this.#areEverywhere =
      reading.kind === 'encrypted' || (reading.kind === 'header' && reading.header.framing.cipher !== undefined);
    this.#next = lastRecord;
  }

  /** True when one is in this stretch of the file; to be asked with one stretch after the other, from the end on. */
  isIn(stretch: Uint8Array, from: number): boolean {
    if (this.#areEverywhere) return true;
    const view = new DataView(stretch.buffer, stretch.byteOffset, stretch.byteLength);
    while (this.#next >= from && this.#next + recordAt.fields <= from + stretch.length) {
      const at = this.#next - from;
      const code = view.getUint32(at + recordAt.type, true) & ~debugBit;
      if (code === commit.code || code === checkpoint.code) return true;
      const before = view.getUint32(at + recordAt.prev, true);
      this.#next = before < this.#next ? before : 0;
    }
    return false;
  }
}
