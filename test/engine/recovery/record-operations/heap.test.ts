import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heapOperations } from '../../../../src/engine/recovery/record-operations/heap.ts';
import { rangeOf } from '../../../../src/format/byte-range.ts';
import * as heap from '../../../../src/format/log/records/heap.ts';
import { type Lsn } from '../../../../src/format/lsn.ts';
import { metaAt } from '../../../../src/format/page/meta.ts';
import { type Page } from '../../../../src/format/page/page.ts';
import { pageType } from '../../../../src/format/page/types.ts';
import { bytesOf, hexOfPage, lsnAt, MemoryDatabase } from '../../../support/memory-database.ts';

const dataPgno = 2;

interface Kind {
  readonly version: number;
  readonly littleEndian: boolean;
  readonly checksums: boolean;
}

/** A heap with a region page and an empty data page. */
function database({ version, littleEndian, checksums }: Kind): MemoryDatabase {
  const db = new MemoryDatabase({
    method: 'heap',
    operations: heapOperations,
    version,
    littleEndian,
    checksums,
    pageSize: 1024,
    meta: { [metaAt.heap.regionSize]: 100, [metaAt.heap.regions]: 1, [metaAt.lastPgno]: 1 },
  });
  const region = db.file.pageOrCreate(1);
  region.initialize(1, 0, 0, 0, pageType.heapRegion);
  region.lsn = { file: 0, offset: 1 };
  return db;
}

const allocation = {
  fileId: 0,
  metaLsn: { file: 0, offset: 1 },
  metaPgno: 0,
  pgno: dataPgno,
  pageType: pageType.heapData,
  lastPgno: 1,
};

/** How slots lie on the pages of a release (format document, 4.10.5). */
function slotsOf(page: Page, { version, littleEndian }: Kind): readonly (string | undefined)[] {
  const isOld = !littleEndian && version <= 19;
  const count = page.entries === 0 ? 0 : page.u16(isOld ? 18 : 16) + 1;
  return Array.from({ length: count }, (_, i) => {
    const little = littleEndian || isOld || i >= page.entries;
    const offset = page.view.getUint16(page.indexStart + 2 * i, little);
    if (offset === 0) return undefined;
    const size = page.view.getUint16(offset + 2, little);
    return Buffer.from(page.bytes.subarray(offset + 4, offset + 4 + size)).toString('hex');
  });
}

function stateOf(page: Page, kind: Kind): object {
  return { lsn: page.lsn, entries: page.entries, start: page.itemsStart, slots: slotsOf(page, kind) };
}

/** Bits of the page in the bitmap of its region. */
function fullness(db: MemoryDatabase): number {
  const region = db.page(1);
  return region.bytes[region.indexStart]! & 3;
}

type Body = ReturnType<typeof heap.addrem.decode>;

interface Step {
  readonly lsn: Lsn;
  readonly body: Body;
}

interface Command {
  readonly add: boolean;
  readonly slot: number;
  readonly data: Uint8Array;
}

const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.record({ add: fc.boolean(), slot: fc.nat({ max: 9 }), data: fc.uint8Array({ maxLength: 70 }) }),
  { minLength: 1, maxLength: 30 },
);

const kinds: fc.Arbitrary<Kind> = fc
  .record({ version: fc.constantFrom(19, 21, 23), littleEndian: fc.boolean(), checksums: fc.boolean() })
  // Big-endian heaps of 6.0 are refused.
  .filter(({ version, littleEndian }) => littleEndian || version !== 21);

function plan(
  list: readonly Command[],
  { version, littleEndian }: Kind,
): { steps: Step[]; slots: Map<number, string> } {
  const steps: Step[] = [];
  const items = new Map<number, Uint8Array>();
  const mode = (n: number): number => (version >= 20 ? (n << 8) | pageType.heapData : n);
  for (const { add, slot, data } of list) {
    const removed = items.get(slot);
    if (add ? removed !== undefined : removed === undefined) continue;
    const item = removed ?? data;
    const nbytes = Math.max(16, (4 + item.length + 3) & ~3);
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint16(2, item.length, littleEndian || version <= 19);
    steps.push({
      lsn: lsnAt(steps.length + 1),
      body: {
        opcode: mode(add ? 8 : 9),
        fileId: 0,
        pgno: dataPgno,
        indx: slot,
        nbytes,
        hdr: rangeOf(head),
        dbt: rangeOf(item),
        pageLsn: lsnAt(steps.length),
      },
    });
    if (add) items.set(slot, data);
    else items.delete(slot);
  }
  return { steps, slots: new Map([...items].map(([slot, item]) => [slot, Buffer.from(item).toString('hex')])) };
}

