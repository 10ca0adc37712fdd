import { type Reading } from './only-read.ts';

const chunkSize = 1 << 20;

/**
 * Offset of the first byte in which two files differ, up to `length`; undefined when they agree.
 *
 * @param from where the other one begins in the first: its bytes are compared with those from there on
 */
export function firstDifference(one: Reading, other: Reading, length: number, from = 0): number | undefined {
  const left = new Uint8Array(Math.min(chunkSize, length));
  const right = new Uint8Array(left.length);
  for (let at = 0; at < length; at += left.length) {
    const part = Math.min(left.length, length - at);
    const x = left.subarray(0, one.readAt(left.subarray(0, part), from + at));
    const y = right.subarray(0, other.readAt(right.subarray(0, part), at));
    if (x.length === part && Buffer.compare(x, y) === 0) continue;
    let i = 0;
    while (i < x.length && i < y.length && x[i] === y[i]) i += 1;
    return from + at + i;
  }
  return undefined;
}
