import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { fileHeaderSize, frameAt, readFileHeader, type LogFileHeader } from '../../format/log/frame.ts';
import { newestLogVersion, oldestLogVersion } from '../../format/magic.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { makeDirectories, type Files, type OpenFile } from '../files.ts';
import { logFileName, logFileNumber } from '../log/log-files.ts';

const chunkSize = 1 << 20;

/** A log file being copied. */
interface CurrentFile {
  readonly number: number;
  readonly source: OpenFile;
  readonly target: OpenFile;
  readonly header: LogFileHeader;
  /** Where the next record will be. */
  end: number;
  /** Offset of the last record; 0 while there is only the header. */
  lastRecord: number;
}

/**
 * Copies a log that is being written: whole records only, file after file, as often as `follow` is called. What is
 * copied never has to be taken back: log files only grow.
 */
export class LogCopy {
  readonly #files: Files;
  readonly #sourceDirectory: string;
  readonly #targetDirectory: string;
  #current: CurrentFile | undefined;
  #next: number;
  #lastRecord: Lsn | undefined;
  version = 0;
  /** Names of the files copied, in order. */
  readonly copied: string[] = [];

  /** @param first number of the file to begin with */
  constructor(
    files: Files,
    sourceDirectory: string,
    targetDirectory: string,
    first: number,
  ) {
    this.#files = files;
    this.#sourceDirectory = sourceDirectory;
    this.#targetDirectory = targetDirectory;
    this.#next = first;
    makeDirectories(files, targetDirectory);
  }

  /** Where the copy ends: the place of the next record. */
  get end(): Lsn {
    const current = this.#current!;
    return { file: current.number, offset: current.end };
  }

  get lastRecord(): Lsn | undefined {
    return this.#lastRecord;
  }

  /** The copies made so far, by number. */
  paths(): Map<number, string> {
    return new Map(
      this.copied.map((name) => [logFileNumber(name)!, path.join(this.#targetDirectory, name)]),
    );
  }

  /**
   * Copies what has been written since the last call, and returns the new end. Throws `log-missing` when a file was
   * removed before it was copied, `log-corrupt` when a file and its successor do not fit.
   */
  follow(): Lsn {
    this.#current ??= this.#open(this.#next);
    if (!this.#current) {
      throw this.#missing(this.#next, 'it was removed before it could be copied');
    }
    for (;;) {
      this.#extend(this.#current);
      const next = this.#open(this.#current.number + 1);
      if (!next) return this.end;
      // The successor has its header: the file before is complete now.
      this.#extend(this.#current);
      const { number, lastRecord, end } = this.#current;
      if (next.header.prev !== lastRecord) {
        const at = formatLsn({ file: number, offset: end });
        next.source.close();
        next.target.close();
        throw new FigaroError(
          'log-corrupt',
          `${this.#source(number)} is damaged at ${at}: ${logFileName(number + 1)} says that the last record before it is at ${next.header.prev}, not ${lastRecord}`,
          { path: this.#source(number), lsn: at },
        );
      }
      this.#finish();
      this.#current = next;
    }
  }

  /** Syncs and closes what is open. */
  close(): void {
    this.#finish();
  }

  #finish(): void {
    if (!this.#current) return;
    const { source, target } = this.#current;
    this.#current = undefined;
    source.close();
    try {
      target.sync();
    } finally {
      target.close();
    }
  }

  #source(number: number): string {
    return path.join(this.#sourceDirectory, logFileName(number));
  }

  #missing(number: number, why: string): FigaroError {
    return new FigaroError('log-missing', `${this.#source(number)} is missing: ${why}`, {
      path: this.#source(number),
      hint: 'the application removes log files faster than they are copied. Let it keep more of them.',
    });
  }

  /** Begins with a file; undefined while it is not there, or its header is not written. */
  #open(number: number): CurrentFile | undefined {
    const file = this.#source(number);
    const source = this.#files.openIfThere(file);
    if (!source) {
      const later = (this.#files.listIfThere(this.#sourceDirectory) ?? []).some(
        (name) => name === logFileName(number + 1),
      );
      if (later) throw this.#missing(number, `${logFileName(number + 1)} is there`);
      return undefined;
    }
    try {
      const head = new Uint8Array(fileHeaderSize);
      const reading = readFileHeader(head.subarray(0, source.readAt(head, 0)));
      if (reading.kind === 'incomplete') {
        source.close();
        return undefined;
      }
      const header = requireHeader(reading, file);
      this.version = header.version;
      const name = logFileName(number);
      const target = this.#files.create(path.join(this.#targetDirectory, name));
      target.writeAt(head, 0);
      this.copied.push(name);
      return { number, source, target, header, end: fileHeaderSize, lastRecord: 0 };
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Copies the whole records behind the end. */
  #extend(current: CurrentFile): void {
    for (let size = chunkSize; ; ) {
      const buffer = new Uint8Array(size);
      const bytes = buffer.subarray(0, current.source.readAt(buffer, current.end));
      const { done, needed } = this.#wholeRecords(current, bytes);
      if (done > 0) {
        current.target.writeAt(bytes.subarray(0, done), current.end);
        current.end += done;
      } else if (needed > size && bytes.length === size) {
        size = needed;
        continue;
      }
      if (done === 0 || bytes.length < size) return;
      size = chunkSize;
    }
  }

  /** Passes the whole records on; how many bytes they have, and how many the next one needs. */
  #wholeRecords(current: CurrentFile, bytes: Uint8Array): { done: number; needed: number } {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { number, header } = current;
    let at = 0;
    while (at < bytes.length) {
      // A length is believed up to the size of the file: the checksum decides.
      const available = Math.max(bytes.length - at, header.maxSize - current.end - at);
      if (bytes.length - at < fileHeaderSize) break;
      const length = frameAt(bytes, view, at, available, current.lastRecord, true);
      if (length < 0) break;
      if (at + length > bytes.length) return { done: at, needed: length };
      const lsn = { file: number, offset: current.end + at };
      current.lastRecord = lsn.offset;
      this.#lastRecord = lsn;
      at += length;
    }
    return { done: at, needed: 0 };
  }
}

function requireHeader(reading: ReturnType<typeof readFileHeader>, file: string): LogFileHeader {
  switch (reading.kind) {
    case 'header': {
      const { version } = reading.header;
      if (version >= oldestLogVersion && version <= newestLogVersion) return reading.header;
      throw new FigaroError(
        'format-unsupported',
        `${file} has log version ${version}, not ${oldestLogVersion} to ${newestLogVersion}`,
        { path: file },
      );
    }
    case 'encrypted':
      throw new FigaroError('format-unsupported', `${file} is encrypted, and encrypted logs can not be read yet`, {
        path: file,
      });
    case 'damaged':
      throw new FigaroError('log-corrupt', `${file}: ${reading.problem}`, { path: file });
    case 'incomplete':
      throw new FigaroError('log-corrupt', `${file} has no header`, { path: file });
  }
}
