/**
 * The 32-bit hash under log records and pages alike: `h = h * 33 + byte`, modulo 2^32
 * (format document, section 2.5).
 */

const power2 = 33 ** 2;
const power3 = 33 ** 3;
const power4 = 33 ** 4;
const power5 = Math.imul(power4, 33);
const power6 = Math.imul(power5, 33);
const power7 = Math.imul(power6, 33);
const power8 = Math.imul(power7, 33);

/** Hash of `bytes[start, end)`, continuing from `h`. The result is unsigned. */
export function hashBytes(bytes: Uint8Array, start = 0, end = bytes.length, h = 0): number {
  let i = start;
  // Eight bytes a step: the sum below has no chain of eight dependent multiplications.
  for (const last = end - 7; i < last; i += 8) {
    h =
      (Math.imul(h, power8) +
        Math.imul(bytes[i]!, power7) +
        Math.imul(bytes[i + 1]!, power6) +
        Math.imul(bytes[i + 2]!, power5) +
        bytes[i + 3]! * power4 +
        bytes[i + 4]! * power3 +
        bytes[i + 5]! * power2 +
        bytes[i + 6]! * 33 +
        bytes[i + 7]!) |
      0;
  }
  for (; i < end; i++) h = (Math.imul(h, 33) + bytes[i]!) | 0;
  return h >>> 0;
}

/** Checksum of a plain log record (v12 and later): the hash of its body, `prev` and `len`. */
export function logRecordChecksum(bytes: Uint8Array, bodyStart: number, bodyEnd: number, prev: number): number {
  const len = bodyEnd - bodyStart + 12;
  return (hashBytes(bytes, bodyStart, bodyEnd) ^ prev ^ len) >>> 0;
}
