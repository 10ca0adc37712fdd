import { FigaroError } from '../../errors.ts';
import { recordAt } from '../../format/log/frame.ts';
import { isSound } from '../../format/log/framing.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { OpenFiles } from '../files/open-files.ts';
import { firstRecordOf, logFile, type Log, type LogFile } from './log-files.ts';
import { openLogFile } from './log-parts.ts';
import { ScannedRecord } from './scanned-record.ts';

/** How much is read around a record that is not in memory, in bytes. */
interface Reach {
  readonly before: number;
  /** From its beginning on. */
  readonly behind: number;
}

/** For those who ask for falling LSNs, or for growing ones, or for some here and there. */
export const reaches = {
  backwards: { before: 112 << 10, behind: 16 << 10 },
  forwards: { before: 0, behind: 256 << 10 },
  scattered: { before: 0, behind: 2 << 10 },
} as const satisfies Readonly<Record<string, Reach>>;

/** Reads single records by LSN. */
export class LogReader {
  readonly #log: Log;
  readonly #reach: Reach;
  readonly #opened: OpenFiles;
  #number = 0;
  #buffer = new Uint8Array(0);
  /** The part of the buffer that was read. */
  #window = this.#buffer;
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;

  constructor(files: Files, log: Log, reach: Reach = reaches.backwards) {
    this.#log = log;
    this.#reach = reach;
    this.#opened = new OpenFiles((number) => openLogFile(files, logFile(log, Number(number))!.parts));
  }

  close(): void {
    this.#opened.close();
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
    if (this.#number !== file.number) {
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
    const { before, behind } = this.#reach;
    const end = Math.min(file.size, offset + Math.max(length, behind));
    const start = Math.max(0, Math.min(offset, end - before - behind));
    if (this.#buffer.length < end - start) this.#buffer = new Uint8Array(Math.max(before + behind, end - start));
    const opened = this.#opened.get(String(file.number));
    this.#window = this.#buffer.subarray(0, opened.readAt(this.#buffer.subarray(0, end - start), start));
    this.#view = new DataView(this.#buffer.buffer, 0, this.#window.length);
    this.#windowStart = start;
    if (offset + length > start + this.#window.length) {
      throw new FigaroError('environment-changed', `${file.path} became shorter while it was read`, {
        path: file.path,
      });
    }
  }
}
