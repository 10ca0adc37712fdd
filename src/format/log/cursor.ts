import { emptyRange, hexOf, textOf, type ByteRange } from '../byte-range.ts';
import { type Lsn } from '../lsn.ts';

/** An element of a list of free pages (format document, 3.7). */
export interface FreePage {
  readonly pgno: number;
  readonly nextPgno: number;
  readonly lsn: Lsn;
}

/** Which directory a file operation is about; the numbers behind it changed with the log version (3.8). */
export type Directory =
  | 'none'
  | 'data'
  | 'log'
  | 'meta'
  | 'recover'
  | 'temporary'
  | 'external-files'
  | 'region'
  | 'unknown';

const directoriesUpTo18: readonly Directory[] = ['none', 'data', 'log', 'temporary', 'recover'];
const directoriesOf19: readonly Directory[] = ['none', 'data', 'log', 'meta', 'recover', 'temporary'];
const directoriesFrom20: readonly Directory[] = [
  'none',
  'external-files',
  'data',
  'log',
  'meta',
  'recover',
  'temporary',
  'region',
];

/**
 * Reads the fields of one log record in order. Every method stands for a field class of the format document (3.3),
 * even where the bytes are the same: what a record touches is found by reading it with another cursor.
 *
 * Reading past the end of the record yields zeros and is noticed by `fits`, once, after decoding.
 */
export class RecordCursor {
  #bytes: Uint8Array = emptyRange.buffer;
  #view = new DataView(emptyRange.buffer.buffer);
  #position = 0;
  #end = 0;
  #version = 0;

  /** Points the cursor at the fields of a record: `bytes[start, end)`, written by a library of this log version. */
  aim(bytes: Uint8Array, view: DataView, start: number, end: number, version: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#position = start;
    this.#end = end;
    this.#version = version;
  }

  /** True when the fields ended where the record does, but for up to `paddingBytes` zeros. */
  fits(paddingBytes: number): boolean {
    const left = this.#end - this.#position;
    if (left < 0 || left > paddingBytes) return false;
    for (let at = this.#position; at < this.#end; at++) if (this.#bytes[at] !== 0) return false;
    return true;
  }

  /** Where the next field is; counted as `start` is. */
  protected get position(): number {
    return this.#position;
  }

  u32(): number {
    const at = this.#position;
    this.#position = at + 4;
    return at + 4 <= this.#end ? this.#view.getUint32(at, true) : 0;
  }

  i32(): number {
    return this.u32() | 0;
  }

  u64(): number {
    const low = this.u32();
    return this.u32() * 0x1_0000_0000 + low;
  }

  /** Seconds since 1970, UTC. Read unsigned, so that it goes on after 2038. */
  time(): number {
    return this.u32();
  }

  lsn(): Lsn {
    const file = this.u32();
    return { file, offset: this.u32() };
  }

  /** The id by which the record names its database, until the next registration of that id. */
  fileId(): number {
    return this.i32();
  }

  /** A page that the record changes. */
  pgno(): number {
    return this.u32();
  }

  /** As `pgno`; 0 where there is no such page. */
  pgnoIfAny(): number {
    return this.pgno();
  }

  /** A page number the record only mentions. */
  link(): number {
    return this.u32();
  }

  /** `mode << 8 | page type` from v17 on, the plain mode before; `modeOf` takes it apart. */
  opcode(): number {
    return this.u32();
  }

  bytes(): ByteRange {
    const length = this.u32();
    const start = this.#position;
    this.#position = start + length;
    if (this.#position > this.#end || length === 0) return emptyRange;
    return { buffer: this.#bytes, start, length };
  }

  /** An item, or the head of one (`[H]`). */
  item(): ByteRange {
    return this.bytes();
  }

  /** Data that belongs to the item before it (`[D]`). */
  itemData(): ByteRange {
    return this.bytes();
  }

  /** A page, or its beginning (`[P]`). */
  pageImage(): ByteRange {
    return this.bytes();
  }

  /** The items of the page whose beginning is in the field before (`[PD]`). */
  pageItems(): ByteRange {
    return this.bytes();
  }

  locks(): ByteRange {
    return this.bytes();
  }

  freeList(): readonly FreePage[] {
    const { buffer, start, length } = this.bytes();
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const pages: FreePage[] = [];
    for (let at = start; at + 16 <= start + length; at += 16) {
      pages.push({
        pgno: view.getUint32(at, true),
        nextPgno: view.getUint32(at + 4, true),
        lsn: { file: view.getUint32(at + 8, true), offset: view.getUint32(at + 12, true) },
      });
    }
    return pages;
  }

  /** A name, up to its NUL. */
  name(): string {
    return textOf(this.bytes());
  }

  /** The unique id of a file, 20 bytes, as hex; empty when the field is. */
  uid(): string {
    return hexOf(this.bytes());
  }

  directory(): Directory {
    const table = this.#version >= 20 ? directoriesFrom20 : this.#version === 19 ? directoriesOf19 : directoriesUpTo18;
    return table[this.u32()] ?? 'unknown';
  }
}

/** The operation in an opcode field: above the page type from v17 on, plain before. */
export function modeOf(opcode: number): number {
  return opcode > 0xff ? opcode >>> 8 : opcode;
}
