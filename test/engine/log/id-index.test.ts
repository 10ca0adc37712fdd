import { expect, test } from 'vitest';
import { IdIndex } from '../../../src/engine/log/id-index.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

test('ids are found, taken away and put again as in a map, also where many meet at one place', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomNumbers(seed);
    // Few ids are put and taken away often, more make the table grow.
    const ids = 10 + random(seed % 2 === 0 ? 30 : 3000);
    const spread = [1, 16, 0x10000][random(3)]!;
    const idOf = (i: number): number => (0x8000_0000 + 1 + i * spread) >>> 0;
    const map = new Map<number, number>();
    const index = new IdIndex();
    for (let i = 0; i < 6000; i++) {
      const id = idOf(random(ids));
      const what = random(1000);
      if (what < 500) {
        map.set(id, i);
        index.set(id, i);
      } else if (what < 999) {
        map.delete(id);
        index.delete(id);
      } else {
        const isOut = (other: number): boolean => other > id;
        for (const other of [...map.keys()]) if (isOut(other)) map.delete(other);
        index.deleteWhere(isOut);
      }
    }
    expect(index.size, `seed ${seed}`).toBe(map.size);
    for (let i = 0; i < ids; i++) expect(index.get(idOf(i))).toBe(map.get(idOf(i)) ?? -1);
  }
});