describe('items of a heap page', () => {
  test('are what the records say in every layout, undo takes them back, and redo twice equals once', () => {
    fc.assert(
      fc.property(kinds, commands, (kind, list) => {
        const { steps, slots } = plan(list, kind);
        const db = database(kind);
        db.redo(heap.pgAlloc, lsnAt(0), allocation);
        const states: object[] = [];
        for (const { lsn, body } of steps) {
          states.push(stateOf(db.page(dataPgno), kind));
          db.redo(heap.addrem, lsn, body);
        }
        const done = stateOf(db.page(dataPgno), kind);
        const expected = Array.from({ length: Math.max(-1, ...slots.keys()) + 1 }, (_, i) => slots.get(i));
        expect(done).toMatchObject({ slots: expected });
        const bits = fullness(db);
        // As another recovery would.
        db.file.lastChanges.forget(0);
        for (const { lsn, body } of steps) db.redo(heap.addrem, lsn, body);
        expect(stateOf(db.page(dataPgno), kind)).toEqual(done);
        for (const { lsn, body } of steps.toReversed()) {
          db.undo(heap.addrem, lsn, body);
          expect(stateOf(db.page(dataPgno), kind)).toEqual(states.pop());
        }
        expect(fullness(db)).toBe(0);
        for (const { lsn, body } of steps) db.redo(heap.addrem, lsn, body);
        expect(stateOf(db.page(dataPgno), kind)).toEqual(done);
        expect(fullness(db)).toBe(bits);
      }),
    );
  });

  test('the first free slot and the fullness are noted', () => {
    const kind = { version: 19, littleEndian: true, checksums: true };
    const db = database(kind);
    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    const data = new Uint8Array(300);
    const { steps } = plan(
      [0, 1, 2].map((slot) => ({ add: true, slot, data })).concat({ add: false, slot: 0, data }),
      kind,
    );
    for (const { lsn, body } of steps.slice(0, 3)) db.redo(heap.addrem, lsn, body);
    expect([db.page(dataPgno).u16(16), db.page(dataPgno).u16(18)]).toEqual([2, 3]);
    expect(fullness(db)).toBe(3);
    db.redo(heap.addrem, steps[3]!.lsn, steps[3]!.body);
    expect([db.page(dataPgno).u16(16), db.page(dataPgno).u16(18)]).toEqual([2, 0]);
    expect(fullness(db)).toBe(1);
    expect(db.page(1).lsn).toEqual({ file: 0, offset: 1 });
  });

  test('the last one removed leaves nothing in the table of slots, which db_verify looks at', () => {
    const kind = { version: 19, littleEndian: true, checksums: true };
    const db = database(kind);
    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    const data = new Uint8Array(80);
    const { steps } = plan(
      [true, false].map((add) => ({ add, slot: 0, data })),
      kind,
    );
    for (const { lsn, body } of steps) db.redo(heap.addrem, lsn, body);
    const page = db.page(dataPgno);
    expect([page.entries, page.u16(page.indexStart)]).toEqual([0, 0]);
  });

  test('records that do not fit are refused', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    const body = {
      opcode: 8,
      fileId: 0,
      pgno: dataPgno,
      indx: 0,
      nbytes: 16,
      hdr: bytesOf(0, 0, 2, 0),
      dbt: bytesOf(1, 2),
      pageLsn: lsnAt(0),
    };
    const refused = (change: Partial<typeof body>, message: RegExp): void => {
      db.page(dataPgno).lsn = lsnAt(0);
      expect(() => db.redo(heap.addrem, lsnAt(1), { ...body, ...change })).toThrow(message);
    };
    refused({ dbt: rangeOf(new Uint8Array(13)) }, /an item of 17 bytes does not go into 16/);
    refused({ indx: 600 }, /no room for an item of 16 bytes in slot 600/);
    refused({ nbytes: 2000 }, /no room/);
    refused({ opcode: 9 }, /the item in slot 0 of 0 is removed, which is free/);
  });

  test('a big-endian heap of 6.1 is refused by name', () => {
    const db = database({ version: 22, littleEndian: false, checksums: false });
    const before = hexOfPage(db.page(0));
    expect(() => db.redo(heap.pgAlloc, lsnAt(0), allocation)).toThrow(
      expect.objectContaining({ code: 'format-unsupported' }),
    );
    expect(hexOfPage(db.page(0))).toBe(before);
    expect(db.file.pageCount).toBe(2);
  });
});

