/**
 * A run of bytes inside a larger buffer. Records are decoded by the million, and a `Uint8Array` view for each of
 * their fields would cost more than everything else together.
 *
 * A range taken from a log record is valid until the next record is read: the buffer behind it is reused.
 */
export interface ByteRange {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly length: number;
}

export const emptyRange: ByteRange = { buffer: new Uint8Array(0), start: 0, length: 0 };

/** The whole of an array as a range. */
export function rangeOf(bytes: Uint8Array): ByteRange {
  return { buffer: bytes, start: 0, length: bytes.length };
}

/** A view of the range; no copy. */
export function viewOf(range: ByteRange): Uint8Array {
  return range.buffer.subarray(range.start, range.start + range.length);
}

/** A copy of the range that outlives the buffer behind it. */
export function copyOf(range: ByteRange): Uint8Array {
  return range.buffer.slice(range.start, range.start + range.length);
}

/** Copies the range to `target` at `at`. */
export function writeRange(range: ByteRange, target: Uint8Array, at: number): void {
  const { buffer, start, length } = range;
  if (length > 64) {
    target.set(buffer.subarray(start, start + length), at);
    return;
  }
  // A loop is faster than a view for the short items most records carry.
  for (let i = 0; i < length; i++) target[at + i] = buffer[start + i]!;
}

export function hexOf(range: ByteRange): string {
  return Buffer.from(range.buffer.buffer, range.buffer.byteOffset + range.start, range.length).toString('hex');
}

/** The text of a name field: UTF-8, up to its terminating NUL. */
export function textOf({ buffer, start, length }: ByteRange): string {
  let end = start;
  while (end < start + length && buffer[end] !== 0) end += 1;
  return Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start).toString('utf8');
}
