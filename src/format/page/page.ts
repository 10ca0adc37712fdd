import { type Lsn } from '../lsn.ts';
import { type DatabaseFormat } from './meta.ts';

/** Offsets of the page header (format document, 4.4.1). */
const at = {
  lsn: 0, // file, then offset
  pgno: 8,
  prevPgno: 12, // record count on the roots of counted trees
  nextPgno: 16,
  entries: 20, // u16; overflow: reference count
  highFree: 22, // u16: lowest byte used by items; overflow: bytes of data
  level: 24,
  type: 25,
} as const;

/** Bytes of a page header that are zero on a page that was never written. */
export const headerSize = 26;

/**
 * A page in memory, in the byte order of its database, decrypted. Access is through getters and setters; offsets and
 * indexes are not checked here: what comes from a log or a damaged page is checked by whoever uses it.
 */
export class Page {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Not to be set but by `setFormat`. */
  format!: DatabaseFormat;
  littleEndian!: boolean;

  constructor(bytes: Uint8Array, format: DatabaseFormat) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.setFormat(format);
  }

  /** What is in its memory is a page of this format. */
  protected setFormat(format: DatabaseFormat): void {
    this.format = format;
    this.littleEndian = format.littleEndian;
  }

  /** In bytes. */
  get size(): number {
    return this.bytes.length;
  }

  /** Where the index of items starts: after the header and the checksum. */
  get indexStart(): number {
    return this.format.indexStart;
  }

  get lsn(): Lsn {
    return {
      file: this.view.getUint32(at.lsn, this.littleEndian),
      offset: this.view.getUint32(at.lsn + 4, this.littleEndian),
    };
  }
  set lsn(lsn: Lsn) {
    this.view.setUint32(at.lsn, lsn.file, this.littleEndian);
    this.view.setUint32(at.lsn + 4, lsn.offset, this.littleEndian);
  }

  get lsnFile(): number {
    return this.view.getUint32(at.lsn, this.littleEndian);
  }
  get lsnOffset(): number {
    return this.view.getUint32(at.lsn + 4, this.littleEndian);
  }

  get pgno(): number {
    return this.view.getUint32(at.pgno, this.littleEndian);
  }
  set pgno(n: number) {
    this.view.setUint32(at.pgno, n, this.littleEndian);
  }

  get prevPgno(): number {
    return this.view.getUint32(at.prevPgno, this.littleEndian);
  }
  set prevPgno(n: number) {
    this.view.setUint32(at.prevPgno, n, this.littleEndian);
  }

  get nextPgno(): number {
    return this.view.getUint32(at.nextPgno, this.littleEndian);
  }
  set nextPgno(n: number) {
    this.view.setUint32(at.nextPgno, n, this.littleEndian);
  }

  get entries(): number {
    return this.view.getUint16(at.entries, this.littleEndian);
  }
  set entries(n: number) {
    this.view.setUint16(at.entries, n, this.littleEndian);
  }

  /** As stored: 0 on an empty page of 65536 bytes. `itemsStart` is the number to calculate with. */
  get highFree(): number {
    return this.view.getUint16(at.highFree, this.littleEndian);
  }
  set highFree(n: number) {
    this.view.setUint16(at.highFree, n & 0xffff, this.littleEndian);
  }

  /** Lowest byte used by items; the page size when there are none. */
  get itemsStart(): number {
    const stored = this.highFree;
    return stored === 0 && this.size === 0x10000 ? 0x10000 : stored;
  }

  get level(): number {
    return this.bytes[at.level]!;
  }
  set level(n: number) {
    this.bytes[at.level] = n;
  }

  get type(): number {
    return this.bytes[at.type]!;
  }
  set type(n: number) {
    this.bytes[at.type] = n;
  }

  /** Page offset of item `i`. */
  itemAt(i: number): number {
    return this.view.getUint16(this.format.indexStart + 2 * i, this.littleEndian);
  }
  setItemAt(i: number, offset: number): void {
    this.view.setUint16(this.format.indexStart + 2 * i, offset, this.littleEndian);
  }

  /** Adds `by` to the offset of every item up to `last`: they were moved. */
  shiftItems(last: number, by: number): void {
    const { view, littleEndian } = this;
    const start = this.format.indexStart;
    for (let at = start, end = start + 2 * this.entries; at < end; at += 2) {
      const offset = view.getUint16(at, littleEndian);
      if (offset <= last) view.setUint16(at, offset + by, littleEndian);
    }
  }

  u16(offset: number): number {
    return this.view.getUint16(offset, this.littleEndian);
  }
  setU16(offset: number, n: number): void {
    this.view.setUint16(offset, n, this.littleEndian);
  }
  u32(offset: number): number {
    return this.view.getUint32(offset, this.littleEndian);
  }
  setU32(offset: number, n: number): void {
    this.view.setUint32(offset, n, this.littleEndian);
  }

  /** Writes a new page header over this one; the LSN and all other bytes stay (recovery document, C.0.4). */
  initialize(pgno: number, prevPgno: number, nextPgno: number, level: number, type: number): void {
    this.pgno = pgno;
    this.prevPgno = prevPgno;
    this.nextPgno = nextPgno;
    this.entries = 0;
    this.highFree = this.size;
    this.level = level;
    this.type = type;
  }
}

/** True for a page that was never written: its header is zero (format document, 4.4.1). */
export function isBlank(bytes: Uint8Array): boolean {
  for (let i = 0; i < headerSize; i++) if (bytes[i] !== 0) return false;
  return true;
}
