/**
 * A standby: the databases of a primary environment as of the end of the log that was applied to them, and that log. Its
 * databases have no names on disk, so that no application opens it by mistake before it is promoted.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Lsn } from '../../format/lsn.ts';
import { readFields, type FieldReader } from '../fields.ts';
import { whatIsThere } from '../what-is.ts';
import { isOutside } from '../../format/names.ts';
import { readOwnIfThere } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { standbyName } from '../places.ts';
import { firstLine } from '../seal.ts';
import { pieceKinds, type PieceKind } from '../recovery/stage.ts';

/** Raised when a change makes older programs misread a standby. */
const standbyFormat = 1;

/** A database of the standby, or another file that recovery works on. */
export interface StandbyFile {
  readonly kind: PieceKind;
  /** Inside the environment, with `/`. */
  readonly name: string;
  readonly logName: string;
  readonly dataDirectory: string;
  /** What it is called in `pieces/`. */
  readonly piece: string;
  /** Permission bits, and whose it will be. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What the last round did. */
export interface LastRound {
  /** ISO 8601, UTC. */
  readonly finished: string;
  readonly durationMs: number;
  /** New log, in bytes. */
  readonly logBytes: number;
}

/** Log of the primary up to a place. */
export interface LogUpTo {
  /** Where the next record would go. */
  readonly end: Lsn;
  readonly lastRecord: Lsn | undefined;
}

/** How everything lay that a round looks into. */
export interface Seen {
  readonly paths: readonly string[];
  /** A directory whose entries were looked at as well. */
  readonly listed: string | undefined;
  /** Where the primary has its log, as the round was told. */
  readonly logDirectory?: string | undefined;
  /** SHA-256 of sizes and times, in hex. */
  readonly print: string;
}

/** `standby.json`. */
export interface StandbyState {
  readonly format: number;
  readonly program: string;
  /** `promoting` from the moment on from which there is no way back. */
  readonly phase: 'following' | 'promoting' | 'promoted';
  /** The directory that is followed, or the repository. */
  readonly home: string | undefined;
  readonly repo: string | undefined;
  /** Where the primary has its log, when only its application's code says so: as it does. */
  readonly logDirectory?: string | undefined;
  readonly host: string;
  /** The end of the log that was applied, and the last record before it. */
  readonly end: Lsn;
  readonly lastRecord: Lsn | undefined;
  /** The end of the log that was taken, where it is further: that part is yet to be applied. What lies behind it in our files counts for nothing. */
  readonly taken?: LogUpTo | undefined;
  /** The next round needs the log from here on (recovery document, J.3). */
  readonly neededFrom: Lsn;
  /** The newest commit that is applied; time in seconds since 1970. */
  readonly lastCommit: { readonly lsn: Lsn; readonly time: number } | undefined;
  readonly rounds: number;
  readonly lastRound: LastRound;
  readonly files: readonly StandbyFile[];
  /** When the last round found nothing new, and nothing had changed for a while. */
  readonly seen?: Seen | undefined;
  /** ISO 8601. */
  readonly promoted: string | undefined;
}

/** A standby as it was read or written last. What changes it returns the one that it has become. */
export interface Standby {
  readonly directory: string;
  readonly state: StandbyState;
}

/** For some hundred thousand files. In bytes. */
const stateLimit = 256 << 20;

/** Where the parts of a standby are. */
export function partsOf(directory: string): {
  /** What becomes the environment: DB_CONFIG, directories, log files; databases only when it is promoted. */
  readonly home: string;
  readonly pieces: string;
  /** Log files on their way in. */
  readonly incoming: string;
  readonly journal: string;
  /** The set that the standby is made of, while it is made. */
  readonly base: string;
  readonly trouble: string;
} {
  const at = (name: string): string => path.join(directory, name);
  return {
    home: at('environment'),
    pieces: at('pieces'),
    incoming: at('incoming'),
    journal: at('round.journal'),
    base: at('base'),
    trouble: at('trouble.json'),
  };
}

/** The state of a standby; undefined when there is none. Throws `standby-corrupt` when it is not as it was written. */
export function readStandby(files: Files, directory: string): Standby | undefined {
  const file = path.join(directory, standbyName);
  const bytes = readOwnIfThere(files, file, stateLimit);
  if (!bytes) return undefined;
  const json = firstLine.open(Buffer.from(bytes).toString('utf8'));
  if (json === undefined) throw damaged(file, 'it does not match its own checksum');
  const state = readState(readFields(json, (problem) => damaged(file, problem)));
  if (state.format > standbyFormat) {
    throw new FigaroError('format-unsupported', `${file} was written by a newer program`, {
      path: file,
      hint: 'use a newer version of this program.',
    });
  }
  return { directory, state };
}

/** As `readStandby`; throws `standby-missing` when there is none. */
export function requireStandby(files: Files, directory: string): Standby {
  const standby = readStandby(files, directory);
  if (standby) return standby;
  const there = whatIsThere(files, directory, 'standby');
  if (there)
    throw new FigaroError('standby-missing', `${directory} ${there.text}`, { path: directory, hint: there.hint });
  throw new FigaroError('standby-missing', `${directory}: there is no standby here`, {
    path: directory,
    hint: 'name the right directory with --standby, or make one with `figaro-backup failover follow`.',
  });
}

/** How far the log goes that a standby has. */
export function logEndOf({ taken, end, lastRecord }: StandbyState): LogUpTo {
  return taken ?? { end, lastRecord };
}

/** True where a run was ended before it had applied what it had taken, and for a new standby. */
export function hasLogToApply({ rounds, taken }: StandbyState): boolean {
  return rounds === 0 || taken !== undefined;
}

/** Writes the state of a standby. Returns the standby as it is then. */
export function writeStandby(files: Files, directory: string, state: StandbyState): Standby {
  writeDurably(files, path.join(directory, standbyName), firstLine.close(JSON.stringify(state, undefined, 2)));
  return { directory, state };
}

/** A new state's format and program. */
export function signature(program: string): Pick<StandbyState, 'format' | 'program'> {
  return { format: standbyFormat, program };
}

/** A file of a standby that is not as it was written. */
export function damaged(file: string, problem: string): FigaroError {
  return new FigaroError('standby-corrupt', `${file} is damaged: ${problem}`, {
    path: file,
    hint: 'look for the cause on the disk, and make a new standby with `figaro-backup failover follow` in another directory.',
  });
}

/** The state of a standby out of parsed JSON. */
export function readState(fields: FieldReader): StandbyState {
  const format = fields.count('format');
  const program = fields.string('program');
  // Of a newer one no more is known.
  if (format > standbyFormat) return { format, program } as StandbyState;
  const round = fields.part('lastRound');
  const commit = fields.optional('lastCommit');
  const taken = fields.optional('taken');
  const seen = fields.optional('seen');
  return {
    format,
    program,
    phase: fields.oneOf('phase', ['following', 'promoting', 'promoted'] as const),
    home: fields.optionalString('home'),
    repo: fields.optionalString('repo'),
    ...(fields.has('logDirectory') ? { logDirectory: fields.string('logDirectory') } : {}),
    host: fields.string('host'),
    end: fields.lsnParts('end'),
    lastRecord: lastRecordOf(fields),
    neededFrom: fields.lsnParts('neededFrom'),
    lastCommit: commit && { lsn: commit.lsnParts('lsn'), time: commit.seconds('time') },
    rounds: fields.count('rounds'),
    lastRound: {
      finished: round.time('finished'),
      durationMs: round.number('durationMs'),
      logBytes: round.count('logBytes'),
    },
    files: fields.list('files').map(readStandbyFile),
    ...(taken ? { taken: { end: taken.lsnParts('end'), lastRecord: lastRecordOf(taken) } } : {}),
    ...(seen ? { seen: readSeen(seen) } : {}),
    promoted: fields.has('promoted') ? fields.time('promoted') : undefined,
  };
}

function readSeen(seen: FieldReader): Seen {
  return {
    paths: seen.strings('paths'),
    listed: seen.optionalString('listed'),
    logDirectory: seen.optionalString('logDirectory'),
    print: seen.string('print'),
  };
}

function lastRecordOf(fields: FieldReader): Lsn | undefined {
  return fields.has('lastRecord') ? fields.lsnParts('lastRecord') : undefined;
}

function readStandbyFile(file: FieldReader): StandbyFile {
  const dataDirectory = file.string('dataDirectory');
  if (isOutside(dataDirectory)) throw file.problem(`"dataDirectory" leads out of where it belongs`);
  return {
    kind: file.oneOf('kind', pieceKinds),
    name: file.inside('name'),
    logName: file.inside('logName'),
    dataDirectory,
    piece: readPieceName(file, 'piece'),
    mode: file.mode('mode') & 0o777,
    uid: file.uint32('uid'),
    gid: file.uint32('gid'),
  };
}

/** A name in `pieces/`. */
export function readPieceName(fields: FieldReader, name: string): string {
  const piece = fields.inside(name);
  if (/[/\\]/.test(piece)) throw fields.problem(`"${name}" is not the name of a piece`);
  return piece;
}
