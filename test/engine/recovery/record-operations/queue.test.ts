import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Queue, slotFlag } from '../../../../src/engine/recovery/record-operations/queue-page.ts';
import { finishQueue, queueOperations } from '../../../../src/engine/recovery/record-operations/queue.ts';
import { extentName, parseExtentName } from '../../../../src/format/names.ts';
import { emptyRange, rangeOf } from '../../../../src/format/byte-range.ts';
import { type RecordLayout } from '../../../../src/format/log/record.ts';
import * as queue from '../../../../src/format/log/records/queue.ts';
import { type Lsn } from '../../../../src/format/lsn.ts';
import { metaAt } from '../../../../src/format/page/meta.ts';
import { lsnAt, MemoryDatabase } from '../../../support/memory-database.ts';

const recordLength = 100;
const recordsPerPage = 4;
const pad = 0x20;

interface Kind {
  readonly version: number;
  readonly littleEndian: boolean;
  /** Pages per extent; 0 for a queue in one file. */
  readonly extentPages: number;
  readonly first: number;
}

function database({ version, littleEndian, extentPages, first }: Kind): MemoryDatabase {
  const at = metaAt.queue;
  const fields = {
    [at.first]: first,
    [at.current]: first,
    [at.recordLength]: recordLength,
    [at.pad]: pad,
    [at.recordsPerPage]: recordsPerPage,
    [at.extentPages]: extentPages,
  };
  return new MemoryDatabase({ method: 'queue', operations: queueOperations, version, littleEndian, meta: fields });
}

/** The records that a reader of the queue sees. */
function recordsOf(db: MemoryDatabase): Map<number, string> {
  const reader = new Queue(db.file);
  const found = new Map<number, string>();
  for (let recno = reader.first; recno !== reader.current; recno = recno === 0xffffffff ? 1 : recno + 1) {
    if (!reader.isValid(recno)) continue;
    const page = db.page(reader.pgnoOf(recno));
    const at = reader.slotOf(recno) + 1;
    found.set(
      recno,
      Buffer.from(page.bytes.subarray(at, at + recordLength))
        .toString('latin1')
        .trimEnd(),
    );
  }
  return found;
}

interface Step {
  readonly lsn: Lsn;
  readonly layout: RecordLayout<object>;
  readonly body: object;
  readonly pgno: number;
  readonly isLoser: boolean;
}

/** Transactions of one record each, as an application makes them: add at the end, take from anywhere. */
interface Command {
  readonly take: boolean;
  readonly which: number;
  readonly text: string;
  /** Unfinished at the end. */
  readonly loses: boolean;
}

