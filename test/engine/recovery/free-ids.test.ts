import { describe, expect, test } from 'vitest';
import { freeIds } from '../../../src/engine/recovery/finish-log.ts';

const first = 0x8000_0000;
const last = 0xffff_ffff;

describe('the transaction ids that a log leaves to those who go on with it', () => {
  test.each([
    ['all, where none is in use', [], [first, last]],
    ['those behind one that is in use, and around the end those before it', [first + 5], [first + 6, first + 4]],
    ['all but the first', [first], [first + 1, last]],
    ['all but the last', [last], [first, last - 1]],
    ['those behind several in a row', [first + 2, first, first + 1], [first + 3, last]],
    ['the largest gap, where it is in the middle', [first + 10, last - 10], [first + 11, last - 11]],
    [
      'the largest gap, where it goes around the end',
      [first + 0x1000, first + 0x4000],
      [first + 0x4001, first + 0xfff],
    ],
    ['those between the first and the last', [last, first], [first + 1, last - 1]],
  ])('are %s', (_what, inUse, free) => {
    expect(freeIds(inUse)).toEqual(free);
  });

  test('hold none that is in use, and do not depend on the order in which those are told', () => {
    const inUse = [first + 77, last - 3, first + 0x1234_5678, first + 0x7000_0000];
    const [min, max] = freeIds(inUse);
    expect(freeIds(inUse.toReversed())).toEqual([min, max]);
    const isFree = (id: number): boolean => (min <= max ? id >= min && id <= max : id >= min || id <= max);
    expect(inUse.filter(isFree)).toEqual([]);
  });
});
