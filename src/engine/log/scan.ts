import { FigaroError } from '../../errors.ts';
import { frameProblem, recordAt, type FrameProblem } from '../../format/log/frame.ts';
import { LogWindow } from '../../format/log/frames.ts';
import { plainFraming } from '../../format/log/framing.ts';
import { compareLsn, formatLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { findRecordBeyond } from './find-beyond.ts';
import { firstRecordOf, type Log, type LogFile } from './log-files.ts';
import { openLogFile, partAt } from './log-parts.ts';
import { debugBit, ScannedRecord } from './scanned-record.ts';

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
  /** The record to start with; where the log starts by default. */
  readonly from?: Lsn | undefined;
  /** The number of the first file that is not read: the end of the one before is held against its header, and nothing else. */
  readonly until?: number | undefined;
  /** Check checksums and what lies beyond the end. Off only for a log that was scanned before. */
  readonly verify?: boolean;
  /** Take damage behind this LSN for the end of the log, at the operator's word. */
  readonly acceptDamageAfter?: Lsn;
  /** How much is read at a time, and how far behind the end records are looked for. In bytes; the whole file by default. */
  readonly reach?: number;
}

const windowSize = 4 << 20;

/** Reads begin at multiples of this. */
const alignment = 4096;

/** Longer records do not exist: they hold a few pages at most. */
const longest = 256 << 20;

const unreached: LogEnd = { lsn: noLsn, lastRecord: undefined, torn: false };

/**
 * The records of a log in order. Returns where the log ends.
 *
 * The end is where no record can be read in the last file. A bad record anywhere before is `log-corrupt`, and so is one
 * in the last file with good records beyond it: native recovery takes that for the end and drops what follows
 * (recovery document, A.1). A file must end at the record that its successor's header names.
 */
export function* scanLog(files: Files, log: Log, options: ScanOptions = {}): Generator<ScannedRecord, LogEnd> {
  const batches = scanBatches(files, log, options);
  try {
    let step = batches.next();
    for (; !step.done; step = batches.next()) {
      const batch = step.value;
      for (let i = 0; i < batch.count; i++) yield batch.record(i);
    }
    return step.value;
  } finally {
    // The caller may have had enough: files are closed.
    batches.return(unreached);
  }
}

/** As `scanLog`, some megabytes at a time, for those who look at millions of records. */
export function* scanBatches(files: Files, log: Log, options: ScanOptions = {}): Generator<RecordBatch, LogEnd> {
  const { from = log.start, until = Infinity, verify = true, reach = Infinity } = options;
  let lastRecord: Lsn | undefined;
  let first = 0;
  if (from) first = Math.max(0, from.file - log.files[0]!.number);
  for (let i = first; i < log.files.length; i++) {
    const file = log.files[i]!;
    if (file.number >= until)
      return { lsn: { file: file.number, offset: firstRecordOf(file) }, lastRecord, torn: false };
    const scan = new FileScan(files, file, verify, reach);
    try {
      if (from && from.file === file.number && from.offset > 0) scan.startAt(from.offset);
      for (let batch = scan.next(); batch; batch = scan.next()) {
        lastRecord = { file: file.number, offset: batch.offsetOf(batch.count - 1) };
        yield batch;
      }
      const successor = log.files[i + 1];
      const lsn = { file: file.number, offset: scan.position };
      const damage = successor ? scan.damageBefore(successor) : verify ? scan.damageBehindEnd() : undefined;
      if (damage) {
        const { acceptDamageAfter } = options;
        if (!acceptDamageAfter || compareLsn(lsn, acceptDamageAfter) <= 0) throw damage;
        return { lsn, lastRecord, torn: true, damage };
      }
      if (!successor) return { lsn, lastRecord, torn: scan.problem !== 'end' };
    } finally {
      scan.close();
    }
  }
  throw new Error('a scan started behind the log');
}

