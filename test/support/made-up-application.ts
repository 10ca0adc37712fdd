/**
 * An application that allocates, fills, links and frees pages of one database at random, and a copy that is made of it meanwhile: states
 * that real ones come to once in a lifetime.
 */

import fs from 'node:fs';
import path from 'node:path';
import { Change } from '../../src/engine/recovery/page-change.ts';
import { type Binding } from '../../src/engine/recovery/bindings.ts';
import { operationsFor } from '../../src/engine/recovery/record-operations/table.ts';
import { type StoredFile } from '../../src/engine/recovery/page-store.ts';
import { ScannedRecord } from '../../src/engine/log/scanned-record.ts';
import { encodeRegister } from '../../src/format/log/encode.ts';
import { encodeFileHeader } from '../../src/format/log/file-header.ts';
import { frameSize, prefixSize, recordAt, sealRecord } from '../../src/format/log/frame.ts';
import { plainFraming } from '../../src/format/log/framing.ts';
import {
  addrem,
  itemMode,
  noop,
  pgAlloc,
  pgFree,
  pgFreedata,
  relinkBefore50,
} from '../../src/format/log/records/db.ts';
import { databaseType, registration } from '../../src/format/log/records/dbreg.ts';
import { commit } from '../../src/format/log/records/txn.ts';
import { type RecordLayout } from '../../src/format/log/record.ts';
import { noLsn, type Lsn } from '../../src/format/lsn.ts';
import { metaAt } from '../../src/format/page/meta.ts';
import { headerSize } from '../../src/format/page/page.ts';
import { pageType } from '../../src/format/page/types.ts';
import { MemoryDatabase } from './memory-database.ts';
import { randomNumbers } from './random-numbers.ts';

/** Of 4.8, which has no bulk transactions. */
const version = 16;
const pageSize = 512;
const fileId = 3;

export const madeUpName = 'made-up.db';

type Field = number | Lsn | Uint8Array;

export class MadeUpApplication {
  readonly #below: (limit: number) => number;
  readonly #file: StoredFile;
  readonly #change = new Change();
  readonly #binding: Binding;
  #log: Buffer;
  #last = 0;
  #txnId = 0x8000_0000;
  /** The last record of the transaction. */
  #prevLsn: Lsn = noLsn;
  #undo: ScannedRecord[] = [];
  /** As the operating system has it. */
  #disk: Uint8Array[] = [];
  readonly #copied: Uint8Array[] = [];
  #isCopying = false;
  #isCopied = false;

