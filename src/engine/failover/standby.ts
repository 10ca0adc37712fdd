/**
 * A standby: the databases of a primary environment as of the end of the log that was applied to them, and that log. Its
 * databases have no names on disk, so that no application opens it by mistake before it is promoted.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Lsn } from '../../format/lsn.ts';
import { readFields, type FieldReader } from '../fields.ts';
import { whatIsThere } from '../what-is.ts';
import { metaSize, recognizeFile } from '../../format/page/meta.ts';
import { normalDirectory } from '../../format/names.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { isOutside } from '../../format/names.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { readOwnIfThere, withFile } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { requireOwnTree } from '../files/own-tree.ts';
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
  /** The next round needs the log from here on (recovery document, J.3). */
  readonly neededFrom: Lsn;
  /** The newest commit that is applied; time in seconds since 1970. */
  readonly lastCommit: { readonly lsn: Lsn; readonly time: number } | undefined;
  readonly rounds: number;
  readonly lastRound: LastRound;
  readonly files: readonly StandbyFile[];
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
  return {
    format,
    program,
    phase: fields.oneOf('phase', ['following', 'promoting', 'promoted'] as const),
    home: fields.optionalString('home'),
    repo: fields.optionalString('repo'),
    ...(fields.has('logDirectory') ? { logDirectory: fields.string('logDirectory') } : {}),
    host: fields.string('host'),
    end: fields.lsnParts('end'),
    lastRecord: fields.has('lastRecord') ? fields.lsnParts('lastRecord') : undefined,
    neededFrom: fields.lsnParts('neededFrom'),
    lastCommit: commit && { lsn: commit.lsnParts('lsn'), time: commit.seconds('time') },
    rounds: fields.count('rounds'),
    lastRound: {
      finished: round.time('finished'),
      durationMs: round.number('durationMs'),
      logBytes: round.count('logBytes'),
    },
    files: fields.list('files').map(readStandbyFile),
    promoted: fields.has('promoted') ? fields.time('promoted') : undefined,
  };
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
  if (/[/\\]/.test(piece)) throw fields.problem(`"${name}" is no name of a piece`);
  return piece;
}

/**
 * The standby as an environment that recovery works on: its log, and its databases under their names. Throws
 * `standby-corrupt` where something in it leads elsewhere.
 */
export function standbyEnvironment(files: Files, { directory, state }: Standby): Environment {
  const { home, pieces } = partsOf(directory);
  requireOwnTree(files, home, 'standby-corrupt');
  const found = discoverEnvironment(files, home);
  requireUnopened(found);
  const databases = state.files.map((file) => asEnvironmentFile(files, file, path.join(pieces, file.piece)));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  return { ...found, files: [...found.files, ...databases].sort(byName) };
}

/** Throws `chain-mismatch` when an application made something in it of its own: the log there is no longer the primary's. */
function requireUnopened({ home, files, leftOut }: Environment): void {
  const stranger =
    files.find(({ kind }) => kind === 'database' || kind === 'placeholder') ??
    leftOut.find(({ reason }) => reason === 'region' || reason === 'registry');
  if (!stranger) return;
  throw new FigaroError('chain-mismatch', `${home} holds ${stranger.name}: an application opened the standby`, {
    path: stranger.path,
    hint: 'its log may have a history of its own now. Make a new standby in another directory, and open it only when it is promoted.',
  });
}

function asEnvironmentFile(files: Files, file: StandbyFile, at: string): EnvironmentFile {
  const { kind, name, logName, dataDirectory, mode, uid, gid } = file;
  return withFile(files, at, (opened) => {
    const stat = { ...opened.stat(), mode, uid, gid };
    const head = new Uint8Array(metaSize);
    const place = { name, path: at, logName, dataDirectory, stat };
    if (kind !== 'database' && kind !== 'placeholder') return { ...place, kind };
    const recognition = recognizeFile(head.subarray(0, opened.readAt(head, 0)), files.cipher);
    if (recognition.kind === 'database') {
      return { ...place, kind: 'database', format: recognition.format, uid: recognition.format.uid };
    }
    if (recognition.kind === 'placeholder') return { ...place, kind: 'placeholder', uid: recognition.uid };
    throw new FigaroError('page-type', `${at} (${name}) is no database any more: page 0 is damaged`, {
      path: at,
      pgno: 0,
      hint: 'make a new standby with `figaro-backup failover follow` in another directory.',
    });
  });
}

/** Where the environment of a standby has its log files. */
export function logDirectoryIn(environment: Environment): string {
  return path.join(environment.home, normalDirectory(environment.config.logDirectory ?? '.'));
}
