import { expect, test } from 'vitest';
import { type OpenFile } from '../../../src/engine/files/files.ts';
import { FetchedBlocks } from '../../../src/engine/remote/fetched-blocks.ts';
import { ObjectBytes } from '../../../src/engine/remote/object-bytes.ts';
import { largestRead } from '../../../src/engine/store/sync-reader.ts';
import { type Range } from '../../../src/engine/store/store.ts';

const block = 64 << 10;
const size = 5 * largestRead + 1000;

/** A file of blocks, and what was asked for and told beforehand. */
function blocksOf(): { readonly fetch: (start: number, end: number) => void; readonly reads: Read[] } {
  const reads: Read[] = [];
  const read = (_name: string, range: Range, next?: Range): Uint8Array => {
    reads.push({ range, next });
    return new Uint8Array(range.length);
  };
  const blocks = new FetchedBlocks(new ObjectBytes('object', size, { read, close: () => Promise.resolve() }));
  const target = { path: 'file', writeAt: () => {} } as unknown as OpenFile;
  return { fetch: (start, end) => blocks.fetch(target, start, end), reads };
}

interface Read {
  readonly range: Range;
  readonly next: Range | undefined;
}

test('of a file that is read from one end to the other, it is told beforehand what is asked for next, up to the end', () => {
  const { fetch, reads } = blocksOf();
  for (let at = 0; at < size; at += 1 << 20) fetch(at, Math.min(at + (1 << 20), size));
  expect(reads.reduce((sum, { range }) => sum + range.length, 0)).toBe(size);
  expect(Math.max(...reads.map(({ range }) => range.length))).toBe(largestRead);
  expect(reads.filter(({ next }) => next).length).toBeGreaterThanOrEqual(3);
  for (const [i, { next }] of reads.entries()) if (next) expect(reads[i + 1]?.range).toEqual(next);
});

test('of one that is read here and there, nothing is', () => {
  const { fetch, reads } = blocksOf();
  for (const at of [70, 3, 40, 41, 42, 11]) fetch(at * block, at * block + 4096);
  expect(reads.length).toBeGreaterThan(3);
  expect(reads.every(({ next }) => next === undefined)).toBe(true);
});

test('what is there already is not asked for beforehand', () => {
  const { fetch, reads } = blocksOf();
  fetch(largestRead + 2 * block, largestRead + 3 * block);
  fetch(0, largestRead);
  expect(reads.at(-1)).toEqual({
    range: { start: 0, length: largestRead },
    next: { start: largestRead, length: 2 * block },
  });
});
