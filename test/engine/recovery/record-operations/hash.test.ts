import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashOperations } from '../../../../src/engine/recovery/record-operations/hash.ts';
import { rangeOf, type ByteRange } from '../../../../src/format/byte-range.ts';
import { type RecordLayout } from '../../../../src/format/log/record.ts';
import * as hash from '../../../../src/format/log/records/hash.ts';
import { noLsn, type Lsn } from '../../../../src/format/lsn.ts';
import { metaAt } from '../../../../src/format/page/meta.ts';
import { type Page } from '../../../../src/format/page/page.ts';
import { swapPage } from '../../../../src/format/page/swap.ts';
import { hashItemType, pageType } from '../../../../src/format/page/types.ts';
import { bytesOf, lsnAt, MemoryDatabase, textRange } from '../../../support/memory-database.ts';

const bucket = 3;

interface Kind {
  readonly version: number;
  readonly littleEndian: boolean;
  readonly checksums: boolean;
}

function database({ version, littleEndian, checksums }: Kind): MemoryDatabase {
  return new MemoryDatabase({
    method: 'hash',
    operations: hashOperations,
    version,
    littleEndian,
    checksums,
    pageSize: 1024,
    meta: { [metaAt.hash.maxBucket]: 1, [metaAt.hash.highMask]: 1, [metaAt.lastPgno]: 2 },
  });
}

/** Contents of the bucket, type bytes included; what lies between index and items does not count. */
function stateOf(page: Page): object {
  const items = Array.from({ length: page.entries }, (_, i) =>
    Buffer.from(page.bytes.subarray(page.itemAt(i), i === 0 ? page.size : page.itemAt(i - 1))).toString('hex'),
  );
  return { lsn: page.lsn, pgno: page.pgno, type: page.type, start: page.itemsStart, items };
}

/** One record about the bucket. */
type Step = { readonly lsn: Lsn } & (
  | { readonly layout: typeof hash.insdel; readonly body: ReturnType<typeof hash.insdel.decode> }
  | { readonly layout: typeof hash.insdelBefore50; readonly body: ReturnType<typeof hash.insdelBefore50.decode> }
  | { readonly layout: typeof hash.replace; readonly body: ReturnType<typeof hash.replace.decode> }
  | { readonly layout: typeof hash.replaceBefore50; readonly body: ReturnType<typeof hash.replaceBefore50.decode> }
);

function redo(db: MemoryDatabase, { layout, lsn, body }: Step): void {
  db.redo(layout as RecordLayout<object>, lsn, body);
}

function undo(db: MemoryDatabase, { layout, lsn, body }: Step): void {
  db.undo(layout as RecordLayout<object>, lsn, body);
}

