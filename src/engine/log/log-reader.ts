import { FigaroError } from '../../errors.ts';
import { recordAt } from '../../format/log/frame.ts';
import { isSound } from '../../format/log/framing.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { firstRecordOf, logFile, type Log, type LogFile } from './log-files.ts';
import { openLogFile } from './log-parts.ts';
import { ScannedRecord } from './scanned-record.ts';

const randomWindow = 1 << 20;

/** Reads single records by LSN; best called with falling LSNs. */
export class LogReader {
  readonly #files: Files;
  readonly #log: Log;
  #opened: OpenFile | undefined;
  #number = 0;
  #buffer = new Uint8Array(0);
  /** The part of the buffer that was read. */
  #window = this.#buffer;
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

  /**
   * The record at an LSN that came from the log itself; its body is valid until the next one is read. Throws
   * `log-corrupt` when none is there.
   */
  read(lsn: Lsn): ScannedRecord {
    const file = logFile(this.#log, lsn.file);
    const fail = (): FigaroError =>
      new FigaroError('log-corrupt', `there is no log record at ${formatLsn(lsn)}, where another record points`, {
        lsn: formatLsn(lsn),
      });
    if (!file) throw fail();
    const { framing, version } = file;
    const { shortest, padding } = framing;
    if (lsn.offset < firstRecordOf(file) || lsn.offset + shortest > file.size) throw fail();
    if (this.#number !== file.number || !this.#opened) {
      this.close();
      this.#opened = openLogFile(this.#files, file.parts);
      this.#number = file.number;
      this.#window = new Uint8Array(0);
    }
    this.#fill(file, lsn.offset, shortest);
    const length = this.#view.getUint32(lsn.offset - this.#windowStart + recordAt.length, true);
    if (length < shortest || lsn.offset + length > file.size) throw fail();
    this.#fill(file, lsn.offset, length);
    const at = lsn.offset - this.#windowStart;
    if (!isSound(this.#window, at, length, framing)) throw fail();
    const plain = framing.toPlain(this.#window, this.#view, at, length);
    return new ScannedRecord(plain.bytes, plain.view, plain.at, plain.length, lsn, version, padding);
  }

  /** Where the record before one lies; undefined for the first of the log. */
  before({ lsn, previousOffset }: ScannedRecord): Lsn | undefined {
    if (previousOffset !== 0) return { file: lsn.file, offset: previousOffset };
    for (let file = logFile(this.#log, lsn.file); file; file = logFile(this.#log, file.number - 1)) {
      // A file may hold nothing but its header.
      if (file.prev !== 0) return logFile(this.#log, file.number - 1) && { file: file.number - 1, offset: file.prev };
    }
    return undefined;
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
    if (this.#buffer.length < end - start) this.#buffer = new Uint8Array(Math.max(randomWindow, end - start));
    this.#window = this.#buffer.subarray(0, this.#opened!.readAt(this.#buffer.subarray(0, end - start), start));
    this.#view = new DataView(this.#buffer.buffer, 0, this.#window.length);
    this.#windowStart = start;
    if (offset + length > start + this.#window.length) {
      throw new FigaroError('environment-changed', `${file.path} became shorter while it was read`, {
        path: file.path,
      });
    }
  }
}
