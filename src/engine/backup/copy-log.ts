import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { longestFileHeader, readFileHeader, type LogFileHeader } from '../../format/log/file-header.ts';
import { recordAt } from '../../format/log/frame.ts';
import { LogWindow } from '../../format/log/frames.ts';
import { encryptedFraming } from '../../format/log/framing.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { createInTree } from '../files/tree.ts';
import { closeAll } from '../files/close-all.ts';
import { statAtOpening, type Files, type FileStat, type OpenFile } from '../files/files.ts';
import { firstRecordOf, isOpaqueLog, openLog, requireHeader } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { logFileName, logFileNumber, logTailName } from '../../format/names.ts';
import { scanLog } from '../log/scan.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { pause, type Watch } from '../pause.ts';
import { ScannedRecord } from '../log/scanned-record.ts';
import { restMs } from '../environment/own-files.ts';
import { apartMs, followOpaque, type OpaqueFile } from './opaque-records.ts';

const chunkSize = 1 << 20;
/** What is read to see whether there is more: log files are as large as they will become, and end in zeros. In bytes. */
const probeSize = 4096;
/** What is read of a file at first, as far as it has so much. In bytes. */
const firstSize = 256 << 10;
const periodMs = 20;
/** How often a directory in which files come and go is listed at most: it may hold many of them. */
const listingMs = 100;
/** Listing takes no more than one part in so many of the time. */
const listingShare = 20;

/** What is known of a log file. */
interface CopiedHeader extends Omit<LogFileHeader, 'version'> {
  /** Undefined for an opaque one: encrypted, without the password. */
  readonly version: number | undefined;
}

/** A log file of a set. */
export interface CopiedLogFile {
  readonly number: number;
  readonly header: CopiedHeader;
  /** Of the source. */
  readonly stat: FileStat;
  /** Offset in the file of the first byte copied: what is before it is elsewhere. */
  readonly from: number;
  /** Bytes copied: up to the end of the last record. */
  readonly size: number;
  readonly sha256: string;
}

/** A log file being copied. */
interface CurrentFile extends OpaqueFile {
  readonly number: number;
  /** Where the copy begins: 0, but for the tail of a file. */
  readonly from: number;
  readonly source: OpenFile;
  readonly target: OpenFile;
  readonly header: CopiedHeader;
  readonly hash: Hash;
  /** Where the next record will be. */
  end: number;
  /** Offset of the last record; 0 while there is only the header. */
  lastRecord: number;
  /** How much is read next, in bytes. */
  ahead: number;
}

/** From where on a log is copied. */
export interface LogStart {
  /** The directory of its files. */
  readonly from: string;
  /** Number of the file to begin with. */
  readonly first: number;
  /** What is known of that file already: the copy has its tail behind that alone. */
  readonly known?: KnownBeginning | undefined;
}

/** The beginning of a log file, up to a record. */
interface KnownBeginning {
  /** In bytes. */
  readonly end: number;
  /** Offset of the last record in it; 0 while there is only the header. */
  readonly lastRecord: number;
}

/** Where log files are read and written, and what becomes of their records. */
export interface LogCopyOptions extends LogStart {
  readonly to: string;
  /** Nobody writes to it: the last record of an opaque log is not waited for. */
  readonly isAtRest?: boolean;
  /** Shown every record copied; but none of an opaque log. */
  readonly observers: readonly LogObserver[];
}

/**
 * Copies a log that is being written: whole records only, file after file, as often as `follow` is called. What is
 * copied never has to be taken back: log files only grow.
 */
export class LogCopy {
  readonly #files: Files;
  readonly #options: LogCopyOptions;
  readonly #done: CopiedLogFile[] = [];
  #window = LogWindow.take(firstSize);
  #current: CurrentFile | undefined;
  /** The directory of the source when it was last listed, had it stood still for a while. */
  #listed: { readonly inode: number; readonly changedMs: number } | undefined;
  /** When it may be listed again, by `performance.now`. */
  #listAgainAt = 0;
  #closed = false;
  #followedAt = -Infinity;
  #isFollowing = false;
  /** The last record copied. */
  lastRecord: Lsn | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What went wrong while nobody was calling. */
  #failure: unknown;

