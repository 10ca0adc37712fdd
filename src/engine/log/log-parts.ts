/**
 * A log file as it lies on disk. In the sets of a chain it may be in parts: as it was when it was first copied, and what it grew by since,
 * a tail in each set (src/README.md, "On disk"). Whoever reads it sees one file.
 */

import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { letWrite } from '../files/let-write.ts';
import { firstDifference } from '../files/compare.ts';
import { onlyRead, type Reading } from '../files/only-read.ts';
import { openToRead } from '../files/read.ts';
import { type Files, type FileStat, type OpenFile } from '../files/files.ts';

export interface LogPart {
  readonly path: string;
  /** Offset in the log file of its first byte. */
  readonly from: number;
}

/** The parts of a log file, in order of offset; one that begins with 0 for a file that is whole. Never empty. */
export type LogParts = readonly LogPart[];

/** A log file that is whole. */
export function wholeLogFile(file: string): LogParts {
  return [{ path: file, from: 0 }];
}

/** Where a byte of a log file is, for messages. */
export function partAt(parts: LogParts, offset: number): string {
  return (parts.findLast(({ from }) => from <= offset) ?? parts[0]!).path;
}

/**
 * Opens a log file for reading. Throws `log-missing` when some of it is missing between two parts, and `log-corrupt` when parts
 * have different bytes for one place.
 */
export function openLogFile(files: Files, parts: LogParts): OpenFile {
  const [first] = parts;
  if (parts.length === 1 && first!.from === 0) return openToRead(files, first!.path);
  return onlyRead(first!.path, new JoinedFile(files, parts));
}

/** Runs `use` on a log file opened for reading, and closes it whatever happens. */
export function withLogFile<T>(files: Files, parts: LogParts, use: (opened: OpenFile) => T): T {
  const opened = openLogFile(files, parts);
  try {
    return use(opened);
  } finally {
    opened.close();
  }
}

/** As `firstDifference`, of two log files. */
export function firstLogDifference(files: Files, one: LogParts, other: LogParts, length: number): number | undefined {
  return withLogFile(files, one, (left) => withLogFile(files, other, (right) => firstDifference(left, right, length)));
}

const chunkSize = 1 << 20;

/** Copies a log file that nobody writes to into one file, as `Files.copy` does, which we may write to. */
export async function copyLogFile(files: Files, parts: LogParts, to: string): Promise<void> {
  const source = openLogFile(files, parts);
  try {
    await files.copy(parts[0]!.path, to);
    letWrite(files, to);
    if (parts.length === 1) return;
    await copyRest(files, source, parts, to);
    files.setTimes(to, source.stat().mtimeMs);
  } finally {
    source.close();
  }
}

/** Adds to a file, the beginning of a log file that nobody writes to, what that has beyond it, and syncs it. */
export async function appendLogRest(files: Files, parts: LogParts, to: string): Promise<void> {
  const source = openLogFile(files, parts);
  try {
    await copyRest(files, source, parts, to);
  } finally {
    source.close();
  }
}

async function copyRest(files: Files, source: OpenFile, parts: LogParts, to: string): Promise<void> {
  const { size } = source.stat();
  const target = files.openToWrite(to);
  try {
    const buffer = new Uint8Array(chunkSize);
    for (let at = target.stat().size; at < size;) {
      const bytes = buffer.subarray(0, source.readAt(buffer, at));
      if (bytes.length === 0) throw becameShorter(parts, at);
      target.writeAt(bytes, at);
      at += bytes.length;
      await setImmediate();
    }
    target.sync();
  } finally {
    target.close();
  }
}

function becameShorter(parts: LogParts, at: number): FigaroError {
  const file = partAt(parts, at);
  return new FigaroError('environment-changed', `${file} became shorter while it was read`, { path: file });
}

/** The bytes of a log file that are taken from one part: from `from` up to `to`. */
interface Span {
  readonly part: LogPart;
  readonly from: number;
  readonly to: number;
}

/** The parts of a log file as one file. One of them is open at a time: there may be thousands. */
class JoinedFile implements Reading {
  readonly #files: Files;
  readonly #spans: Span[] = [];
  #stat: FileStat | undefined;
  #opened: OpenFile | undefined;
  #part: LogPart | undefined;

  constructor(files: Files, parts: LogParts) {
    this.#files = files;
    try {
      for (const part of parts) this.#add(part);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get #end(): number {
    return this.#spans.at(-1)?.to ?? 0;
  }

  #add(part: LogPart): void {
    const stat = this.#open(part).stat();
    const end = this.#end;
    const to = part.from + stat.size;
    if (part.from > end) throw this.#missing(part);
    if (part.from < end) this.#requireSame(part, Math.min(end, to) - part.from);
    this.#stat = { ...(this.#stat ?? stat), size: Math.max(end, to), mtimeMs: stat.mtimeMs };
    if (to > end) this.#spans.push({ part, from: end, to });
  }

  #missing({ path: file, from }: LogPart): FigaroError {
    const before = this.#spans.at(-1)?.part.path;
    const problem =
      before === undefined
        ? `${file} begins at byte ${from} of its log file, and what is before that is missing`
        : `${before} ends at byte ${this.#end} of its log file, but ${path.basename(file)} begins at ${from}`;
    return new FigaroError('log-missing', problem, {
      path: file,
      hint: 'recovery needs every byte in between. Look for the missing file in older copies.',
    });
  }

  /** What is there twice, as where somebody appended a tail and did not remove it, has to be the same. */
  #requireSame(part: LogPart, length: number): void {
    const file = openToRead(this.#files, part.path);
    try {
      const different = firstDifference(this, file, length, part.from);
      if (different === undefined) return;
      throw new FigaroError(
        'log-corrupt',
        `${part.path} differs from the log file that it is part of, which has ${this.#end} bytes, at byte ${different} of it`,
        {
          path: part.path,
          hint: 'the two are not of one history, or the log file went on without this part of it. Copy the sets again, in order.',
        },
      );
    } finally {
      file.close();
    }
  }

  #open(part: LogPart): OpenFile {
    if (this.#opened && this.#part === part) return this.#opened;
    this.close();
    this.#opened = openToRead(this.#files, part.path);
    this.#part = part;
    return this.#opened;
  }

  stat(): FileStat {
    return this.#stat!;
  }

  readAt(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const at = position + done;
      const span = this.#spans.find(({ to }) => at < to);
      if (!span) break;
      const wanted = Math.min(target.length - done, span.to - at);
      const read = this.#open(span.part).readAt(target.subarray(done, done + wanted), at - span.part.from);
      done += read;
      if (read < wanted) break;
    }
    return done;
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }
}