/** What the generated commands do; positions are fractions of what is there. */
interface Command {
  readonly do: 'put' | 'delete' | 'change';
  readonly where: number;
  readonly from: number;
  readonly to: number;
  readonly key: Uint8Array;
  readonly data: Uint8Array;
}

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.record({
    do: fc.constantFrom('put', 'put', 'delete', 'change'),
    where: fraction,
    from: fraction,
    to: fraction,
    key: fc.uint8Array({ minLength: 1, maxLength: 12 }),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Turns commands into records of a version, with a model of the pairs that should be there. */
function plan(list: readonly Command[], version: number): { steps: Step[]; pairs: [Uint8Array, Uint8Array][] } {
  const steps: Step[] = [];
  const pairs: [Uint8Array, Uint8Array][] = [];
  const isOld = version <= 16;
  const keyData = (hashItemType.keyData << 8) | pageType.hash;
  const withType = (bytes: Uint8Array): ByteRange => bytesOf(hashItemType.keyData, ...bytes);
  let before: Lsn = noLsn;
  for (const command of list) {
    const lsn = lsnAt(steps.length);
    const common = { fileId: 0, pgno: bucket, pageLsn: before };
    const at = Math.floor(command.where * (command.do === 'put' ? pairs.length + 1 : pairs.length));
    const pair = pairs[at];
    if (command.do === 'put') {
      pairs.splice(at, 0, [command.key, command.data]);
      const body = { ...common, opcode: 0x20, indx: 2 * at, key: rangeOf(command.key), data: rangeOf(command.data) };
      if (isOld) steps.push({ lsn, layout: hash.insdelBefore50, body });
      else steps.push({ lsn, layout: hash.insdel, body: { ...body, keyType: keyData, dataType: keyData } });
    } else if (!pair) {
      continue;
    } else if (command.do === 'delete') {
      pairs.splice(at, 1);
      const body = { ...common, opcode: 0x30, indx: 2 * at };
      if (isOld) {
        steps.push({
          lsn,
          layout: hash.insdelBefore50,
          body: { ...body, key: withType(pair[0]), data: withType(pair[1]) },
        });
      } else {
        const items = { key: rangeOf(pair[0]), keyType: keyData, data: rangeOf(pair[1]), dataType: keyData };
        steps.push({ lsn, layout: hash.insdel, body: { ...body, ...items } });
      }
    } else {
      const [, data] = pair;
      const from = Math.floor(command.from * (data.length + 1));
      const to = from + Math.floor(command.to * (data.length - from + 1));
      const old = data.slice(from, to);
      pair[1] = Uint8Array.from([...data.subarray(0, from), ...command.data, ...data.subarray(to)]);
      const body = {
        ...common,
        indx: 2 * at + 1,
        offset: from,
        oldItem: rangeOf(old),
        newItem: rangeOf(command.data),
      };
      if (isOld) steps.push({ lsn, layout: hash.replaceBefore50, body: { ...body, makeDuplicate: 0 } });
      else steps.push({ lsn, layout: hash.replace, body: { ...body, oldType: keyData, newType: keyData } });
    }
    before = lsn;
  }
  return { steps, pairs };
}

/** Leaves out commands from the first on that the page has no room for. */
function fitting(list: readonly Command[]): readonly Command[] {
  let used = 0;
  const end = list.findIndex(({ key, data }) => (used += key.length + data.length + 8) > 900);
  return end === -1 ? list : list.slice(0, end);
}

const kinds: fc.Arbitrary<Kind> = fc.record({
  version: fc.constantFrom(16, 19, 21, 23),
  littleEndian: fc.boolean(),
  checksums: fc.boolean(),
});

describe('items of a bucket', () => {
  test('are what the records say, undo takes them back one by one, and redo twice equals once', () => {
    fc.assert(
      fc.property(kinds, commands, (kind, list) => {
        const { steps, pairs } = plan(fitting(list), kind.version);
        const db = database(kind);
        const states: object[] = [];
        db.file.pageOrCreate(bucket);
        for (const step of steps) {
          states.push(stateOf(db.page(bucket)));
          redo(db, step);
        }
        const done = stateOf(db.page(bucket));
        expect(done).toMatchObject({
          items: pairs.flat().map((bytes) => `01${Buffer.from(bytes).toString('hex')}`),
        });
        for (const step of steps) redo(db, step);
        expect(stateOf(db.page(bucket))).toEqual(done);
        for (const step of steps.toReversed()) {
          undo(db, step);
          expect(stateOf(db.page(bucket))).toEqual(states.pop());
        }
        for (const step of steps) redo(db, step);
        expect(stateOf(db.page(bucket))).toEqual(done);
      }),
    );
  });

  test('an undo that only checks throws when the change is there, and changes nothing', () => {
    const { steps } = plan(
      [{ do: 'put', where: 0, from: 0, to: 0, key: Uint8Array.of(1), data: Uint8Array.of(2) }],
      19,
    );
    const db = database({ version: 19, littleEndian: true, checksums: false });
    redo(db, steps[0]!);
    const before = stateOf(db.page(bucket));
    db.change.onlyChecking = true;
    expect(() => undo(db, steps[0]!)).toThrow(/did not commit/);
    expect(stateOf(db.page(bucket))).toEqual(before);
  });

  test('a record that does not fit its page is refused', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    const keyData = hashItemType.keyData << 8;
    const put =
      (indx: number, data: ByteRange, dataType = keyData) =>
      () =>
        db.redo(hash.insdel, lsnAt(0), {
          fileId: 0,
          opcode: 0x20,
          pgno: bucket,
          indx,
          pageLsn: noLsn,
          keyType: keyData,
          key: textRange('key'),
          dataType,
          data,
        });
    expect(put(2, textRange('data'))).toThrow(/a pair is put at 2 of 0 items/);
    const other = database({ version: 19, littleEndian: true, checksums: false });
    const change = other.change;
    expect(() =>
      other.redo(hash.replace, lsnAt(1), {
        fileId: 0,
        pgno: 0,
        indx: 1,
        pageLsn: { file: 0, offset: 1 },
        offset: 0,
        oldType: keyData,
        oldItem: textRange('a'),
        newType: keyData,
        newItem: textRange('b'),
      }),
    ).toThrow(/it has type 8/);
    expect(change.counts.applied).toBe(1);
  });

  test('a pair larger than the free space is refused', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    const { steps } = plan(
      [{ do: 'put', where: 0, from: 0, to: 0, key: new Uint8Array(500), data: new Uint8Array(500) }],
      19,
    );
    expect(() => redo(db, steps[0]!)).toThrow(/does not fit page 3: a pair of 1002 bytes is put where 994 are free/);
  });

  test.each([true, false])('duplicates of an older log are turned for the page (little-endian: %s)', (littleEndian) => {
    const db = database({ version: 16, littleEndian, checksums: false });
    const change = { fileId: 0, pgno: bucket };
    db.redo(hash.insdelBefore50, lsnAt(0), {
      ...change,
      opcode: 0x20,
      indx: 0,
      pageLsn: noLsn,
      key: textRange('k'),
      data: textRange('a'),
    });
    // The item becomes a set of one, then of two.
    const made = { oldItem: textRange('a'), newItem: bytesOf(1, 0, 0x61, 1, 0), offset: 0, makeDuplicate: 1 };
    db.redo(hash.replaceBefore50, lsnAt(1), { ...change, indx: 1, pageLsn: lsnAt(0), ...made });
    const added = { oldItem: bytesOf(), newItem: bytesOf(2, 0, 0x62, 0x63, 2, 0), offset: 5, makeDuplicate: 0 };
    db.redo(hash.replaceBefore50, lsnAt(2), { ...change, indx: 1, pageLsn: lsnAt(1), ...added });
    const length = (n: number): string => (littleEndian ? `0${n}00` : `000${n}`);
    expect(stateOf(db.page(bucket))).toMatchObject({
      items: ['016b', `02${length(1)}61${length(1)}${length(2)}6263${length(2)}`],
    });
    db.undo(hash.replaceBefore50, lsnAt(2), { ...change, indx: 1, pageLsn: lsnAt(1), ...added });
    db.undo(hash.replaceBefore50, lsnAt(1), { ...change, indx: 1, pageLsn: lsnAt(0), ...made });
    expect(stateOf(db.page(bucket))).toMatchObject({ items: ['016b', '0161'] });
  });

  test('a set of duplicates moves off the page and back', () => {
    const db = database({ version: 19, littleEndian: false, checksums: true });
    const type = (item: number): number => (item << 8) | pageType.hash;
    const set = bytesOf(0, 1, 0x61, 0, 1);
    db.redo(hash.insdel, lsnAt(0), {
      fileId: 0,
      opcode: 0x20,
      pgno: bucket,
      indx: 0,
      pageLsn: noLsn,
      keyType: type(hashItemType.keyData),
      key: textRange('k'),
      dataType: type(hashItemType.duplicates),
      data: set,
    });
    const body = {
      fileId: 0,
      pgno: bucket,
      indx: 1,
      pageLsn: lsnAt(0),
      offset: -1,
      oldType: type(hashItemType.duplicates),
      oldItem: set,
      newType: type(hashItemType.offPageDuplicates),
      newItem: bytesOf(4, 0, 0, 0, 0, 0, 0, 9),
    };
    db.redo(hash.replace, lsnAt(1), body);
    expect(stateOf(db.page(bucket))).toMatchObject({ items: ['016b', '0400000000000009'] });
    db.undo(hash.replace, lsnAt(1), body);
    expect(stateOf(db.page(bucket))).toMatchObject({ items: ['016b', '020001610001'] });
  });
});

