/** Encodes the records that recovery appends to a log (format document, 2.7 and 3). Plain logs only. */

import { type Lsn } from '../lsn.ts';
import { frameSize } from './frame.ts';
import { register } from './records/dbreg.ts';
import { checkpoint, recycle } from './records/txn.ts';

/** Builds the bytes of a record field by field. */
class RecordBuilder {
  #bytes = Buffer.alloc(256);
  #length = frameSize;

  constructor(code: number) {
    // Neither transaction nor previous record: these records belong to none.
    this.u32(code).u32(0).lsn({ file: 0, offset: 0 });
  }

  u32(n: number): this {
    this.#reserve(4);
    this.#bytes.writeUInt32LE(n >>> 0, this.#length);
    this.#length += 4;
    return this;
  }

  lsn({ file, offset }: Lsn): this {
    return this.u32(file).u32(offset);
  }

  bytes(bytes: Uint8Array): this {
    this.u32(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #reserve(n: number): void {
    if (this.#length + n <= this.#bytes.length) return;
    this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length + n)]);
  }

  /** The record, without its link to the one before: `sealRecord` is for when its place is known. */
  build(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }
}

interface RegisterFields {
  readonly opcode: number;
  readonly name: string;
  /** Hex. */
  readonly uid: string;
  readonly fileId: number;
  readonly databaseType: number;
  readonly metaPgno: number;
  readonly externalFileIdLow: number;
  readonly externalFileIdHigh: number;
}

export function encodeRegister(fields: RegisterFields, logVersion: number): Uint8Array {
  const record = new RecordBuilder(register.code)
    .u32(fields.opcode)
    .bytes(Buffer.from(`${fields.name}\0`, 'utf8'))
    .bytes(Buffer.from(fields.uid, 'hex'))
    .u32(fields.fileId)
    .u32(fields.databaseType)
    .u32(fields.metaPgno)
    .u32(0);
  if (logVersion >= register.since) record.u32(fields.externalFileIdLow).u32(fields.externalFileIdHigh);
  return record.build();
}

interface CheckpointFields {
  readonly redoFrom: Lsn;
  readonly lastCheckpoint: Lsn;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly environmentId: number;
}

export function encodeCheckpoint(fields: CheckpointFields): Uint8Array {
  return new RecordBuilder(checkpoint.code)
    .lsn(fields.redoFrom)
    .lsn(fields.lastCheckpoint)
    .u32(fields.timestamp)
    .u32(fields.environmentId)
    .u32(0)
    .build();
}

export function encodeRecycle(min: number, max: number): Uint8Array {
  return new RecordBuilder(recycle.code).u32(min).u32(max).build();
}
