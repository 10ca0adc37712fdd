import { expect, test } from 'vitest';
import { asIn60, readableHeapPage } from '../../../src/format/page/heap.ts';
import { type DatabaseFormat } from '../../../src/format/page/meta.ts';
import { Page } from '../../../src/format/page/page.ts';

const format: DatabaseFormat = {
  method: 'heap',
  version: 2,
  pageSize: 1024,
  littleEndian: false,
  checksums: false,
  encrypted: false,
  cipher: undefined,
  indexStart: 26,
  uid: '',
};

/** Pages of a big-endian heap, as 6.0.30 stored them on a little-endian machine: their beginnings. */
const stored = {
  empty: { pgno: 6, lsn: '[7][76595]', head: '00000007332b010006000000000000000000000000000348000f' },
  withFreeSlot: {
    pgno: 13,
    lsn: '[7][88808]',
    head: '00000007e85a01000d0000000000000000030001000300dc000f02380000022400dc',
  },
} as const;

const pageOf = (head: string): Page => {
  const bytes = new Uint8Array(format.pageSize);
  bytes.set(Buffer.from(head, 'hex'));
  return new Page(bytes, format);
};

test.each(Object.entries(stored))(
  'a heap page that 6.0 turned halfway is put right, and stored as it was: %s',
  (_, { pgno, lsn, head }) => {
    const page = pageOf(head);
    expect(page.pgno).not.toBe(pgno);
    asIn60(page);
    expect(page.pgno).toBe(pgno);
    expect(`[${page.lsn.file}][${page.lsn.offset}]`).toBe(lsn);
    asIn60(page);
    expect(page.bytes).toEqual(pageOf(head).bytes);
  },
);

test('an empty heap page that 6.0 turned halfway is sound', () => {
  const { pgno, head } = stored.empty;
  expect(readableHeapPage(pageOf(head), pgno)).toMatchObject({ pgno, entries: 0 });
});
