import { recordAt } from '../../format/log/frame.ts';
import { isSound, type Framing } from '../../format/log/framing.ts';
import { recordName } from '../../format/log/layouts.ts';
import { type OpenFile } from '../files/files.ts';

const windowSize = 1 << 20;

/** Of a tail that was allocated and not written yet, so much is passed over at a time. */
const zeros = Buffer.alloc(4096);

/**
 * Looks for a record behind the place where the records of a log file end: plausible, with a right checksum, and following
 * a record that is itself not before the end. Returns its offset.
 *
 * @param file with its size in bytes
 */
export function findRecordBeyond(
  opened: OpenFile,
  { size, framing }: { readonly size: number; readonly framing: Framing },
  end: number,
): number | undefined {
  const least = framing.shortest;
  // Hostile bytes could be plausible everywhere; hashing is limited to a multiple of the file.
  let budget = 16 * size;
  const window = new Uint8Array(Math.min(windowSize, Math.max(0, size - end)));
  const view = new DataView(window.buffer);
  let filled = 0;
  // Windows overlap, so that every place is looked at with all the bytes it takes.
  for (let start = end; start + least <= size; start += filled - least + 1) {
    filled = opened.readAt(window.subarray(0, Math.min(window.length, size - start)), start);
    if (filled < least) return undefined;
    let lookForZerosAt = 0;
    for (let i = start === end ? 1 : 0; i + least <= filled; i++) {
      if (i >= lookForZerosAt) {
        const behind = i + zeros.length;
        if (behind <= filled && zeros.compare(window, i, behind) === 0) {
          // A record here has one before it: it does not begin with four zeros.
          i = behind - 4;
          continue;
        }
        lookForZerosAt = behind;
      }
      const at = start + i;
      const prev = view.getUint32(i, true);
      if (prev < end || prev > at - framing.frameSize) continue;
      const length = view.getUint32(i + 4, true);
      if (length < least || length > size - at) continue;
      if (!framing.cipher && !isKnown(view.getUint32(i + recordAt.type, true) & 0x7fff_ffff)) continue;
      budget -= length;
      if (budget < 0) return at;
      const record = new Uint8Array(length);
      if (opened.readAt(record, at) < length) return undefined;
      if (isSound(record, 0, length, framing)) return at;
    }
  }
  return undefined;
}

function isKnown(code: number): boolean {
  return !recordName(code).startsWith('unknown');
}
