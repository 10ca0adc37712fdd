import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import {
  longestFileHeader,
  readFileHeader,
  type HeaderReading,
  type LogFileHeader,
} from '../../format/log/file-header.ts';
import { fileHeaderSizeOf, type Framing } from '../../format/log/framing.ts';
import { type Lsn } from '../../format/lsn.ts';
import { newestLogVersion, oldestLogVersion } from '../../format/magic.ts';
import { releaseOfLog } from '../../format/releases.ts';
import { passwordHint } from '../locked.ts';
import { type Files } from '../files/files.ts';
import { logFileName } from '../../format/names.ts';
import { withLogFile, type LogParts } from './log-parts.ts';

/** One log file of a log, as it was when it was looked at. */
export interface LogFile extends LogFileHeader {
  readonly number: number;
  /** Of its beginning. */
  readonly path: string;
  readonly parts: LogParts;
  /** Physical size in bytes; says nothing about where the records end. */
  readonly size: number;
}

/** The log files of an environment: numbers without gap, ascending. */
export interface Log {
  readonly files: readonly LogFile[];
  /** Paths of files at the end that were created but not yet written; they hold nothing. */
  readonly incomplete: readonly string[];
  /** A record in the first file: what lies before it is not looked at. Undefined for the first record there is. */
  readonly start?: Lsn;
}

/** Nothing that lies before this place is looked at. */
export function startOf({ files, start }: Log): Lsn {
  return start ?? { file: files[0]!.number, offset: 0 };
}

/** Where the records of a file begin, after its header. */
export function firstRecordOf({ framing }: { readonly framing: Framing }): number {
  return fileHeaderSizeOf(framing);
}

/**
 * Looks at the headers of log files given by number. Throws `log-missing` when there is none or numbers are missing in
 * between, `log-corrupt` for a damaged header, `format-unsupported` for versions and encryption that are not read.
 */
export function openLog(files: Files, paths: ReadonlyMap<number, LogParts>): Log {
  const numbers = [...paths.keys()].sort((a, b) => a - b);
  const found: LogFile[] = [];
  const incomplete: string[] = [];
  for (const number of numbers.toReversed()) {
    const parts = paths.get(number)!;
    const file = parts[0]!.path;
    const read = readLogFile(files, number, parts, found.length > 0);
    if (read) {
      found.unshift(read);
    } else if (found.length === 0) {
      incomplete.unshift(file);
    } else {
      throw emptyHeader(file, found[0]!);
    }
  }
  if (found.length === 0) {
    throw new FigaroError('log-missing', 'there is no log file', {
      hint: 'an environment without logs (Data Store, Concurrent Data Store) can only be backed up with `figaro-backup offline`.',
    });
  }
  for (let i = 1; i < found.length; i++) checkNeighbours(found[i - 1]!, found[i]!);
  return { files: found, incomplete };
}

/** Two parts of a log as one. Throws what `openLog` throws where the second does not follow the first. */
export function joinLogs(first: Log, second: Log): Log {
  const [last, next] = [first.files.at(-1)!, second.files[0]!];
  checkNeighbours(last, next);
  const [empty] = first.incomplete;
  if (empty !== undefined) throw emptyHeader(empty, next);
  return { files: [...first.files, ...second.files], incomplete: second.incomplete };
}

/** Offsets in a log have 32 bits (format document, 2.3). */
const largestLogFile = 2 ** 32;

