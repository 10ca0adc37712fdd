import { FigaroError } from '../../errors.ts';
import { RecordCursor } from '../../format/log/cursor.ts';
import { recordAt } from '../../format/log/frame.ts';
import { layoutsFor } from '../../format/log/layouts.ts';
import { type LogRecord, type RecordLayout } from '../../format/log/record.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';

/** Bit of the type field that marks a record of a non-durable database: never applied (format document, 3.2). */
export const debugBit = 0x8000_0000;

/** Codes from here on belong to applications. */
const firstApplicationCode = 10000;

const cursor = new RecordCursor();

/** A record in a reader's window. Its body is decoded on demand, and valid until the reader moves on. */
export class ScannedRecord implements LogRecord {
  readonly lsn: Lsn;
  readonly code: number;
  readonly isDebug: boolean;
  readonly txnId: number;
  /** Whole record, frame included, in bytes. */
  readonly length: number;
  /** Version of the log file the record is in. */
  readonly version: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #at: number;
  readonly #padding: number;
  #body: object | undefined;

  /** @param padding zero bytes that may follow the fields: in encrypted logs */
  constructor(bytes: Uint8Array, view: DataView, at: number, length: number, lsn: Lsn, version: number, padding = 0) {
    const type = view.getUint32(at + recordAt.type, true);
    this.isDebug = type >= debugBit;
    this.code = this.isDebug ? type - debugBit : type;
    this.txnId = view.getUint32(at + recordAt.txnId, true);
    this.lsn = lsn;
    this.length = length;
    this.version = version;
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
    this.#padding = padding;
  }

  /** Copies it into `bytes`, which `view` shows as well. The copy stays valid when the reader moves on. */
  copyTo(bytes: Uint8Array, view: DataView, at: number): ScannedRecord {
    bytes.set(this.#bytes.subarray(this.#at, this.#at + this.length), at);
    return new ScannedRecord(bytes, view, at, this.length, this.lsn, this.version, this.#padding);
  }

  /** The record before it of its transaction. */
  get prevLsn(): Lsn {
    const at = this.#at + recordAt.prevLsn;
    return { file: this.#view.getUint32(at, true), offset: this.#view.getUint32(at + 4, true) };
  }

  /** Offset of the record before it in its file; 0 for the first one. */
  get previousOffset(): number {
    return this.#view.getUint32(this.#at + recordAt.prev, true);
  }

  /** The layout of this record; undefined when no Berkeley DB writes such a record in this log version. */
  get layout(): RecordLayout<object> | undefined {
    return layoutsFor(this.version)[this.code];
  }

  get body(): object {
    return (this.#body ??= this.decodeWith(cursor));
  }

  /** Reads the body with a cursor of the caller's. Throws `format-unsupported` or `log-corrupt`. */
  decodeWith(reader: RecordCursor): object {
    const { layout } = this;
    if (!layout) {
      const what = this.code >= firstApplicationCode ? 'an application’s own record' : 'an unknown record';
      throw new FigaroError(
        'format-unsupported',
        `log record ${formatLsn(this.lsn)} is ${what} (type ${this.code}, log version ${this.version})`,
        { lsn: formatLsn(this.lsn), hint: 'only the application that wrote it can recover it.' },
      );
    }
    const end = this.#at + this.length;
    reader.aim(this.#bytes, this.#view, this.#at + recordAt.fields, end, this.version);
    const body = layout.decode(reader);
    if (!reader.fits(this.#padding)) {
      throw new FigaroError(
        'log-corrupt',
        `log record ${formatLsn(this.lsn)}: the fields of a ${layout.name} record do not fill its ${this.length} bytes`,
        { lsn: formatLsn(this.lsn), hint: 'the record has a right checksum but not the layout of its log version.' },
      );
    }
    return body;
  }
}

/** The body of a record as one of the layouts given, or undefined when it has another. */
export function bodyAs<Body extends object>(
  record: ScannedRecord,
  ...layouts: readonly RecordLayout<Body>[]
): Body | undefined {
  const layout = record.layout;
  // It is asked several times of most records that are looked at.
  for (const candidate of layouts) if (candidate === layout) return record.body as Body;
  return undefined;
}
