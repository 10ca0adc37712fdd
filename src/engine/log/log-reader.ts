import { FigaroError } from '../../errors.ts';
import { recordAt } from '../../format/log/frame.ts';
import { LogWindow } from '../../format/log/frames.ts';
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
  #file: LogFile | undefined;
  #window: LogWindow | undefined;
  /** The window has the bytes of the file from here on, up to there. */
  #start = 0;
  #end = 0;

  constructor(files: Files, log: Log, reach: Reach = reaches.backwards) {
    this.#log = log;
    this.#reach = reach;
    this.#opened = new OpenFiles((number) => openLogFile(files, logFile(log, Number(number))!.parts));
  }

  close(): void {
    this.#window?.giveBack();
    this.#window = undefined;
    this.#start = this.#end = 0;
    this.#opened.close();
  }

  /**
   * The record at an LSN that came from the log itself; its body is valid until the next one is read. Throws
   * `log-corrupt` when none is there.
   */
  read(lsn: Lsn): ScannedRecord {
    const { offset } = lsn;
    const file = this.#file?.number === lsn.file ? this.#file : logFile(this.#log, lsn.file);
    if (!file) throw noRecord(lsn);
    const { framing, version, size } = file;
    const { shortest, padding } = framing;
    if (offset < firstRecordOf(file) || offset + shortest > size) throw noRecord(lsn);
    if (this.#file !== file) {
      this.#file = file;
      this.#start = this.#end = 0;
    }
    const head = this.#hold(file, offset, shortest);
    const length = head.view.getUint32(offset - this.#start + recordAt.length, true);
    if (length < shortest || offset + length > size) throw noRecord(lsn);
    const window = this.#hold(file, offset, length);
    const at = offset - this.#start;
    if (!window.isSound(at, length, framing)) throw noRecord(lsn);
    const plain = framing.toPlain(window.bytes, window.view, at, length);
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

  /** Makes the window hold these bytes of a file, which has them. */
  #hold(file: LogFile, offset: number, length: number): LogWindow {
    const held = this.#window;
    if (held && offset >= this.#start && offset + length <= this.#end) return held;
    const { before, behind } = this.#reach;
    const end = Math.min(file.size, offset + Math.max(length, behind));
    const start = Math.max(0, Math.min(offset, end - before - behind));
    const window = this.#windowOf(end - start);
    const opened = this.#opened.get(String(file.number));
    this.#start = start;
    this.#end = start + opened.readAt(window.bytes.subarray(0, end - start), start);
    if (offset + length > this.#end) {
      throw new FigaroError('environment-changed', `${file.path} became shorter while it was read`, {
        path: file.path,
      });
    }
    return window;
  }

  #windowOf(size: number): LogWindow {
    if (this.#window && this.#window.bytes.length >= size) return this.#window;
    this.#window?.giveBack();
    const { before, behind } = this.#reach;
    return (this.#window = LogWindow.take(Math.max(before + behind, size)));
  }
}

function noRecord(lsn: Lsn): FigaroError {
  return new FigaroError('log-corrupt', `there is no log record at ${formatLsn(lsn)}, where another record points`, {
    lsn: formatLsn(lsn),
  });
}