/** Records that follow each other in one log file. Valid until the scan goes on. */
export class RecordBatch {
  readonly file: LogFile;
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where each record is in `bytes`. */
  readonly starts: Uint32Array;
  /** Offset of `bytes[0]` in the file. */
  readonly #offset: number;

  constructor(file: LogFile, { bytes, view, starts }: LogWindow, offset: number, count: number) {
    this.file = file;
    this.bytes = bytes;
    this.view = view;
    this.starts = starts;
    this.#offset = offset;
    this.count = count;
  }

  /** Offset of a record in the file: the second half of its LSN. */
  offsetOf(i: number): number {
    return this.#offset + this.starts[i]!;
  }

  lsn(i: number): Lsn {
    return { file: this.file.number, offset: this.offsetOf(i) };
  }

  /** Whole record, frame included, in bytes. */
  lengthOf(i: number): number {
    return this.#lengthAt(this.starts[i]!);
  }

  /** Bytes of all of them together. */
  get byteCount(): number {
    const last = this.count - 1;
    return this.starts[last]! + this.lengthOf(last) - this.starts[0]!;
  }

  /** As `ScannedRecord` has it, and so are the others. */
  code(i: number): number {
    return this.view.getUint32(this.starts[i]! + recordAt.type, true) & ~debugBit;
  }

  isDebug(i: number): boolean {
    return (this.view.getUint32(this.starts[i]! + recordAt.type, true) & debugBit) !== 0;
  }

  txnId(i: number): number {
    return this.view.getUint32(this.starts[i]! + recordAt.txnId, true);
  }

  beginsTransaction(i: number): boolean {
    return this.view.getUint32(this.starts[i]! + recordAt.prevLsn, true) === 0;
  }

