import { FigaroError } from '../../errors.ts';
import {
  fileHeaderSize,
  frameAt,
  frameProblem,
  frameSize,
  prefixSize,
  type FrameProblem,
} from '../../format/log/frame.ts';
import { logRecordChecksum } from '../../format/checksum.ts';
import { recordName } from '../../format/log/layouts.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { openToRead, type Files, type OpenFile } from '../files.ts';
import { logFile, type Log, type LogFile } from './log-files.ts';
import { ScannedRecord } from './scanned-record.ts';

/** Where a scan came to the end of the log. */
export interface LogEnd {
  /** Where the next record would go. */
  readonly lsn: Lsn;
  /** The last record; undefined when the log holds none. */
  readonly lastRecord: Lsn | undefined;
  /** Bytes of a record that was not written completely stand at the end. */
  readonly torn: boolean;
  /** The damage that was taken for the end. */
  readonly damage?: FigaroError;
}

export interface ScanOptions {
  /** The record to start with; the first of the log by default. */
  readonly from?: Lsn;
  /** Check checksums and what lies beyond the end. Off only for a log that was scanned before. */
  readonly verify?: boolean;
  /** Take damage behind this LSN for the end of the log, at the operator's word. */
  readonly acceptDamageAfter?: Lsn;
}

const windowSize = 4 << 20;

/**
 * The records of a log in order. Returns where the log ends.
 *
 * The end is where no record can be read in the last file. A bad record anywhere before is `log-corrupt`, and so is one
 * in the last file with good records beyond it: native recovery takes that for the end and drops what follows
 * (recovery document, A.1). A file must end at the record that its successor's header names.
 */
export function* scanLog(files: Files, log: Log, options: ScanOptions = {}): Generator<ScannedRecord, LogEnd> {
  const { from, verify = true } = options;
  let lastRecord: Lsn | undefined;
  let first = 0;
  if (from) first = Math.max(0, from.file - log.files[0]!.number);
  for (let i = first; i < log.files.length; i++) {
    const file = log.files[i]!;
    const reader = new FileScan(files, file, verify);
    try {
      if (from && from.file === file.number && from.offset > 0) reader.startAt(from.offset);
      for (let record = reader.next(); record; record = reader.next()) {
        lastRecord = record.lsn;
        yield record;
      }
      const successor = log.files[i + 1];
      const lsn = { file: file.number, offset: reader.position };
      const damage = successor ? reader.damageBefore(successor) : verify ? reader.damageBehindEnd() : undefined;
      if (damage) {
        const { acceptDamageAfter } = options;
        if (!acceptDamageAfter || compareLsn(lsn, acceptDamageAfter) <= 0) throw damage;
        return { lsn, lastRecord, torn: true, damage };
      }
      if (!successor) return { lsn, lastRecord, torn: reader.problem !== 'end' };
    } finally {
      reader.close();
    }
  }
  throw new Error('a scan started behind the log');
}

/** Reads one log file forward. */
class FileScan {
  readonly #file: LogFile;
  readonly #opened: OpenFile;
  readonly #verify: boolean;
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  /** File offset of the window's first byte. */
  #windowStart = 0;
  /** Offset of the next record. */
  position = fileHeaderSize;
  /** Offset of the record before it; undefined when it is not known. */
  #previous: number | undefined = 0;
  /** Why the last call of `next` returned nothing. */
  problem: FrameProblem = 'end';

  constructor(files: Files, file: LogFile, verify: boolean) {
    this.#file = file;
    this.#verify = verify;
    this.#opened = openToRead(files, file.path);
  }

  close(): void {
    this.#opened.close();
  }

  /** Begins in the middle of the file, at a known record. */
  startAt(offset: number): void {
    if (offset <= fileHeaderSize) return;
    this.position = offset;
    this.#previous = undefined;
  }

