import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { treeItemSize } from '../../../src/format/page/btree.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { recognizeFile, type DatabaseFormat } from '../../../src/format/page/meta.ts';
import { Page } from '../../../src/format/page/page.ts';
import { pageType } from '../../../src/format/page/types.ts';

const format: DatabaseFormat = {
  method: 'btree',
  version: 9,
  pageSize: 512,
  littleEndian: true,
  checksums: false,
  encrypted: false,
  cipher: undefined,
  indexStart: 26,
  uid: '',
};

const pgno = 3;

/** A sound leaf of a tree, or a page of another type with the same contents, of which some bytes are changed. */
const hostilePage = fc
  .record({
    littleEndian: fc.boolean(),
    method: fc.constantFrom<DatabaseFormat['method']>('btree', 'btree', 'hash', 'queue', 'heap'),
    type: fc.oneof(
      fc.constantFrom(pageType.btreeLeaf, pageType.recnoLeaf),
      fc.constantFrom(...Object.values(pageType)),
    ),
    items: fc.array(fc.nat(40), { maxLength: 8 }),
    changes: fc.array(fc.tuple(fc.nat(511), fc.nat(255)), { maxLength: 4 }),
  })
  .map(({ littleEndian, method, type, items, changes }) => {
    const page = new Page(new Uint8Array(512), { ...format, littleEndian, method });
    page.initialize(pgno, 0, 0, type === pageType.btreeInternal || type === pageType.recnoInternal ? 2 : 1, type);
    items.forEach((length, i) => {
      const offset = page.itemsStart - ((length + 3 + 3) & ~3);
      page.setU16(offset, length);
      page.bytes[offset + 2] = 1;
      page.setItemAt(i, offset);
      page.entries = i + 1;
      page.highFree = offset;
    });
    for (const [at, value] of changes) page.bytes[at] = value;
    return page;
  });

describe('a hostile page', () => {
  test('is refused by name, or its items lie inside it', () => {
    let believed = 0;
    fc.assert(
      fc.property(hostilePage, (page) => {
        const finding = checkPage(page.bytes, pgno, page.format);
        if (finding) {
          expect(finding.problem).not.toBe('');
          return;
        }
        if (page.type !== pageType.btreeLeaf && page.type !== pageType.recnoLeaf) return;
        believed += page.entries > 0 ? 1 : 0;
        for (let i = 0; i < page.entries; i++) {
          const offset = page.itemAt(i);
          expect(offset).toBeGreaterThanOrEqual(page.indexStart + 2 * page.entries);
          expect(offset + treeItemSize(page, offset)).toBeLessThanOrEqual(page.size);
        }
      }),
      { numRuns: 50_000 },
    );
    expect(believed).toBeGreaterThan(1000);
  });

  test('of metadata is recognised, or told damaged, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, isBtree) => {
        if (isBtree && bytes.length > 16) new DataView(bytes.buffer).setUint32(12, 0x53162, true);
        const recognition = recognizeFile(bytes);
        if (recognition.kind === 'database') expect(recognition.format.pageSize).toBeGreaterThanOrEqual(512);
        if (recognition.kind === 'damaged') expect(recognition.problem).not.toBe('');
      }),
      { numRuns: 5000 },
    );
  });
});