  #lengthAt(at: number): number {
    return this.view.getUint32(at + recordAt.length, true);
  }

  record(i: number): ScannedRecord {
    const at = this.starts[i]!;
    const { number, version, framing } = this.file;
    const lsn = { file: number, offset: this.#offset + at };
    return new ScannedRecord(this.bytes, this.view, at, this.#lengthAt(at), lsn, version, framing.padding);
  }
}

/** Reads one log file forward. */
class FileScan {
  readonly #file: LogFile;
  readonly #opened: OpenFile;
  readonly #verify: boolean;
  readonly #reach: number;
  #window: LogWindow;
  /** Offset of the next record. */
  position: number;
  /** Offset of the record before it; undefined when it is not known. */
  #previous: number | undefined = 0;
  #ended = false;
  /** Why there are no more records, once there are none. */
  problem: FrameProblem = 'end';

  constructor(files: Files, file: LogFile, verify: boolean, reach: number) {
    this.#file = file;
    this.#verify = verify;
    this.#reach = reach;
    this.position = firstRecordOf(file);
    this.#opened = openLogFile(files, file.parts);
    this.#window = LogWindow.take(Math.min(windowSize, reach));
  }

  close(): void {
    this.#window.giveBack();
    this.#opened.close();
  }

  /** Begins in the middle of the file, at a known record. */
  startAt(offset: number): void {
    if (offset <= this.position) return;
    this.position = offset;
    this.#previous = undefined;
  }

  /** The next records; undefined when there are none, see `problem`. */
  next(): RecordBatch | undefined {
    const { framing } = this.#file;
    let needed = framing.shortest;
    while (!this.#ended) {
      const { position } = this;
      const start = position - (position % alignment);
      const end = this.#fill(start, position - start + needed);
      const { view } = this.#window;
      const at = position - start;
      const previous = this.#previous ?? (end >= at + 4 ? view.getUint32(at, true) : 0);
      const count = this.#follow(at, end, start, previous);
      if (count > 0) {
        const last = this.#window.starts[count - 1]!;
        this.#previous = start + last;
        this.position = start + last + view.getUint32(last + recordAt.length, true);
      }
      needed = this.#look(start, end, count > 0 ? this.#previous! : previous);
      if (count > 0) return new RecordBatch(this.#file, this.#window, start - this.#decrypt(count), count);
    }
    return undefined;
  }

  /** As `LogWindow.follow`, for encrypted records, too. */
  #follow(at: number, end: number, start: number, previous: number): number {
    const { framing } = this.#file;
    const { bytes, view, starts } = this.#window;
    if (!framing.cipher) return this.#window.follow(at, end, start, previous, this.#verify);
    const whole = bytes.subarray(0, end);
    let count = 0;
    let before = previous;
    for (let next = at; end - next >= framing.shortest;) {
      const length = framing.frameAt(whole, view, next, end - next, before, this.#verify);
      if (length < 0) break;
      starts[count++] = next;
      before = start + next;
      next += length;
    }
    return count;
  }

  /** Puts the plain form of encrypted records at their ends. Returns by how much it is shorter than they are. */
  #decrypt(count: number): number {
    const { framing } = this.#file;
    if (!framing.cipher) return 0;
    const { bytes, view, starts } = this.#window;
    const shorter = framing.frameSize - plainFraming.frameSize;
    for (let i = 0; i < count; i++) {
      const at = starts[i]!;
      const plain = framing.toPlain(bytes, view, at, view.getUint32(at + recordAt.length, true));
      bytes.set(plain.bytes, at + shorter);
      starts[i] = at + shorter;
    }
    return shorter;
  }

  /** True when a record stands at the end by now: the log is being written. */
  #hasGrown(): boolean {
    const { position } = this;
    const start = position - (position % alignment);
    const end = this.#fill(start, position - start);
    const at = position - start;
    return this.#previous !== undefined && this.#follow(at, end, start, this.#previous) > 0;
  }

  /** Looks at what follows the records found in the window: how many bytes are needed to go on, or what the problem is. */
  #look(start: number, end: number, previous: number): number {
    const at = this.position - start;
    const { framing } = this.#file;
    const least = framing.shortest;
    const available = this.#file.size - this.position;
    if (end - at < Math.min(least, available)) return least;
    const { bytes, view } = this.#window;
    const length = framing.frameAt(bytes.subarray(0, end), view, at, available, previous, this.#verify);
    if (length > 0 && length <= longest) return length;
    this.#ended = true;
    this.problem = length > 0 ? 'length' : frameProblem(length);
    return least;
  }

  /** Makes the window hold the file from `start` on, `needed` bytes at least; returns how many it holds. */
  #fill(start: number, needed: number): number {
    if (needed > this.#window.bytes.length) {
      this.#window.giveBack();
      this.#window = LogWindow.take(needed);
    }
    const most = Math.max(needed, Math.min(this.#window.bytes.length, this.#reach));
    const wanted = Math.min(Math.max(0, this.#file.size - start), most);
    const read = this.#opened.readAt(this.#window.bytes.subarray(0, wanted), start);
    if (read < Math.min(needed, wanted)) {
      throw new FigaroError('environment-changed', `${this.#file.path} became shorter while it was read`, {
        path: this.#file.path,
      });
    }
    return read;
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
    const { framing } = this.#file;
    const size = Math.min(this.#file.size, this.position + this.#reach);
    const beyond = findRecordBeyond(this.#opened, { size, framing }, this.position);
    if (beyond === undefined || this.#hasGrown()) return undefined;
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
}

const describe: Readonly<Record<FrameProblem, string>> = {
  end: 'the records end here',
  length: 'a record with an impossible length stands here',
  prev: 'a record stands here that does not follow the one before',
  checksum: 'the record here does not match its checksum',
};

function corrupt(file: LogFile, lsn: Lsn, problem: string, hint?: string): FigaroError {
  const path = partAt(file.parts, lsn.offset);
  return new FigaroError('log-corrupt', `${path} is damaged at ${formatLsn(lsn)}: ${problem}`, {
    path,
    lsn: formatLsn(lsn),
    hint: hint ?? 'copy the file again, or use an older set.',
  });
}