  next(): ScannedRecord | undefined {
    const at = this.position;
    const available = this.#file.size - at;
    this.#fill(at, Math.min(frameSize + prefixSize, available));
    let index = at - this.#windowStart;
    const expected = this.#previous ?? (available >= 4 ? this.#view.getUint32(index, true) : 0);
    let length = frameAt(this.#window, this.#view, index, available, expected, this.#verify);
    if (length > 0 && index + length > this.#window.length) {
      this.#fill(at, length);
      index = at - this.#windowStart;
      length = frameAt(this.#window, this.#view, index, available, expected, this.#verify);
    }
    if (length < 0) {
      this.problem = frameProblem(length);
      return undefined;
    }
    this.#previous = at;
    this.position = at + length;
    const lsn = { file: this.#file.number, offset: at };
    return new ScannedRecord(this.#window, this.#view, index, length, lsn, this.#file.version);
  }

  /** Makes the window hold at least `length` bytes from `offset` on; the caller knows that the file has them. */
  #fill(offset: number, length: number): void {
    if (length <= 0) return;
    if (offset >= this.#windowStart && offset + length <= this.#windowStart + this.#window.length) return;
    const wanted = Math.min(this.#file.size - offset, Math.max(windowSize, length));
    // A new buffer: bodies decoded from the old one stay valid until the caller lets go of them.
    const buffer = new Uint8Array(wanted);
    const read = this.#opened.readAt(buffer, offset);
    if (read < length) {
      throw new FigaroError('environment-changed', `${this.#file.path} became shorter while it was read`, {
        path: this.#file.path,
      });
    }
    this.#window = buffer.subarray(0, read);
    this.#view = new DataView(this.#window.buffer, 0, read);
    this.#windowStart = offset;
  }

  /** What is wrong unless the records end where the next file says they do. */
  damageBefore(successor: LogFile): FigaroError | undefined {
    const lsn = { file: this.#file.number, offset: this.position };
    if (this.problem !== 'end') {
      return corrupt(this.#file, lsn, `${describe[this.problem]}, but ${successor.path} follows`);
    }
    if (this.#previous !== undefined && successor.prev !== this.#previous) {
      return corrupt(
        this.#file,
        lsn,
        `the last record is at ${this.#previous}, but the header of ${successor.path} says ${successor.prev}`,
      );
    }
    return undefined;
  }

  /** What is wrong when good records lie beyond the place where the records end. */
  damageBehindEnd(): FigaroError | undefined {
    const beyond = this.#findRecordBeyond();
    if (beyond === undefined) return undefined;
    const lsn = { file: this.#file.number, offset: this.position };
    const good = this.#previous === undefined || this.#previous === 0 ? undefined : this.#previous;
    return corrupt(
      this.#file,
      lsn,
      `${describe[this.problem]}, but a good record follows at offset ${beyond}`,
      good === undefined
        ? undefined
        : `this is damage, not the end of the log. To go on with what is before it: --to-lsn ${this.#file.number}/${good}`,
    );
  }

  /**
   * Looks for a record behind the end: plausible, with a right checksum, and following a record that is itself not
   * before the end. Returns its offset.
   */
  #findRecordBeyond(): number | undefined {
    const end = this.position;
    const { size } = this.#file;
    // Hostile bytes could be plausible everywhere; hashing is limited to a multiple of the file.
    let budget = 16 * size;
    for (let at = end + 1; at + frameSize + prefixSize <= size; at++) {
      this.#fill(at, frameSize + prefixSize);
      const index = at - this.#windowStart;
      const prev = this.#view.getUint32(index, true);
      if (prev < end || prev > at - frameSize) continue;
      const length = this.#view.getUint32(index + 4, true);
      if (length < frameSize + prefixSize || length > size - at) continue;
      const code = this.#view.getUint32(index + frameSize, true) & 0x7fff_ffff;
      if (recordName(code).startsWith('unknown')) continue;
      budget -= length;
      if (budget < 0) return at;
      this.#fill(at, length);
      const start = at - this.#windowStart;
      const stored = this.#view.getUint32(start + 8, true);
      if (stored === logRecordChecksum(this.#window, start + frameSize, start + length, prev)) return at;
    }
    return undefined;
  }
}

const describe: Readonly<Record<FrameProblem, string>> = {
  end: 'the records end here',
  length: 'a record with an impossible length stands here',
  prev: 'a record stands here that does not follow the one before',
  checksum: 'the record here does not match its checksum',
};

function corrupt(file: LogFile, lsn: Lsn, problem: string, hint?: string): FigaroError {
  return new FigaroError('log-corrupt', `${file.path} is damaged at ${formatLsn(lsn)}: ${problem}`, {
    path: file.path,
    lsn: formatLsn(lsn),
    hint: hint ?? 'copy the file again, or use an older set.',
  });
}

const randomWindow = 1 << 20;

/** Reads single records by LSN; best called with falling LSNs. */
export class LogReader {
  readonly #files: Files;
  readonly #log: Log;
  #opened: OpenFile | undefined;
  #number = 0;
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;

  constructor(files: Files, log: Log) {
    this.#files = files;
    this.#log = log;
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** The record at an LSN that came from the log itself. Throws `log-corrupt` when none is there. */
  read(lsn: Lsn): ScannedRecord {
    const file = logFile(this.#log, lsn.file);
    const fail = (): FigaroError =>
      new FigaroError('log-corrupt', `there is no log record at ${formatLsn(lsn)}, where another record points`, {
        lsn: formatLsn(lsn),
      });
    if (!file || lsn.offset < fileHeaderSize || lsn.offset + frameSize + prefixSize > file.size) throw fail();
    if (this.#number !== file.number || !this.#opened) {
      this.close();
      this.#opened = openToRead(this.#files, file.path);
      this.#number = file.number;
      this.#window = new Uint8Array(0);
    }
    this.#fill(file, lsn.offset, frameSize);
    const length = this.#view.getUint32(lsn.offset - this.#windowStart + 4, true);
    if (length < frameSize + prefixSize || lsn.offset + length > file.size) throw fail();
    this.#fill(file, lsn.offset, length);
    const index = lsn.offset - this.#windowStart;
    const prev = this.#view.getUint32(index, true);
    const stored = this.#view.getUint32(index + 8, true);
    if (stored !== logRecordChecksum(this.#window, index + frameSize, index + length, prev)) throw fail();
    return new ScannedRecord(this.#window, this.#view, index, length, lsn, file.version);
  }

  #fill(file: LogFile, offset: number, length: number): void {
    if (
      this.#window.length > 0 &&
      offset >= this.#windowStart &&
      offset + length <= this.#windowStart + this.#window.length
    ) {
      return;
    }
    // Most of the window lies before the record: the next one asked for is earlier.
    const end = Math.min(file.size, Math.max(offset + length, offset + randomWindow / 8));
    const start = Math.max(0, Math.min(offset, end - randomWindow));
    const buffer = new Uint8Array(end - start);
    this.#window = buffer.subarray(0, this.#opened!.readAt(buffer, start));
    this.#view = new DataView(this.#window.buffer, 0, this.#window.length);
    this.#windowStart = start;
    if (offset + length > start + this.#window.length) {
      throw new FigaroError('environment-changed', `${file.path} became shorter while it was read`, {
        path: file.path,
      });
    }
  }
}