  constructor(files: Files, options: LogCopyOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** Where the copy ends: the place of the next record. */
  get end(): Lsn {
    const last = this.#done.at(-1);
    if (this.#current) return { file: this.#current.number, offset: this.#current.end };
    return { file: last!.number, offset: last!.from + last!.size };
  }

  /** True when the log is encrypted and the password is not known: its records were not looked at. */
  get isOpaque(): boolean {
    const header = this.#current?.header ?? this.#done.at(-1)?.header;
    return header !== undefined && header.version === undefined;
  }

  /** The files copied, in order; all of them after `close`. */
  get copied(): readonly CopiedLogFile[] {
    return this.#done;
  }

  /** Opens the first file. Throws `log-missing` when it is gone. */
  begin(): void {
    this.#current ??= this.#open(this.#options.first, this.#options.known);
    if (!this.#current) throw this.#missing(this.#options.first);
  }

  /**
   * Copies what has been written since the last call, and returns the new end. Files that come meanwhile are left to the
   * next call: an application that writes faster than we copy would keep us here. Throws `log-missing` when a file was
   * removed before it was copied, `log-corrupt` when a file and its successor do not fit.
   */
  follow(): Lsn {
    const newest = this.#beginFollowing();
    while (this.#copyNext(newest));
    this.#followedAt = performance.now();
    return this.end;
  }

  /**
   * As `follow`, where there may be many files: gives way between them, so that they are synced beside, and the run can be stopped.
   * Nothing else follows meanwhile.
   */
  async followPatiently(watch: Watch): Promise<Lsn> {
    const newest = this.#beginFollowing();
    this.#isFollowing = true;
    try {
      while (this.#copyNext(newest)) await pause(watch);
    } finally {
      this.#isFollowing = false;
    }
    this.#followedAt = performance.now();
    return this.end;
  }

  /** Returns the number of the newest file there is. */
  #beginFollowing(): number {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new Error('the copy of the log is closed');
    this.begin();
    return this.#newestThere();
  }

  /** Copies what is there of one file, and opens the next. False when there is none, or it is newer than asked for. */
  #copyNext(newest: number): boolean {
    const current = this.#current!;
    this.#extend(current);
    if (current.number >= newest) return false;
    const number = current.number + 1;
    const next = this.#open(number);
    if (!next) {
      this.#requireBegun(number, newest);
      return false;
    }
    // The successor has its header: the file before is complete now.
    try {
      this.#extend(current, true);
      this.#requireFit(current, next.header);
      this.#finish();
    } catch (error) {
      closeAll([next.source, next.target]);
      throw error;
    }
    this.#current = next;
    return true;
  }

  /** Follows, unless that was done a moment ago: to be called now and then, so that no file is missed. */
  keepUp(): void {
    if (!this.#isFollowing && performance.now() - this.#followedAt >= periodMs) this.follow();
  }

  /** Follows to the end, as `follow` does, and makes sure of the last record where that takes time. */
  async followToEnd(): Promise<Lsn> {
    // What is missing has to be known now.
    this.#listAgainAt = 0;
    const end = this.follow();
    if (!this.#current?.pending) return end;
    await sleep(apartMs);
    return this.follow();
  }

  /** Follows on its own between the calls of others: the application may remove files at any time. */
  keepFollowing(): void {
    this.#timer ??= setInterval(() => {
      try {
        this.keepUp();
      } catch (error) {
        this.#failure = error;
        clearInterval(this.#timer);
      }
    }, periodMs);
  }

  /** Syncs and closes what is open. */
  close(): void {
    clearInterval(this.#timer);
    this.#finish();
    if (!this.#closed) this.#window.giveBack();
    this.#closed = true;
  }

  #finish(): void {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    const { number, header, source, target, hash, from, end } = current;
    try {
      const stat = source.stat();
      target.sync();
      this.#done.push({ number, header, stat, from, size: end - from, sha256: hash.digest('hex') });
    } finally {
      closeAll([source, target]);
    }
  }

  /**
   * Number of the newest log file of the source. Throws `log-missing` when the one after ours is gone. There may be many
   * other files: the directory is listed when there is a next log file, or may have been.
   */
  #newestThere(): number {
    const { from } = this.#options;
    const { number } = this.#current!;
    const isThere = (): boolean => this.#files.statThrough(this.#source(number + 1)) !== undefined;
    const stat = this.#files.statThrough(from);
    const isNext = isThere();
    const isKnown = stat && this.#listed?.inode === stat.inode && this.#listed.changedMs === stat.changedMs;
    if (!isNext && (isKnown || performance.now() < this.#listAgainAt)) return number;
    const beganAt = performance.now();
    const lookedAt = Date.now();
    let newest = number;
    for (const name of this.#files.listIfThere(from) ?? []) newest = Math.max(newest, logFileNumber(name) ?? 0);
    // A listing can pass over what is new: what is not there now, and was followed by another file, is gone.
    if (newest > number && !isNext && !isThere()) throw this.#missing(number + 1);
    // Two changes in one tick of its clock look like one.
    const isAtRest = stat !== undefined && lookedAt - stat.changedMs >= restMs;
    this.#listed = isAtRest ? { inode: stat.inode, changedMs: stat.changedMs } : undefined;
    const doneAt = performance.now();
    this.#listAgainAt = doneAt + Math.max(listingMs, (doneAt - beganAt) * listingShare);
    return newest;
  }

  #source(number: number): string {
    return path.join(this.#options.from, logFileName(number));
  }

  #requireFit({ number, end, lastRecord }: CurrentFile, { prev }: CopiedHeader): void {
    if (prev === lastRecord) return;
    const lsn = formatLsn({ file: number, offset: end });
    throw new FigaroError(
      'log-corrupt',
      `${this.#source(number)} is damaged at ${lsn}: its last record is at ${lastRecord}, but ${logFileName(number + 1)} says ${prev}`,
      {
        path: this.#source(number),
        lsn,
        hint: 'the source cannot be recovered from this log. Run verify on older sets.',
      },
    );
  }

  /**
   * A file that cannot be begun with has just been made, and nothing follows it. Throws `log-missing` when it is gone,
   * `log-corrupt` when it is without a header and a later one is there: a file is written before the next one is made.
   */
  #requireBegun(number: number, newest: number): void {
    const file = this.#source(number);
    const isThere = this.#files.statThrough(file) !== undefined;
    if (isThere && number === newest) return;
    // To be found again when it is looked for again.
    this.#listed = undefined;
    this.#listAgainAt = 0;
    if (!isThere) throw this.#missing(number);
    throw new FigaroError('log-corrupt', `${file} has no header, but ${logFileName(newest)} is there`, {
      path: file,
      lsn: formatLsn({ file: number, offset: 0 }),
      hint: 'the source cannot be recovered from this log. Run verify on older sets.',
    });
  }

  #missing(number: number): FigaroError {
    return new FigaroError('log-missing', `${this.#source(number)} is gone before it could be copied`, {
      path: this.#source(number),
      hint: 'the application removes log files faster than they are copied. Let it keep more of them.',
    });
  }

  /** Begins with a file; undefined while it is not there, or its header is not written. */
  #open(number: number, known?: KnownBeginning): CurrentFile | undefined {
    const file = this.#source(number);
    const source = this.#files.openIfThere(file);
    if (!source) return undefined;
    try {
      const most = new Uint8Array(longestFileHeader);
      const read = most.subarray(0, source.readAt(most, 0));
      const reading = readFileHeader(read, this.#files.cipher);
      if (reading.kind === 'incomplete') {
        source.close();
        return undefined;
      }
      const header = reading.kind === 'encrypted' ? opaqueHeader(reading.prev) : requireHeader(reading, file);
      const { end, lastRecord } = known ?? { end: firstRecordOf(header), lastRecord: 0 };
      const name = known ? logTailName(number, end) : logFileName(number);
      const { mode, size } = statAtOpening(source);
      const target = createInTree(this.#files, path.join(this.#options.to, name), mode);
      const hash = createHash('sha256');
      // Of what was copied before, there may be nothing new.
      const ahead = known ? probeSize : Math.max(probeSize, Math.min(firstSize, size - end));
      const begun = { number, source, target, header, hash, end, lastRecord, ahead, pending: undefined };
      if (known) return { ...begun, from: end };
      const head = read.subarray(0, end);
      hash.update(head);
      try {
        target.writeAt(head, 0);
      } catch (error) {
        target.close();
        throw error;
      }
      return { ...begun, from: 0 };
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /**
   * Copies the whole records behind the end.
   *
   * @param isComplete nothing is written to this file any more
   */
  #extend(current: CurrentFile, isComplete = this.#options.isAtRest === true): void {
    for (let size = current.ahead; ;) {
      current.ahead = probeSize;
      if (this.#window.bytes.length < size) {
        this.#window.giveBack();
        this.#window = LogWindow.take(size);
      }
      const buffer = this.#window.bytes.subarray(0, size);
      const bytes = buffer.subarray(0, current.source.readAt(buffer, current.end));
      const { done, needed } =
        current.header.version === undefined
          ? followOpaque(current, bytes, isComplete)
          : this.#wholeRecords(current, current.header.version, bytes);
      if (done > 0) {
        const whole = bytes.subarray(0, done);
        current.target.writeAt(whole, current.end - current.from);
        current.hash.update(whole);
        current.end += done;
        this.lastRecord = { file: current.number, offset: current.lastRecord };
      }
      if (needed === 0 || bytes.length < size) return;
      size = Math.max(Math.min(chunkSize, 8 * size), needed);
    }
  }

  /**
   * Passes the whole records on; how many bytes they have, and how many the next one needs, 0 when there is none.
   *
   * @param bytes the beginning of the window
   */
  #wholeRecords(current: CurrentFile, version: number, bytes: Uint8Array): { done: number; needed: number } {
    const { view, starts } = this.#window;
    const { header } = current;
    const { framing } = header;
    let at = 0;
    if (!framing.cipher) {
      const count = this.#window.follow(0, bytes.length, current.end, current.lastRecord, true);
      for (let i = 0; i < count; i++) {
        at = starts[i]!;
        const length = view.getUint32(at + recordAt.length, true);
        this.#pass(current, version, bytes, view, at, length);
        at += length;
      }
    }
    while (at + framing.shortest <= bytes.length) {
      // A length is believed up to the size of the file: the checksum decides.
      const available = Math.max(bytes.length - at, header.maxSize - current.end - at);
      const length = framing.frameAt(bytes, view, at, available, current.lastRecord, true);
      if (length < 0) return { done: at, needed: 0 };
      if (at + length > bytes.length) return { done: at, needed: length };
      this.#pass(current, version, bytes, view, at, length);
      at += length;
    }
    return { done: at, needed: framing.shortest };
  }

  /** Shows a whole record to all observers. */
  #pass(current: CurrentFile, version: number, bytes: Uint8Array, view: DataView, at: number, length: number): void {
    const { observers } = this.#options;
    const offset = current.end + at;
    if (observers.length > 0) {
      const { framing } = current.header;
      const plain = framing.toPlain(bytes, view, at, length);
      const lsn = { file: current.number, offset };
      const { padding } = framing;
      const record = new ScannedRecord(plain.bytes, plain.view, plain.at, plain.length, lsn, version, padding);
      for (const observer of observers) observer.see(record);
    }
    current.lastRecord = offset;
  }
}

function opaqueHeader(prev: number): CopiedHeader {
  return { version: undefined, maxSize: 0, prev, framing: encryptedFraming(undefined) };
}

const attempts = 5;
const waitMs = 20;

/**
 * Throws `log-corrupt` when good records lie behind the place where a copy of a log being written ends. Of an opaque log
 * nothing can be said.
 *
 * @param from a record up to which nothing has to be read again; the first one of the last file by default
 * @param reach see `ScanOptions`
 */
export async function requireSoundEnd(
  files: Files,
  directory: string,
  end: Lsn,
  from?: Lsn,
  reach?: number,
): Promise<void> {
  for (let i = 1; ; i++) {
    try {
      return requireSoundTail(files, directory, end.file, from, reach);
    } catch (error) {
      // Records being written just now can look like damage; damage stays.
      if (i === attempts || !(error instanceof FigaroError)) throw error;
      await sleep(waitMs * i);
    }
  }
}

/** Throws `log-corrupt` when good records lie behind the place where the records of a log file end. */
export function requireSoundTail(files: Files, directory: string, number: number, from?: Lsn, reach?: number): void {
  const file = path.join(directory, logFileName(number));
  // Removed since: it had a successor then, which says where it ended.
  if (!files.statIfThere(file) || isOpaqueLog(files, [wholeLogFile(file)])) return;
  const log = openLog(files, new Map([[number, wholeLogFile(file)]]));
  const scan = scanLog(files, log, { ...(from ? { from } : {}), ...(reach === undefined ? {} : { reach }) });
  while (!scan.next().done);
}
