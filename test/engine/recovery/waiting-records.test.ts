/** Records that wait for their pages: what is read and written when, and that a page is never seen without them. */

import { describe, expect, test } from 'vitest';
import { type LogFile } from '../../../src/engine/log/log-files.ts';
import { RecordBatch } from '../../../src/engine/log/scan.ts';
import { PageCache } from '../../../src/engine/recovery/page-cache.ts';
import { StoredFile } from '../../../src/engine/recovery/page-store.ts';
import { WaitingRecords } from '../../../src/engine/recovery/waiting-records.ts';
import { recordAt } from '../../../src/format/log/frame.ts';
import { LogWindow } from '../../../src/format/log/frames.ts';
import { plainFraming } from '../../../src/format/log/framing.ts';
import { MemoryDatabase, memoryBinding, MemoryPiece } from '../../support/memory-database.ts';

const pageSize = 512;
const recordSize = 40;
const pages = 1000;

/** Notes what is read and written, in pages: the first one, and how many. */
class NotingPiece extends MemoryPiece {
  readonly reads: (readonly [first: number, pages: number])[] = [];
  readonly writes: (readonly [first: number, pages: number])[] = [];

  constructor(bytes: Uint8Array, isInPlace: boolean) {
    super(bytes);
    this.isInPlace = isInPlace;
  }

  override read(target: Uint8Array, position: number): void {
    this.reads.push([position / pageSize, target.length / pageSize]);
    super.read(target, position);
  }

  override write(source: Uint8Array, position: number): void {
    this.writes.push([position / pageSize, source.length / pageSize]);
    super.write(source, position);
  }
}

/** A file none of whose pages is in memory, and records of some of them: each adds itself to what its page has in `next`. */
function waiting({ size = 1 << 16, isInPlace = true } = {}): {
  readonly file: StoredFile;
  readonly piece: NotingPiece;
  readonly records: WaitingRecords;
  /** Offsets of records, in the order in which they were made. */
  readonly made: number[];
  readonly add: (...pgnos: readonly number[]) => boolean[];
} {
  const database = new MemoryDatabase({ method: 'btree', operations: [], version: 19, pageSize });
  for (let pgno = 1; pgno < pages; pgno++) database.file.pageOrCreate(pgno).initialize(pgno, 0, 0, 1, 5);
  database.file.flush();
  const piece = new NotingPiece((database.file.piece as MemoryPiece).bytes, isInPlace);
  const file = new StoredFile(piece, new PageCache(1 << 20), 'a.db', '');
  piece.reads.length = 0;
  const made: number[] = [];
  const records = new WaitingRecords(size, (record, of) => {
    const page = of.page(record.txnId)!;
    page.nextPgno += 1;
    page.dirty = true;
    made.push(record.lsn.offset);
  });
  const logFile = { number: 1, version: 19, framing: plainFraming } as LogFile;
  let offset = 0;
  const add = (...pgnos: readonly number[]): boolean[] => {
    const window = LogWindow.take(pgnos.length * recordSize);
    for (const [i, pgno] of pgnos.entries()) {
      window.starts[i] = i * recordSize;
      window.view.setUint32(i * recordSize + recordAt.length, recordSize, true);
      // In place of a transaction.
      window.view.setUint32(i * recordSize + recordAt.txnId, pgno, true);
    }
    const batch = new RecordBatch(logFile, window, offset, pgnos.length);
    offset += pgnos.length * recordSize;
    const taken = pgnos.map((pgno, i) => records.add(file, pgno, batch, i, memoryBinding));
    // What has been taken must not need them any more.
    window.bytes.fill(0xff);
    window.giveBack();
    return taken;
  };
  return { file, piece, records, made, add };
}

