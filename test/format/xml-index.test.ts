import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareIndexEntries, keyOrderOfSyntax } from '../../src/format/xml-index.ts';

const bytes = (...numbers: readonly number[]): Uint8Array => Uint8Array.from(numbers);

/** An index key of a whole number: prefix, name id, then state, exponent and pairs of digits. */
function keyOf(value: number, name = 5): Uint8Array {
  if (value === 0) return bytes(0x10, name, 2);
  const digits = `${Math.abs(value)}`;
  const pairs = digits.padEnd(digits.length + (digits.length % 2), '0').match(/../g)!;
  return bytes(0x10, name, value < 0 ? 1 : 3, digits.length, digits.length, ...pairs.map(Number));
}

describe('the order of index keys', () => {
  test('is that of the numbers where the syntax is one of numbers', () => {
    const order = keyOrderOfSyntax('decimal')!;
    const integer = fc.integer({ min: -999_999, max: 999_999 });
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(Math.sign(order(keyOf(a), keyOf(b)))).toBe(Math.sign(a - b));
      }),
    );
  });

  test('goes by name before it goes by number', () => {
    expect(keyOrderOfSyntax('double')!(keyOf(9, 5), keyOf(1, 6))).toBeLessThan(0);
  });

  test('goes on to the seconds of a duration', () => {
    const months = [3, 1, 1, 50];
    const order = keyOrderOfSyntax('duration')!;
    expect(order(bytes(0x10, 5, ...months, 1, 1, 1, 70), bytes(0x10, 5, ...months, 2))).toBeLessThan(0);
  });

  test('is that of bytes for strings, and not known for an unknown syntax', () => {
    expect(keyOrderOfSyntax('string')!(bytes(1, 2), bytes(1, 2, 0))).toBeLessThan(0);
    expect(keyOrderOfSyntax('colour')).toBeUndefined();
  });

  test('does not fail for keys that are cut off anywhere', () => {
    const order = keyOrderOfSyntax('duration')!;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 12 }), (a, b) => {
        expect(order(a, b) + order(b, a)).toBe(0);
      }),
    );
  });
});

describe('the order of index entries', () => {
  test('leaves out the format byte, and what is behind the node id', () => {
    expect(compareIndexEntries(bytes(1, 7, 40, 41, 0, 9), bytes(2, 7, 40, 41, 0, 8))).toBe(0);
    expect(compareIndexEntries(bytes(9, 7, 40, 0), bytes(1, 7, 41, 0))).toBeLessThan(0);
    expect(compareIndexEntries(bytes(9, 7, 41, 0), bytes(1, 8, 40, 0))).toBeLessThan(0);
  });
});