describe('buckets', () => {
  const group = {
    fileId: 0,
    bucket: 1,
    masterMetaPgno: 0,
    masterMetaLsn: { file: 0, offset: 1 },
    metaPgno: 0,
    metaLsn: { file: 0, offset: 1 },
    pgno: 3,
    pageLsn: noLsn,
    newAlloc: 1,
    lastPgno: 2,
  };

  test('a new group extends the file, and undo cuts it off again', () => {
    const db = database({ version: 23, littleEndian: true, checksums: false });
    db.file.pageOrCreate(1);
    db.file.pageOrCreate(2);
    const before = Buffer.from(db.page(0).bytes).toString('hex');
    db.redo(hash.metagroup, lsnAt(0), group);
    const meta = db.page(0);
    expect(db.file.pageCount).toBe(5);
    expect(db.page(3)).toMatchObject({ pgno: 3, type: pageType.hash, lsn: noLsn });
    expect(db.page(4)).toMatchObject({ pgno: 4, type: pageType.hash, lsn: lsnAt(0) });
    expect(meta.u32(metaAt.hash.maxBucket)).toBe(2);
    expect([meta.u32(metaAt.hash.lowMask), meta.u32(metaAt.hash.highMask)]).toEqual([1, 3]);
    expect(meta.u32(metaAt.hash.spares + 8)).toBe(1);
    expect(meta.u32(metaAt.lastPgno)).toBe(4);
    db.undo(hash.metagroup, lsnAt(0), group);
    expect(db.file.pageCount).toBe(3);
    expect(Buffer.from(db.page(0).bytes).toString('hex')).toBe(before);
  });

  test('a changed slot and a removed bucket are taken back', () => {
    const db = database({ version: 23, littleEndian: true, checksums: false });
    const before = Buffer.from(db.page(0).bytes).toString('hex');
    db.redo(hash.metagroup, lsnAt(0), group);
    const grown = Buffer.from(db.page(0).bytes).toString('hex');
    const slot = { fileId: 0, metaLsn: lsnAt(0), slot: 2, old: 3, new: 9 };
    db.redo(hash.changeslot, lsnAt(1), slot);
    expect(db.page(0).u32(metaAt.hash.spares + 8)).toBe(7);
    db.undo(hash.changeslot, lsnAt(1), slot);
    expect(Buffer.from(db.page(0).bytes).toString('hex')).toBe(grown);
    const contract = { fileId: 0, metaPgno: 0, metaLsn: lsnAt(0), bucket: 2, pgno: 3 };
    db.redo(hash.contract, lsnAt(2), contract);
    expect(db.page(0).u32(metaAt.hash.maxBucket)).toBe(1);
    db.undo(hash.contract, lsnAt(2), contract);
    expect(Buffer.from(db.page(0).bytes).toString('hex')).toBe(grown);
    db.undo(hash.metagroup, lsnAt(0), group);
    expect(Buffer.from(db.page(0).bytes).toString('hex')).toBe(before);
  });

  test('a group that later records no longer know of does not raise the last page number', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    db.page(0).lsn = lsnAt(5);
    const body = { fileId: 0, metaLsn: noLsn, startPgno: 3, count: 2, unused: 0, lastPgno: 2 };
    db.redo(hash.groupalloc, lsnAt(0), body);
    expect(db.page(4)).toMatchObject({ pgno: 4, type: pageType.hash, lsn: lsnAt(0) });
    expect(db.file.lastPgno).toBe(2);
  });

  test('a bucket that does not follow the last one is refused', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    expect(() => db.redo(hash.metagroup, lsnAt(0), { ...group, bucket: 7 })).toThrow(/its last bucket is 1, not 7/);
  });
});