/** @param opens the password, if there is one, opens another file of the log */
function readLogFile(files: Files, number: number, parts: LogParts, opens: boolean): LogFile | undefined {
  return withLogFile(files, parts, (opened) => {
    const file = opened.path;
    const { size } = opened.stat();
    if (size > largestLogFile) {
      throw new FigaroError(
        'log-corrupt',
        `${file} has ${formatBytes(size)}, more than the ${formatBytes(largestLogFile)} that a log file can have`,
        {
          path: file,
          hint: 'this is damage, or not a log file: copy the file again, or use an older set.',
        },
      );
    }
    const head = new Uint8Array(longestFileHeader);
    const reading = readFileHeader(head.subarray(0, opened.readAt(head, 0)), files.cipher);
    if (reading.kind === 'incomplete') return undefined;
    const damaged = { kind: 'damaged', problem: 'its header does not match its checksum' } as const;
    const header = requireHeader(reading.kind === 'locked' && opens ? damaged : reading, file);
    return { number, path: file, parts, size, ...header };
  });
}

/**
 * The header that was read. Throws `log-corrupt` for a damaged one, `format-unsupported` for versions that are not read,
 * `password` when the log cannot be read without one, or not with this one.
 */
export function requireHeader(reading: HeaderReading, file: string): LogFileHeader {
  switch (reading.kind) {
    case 'incomplete':
      throw new FigaroError('log-corrupt', `${file} has no header`, { path: file });
    case 'encrypted':
      throw new FigaroError('password', `${file} is encrypted`, { path: file, hint: passwordHint });
    case 'locked':
      throw new FigaroError('password', `${file} does not open with this password`, {
        path: file,
        hint: 'it is another password, or the first bytes of the file are damaged.',
      });
    case 'damaged':
      throw new FigaroError('log-corrupt', `${file}: ${reading.problem}`, {
        path: file,
        hint: 'this is damage, or not a log file: copy the file again, or use an older set.',
      });
    case 'header': {
      const { version } = reading.header;
      if (version >= oldestLogVersion && version <= newestLogVersion) return reading.header;
      const release = releaseOfLog(version);
      throw new FigaroError(
        'format-unsupported',
        `${file} has log version ${version}${release === undefined ? '' : ` (Berkeley DB ${release})`}, not ${oldestLogVersion} to ${newestLogVersion} (4.8.26 to 18.1)`,
        {
          path: file,
          hint:
            version < oldestLogVersion
              ? 'recover the environment with its own release, upgrade it to 4.8 or later as its manual says, and back it up then; until then, stop the application and copy its directory.'
              : 'use a newer figaro-backup.',
        },
      );
    }
  }
}

/** True for a log that is encrypted where no password was given: only the frames of its records can be read. */
export function isOpaqueLog(files: Files, paths: Iterable<LogParts>): boolean {
  for (const parts of paths) {
    const head = new Uint8Array(longestFileHeader);
    const read = withLogFile(files, parts, (opened) => head.subarray(0, opened.readAt(head, 0)));
    const { kind } = readFileHeader(read, files.cipher);
    if (kind !== 'incomplete') return kind === 'encrypted';
  }
  return false;
}

function emptyHeader(file: string, next: LogFile): FigaroError {
  return new FigaroError('log-corrupt', `${file}: its header is empty, but ${next.path} follows`, {
    path: file,
    hint: 'copy the file again, or use an older set.',
  });
}

function checkNeighbours(before: LogFile, after: LogFile): void {
  if (after.number !== before.number + 1) {
    const first = logFileName(before.number + 1);
    const last = logFileName(after.number - 1);
    const missing = first === last ? `${first} is` : `${first} to ${last} are`;
    throw new FigaroError(
      'log-missing',
      `${missing} missing between ${path.basename(before.path)} and ${path.basename(after.path)}`,
      {
        path: before.path,
        hint: 'recovery needs every log file in between. Look for the missing ones in older copies.',
      },
    );
  }
  if (after.version < before.version) {
    throw new FigaroError(
      'log-corrupt',
      `${after.path} has log version ${after.version}, older than ${before.version} before it`,
      { path: after.path, hint: 'the two files are not of one history.' },
    );
  }
}

/** The file with a number; undefined when the log does not have it. */
export function logFile(log: Log, number: number): LogFile | undefined {
  return log.files[number - log.files[0]!.number];
}