const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.record({
    take: fc.boolean(),
    which: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    text: fc.stringMatching(/^[a-z]{1,8}$/),
    loses: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

const kinds: fc.Arbitrary<Kind> = fc.record({
  version: fc.constantFrom(16, 19, 23),
  littleEndian: fc.boolean(),
  extentPages: fc.constantFrom(0, 2),
  // Record numbers wrap in some.
  first: fc.constantFrom(1, 7, 0xffff_fff8),
});

function following(recno: number, n: number): number {
  return ((recno - 1 + n) % 0xffff_ffff) + 1;
}

interface Plan {
  readonly steps: readonly Step[];
  readonly committed: Map<number, string>;
}

function plan(list: readonly Command[], { extentPages, first }: Kind): Plan {
  const steps: Step[] = [];
  const committed = new Map<number, string>();
  /** Records whose transaction is over, so that another one can take them. */
  const free: number[] = [];
  const data = new Map<number, string>();
  let added = 0;
  const lsn = (): Lsn => lsnAt(steps.length + 1);
  const place = (recno: number): { pgno: number; indx: number } => ({
    pgno: 1 + Math.floor((recno - 1) / recordsPerPage),
    indx: (recno - 1) % recordsPerPage,
  });
  for (const { take, which, text, loses } of list) {
    if (take) {
      const [recno] = free.splice(Math.floor(which * free.length), 1);
      if (recno === undefined) continue;
      const padded = data.get(recno)!.padEnd(recordLength);
      const body = { fileId: 0, pageLsn: { file: 0, offset: 1 }, ...place(recno), recno };
      const withData = { ...body, data: rangeOf(new TextEncoder().encode(padded)) };
      const about = { pgno: body.pgno, isLoser: loses };
      if (extentPages > 0) steps.push({ lsn: lsn(), layout: queue.delext, body: withData, ...about });
      else steps.push({ lsn: lsn(), layout: queue.del, body, ...about });
      if (loses) continue;
      committed.delete(recno);
      steps.push({
        lsn: lsn(),
        layout: queue.incfirst,
        body: { fileId: 0, recno, metaPgno: 0 },
        pgno: 0,
        isLoser: false,
      });
    } else {
      const recno = following(first, added);
      added += 1;
      const body = {
        fileId: 0,
        pageLsn: { file: 0, offset: 1 },
        ...place(recno),
        recno,
        data: rangeOf(new TextEncoder().encode(text)),
        oldFlags: 0,
        oldData: emptyRange,
      };
      steps.push({ lsn: lsn(), layout: queue.add, body, pgno: body.pgno, isLoser: loses });
      data.set(recno, text);
      if (loses) continue;
      committed.set(recno, text);
      free.push(recno);
    }
  }
  return { steps, committed };
}

function redo(db: MemoryDatabase, { layout, lsn, body }: Step): void {
  db.redo(layout, lsn, body);
}

function undo(db: MemoryDatabase, { layout, lsn, body }: Step): void {
  db.undo(layout, lsn, body);
}

describe('records of a queue', () => {
  test('are what the log says, and redo twice equals once', () => {
    fc.assert(
      fc.property(kinds, commands, (kind, list) => {
        const { steps, committed } = plan(
          list.map((command) => ({ ...command, loses: false })),
          kind,
        );
        const db = database(kind);
        for (const step of steps) redo(db, step);
        expect(recordsOf(db)).toEqual(committed);
        const current = new Queue(db.file).current;
        for (const step of steps) redo(db, step);
        expect(recordsOf(db)).toEqual(committed);
        expect(new Queue(db.file).current).toBe(current);
      }),
    );
  });

  test('come back from a copy whose pages are of different moments', () => {
    fc.assert(
      fc.property(kinds, commands, fc.infiniteStream(fc.nat()), (kind, list, moments) => {
        const { steps, committed } = plan(list, kind);
        // The application, with the contents of every page after every change. It does set the LSNs.
        const application = database(kind);
        const history = new Map<number, Uint8Array[]>([[0, [application.page(0).bytes.slice()]]]);
        for (const step of steps) {
          redo(application, step);
          application.page(step.pgno).lsn = step.lsn;
          for (const pgno of new Set([0, step.pgno])) {
            const versions = history.get(pgno) ?? [];
            history.set(pgno, [...versions, application.page(pgno).bytes.slice()]);
          }
        }
        // The copy: each page of some moment, or not there at all.
        const db = database(kind);
        for (const [pgno, versions] of history) {
          const [moment = 0] = moments.take(1);
          // The first page is always there; its first version is the new queue's.
          const isMissing = pgno !== 0 && moment % (versions.length + 1) === versions.length;
          if (!isMissing) db.file.pageOrCreate(pgno).bytes.set(versions[moment % versions.length]!);
        }
        for (const step of steps.toReversed()) if (step.isLoser) undo(db, step);
        for (const step of steps) if (!step.isLoser) redo(db, step);
        expect(recordsOf(db)).toEqual(committed);
        finishQueue(db.file, steps.at(-1)?.lsn ?? lsnAt(0));
        expect(recordsOf(db)).toEqual(committed);
      }),
      { numRuns: 300 },
    );
  });

  test('a record is padded, and one written over comes back by undo', () => {
    const kind: Kind = { version: 19, littleEndian: true, extentPages: 0, first: 1 };
    const db = database(kind);
    const text = (value: string) => rangeOf(new TextEncoder().encode(value));
    const body = { fileId: 0, pgno: 1, indx: 0, recno: 1, pageLsn: { file: 0, offset: 1 } };
    const first = { ...body, data: text('first'), oldFlags: 0, oldData: emptyRange };
    const old = text('first'.padEnd(recordLength));
    const second = {
      ...body,
      pageLsn: lsnAt(0),
      data: text('second'),
      oldFlags: slotFlag.valid | slotFlag.set,
      oldData: old,
    };
    db.redo(queue.add, lsnAt(0), first);
    db.redo(queue.add, lsnAt(1), second);
    expect([...db.page(1).bytes.subarray(28, 37)]).toEqual([3, ...new TextEncoder().encode('second'), pad, pad]);
    db.page(1).lsn = lsnAt(1);
    db.undo(queue.add, lsnAt(1), second);
    expect(recordsOf(db)).toEqual(new Map([[1, 'first']]));
    expect(db.page(1).lsn).toEqual(lsnAt(0));
  });

  test('an undo that only checks changes nothing, whatever the LSN of the page', () => {
    const kind: Kind = { version: 19, littleEndian: true, extentPages: 0, first: 1 };
    const { steps } = plan([{ take: false, which: 0, text: 'a', loses: false }], kind);
    const db = database(kind);
    redo(db, steps[0]!);
    db.change.onlyChecking = true;
    undo(db, steps[0]!);
    db.page(1).lsn = steps[0]!.lsn;
    undo(db, steps[0]!);
    expect(recordsOf(db)).toEqual(new Map([[1, 'a']]));
    expect(db.page(1).lsn).toEqual(steps[0]!.lsn);
  });

  test('records that do not fit the queue are refused', () => {
    const db = database({ version: 19, littleEndian: true, extentPages: 0, first: 1 });
    const body = {
      fileId: 0,
      pageLsn: { file: 0, offset: 1 },
      pgno: 1,
      indx: 0,
      recno: 1,
      data: emptyRange,
      oldFlags: 0,
      oldData: emptyRange,
    };
    expect(() => db.redo(queue.add, lsnAt(0), { ...body, pgno: 2 })).toThrow(/record 1 is not item 0 of page 2/);
    expect(() => db.redo(queue.add, lsnAt(0), { ...body, data: rangeOf(new Uint8Array(101)) })).toThrow(
      /has 101 bytes/,
    );
    expect(() => db.redo(queue.add, lsnAt(0), { ...body, recno: 0 })).toThrow(/no record 0/);
    expect(db.file.pageCount).toBe(1);
  });
});

describe('the end of a queue', () => {
  const kind: Kind = { version: 23, littleEndian: true, extentPages: 1, first: 1 };

  test('pointers move by record, and back only after a truncation', () => {
    const db = database(kind);
    const { steps } = plan(
      Array.from({ length: 3 }, () => ({ take: false, which: 0, text: 'x', loses: false })),
      kind,
    );
    for (const step of steps) redo(db, step);
    const pointers = (): readonly number[] => [
      db.page(0).u32(metaAt.queue.first),
      db.page(0).u32(metaAt.queue.current),
    ];
    const body = {
      opcode: 3,
      fileId: 0,
      oldFirst: 1,
      newFirst: 9,
      oldCur: 4,
      newCur: 9,
      metaLsn: { file: 0, offset: 1 },
      metaPgno: 0,
    };
    // The first record is there: the pointer to it stays.
    db.redo(queue.mvptr, lsnAt(9), body);
    expect(pointers()).toEqual([1, 9]);
    expect(db.page(0).lsn).toEqual(lsnAt(9));
    db.undo(queue.mvptr, lsnAt(9), body);
    expect(pointers()).toEqual([1, 9]);
    db.undo(queue.mvptr, lsnAt(9), { ...body, opcode: 7 });
    expect(pointers()).toEqual([1, 4]);
    expect(db.page(0).lsn).toEqual({ file: 0, offset: 1 });
  });

  test('extents without records go, and the first page is not newer than the log', () => {
    const db = database(kind);
    const add = { take: false, which: 0, text: 'x', loses: false };
    const take = { take: true, which: 0, text: '', loses: false };
    const { steps } = plan([...Array.from({ length: 9 }, () => add), ...Array.from({ length: 5 }, () => take)], kind);
    for (const step of steps) redo(db, step);
    expect([...db.file.extents!].map(([number]) => number)).toEqual([0, 1, 2]);
    finishQueue(db.file, lsnAt(10));
    expect([...db.file.extents!].map(([number]) => number)).toEqual([1, 2]);
    expect(db.page(0).lsn).toEqual(lsnAt(10));
    expect([...recordsOf(db).keys()]).toEqual([6, 7, 8, 9]);
    db.file.flush();
    expect([...db.file.extents!].map(([, piece]) => piece.size)).toEqual([512, 512]);
  });

  test('pages of an earlier queue of the same name are emptied', () => {
    const db = database(kind);
    const { steps } = plan([{ take: false, which: 0, text: 'x', loses: false }], kind);
    redo(db, steps[0]!);
    db.page(1).lsn = lsnAt(5);
    db.file.flush();
    db.file.emptyExtents(lsnAt(5));
    expect(recordsOf(db).size).toBe(1);
    db.file.emptyExtents(lsnAt(6));
    expect(recordsOf(db).size).toBe(0);
  });
});

test('extents are named after their queue', () => {
  expect(extentName('data/q.db', 12)).toBe('data/__dbq.q.db.12');
  expect(parseExtentName('data/__dbq.q.db.12')).toEqual({ queue: 'data/q.db', number: 12 });
  expect(parseExtentName('__dbq.__db.80000016.17f2dfba.0')).toEqual({ queue: '__db.80000016.17f2dfba', number: 0 });
  expect(parseExtentName('q.db.12')).toBeUndefined();
});
