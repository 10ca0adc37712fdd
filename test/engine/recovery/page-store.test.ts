import { describe, expect, test } from 'vitest';
import { btreeOperations } from '../../../src/engine/recovery/record-operations/btree.ts';
import { checkStored } from '../../../src/engine/recovery/check-stored.ts';
import { type StoredFile } from '../../../src/engine/recovery/page-store.ts';
import { cdel } from '../../../src/format/log/records/btree.ts';
import { MemoryDatabase, type MemoryPiece } from '../../support/memory-database.ts';

const pageSize = 512;

/** A database of so many pages, all of which are in storage, full of what is nowhere else. */
function fileOf(pages: number): { readonly file: StoredFile; readonly cuts: number[] } {
  const { file } = new MemoryDatabase({ method: 'btree', operations: [], version: 19, pageSize });
  for (let pgno = 1; pgno < pages; pgno++) {
    const page = file.pageOrCreate(pgno);
    page.initialize(pgno, 0, 0, 1, 5);
    page.lsn = { file: 1, offset: pgno };
  }
  file.flush();
  const piece = file.piece as MemoryPiece;
  const cuts: number[] = [];
  const shorten = piece.shorten.bind(piece);
  piece.shorten = (size) => {
    cuts.push(size / pageSize);
    shorten(size);
  };
  return { file, cuts };
}

test('undo that takes pages off one after the other cuts the file off once', () => {
  const { file, cuts } = fileOf(200);
  for (let pages = 199; pages >= 20; pages--) file.shorten(pages);
  expect(file.page(20)).toBeUndefined();
  file.flush();
  expect(cuts).toEqual([20]);
  expect(file.piece.size).toBe(20 * pageSize);
});

test('files that are checked one after the other are read into the same memory', async () => {
  const buffers = new Set<ArrayBufferLike>();
  const files = Array.from({ length: 10 }, () => {
    const { file } = fileOf(20);
    const piece = file.piece as MemoryPiece;
    const read = piece.read.bind(piece);
    piece.read = (target, position) => {
      // One page is looked at by itself, to tell what the file is.
      if (target.length > pageSize) buffers.add(target.buffer);
      read(target, position);
    };
    return file;
  });
  await checkStored(files);
  expect(buffers.size).toBe(1);
});

test('a file that is cut off and grows again has nothing of what it had there', () => {
  const { file, cuts } = fileOf(200);
  file.shorten(150);
  file.shorten(20);
  file.pageOrCreate(100);
  // Between the end and the page that made it grow: never written.
  expect(file.page(60)!.lsn).toEqual({ file: 0, offset: 0 });
  expect(file.page(100)!.lsn).toEqual({ file: 0, offset: 0 });
  expect(file.page(101)).toBeUndefined();
  expect(file.page(19)!.lsn).toEqual({ file: 1, offset: 19 });
  file.flush();
  expect(cuts).toEqual([20]);
  expect(file.piece.size).toBe(101 * pageSize);
});

test('pages that lie one behind the other are written together, and each to its place', () => {
  const { file } = fileOf(200);
  const piece = file.piece as MemoryPiece;
  const before = piece.bytes.slice();
  const writes: { readonly page: number; readonly pages: number }[] = [];
  const write = piece.write.bind(piece);
  piece.write = (source, position) => {
    writes.push({ page: position / pageSize, pages: source.length / pageSize });
    write(source, position);
  };
  const changed = [150, 151, 152, 3, 60, 61, 199];
  for (const pgno of changed) {
    const page = file.page(pgno)!;
    page.lsn = { file: 2, offset: pgno };
    page.dirty = true;
  }
  file.flush();
  expect(writes).toEqual([
    { page: 3, pages: 1 },
    { page: 60, pages: 2 },
    { page: 150, pages: 3 },
    { page: 199, pages: 1 },
  ]);
  const lsnOf = (bytes: Uint8Array, pgno: number): Uint8Array => bytes.subarray(pgno * pageSize, pgno * pageSize + 8);
  for (let pgno = 0; pgno < 200; pgno++) {
    const expected = changed.includes(pgno) ? Uint8Array.of(2, 0, 0, 0, pgno, 0, 0, 0) : lsnOf(before, pgno);
    expect(lsnOf(piece.bytes, pgno), `page ${pgno}`).toEqual(expected);
  }
  file.flush();
  expect(writes.length).toBe(4);
});

describe('pages that have all changes already', () => {
  const cachedPages = 64;
  const numbers = Array.from({ length: cachedPages - 1 }, (_, i) => i + 1);

  /** A database whose pages were changed last at [9][100], out of memory as far as redo has looked at them, and what is in memory. */
  function made(): { readonly database: MemoryDatabase; readonly held: Set<number> } {
    const options = { method: 'btree', operations: btreeOperations, version: 19, pageSize } as const;
    const database = new MemoryDatabase({ ...options, cacheBytes: cachedPages * pageSize });
    const { file } = database;
    for (const pgno of numbers) {
      const page = file.pageOrCreate(pgno);
      page.initialize(pgno, 0, 0, 1, 5);
      page.lsn = { file: 9, offset: 100 };
    }
    file.flush();
    const held = new Set(numbers);
    const forget = file.forget.bind(file);
    file.forget = (page) => {
      held.delete(page.number);
      forget(page);
    };
    return { database, held };
  }

  /** Two records of a log file for each page, one after the other. */
  function redoOf(database: MemoryDatabase, logFile: number): void {
    for (const pgno of numbers.flatMap((number) => [number, number])) {
      database.cache.nextRound();
      const body = { fileId: 0, pgno, pageLsn: { file: logFile - 1, offset: pgno }, indx: 0 };
      database.redo(cdel, { file: logFile, offset: pgno }, body);
    }
  }

  test('go as soon as redo has looked at them, and are not read again for other records', () => {
    const { database, held } = made();
    redoOf(database, 2);
    expect(held.size).toBeLessThan(cachedPages / 16);
    const before = database.cache.pagesRead;
    for (let logFile = 3; logFile < 8; logFile++) redoOf(database, logFile);
    expect(database.cache.pagesRead).toBe(before);
    expect(database.change.counts).toEqual({ applied: 0, present: 12 * numbers.length, questioned: 0 });
  });

  test('stay when they have to be read again', () => {
    const { database, held } = made();
    redoOf(database, 2);
    const before = database.cache.pagesRead;
    for (const pgno of [...numbers, ...numbers, ...numbers]) {
      database.cache.nextRound();
      held.add(pgno);
      const { change, file } = database;
      change.lsn = { file: 3, offset: pgno };
      change.redoOn(file.page(pgno), pgno, { file: 2, offset: pgno });
    }
    expect(database.cache.pagesRead - before).toBeLessThanOrEqual(numbers.length);
    expect(held.size).toBe(numbers.length);
  });

  test('are looked at again after an undo', () => {
    const { database } = made();
    redoOf(database, 2);
    const lsn = { file: 9, offset: 100 };
    const [pgno] = numbers as [number];
    const { change, file } = database;
    change.lsn = lsn;
    change.undo(pgno, { file: 1, offset: pgno });
    expect(file.page(pgno)!.lsn).toEqual({ file: 1, offset: pgno });
    change.lsn = { file: 2, offset: pgno };
    expect(change.redo(pgno, { file: 1, offset: pgno })).toBe(file.page(pgno));
  });
});