  constructor(seed: number) {
    this.#below = randomNumbers(seed);
    const meta = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [metaAt.uid + 4 * n - 4, n * (seed + 1)]));
    this.#file = new MemoryDatabase({ method: 'btree', operations: [], version, pageSize, meta }).file;
    const uid = this.#file.uid!;
    const common = { name: madeUpName, uid, fileId, databaseType: databaseType.btree, metaPgno: 0 };
    const externalFileId = { externalFileIdLow: 0, externalFileIdHigh: 0 };
    this.#binding = { ...common, ...externalFileId, inMemory: false, from: noLsn, to: undefined };
    const header = encodeFileHeader({ version, maxSize: 10 << 20, prev: 0, framing: plainFraming });
    this.#log = Buffer.from(header);
    this.#append(encodeRegister({ ...common, ...externalFileId, opcode: registration.open }, version));
    this.#flush(0);
  }

  /** @param mayStayOpen the last transaction may be open in the end */
  run(transactions: number): void {
    for (let i = 0; i < transactions; i++) {
      this.#txnId += 1;
      this.#prevLsn = noLsn;
      this.#undo = [];
      for (let j = 1 + this.#below(8); j > 0; j--) this.#step();
      const isLast = i === transactions - 1;
      const fate = this.#below(isLast ? 3 : 10);
      if (fate === 0 || fate > 3) this.#write(commit, [1, 1_700_000_000 + i, 0, new Uint8Array(0)]);
      else if (fate > 0 && !isLast) this.#abort();
      if (i === Math.floor(transactions / 3)) this.#isCopying = true;
    }
    while (!this.#isCopied) this.#copyOn();
  }

  #step(): void {
    const what = this.#below(20);
    if (what < 7) this.#allocate();
    else if (what < 12) this.#free();
    else if (what < 15) this.#put();
    else if (what < 17) this.#relink();
    else if (what < 18) this.#touch();
    if (this.#below(2) === 0) this.#flush(this.#below(this.#file.pageCount));
    if (this.#below(12) === 0) this.#disk.length = Math.min(this.#disk.length, this.#file.pageCount);
    if (this.#isCopying && this.#below(3) === 0) this.#copyOn();
  }

  #allocate(): void {
    const meta = this.#file.page(0)!;
    const free = meta.u32(metaAt.free);
    const lastPgno = meta.u32(metaAt.lastPgno);
    const pgno = free === 0 ? lastPgno + 1 : free;
    const page = free === 0 ? undefined : this.#file.page(free)!;
    const type = this.#below(2) === 0 ? pageType.overflow : pageType.btreeLeaf;
    this.#write(pgAlloc, [fileId, meta.lsn, 0, page?.lsn ?? noLsn, pgno, type, page?.nextPgno ?? 0, lastPgno]);
  }

  /** A page that is in use. */
  #anyPage(): number | undefined {
    const { pageCount } = this.#file;
    // Mostly the last ones: by them files become shorter.
    for (let i = 0; i < 5 && pageCount > 1; i++) {
      const pgno =
        this.#below(2) === 0 ? pageCount - 1 - this.#below(Math.min(2, pageCount - 1)) : this.#below(pageCount);
      const page = pgno > 0 ? this.#file.page(pgno) : undefined;
      if (page && (page.type === pageType.btreeLeaf || page.type === pageType.overflow)) return pgno;
    }
    return undefined;
  }

  #free(): void {
    const pgno = this.#anyPage();
    if (pgno === undefined) return;
    const meta = this.#file.page(0)!;
    const page = this.#file.page(pgno)!;
    const [next, lastPgno] = [meta.u32(metaAt.free), meta.u32(metaAt.lastPgno)];
    const first = [fileId, pgno, meta.lsn, 0] as const;
    if (page.type === pageType.btreeLeaf && page.entries > 0) {
      const header = page.bytes.slice(0, page.indexStart + 2 * page.entries);
      this.#write(pgFreedata, [...first, header, next, lastPgno, page.bytes.slice(page.itemsStart)]);
    } else {
      this.#write(pgFree, [...first, page.bytes.slice(0, headerSize), next, lastPgno]);
    }
  }

  #put(): void {
    const pgno = this.#anyPage();
    const page = pgno === undefined ? undefined : this.#file.page(pgno);
    if (page?.type !== pageType.btreeLeaf || page.itemsStart < 200) return;
    const data = Uint8Array.from({ length: 5 + 4 * this.#below(5) }, () => this.#below(256));
    this.#write(addrem, [
      itemMode.add,
      fileId,
      pgno!,
      page.entries,
      data.length + 3,
      new Uint8Array(0),
      data,
      page.lsn,
    ]);
  }

  #relink(): void {
    const [prev, next] = [this.#anyPage(), this.#anyPage()];
    if (prev === undefined || next === undefined || prev === next) return;
    const lsnOf = (pgno: number): Lsn => this.#file.page(pgno)!.lsn;
    this.#write(relinkBefore50, [fileId, this.#below(9), 0, prev, lsnOf(prev), next, lsnOf(next)]);
  }

  #touch(): void {
    const pgno = this.#anyPage();
    if (pgno !== undefined) this.#write(noop, [fileId, pgno, this.#file.page(pgno)!.lsn]);
  }

  #abort(): void {
    for (const record of this.#undo.toReversed()) {
      this.#aim(record);
      operationsFor(version)[record.code]!.undo(record.body, this.#change);
    }
  }

  #aim(record: ScannedRecord): void {
    this.#change.aim(record.lsn, version, this.#file, this.#binding);
  }

  /** Writes a record, and does what it says. */
  #write(layout: RecordLayout<object>, fields: readonly Field[]): void {
    const parts: Buffer[] = [];
    const u32 = (n: number): void => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(n >>> 0);
      parts.push(bytes);
    };
    const lsn = (at: Lsn): void => [at.file, at.offset].forEach(u32);
    [layout.code, this.#txnId].forEach(u32);
    lsn(this.#prevLsn);
    for (const field of fields) {
      if (typeof field === 'number') u32(field);
      else if (field instanceof Uint8Array) {
        u32(field.length);
        parts.push(Buffer.from(field));
      } else lsn(field);
    }
    const record = this.#append(Buffer.concat([Buffer.alloc(frameSize), ...parts]));
    this.#prevLsn = record.lsn;
    const operation = operationsFor(version)[record.code];
    if (!operation) return;
    this.#undo.push(record);
    this.#aim(record);
    operation.redo(record.body, this.#change);
  }

  #append(bytes: Uint8Array): ScannedRecord {
    const lsn = { file: 1, offset: this.#log.length };
    sealRecord(bytes, this.#last);
    this.#last = lsn.offset;
    this.#log = Buffer.concat([this.#log, bytes]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return new ScannedRecord(bytes, view, 0, bytes.length, lsn, version);
  }

  #flush(pgno: number): void {
    const page = this.#file.page(pgno);
    if (!page) return;
    while (this.#disk.length < pgno) this.#disk.push(new Uint8Array(pageSize));
    this.#disk[pgno] = page.bytes.slice();
  }

  #copyOn(): void {
    const next = this.#disk[this.#copied.length];
    if (next) this.#copied.push(next.slice());
    else this.#isCopied = true;
    if (this.#isCopied) this.#isCopying = false;
  }

  /** The log and the copy. */
  writeTo(directory: string, log: Uint8Array = this.#log): void {
    fs.writeFileSync(path.join(directory, 'log.0000000001'), log);
    fs.writeFileSync(path.join(directory, madeUpName), Buffer.concat(this.#copied));
  }

  /** The log with a field of a record changed, or a few of them. */
  changedLog(): Uint8Array {
    const log = Buffer.from(this.#log);
    const starts: number[] = [];
    for (let at = this.#last; at > 0; at = log.readUInt32LE(at + recordAt.prev)) starts.unshift(at);
    for (let i = 1 + this.#below(3); i > 0; i--) {
      const at = starts[this.#below(starts.length)]!;
      const length = log.readUInt32LE(at + recordAt.length);
      const fields = Math.floor((length - frameSize - prefixSize) / 4);
      const field = at + frameSize + prefixSize + 4 * this.#below(Math.min(fields, 10));
      const now = log.readUInt32LE(field);
      const values = [0, 1, now + 1, Math.max(0, now - 1), this.#file.pageCount, starts[this.#below(starts.length)]!];
      log.writeUInt32LE(values[this.#below(values.length)]! >>> 0, field);
      sealRecord(log.subarray(at, at + length), log.readUInt32LE(at + recordAt.prev));
    }
    return log;
  }
}
