import { type Binding } from '../../src/engine/recovery/bindings.ts';
import { Change, type Operation } from '../../src/engine/recovery/page-change.ts';
import { PageCache, type CachedPage } from '../../src/engine/recovery/page-cache.ts';
import { StoredFile } from '../../src/engine/recovery/page-store.ts';
import { type Piece } from '../../src/engine/recovery/piece.ts';
import { rangeOf, type ByteRange } from '../../src/format/byte-range.ts';
import { type RecordLayout } from '../../src/format/log/record.ts';
import { type Lsn } from '../../src/format/lsn.ts';
import { accessMethods, type AccessMethod } from '../../src/format/magic.ts';
import { toStored } from '../../src/format/page/checksum.ts';
import { metaAt, metaSize, recognizeFile } from '../../src/format/page/meta.ts';
import { type Page } from '../../src/format/page/page.ts';

/** A file in memory. */
export class MemoryPiece implements Piece {
  isInPlace = true;
  bytes: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(target: Uint8Array, position: number): void {
    target.fill(0);
    target.set(this.bytes.subarray(position, position + target.length));
  }

  readRun(target: Uint8Array, position: number): void {
    this.read(target, position);
  }

  write(source: Uint8Array, position: number): void {
    const grown = new Uint8Array(Math.max(this.size, position + source.length));
    grown.set(this.bytes);
    grown.set(source, position);
    this.bytes = grown;
  }

  writePages(source: Uint8Array, position: number): void {
    this.write(source, position);
  }

  shorten(size: number): void {
    this.bytes = this.bytes.slice(0, size);
  }
}

export interface MemoryDatabaseOptions {
  readonly method: AccessMethod;
  readonly operations: readonly Operation[];
  /** Log version of the records. */
  readonly version: number;
  readonly littleEndian?: boolean;
  readonly checksums?: boolean;
  readonly pageSize?: number;
  /** More fields of the first page, as u32 by offset. */
  readonly meta?: Readonly<Record<number, number>>;
  readonly cacheBytes?: number;
}

/** A database of one page in memory, and records done to it one at a time. */
export class MemoryDatabase {
  readonly file: StoredFile;
  readonly change = new Change();
  readonly cache: PageCache;
  readonly #operations: ReadonlyMap<RecordLayout<object>, Operation>;
  readonly #version: number;

  constructor(options: MemoryDatabaseOptions) {
    const { method, littleEndian = true, checksums = false, pageSize = 512 } = options;
    const meta = new Uint8Array(pageSize);
    const view = new DataView(meta.buffer);
    const { magic, metaType, newest } = accessMethods[method];
    const fields = {
      4: 1,
      [metaAt.magic]: magic,
      [metaAt.version]: newest,
      [metaAt.pageSize]: pageSize,
      ...options.meta,
    };
    for (const [offset, value] of Object.entries(fields)) view.setUint32(Number(offset), value, littleEndian);
    meta[metaAt.type] = metaType;
    meta[metaAt.metaFlags] = checksums ? 1 : 0;
    const recognition = recognizeFile(meta.subarray(0, metaSize));
    // Without encryption, in place.
    if (recognition.kind === 'database') toStored(meta, recognition.format);
    this.cache = new PageCache(options.cacheBytes ?? 1 << 24);
    this.file = new StoredFile(new MemoryPiece(meta), this.cache, `${method}.db`, '', () => new MemoryPiece());
    this.#operations = new Map(options.operations.map((operation) => [operation.layout, operation]));
    this.#version = options.version;
  }

  #aim<Body extends object>(layout: RecordLayout<Body>, lsn: Lsn): Operation {
    this.change.aim(lsn, this.#version, this.file, memoryBinding);
    return this.#operations.get(layout)!;
  }

  redo<Body extends object>(layout: RecordLayout<Body>, lsn: Lsn, body: Body): void {
    this.#aim(layout, lsn).redo(body, this.change);
  }

  undo<Body extends object>(layout: RecordLayout<Body>, lsn: Lsn, body: Body): void {
    this.#aim(layout, lsn).undo(body, this.change);
  }

  page(pgno: number): CachedPage {
    return this.file.page(pgno)!;
  }
}

export const memoryBinding: Binding = {
  fileId: 0,
  name: 'memory.db',
  uid: '',
  databaseType: 0,
  metaPgno: 0,
  externalFileIdLow: 0,
  externalFileIdHigh: 0,
  inMemory: false,
  from: { file: 0, offset: 0 },
  to: undefined,
};

export function bytesOf(...numbers: readonly number[]): ByteRange {
  return rangeOf(Uint8Array.from(numbers));
}

export function textRange(text: string): ByteRange {
  return rangeOf(new TextEncoder().encode(text));
}

/** LSNs for the records of a test, in order. */
export function lsnAt(n: number): Lsn {
  return { file: 1, offset: 100 + n };
}

export function hexOfPage(page: Page): string {
  return Buffer.from(page.bytes).toString('hex');
}