describe('chains of pages', () => {
  test('a page put into a chain and the second page copied to the first are taken back', () => {
    const db = database({ version: 19, littleEndian: true, checksums: false });
    db.file.pageOrCreate(5);
    const { steps } = plan(
      [{ do: 'put', where: 0, from: 0, to: 0, key: Uint8Array.of(7), data: Uint8Array.of(8) }],
      19,
    );
    redo(db, steps[0]!);
    const first = stateOf(db.page(bucket));
    const put = {
      fileId: 0,
      opcode: 0x40,
      prevPgno: 4,
      prevPageLsn: noLsn,
      newPgno: 5,
      pageLsn: noLsn,
      nextPgno: bucket,
      nextPageLsn: lsnAt(0),
    };
    db.redo(hash.newpage, lsnAt(1), put);
    expect(db.page(4).nextPgno).toBe(5);
    expect(db.page(5)).toMatchObject({ prevPgno: 4, nextPgno: bucket });
    expect(db.page(bucket).prevPgno).toBe(5);
    const copy = {
      fileId: 0,
      pgno: 4,
      pageLsn: lsnAt(1),
      nextPgno: bucket,
      nextPageLsn: lsnAt(1),
      nextNextPgno: 0,
      nextNextPageLsn: noLsn,
      page: rangeOf(db.page(bucket).bytes.slice()),
    };
    db.redo(hash.copypage, lsnAt(2), copy);
    expect(stateOf(db.page(4))).toMatchObject({ pgno: 4, lsn: lsnAt(2), items: ['0107', '0108'] });
    db.undo(hash.copypage, lsnAt(2), copy);
    expect(stateOf(db.page(4))).toMatchObject({ lsn: lsnAt(1), items: [] });
    expect(db.page(4).nextPgno).toBe(bucket);
    db.undo(hash.newpage, lsnAt(1), put);
    expect(stateOf(db.page(bucket))).toEqual(first);
    expect(db.page(4).nextPgno).toBe(bucket);
  });
});

test('a page turned to the other byte order and back is the same', () => {
  fc.assert(
    fc.property(kinds, commands, (kind, list) => {
      const { steps } = plan(fitting(list), kind.version);
      const db = database(kind);
      const turned = database({ ...kind, littleEndian: !kind.littleEndian });
      for (const step of steps) {
        redo(db, step);
        redo(turned, step);
      }
      const format = db.file.format;
      for (const pgno of steps.length > 0 ? [0, bucket] : [0]) {
        // The checksum is of bytes that differ, and what no item uses is left as it was.
        for (const page of [db.page(pgno), turned.page(pgno)]) {
          if (pgno === 0) page.setU32(metaAt.checksum, 0);
          else page.bytes.fill(0, page.indexStart + 2 * page.entries, page.itemsStart);
        }
        const bytes = db.page(pgno).bytes.slice();
        swapPage(bytes, format);
        expect(Buffer.compare(bytes, turned.page(pgno).bytes)).toBe(0);
        swapPage(bytes, turned.file.format);
        expect(Buffer.compare(bytes, db.page(pgno).bytes)).toBe(0);
      }
    }),
  );
});