describe('pages of a heap', () => {
  const kind = { version: 23, littleEndian: true, checksums: false };

  test('an allocated page is cut off by undo, and zeroed when others lie behind it', () => {
    const db = database(kind);
    const before = hexOfPage(db.page(0));
    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    expect(db.page(dataPgno)).toMatchObject({ pgno: dataPgno, type: pageType.heapData, lsn: lsnAt(0) });
    expect(db.page(1).prevPgno).toBe(dataPgno);
    db.undo(heap.pgAlloc, lsnAt(0), allocation);
    expect(db.file.pageCount).toBe(2);
    expect(hexOfPage(db.page(0))).toBe(before);

    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    const second = { ...allocation, metaLsn: lsnAt(0), pgno: 3, lastPgno: 2 };
    db.redo(heap.pgAlloc, lsnAt(1), second);
    db.undo(heap.pgAlloc, lsnAt(0), allocation);
    expect(db.file.pageCount).toBe(4);
    expect(hexOfPage(db.page(dataPgno))).toMatch(/^0*$/);
  });

  test('a new region is counted, and undo takes it back', () => {
    const db = database(kind);
    const body = { ...allocation, pgno: 102, pageType: pageType.heapRegion, lastPgno: 101 };
    db.page(0).setU32(metaAt.lastPgno, 101);
    const before = hexOfPage(db.page(0));
    db.redo(heap.pgAlloc, lsnAt(0), body);
    expect(db.page(0).u32(metaAt.heap.regions)).toBe(2);
    db.undo(heap.pgAlloc, lsnAt(0), body);
    expect(hexOfPage(db.page(0))).toBe(before);
  });

  test('a discarded page starts from zero, and a truncation is taken back', () => {
    const db = database(kind);
    db.redo(heap.pgAlloc, lsnAt(0), allocation);
    const { steps } = plan([{ add: true, slot: 0, data: Uint8Array.of(1, 2, 3) }], kind);
    db.redo(heap.addrem, steps[0]!.lsn, steps[0]!.body);
    const image = db.page(dataPgno).bytes.slice();
    const page = { fileId: 0, pgno: dataPgno, oldData: rangeOf(image), isRegion: 0, pageLsn: lsnAt(1) };
    const meta = {
      fileId: 0,
      pgno: 0,
      lastPgno: 2,
      keyCount: 0,
      recordCount: 0,
      currentRegion: 0,
      regions: 1,
      pageLsn: lsnAt(0),
    };
    const before = hexOfPage(db.page(0));
    db.redo(heap.truncPage, lsnAt(2), page);
    expect(hexOfPage(db.page(dataPgno))).toMatch(/^0*$/);
    db.redo(heap.truncMeta, lsnAt(3), meta);
    expect(db.file.pageCount).toBe(1);
    db.undo(heap.truncMeta, lsnAt(3), meta);
    db.undo(heap.truncPage, lsnAt(2), page);
    expect(Buffer.compare(db.page(dataPgno).bytes, image)).toBe(0);
    expect(hexOfPage(db.page(0))).toBe(before);
  });

  test('changes of a page that was cut off later are no open questions', () => {
    const db = database(kind);
    const { steps } = plan([{ add: true, slot: 0, data: Uint8Array.of(1) }], kind);
    db.redo(heap.addrem, steps[0]!.lsn, steps[0]!.body);
    expect(db.file.questions.size).toBe(1);
    db.redo(heap.truncPage, lsnAt(2), {
      fileId: 0,
      pgno: dataPgno,
      oldData: rangeOf(new Uint8Array(1024)),
      isRegion: 0,
      pageLsn: lsnAt(1),
    });
    expect(db.file.questions.size).toBe(0);
  });
});
