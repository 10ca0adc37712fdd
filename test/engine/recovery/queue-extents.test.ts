import { expect, test } from 'vitest';
import { type Piece } from '../../../src/engine/recovery/piece.ts';
import { QueueExtents } from '../../../src/engine/recovery/queue-extents.ts';

/** Of which nothing but its length is asked. */
const pieceOf = (size: number): Piece => ({ size }) as Piece;

test('what lies between extents is passed over at once, however far they are apart', () => {
  const extents = new QueueExtents(10, 512, () => pieceOf(0));
  const far = 400_000_000;
  extents.add(far, pieceOf(512));
  extents.add(3, pieceOf(4 * 512));
  expect(extents.nextBehind(1)).toBe(31);
  // The extent ends before this page: none of the pages behind it in there is.
  expect(extents.nextBehind(35)).toBe(far * 10 + 1);
  expect(extents.nextBehind(far * 10 + 2)).toBe(Infinity);
  extents.add(4, pieceOf(512));
  expect(extents.nextBehind(35)).toBe(41);
});