describe('records that wait', () => {
  test('are made page after page, those of a page in their order, with few reads and writes', () => {
    const { piece, records, made, add, file } = waiting();
    const before = piece.bytes.slice();
    expect(add(7, 3, 5, 3, 900, 7, 3)).toEqual(Array(7).fill(true));
    expect([piece.reads, piece.writes, made]).toEqual([[], [], []]);
    records.finish();
    expect(made.map((offset) => offset / recordSize)).toEqual([1, 3, 6, 2, 0, 5, 4]);
    expect(piece.reads).toEqual([
      [3, 5],
      [900, 1],
    ]);
    expect(piece.writes).toEqual([
      [3, 5],
      [900, 1],
    ]);
    for (let pgno = 0; pgno < pages; pgno++) {
      const added = { 3: 3, 5: 1, 7: 2, 900: 1 }[pgno] ?? 0;
      expect(file.page(pgno)!.nextPgno, `page ${pgno}`).toBe(pgno === 0 ? file.page(0)!.nextPgno : added);
    }
    expect(piece.bytes.subarray(4 * pageSize, 5 * pageSize)).toEqual(before.subarray(4 * pageSize, 5 * pageSize));
    expect(file.waiting).toBeUndefined();
  });

  test('write nothing but changed pages where others would take room', () => {
    const { piece, records, add } = waiting({ isInPlace: false });
    add(7, 3, 5, 6);
    records.finish();
    expect(piece.reads).toEqual([[3, 5]]);
    expect(piece.writes).toEqual([
      [3, 1],
      [5, 3],
    ]);
  });

  test('are made when their page comes into memory, and others wait on', () => {
    const { piece, records, made, add, file } = waiting();
    add(7, 3, 7);
    expect(file.isOut(7)).toBe(true);
    expect(file.page(7)!.nextPgno).toBe(2);
    expect(file.isOut(7)).toBe(false);
    expect(made.map((offset) => offset / recordSize)).toEqual([0, 2]);
    records.finish();
    expect(file.page(3)!.nextPgno).toBe(1);
    expect(file.page(7)!.nextPgno).toBe(2);
    expect(piece.reads.map(([first]) => first)).toEqual([7, 3, 3]);
  });

  test('are made before their page is freed, or the file is cut off', () => {
    const { made, add, file } = waiting();
    add(7, 3, 8, 999);
    file.settle(7, 7);
    expect(made.map((offset) => offset / recordSize)).toEqual([0]);
    file.shorten(8);
    expect(made.map((offset) => offset / recordSize)).toEqual([0, 2, 3]);
    expect(file.page(3)!.nextPgno).toBe(1);
  });

  test('are made when there is no room for one more, which is not taken', () => {
    const { made, add } = waiting({ size: 2000 });
    expect(add(7, 3, 5, ...Array<number>(14).fill(7))).not.toContain(false);
    expect(made).toEqual([]);
    expect(add(3)).toEqual([false]);
    expect(made.map((offset) => offset / recordSize)).toEqual([
      1,
      2,
      0,
      ...Array.from({ length: 14 }, (_, i) => i + 3),
    ]);
    expect(add(9)).toEqual([true]);
  });

  test('are made in steps, between which others take their turn', async () => {
    const { records, made, add, file } = waiting({ size: 1 << 19 });
    const pgnos = Array.from({ length: pages - 1 }, (_, i) => pages - 1 - i);
    add(...pgnos, 7);
    const done: number[] = [];
    await records.finishInSteps(async () => void done.push(made.length));
    expect(done).toEqual([257, 513, 769, 1000]);
    expect(file.waiting).toBeUndefined();
    expect(file.page(7)!.nextPgno).toBe(2);
    expect(file.page(900)!.nextPgno).toBe(1);
    expect(add(8)).toEqual([true]);
  });

  test('say when little room is left for more', () => {
    const { records, add } = waiting({ size: 2000 });
    expect(add(...Array<number>(14).fill(7))).not.toContain(false);
    expect(records.isNearlyFull).toBe(false);
    add(7);
    expect(records.isNearlyFull).toBe(true);
    records.finish();
    expect(records.isNearlyFull).toBe(false);
  });

  test('are no more than there is memory for, each of a page of its own', () => {
    const { records, made, add, file } = waiting({ size: 8 << 10 });
    const most = Math.floor((8 << 10) / (256 + 48));
    expect(add(...Array.from({ length: most }, (_, i) => i + 1)).indexOf(false)).toBe(22);
    records.finish();
    expect(made.length).toBeGreaterThan(20);
    // Those that have come count no more.
    for (let i = 0; i < 20; i++) {
      expect(add(500 + i)).toEqual([true]);
      file.page(500 + i);
      expect(add(600)).toEqual([true]);
    }
    expect(records.isNearlyFull).toBe(false);
  });
});
