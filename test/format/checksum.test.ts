import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashBytes, logRecordChecksum } from '../../src/format/checksum.ts';
import { hashWithHole } from '../../src/format/log/frames.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The definition, byte by byte. */
function slowHash(bytes: Uint8Array): number {
  let h = 0;
  for (const byte of bytes) h = (Math.imul(h, 33) + byte) | 0;
  return h >>> 0;
}

test('the hash gives the vectors of the format document', () => {
  expect(hashBytes(bytesOf(''))).toBe(0);
  expect(hashBytes(bytesOf('a'))).toBe(0x61);
  expect(hashBytes(bytesOf('abc'))).toBe(0x0001a9a6);
  expect(hashBytes(Uint8Array.from({ length: 16 }, (_, i) => i))).toBe(0xdd24b678);
});

test('eight bytes a step give what one byte a step gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(hashBytes(bytes)).toBe(slowHash(bytes));
    }),
  );
});

test('a hole counts as zeros', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 600 }), fc.nat(30), (bytes, hole) => {
      const zeroed = bytes.slice();
      zeroed.fill(0, hole, hole + 4);
      expect(hashWithHole(bytes, hole, 4, bytes.length)).toBe(slowHash(zeroed));
    }),
  );
});

test('the checksum of a log record covers where it follows and how long it is', () => {
  const header = Uint8Array.from(Buffer.from('000000001c000000e941485b88090400100000000000100000000000', 'hex'));
  expect(logRecordChecksum(header, 12, 28, 0)).toBe(0x5b4841e9);
});
