import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessMethods, type AccessMethod } from '../../../src/format/magic.ts';
import { describePage } from '../../../src/format/page/describe.ts';
import { type DatabaseFormat } from '../../../src/format/page/meta.ts';
import { queueStart } from '../../../src/format/page/queue.ts';
import { pageType } from '../../../src/format/page/types.ts';
import { Cipher } from '../../../src/format/crypto.ts';

const methods = Object.keys(accessMethods) as AccessMethod[];
const cipher = new Cipher(Buffer.from('figaro-test'));

function formatOf(method: AccessMethod, options: Partial<DatabaseFormat> = {}): DatabaseFormat {
  const { encrypted = false, checksums = encrypted } = options;
  return {
    method,
    version: accessMethods[method].newest,
    pageSize: 512,
    littleEndian: true,
    cipher: undefined,
    uid: '',
    ...options,
    encrypted,
    checksums,
    indexStart: encrypted ? 64 : checksums ? 32 : 26,
  };
}

const formats = fc
  .record({
    method: fc.constantFrom(...methods),
    littleEndian: fc.boolean(),
    checksums: fc.boolean(),
    encrypted: fc.boolean(),
    hasKey: fc.boolean(),
    pageSize: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(512, 1024) },
      { weight: 1, arbitrary: fc.constant(65536) },
    ),
  })
  .map(({ method, hasKey, checksums, encrypted, ...rest }) =>
    formatOf(method, { ...rest, encrypted, checksums: checksums || encrypted, cipher: hasKey ? cipher : undefined }),
  );

/** Random bytes with a type that exists, and numbers that are small enough to mean something. */
function pageOf(format: DatabaseFormat, seed: Uint8Array, type: number, entries: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(format.pageSize);
  for (let i = 0; i < bytes.length; i++) bytes[i] = seed[i % seed.length]! ^ (i >> 8);
  const view = new DataView(bytes.buffer);
  view.setUint16(20, entries, format.littleEndian);
  view.setUint16(22, offset, format.littleEndian);
  view.setUint16(16, entries, format.littleEndian);
  bytes[25] = type;
  return bytes;
}

describe('the description of a page', () => {
  test('of any bytes is one, and reads nothing outside of the page', () => {
    fc.assert(
      fc.property(
        formats,
        fc.uint8Array({ minLength: 16, maxLength: 700 }),
        fc.oneof(fc.integer({ min: 0, max: 17 }), fc.integer({ min: 0, max: 255 })),
        fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 0xffff })),
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (format, seed, type, entries, offset, pgno) => {
          const bytes = pageOf(format, seed, type, entries, offset);
          const start = queueStart(format);
          const layout = { start, slotSize: 24, recordLength: 23, recordsPerPage: Math.floor((512 - start) / 24) };
          // Behind the page lies something that must never be seen.
          const memory = new Uint8Array(3 * format.pageSize).fill(0xa5);
          memory.set(bytes, format.pageSize);
          const stored = memory.subarray(format.pageSize, 2 * format.pageSize);
          const page = describePage(stored, pgno, format, layout);
          expect(page.pgno).toBe(pgno);
          if (page.freeBytes !== undefined) expect(page.freeBytes).toBeLessThanOrEqual(format.pageSize);
          for (const { data, duplicates = [] } of page.items) {
            for (const view of [...(data ? [data] : []), ...duplicates]) {
              if (view.buffer !== memory.buffer) continue;
              expect(view.byteOffset).toBeGreaterThanOrEqual(format.pageSize);
              expect(view.byteOffset + view.length).toBeLessThanOrEqual(2 * format.pageSize);
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('of a page that was never written says so', () => {
    const page = describePage(new Uint8Array(512), 3, formatOf('btree', { checksums: true }));
    expect(page).toMatchObject({ isBlank: true, problem: undefined, checksum: 'none', items: [] });
  });

  test('of items that do not lie on the page tells which, and shows the others', () => {
    const bytes = new Uint8Array(512);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 7, true);
    view.setUint16(20, 4, true);
    view.setUint16(22, 480, true);
    bytes[24] = 1;
    bytes[25] = pageType.btreeLeaf;
    // Two keys and two data: the second data begins before the end of the page and goes on behind it.
    [508, 504, 480, 500].forEach((offset, i) => view.setUint16(26 + 2 * i, offset, true));
    for (const [offset, length] of [
      [508, 1],
      [504, 1],
      [480, 1],
      [500, 60],
    ] as const) {
      view.setUint16(offset, length, true);
      bytes[offset + 2] = 1;
    }
    bytes.set(Buffer.from('k'), 511);
    const { problem, items } = describePage(bytes, 7, formatOf('btree'));
    expect(problem).toBe('item 3 at 500 has 64 bytes, past the end of the page');
    expect(items[0]).toEqual({ index: 0, offset: 508, role: 'key', data: new Uint8Array(Buffer.from('k')) });
    expect(items[3]).toEqual({
      index: 3,
      offset: 500,
      role: 'data',
      problem: 'its 63 bytes do not lie on the page',
    });
  });
});
