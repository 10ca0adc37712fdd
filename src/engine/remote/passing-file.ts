/** A file whose bytes go from the store to whoever reads it, and are kept nowhere: to be read once, from its beginning to its end. */

import { type FileStat, type OpenFile } from '../files/files.ts';
import { onlyRead } from '../files/only-read.ts';
import { type Range } from '../store/store.ts';
import { largestRead } from '../store/sync-reader.ts';
import { type ObjectBytes } from './object-bytes.ts';

export function passingFile(file: string, object: ObjectBytes, stat: () => FileStat): OpenFile {
  /** Of what was asked for last: others may ask the same reader before all of it is taken. */
  let held = new Uint8Array(0);
  let heldFrom = 0;
  const rangeAt = (start: number): Range => ({ start, length: Math.min(largestRead, object.size - start) });
  const hold = (position: number): void => {
    const range = rangeAt(position);
    const end = position + range.length;
    const bytes = object.read(range, file, end < object.size ? rangeAt(end) : undefined);
    if (held.buffer.byteLength < bytes.length) held = new Uint8Array(bytes.length);
    held = new Uint8Array(held.buffer, 0, bytes.length);
    held.set(bytes);
    heldFrom = position;
  };
  return onlyRead(file, {
    stat,
    readAt(target, position) {
      const end = Math.min(position + target.length, object.size);
      for (let at = position; at < end;) {
        if (at < heldFrom || at >= heldFrom + held.length) hold(at);
        const part = held.subarray(at - heldFrom, end - heldFrom);
        target.set(part, at - position);
        at += part.length;
      }
      return Math.max(0, end - position);
    },
    close() {
      held = new Uint8Array(0);
    },
  });
}
