/** The manifest of a backup set: what it holds and what was proven about it. Without one a directory is not a set. */

import { posix } from 'node:path';
import { FigaroError } from '../../errors.ts';
import { accessMethods, type AccessMethod } from '../../format/magic.ts';
import { logFileName, logFileNumber, parseLogTailName } from '../../format/names.ts';
import { asOnWindows } from '../../format/windows-names.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { readFields, type FieldReader } from '../fields.ts';
import { type EnvironmentFileKind } from '../environment/environment.ts';
import { lastField } from '../seal.ts';

/** Raised when a change makes older programs misread a manifest. */
export const manifestFormat = 3;

/** The oldest that is read. */
const oldestFormat = 1;

/** Full sets, of an environment at rest or in use, or made of a chain, and the log that is new since one. */
export type SetKind = 'offline' | 'hot' | 'consolidated' | 'incremental';

/** Time (UTC), kind, chance. */
export const setName = /^\d{8}T\d{6}Z-(offline|hot|consolidated|incremental)-[0-9a-f]{6}$/;

/** In bytes. */
const largestPage = 65_536;

/** A file of a set. */
export interface ManifestFile {
  /** Inside the set's `environment/`, with `/`. */
  readonly path: string;
  readonly kind: EnvironmentFileKind;
  /** In bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Permission bits. */
  readonly mode: number;
  /** Owner and group; not in sets of earlier versions of this program. */
  readonly uid?: number;
  readonly gid?: number;
  readonly modifiedMs: number;
  /** Databases: the unique id of the file, hex. Not in sets of earlier versions of this program. */
  readonly databaseId?: string;
  /** Databases and extents of queues: in bytes. */
  readonly pageSize?: number;
  /** Files that are databases, copies of one included: what their first page says. Not in sets of earlier versions, as the next three. */
  readonly format?: ManifestFormat;
  /** Plain files that are copies of a database: the id that they have in common. */
  readonly copyOf?: string;
  /** Placeholders: the id of the file that they stand for. */
  readonly standsFor?: string;
  /** Databases that cannot be read, and were kept. */
  readonly unreadable?: { readonly problem: string; readonly code: 'page-type' | 'format-unsupported' };
  /** Incrementals, log files: this is what one grew by since the set before, which file by its path, and from which byte on. */
  readonly tailOf?: LogTail;
  /** Databases only: written without the log. It is as it was when it was copied, and incrementals cannot update it. */
  readonly unlogged?: true;
  /** Of such a database, in a consolidated set: the full set that it was copied in. */
  readonly copiedIn?: string;
}

/** Of a log file that the sets before have the beginning of. */
export interface LogTail {
  readonly path: string;
  /** In bytes. */
  readonly from: number;
}

/** What one has to know of a database to read its pages. */
export interface ManifestFormat {
  readonly method: AccessMethod;
  readonly version: number;
  readonly littleEndian: boolean;
  readonly checksums: boolean;
  readonly encrypted: boolean;
}

/** A directory of the source. */
export interface ManifestDirectory {
  /** Inside the environment, with `/`; empty for the environment itself. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A directory of the source outside of it. */
export interface OutsideDirectory {
  /** As the source names it. */
  readonly directory: string;
  /** What it is called in the set. */
  readonly path: string;
}

/** A file of the source that does not belong into a set, and why. */
export interface ManifestLeftOut {
  readonly path: string;
  readonly reason: string;
  /** The name under which the set has the file. */
  readonly sameAs?: string;
  /** So many files in the directory `path`. */
  readonly count?: number;
}

export interface ManifestCommit {
  readonly lsn: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
}

/** The log of the whole chain up to this set. */
export interface ManifestLog {
  /** Undefined where it is not known: the log is encrypted, and was copied without the password. */
  readonly version: number | undefined;
  readonly firstFile: number;
  readonly lastFile: number;
  /** Where the log of the set ends. */
  readonly end: Lsn;
  /** The last record before the end. */
  readonly lastRecord: Lsn | undefined;
  /** The newest checkpoint in it, and where redo from there starts. */
  readonly checkpoint: Lsn | undefined;
  readonly redoFrom: Lsn | undefined;
  /** First and last commit that recovery can end with. */
  readonly firstCommit: ManifestCommit | undefined;
  readonly lastCommit: ManifestCommit | undefined;
  /** True when the containers need recovery before they are used. */
  readonly recoveryRequired: boolean;
}

/** What somebody asked to be passed over. */
export interface Exclusion {
  /** As they were given. */
  readonly patterns: readonly string[];
  /** The databases that are therefore not in the chain, as far as they were seen or the log changes them: by path. */
  readonly databases: readonly string[];
}

/** What a consolidated set was made of, and when: its other times are those of the state that it holds. */
export interface Consolidated {
  readonly chain: string;
  /** The last set of the chain that is in it. */
  readonly set: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  /** The full sets of newer chains that there were: they stay newer. */
  readonly before?: readonly string[];
}

/** A database, as the environment had it. */
export interface NamedDatabase {
  readonly path: string;
  readonly databaseId: string;
}

/** A database that is gone without the log saying so. */
export interface GoneDatabase extends NamedDatabase {
  /** The newest chain that has it, by its full set. */
  readonly chain: string;
}

/** Something that is wrong with a set that was kept all the same. */
export interface SetFinding {
  readonly path: string;
  readonly pgno?: number | undefined;
  readonly code: string;
  readonly message: string;
}

/** What the rehearsal that ended the backup did. */
export interface ManifestProof {
  readonly records: number;
  readonly transactionsCommitted: number;
  readonly transactionsUndone: number;
  readonly changesRedone: number;
  readonly changesUndone: number;
  /**
   * Databases whose structure was checked in what came out: all, or those that the new part of the log is about, the
   * others having been checked with the sets before. Not in sets of earlier versions of this program, which did not look.
   */
  readonly structure?: 'all' | 'changed';
  /** Incrementals: the set whose proof this one goes on from. Undefined where the whole chain was rehearsed. */
  readonly from?: string;
  /** Why the whole chain was rehearsed though the set before has left something to go on from. */
  readonly anew?: string;
  /**
   * Large databases of which only the pages that have changed were looked at, each by itself: their whole structure was checked with a set
   * before, and is again when a quarter of them has changed since. Names as the log has them.
   */
  readonly pagesOnly?: readonly string[];
  /** SHA-256 of what the proof leaves behind for the next one. */
  readonly state?: string;
}

/** What a set says of itself: `manifest.json`. */
export interface Manifest {
  readonly format: number;
  readonly program: string;
  readonly id: string;
  readonly kind: SetKind;
  /** The set this one continues; undefined for full sets. */
  readonly parent: string | undefined;
  /** The full set the chain begins with. */
  readonly chain: string;
  /** Full sets: the one that the newest chain began with when this was made, whatever the clock said. */
  readonly after?: string | undefined;
  /** Consolidated sets alone. */
  readonly consolidated?: Consolidated;
  /** Full sets: the sets before it are of another environment, or of what this one was before it was made anew. */
  readonly newSource?: true;
  /** Incrementals: databases that the new part of the log creates, and the source had. */
  readonly created?: readonly NamedDatabase[];
  /** Databases that earlier sets have, and that are gone without the log saying so. */
  readonly gone?: readonly GoneDatabase[];
  /** The directory that was backed up. */
  readonly source: string;
  readonly host: string;
  /** ISO 8601, UTC. Of a consolidated set, those of the last set that is in it. */
  readonly started: string;
  readonly finished: string;
  /** Settings of `DB_CONFIG`, as written there. */
  readonly dataDirectories: readonly string[];
  readonly logDirectory: string | undefined;
  /** Directories outside of the environment: as it names them, and what each is called in the set, `path`. */
  readonly outside?: readonly OutsideDirectory[];
  /** The text of the DB_CONFIG in the set, where it has one. Not in sets of earlier versions: they are looked into. */
  readonly settings?: { readonly dbConfig?: string };
  /** What the set holds, in order of path. */
  readonly files: readonly ManifestFile[];
  /** Not in sets of earlier versions of this program. */
  readonly directories?: readonly ManifestDirectory[];
  readonly leftOut: readonly ManifestLeftOut[];
  /** Undefined where nothing was to be passed over. */
  readonly excluded?: Exclusion;
  /** Encrypted, and copied without the password, or made without a key to the sets before it: recovery was not rehearsed. */
  readonly unread?: true;
  /** The log is gone: the databases were taken as they are, as somebody asked for. */
  readonly withoutLog?: true;
  /** A copy of a damaged source, kept as it is: it is proven nowhere, and no other set goes for it. The first findings. */
  readonly unsound?: readonly SetFinding[];
  /** Undefined for environments without transactions. */
  readonly log: ManifestLog | undefined;
  readonly proof: ManifestProof | undefined;
  readonly warnings: readonly string[];
}

/** The environment that a set is of, for messages. */
export function placeOf({ source, host }: Pick<Manifest, 'source' | 'host'>): string {
  return `${source} on ${host}`;
}

/** The databases that a set has or, as an incremental, that its log creates; those without an id are not among them. */
export function databasesTold({ files, created = [] }: Manifest): NamedDatabase[] {
  return [
    ...created,
    ...files.flatMap(({ path, databaseId }) => (databaseId === undefined ? [] : [{ path, databaseId }])),
  ];
}

/** As much of the id of a database as is never encrypted. */
export function plainId(databaseId: string): string {
  return databaseId.slice(0, 24);
}

/** The JSON text of a manifest; its last field is the SHA-256 of the JSON without it. */
export function encodeManifest(manifest: Manifest): string {
  return lastField.close(JSON.stringify(manifest, lsnToText, 2));
}

function lsnToText(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { file, offset } = value as Partial<Lsn>;
  return typeof file === 'number' && typeof offset === 'number' ? formatLsn({ file, offset }) : value;
}

/**
 * Reads a manifest. Throws `manifest-corrupt` when it is not as it was written, `format-unsupported` when a newer
 * program wrote it.
 */
export function decodeManifest(text: string, path: string): Manifest {
  const corrupt = (problem: string): FigaroError =>
    new FigaroError('manifest-corrupt', `${path}: ${problem}`, {
      path,
      hint: 'this set cannot be trusted. Use another one, and look for the cause on the disk.',
    });
  const json = lastField.open(text);
  if (json === undefined) throw corrupt('the manifest does not match its own checksum');
  const reader = readFields(json, corrupt);
  const format = reader.count('format');
  if (format > manifestFormat) {
    throw new FigaroError('format-unsupported', `${path} has manifest format ${format}, newer than ${manifestFormat}`, {
      path,
      hint: 'use a newer figaro-backup.',
    });
  }
  if (format < oldestFormat) throw corrupt(`the manifest has format ${format}`);
  const log = reader.optional('log');
  const proof = reader.optional('proof');
  const id = readSetName(reader, 'id');
  const kind = reader.oneOf('kind', ['offline', 'hot', 'consolidated', 'incremental'] as const);
  const parent = reader.has('parent') ? readSetName(reader, 'parent') : undefined;
  const chain = readSetName(reader, 'chain');
  if (kind === 'incremental' ? parent === undefined || chain === id : parent !== undefined || chain !== id) {
    throw corrupt(`it is ${kind}, continues ${parent ?? 'nothing'} and belongs to the chain ${chain}`);
  }
  const files = readFiles(reader);
  const tail = files.find(({ tailOf }) => tailOf);
  if (tail && kind !== 'incremental') throw corrupt(`it is ${kind}, and ${tail.path} is only the tail of a log file`);
  const consolidated = reader.optional('consolidated');
  if ((kind === 'consolidated') !== (consolidated !== undefined)) {
    throw corrupt(`it is ${kind}, and says ${consolidated ? '' : 'not '}what it was made of`);
  }
  return {
    format,
    program: reader.string('program'),
    id,
    kind,
    parent,
    chain,
    ...(reader.has('after') ? { after: readSetName(reader, 'after') } : {}),
    ...(consolidated ? { consolidated: readConsolidated(consolidated) } : {}),
    ...(reader.has('newSource') && reader.boolean('newSource') ? { newSource: true as const } : {}),
    ...(reader.has('created') ? { created: reader.list('created').map(readNamed) } : {}),
    ...(reader.has('gone') ? { gone: reader.list('gone').map(readGone) } : {}),
    source: reader.string('source'),
    host: reader.string('host'),
    started: reader.time('started'),
    finished: reader.time('finished'),
    dataDirectories: reader.strings('dataDirectories'),
    logDirectory: reader.has('logDirectory') ? reader.string('logDirectory') : undefined,
    ...(reader.has('outside') ? { outside: reader.list('outside').map(readOutside) } : {}),
    ...readSettings(reader.optional('settings')),
    files,
    ...(reader.has('directories') ? { directories: reader.list('directories').map(readDirectory) } : {}),
    leftOut: reader.list('leftOut').map(readLeftOut),
    ...readExclusion(reader.optional('excluded')),
    ...(reader.has('withoutLog') && reader.boolean('withoutLog') ? { withoutLog: true as const } : {}),
    ...(reader.has('unread') && reader.boolean('unread') ? { unread: true as const } : {}),
    ...(reader.has('unsound') ? { unsound: readFindings(reader) } : {}),
    log: log && readLog(log),
    proof: proof && {
      records: proof.count('records'),
      transactionsCommitted: proof.count('transactionsCommitted'),
      transactionsUndone: proof.count('transactionsUndone'),
      changesRedone: proof.count('changesRedone'),
      changesUndone: proof.count('changesUndone'),
      ...(proof.has('structure') ? { structure: proof.oneOf('structure', ['all', 'changed'] as const) } : {}),
      ...(proof.has('from') ? { from: readSetName(proof, 'from') } : {}),
      ...(proof.has('anew') ? { anew: proof.string('anew') } : {}),
      ...(proof.has('pagesOnly') ? { pagesOnly: proof.strings('pagesOnly') } : {}),
      ...(proof.has('state') ? { state: proof.matching('state', sha256Text, 'SHA-256') } : {}),
    },
    warnings: reader.strings('warnings'),
  };
}

const databaseId = /^[0-9a-f]{40}$/;
const sha256Text = /^[0-9a-f]{64}$/;
const methods = Object.keys(accessMethods) as AccessMethod[];
const fileKinds = ['database', 'placeholder', 'queue-extent', 'external-file', 'plain', 'log', 'config'] as const;

function readFiles(reader: FieldReader): ManifestFile[] {
  const result = reader.list('files').map(readFile);
  const paths = new Set(result.map(({ path }) => (process.platform === 'win32' ? asOnWindows(path) : path)));
  if (paths.size !== result.length) throw reader.problem('it names a file twice');
  return result;
}

function readFile(file: FieldReader): ManifestFile {
  const path = file.inside('path');
  const kind = file.oneOf('kind', fileKinds);
  const tailOf = readTail(file.optional('tailOf'));
  if (kind === 'log' && !isLogName(path, tailOf)) throw file.problem(`${path} has not the name of a log file`);
  if (kind !== 'log' && tailOf) throw file.problem(`${path} is no log file, but the tail of one`);
  const sha256 = file.string('sha256');
  if (!sha256Text.test(sha256)) throw file.problem(`"sha256" of ${path} is no SHA-256`);
  return {
    path,
    kind,
    size: file.count('size'),
    sha256,
    mode: file.mode('mode'),
    ...(file.has('uid') ? { uid: file.uint32('uid') } : {}),
    ...(file.has('gid') ? { gid: file.uint32('gid') } : {}),
    modifiedMs: file.milliseconds('modifiedMs'),
    ...(file.has('databaseId') ? { databaseId: readDatabaseId(file) } : {}),
    ...(file.has('pageSize') ? { pageSize: file.countUpTo('pageSize', largestPage) } : {}),
    ...readFormat(file.optional('format')),
    ...(file.has('copyOf') ? { copyOf: file.matching('copyOf', databaseId, 'id of a database') } : {}),
    ...(file.has('standsFor') ? { standsFor: file.matching('standsFor', databaseId, 'id of a database') } : {}),
    ...readUnreadable(file.optional('unreadable')),
    ...(tailOf ? { tailOf } : {}),
    ...(file.has('unlogged') && file.boolean('unlogged') ? { unlogged: true as const } : {}),
    ...(file.has('copiedIn') ? { copiedIn: readSetName(file, 'copiedIn') } : {}),
  };
}

function readTail(tail: FieldReader | undefined): LogTail | undefined {
  return tail && { path: tail.inside('path'), from: tail.count('from') };
}

/** What a file of the log is called says which part of which file it is. */
function isLogName(path: string, tailOf: LogTail | undefined): boolean {
  if (!tailOf) return logFileNumber(posix.basename(path)) !== undefined;
  const told = parseLogTailName(posix.basename(path));
  if (told?.from !== tailOf.from) return false;
  return tailOf.path === posix.join(posix.dirname(path), logFileName(told.number));
}

function readSettings(settings: FieldReader | undefined): Pick<Manifest, 'settings'> {
  if (!settings) return {};
  return { settings: settings.has('dbConfig') ? { dbConfig: settings.string('dbConfig') } : {} };
}

function readFormat(format: FieldReader | undefined): Pick<ManifestFile, 'format'> {
  if (!format) return {};
  return {
    format: {
      method: format.oneOf('method', methods),
      version: format.uint32('version'),
      littleEndian: format.boolean('littleEndian'),
      checksums: format.boolean('checksums'),
      encrypted: format.boolean('encrypted'),
    },
  };
}

function readUnreadable(unreadable: FieldReader | undefined): Pick<ManifestFile, 'unreadable'> {
  if (!unreadable) return {};
  const code = unreadable.oneOf('code', ['page-type', 'format-unsupported'] as const);
  return { unreadable: { problem: unreadable.string('problem'), code } };
}

function readConsolidated(fields: FieldReader): Consolidated {
  return {
    chain: readSetName(fields, 'chain'),
    set: readSetName(fields, 'set'),
    started: fields.time('started'),
    finished: fields.time('finished'),
    ...(fields.has('before') ? { before: fields.strings('before') } : {}),
  };
}

function readNamed(fields: FieldReader): NamedDatabase {
  return { path: fields.string('path'), databaseId: readDatabaseId(fields) };
}

function readGone(gone: FieldReader): GoneDatabase {
  return { ...readNamed(gone), chain: readSetName(gone, 'chain') };
}

function readSetName(fields: FieldReader, name: string): string {
  return fields.matching(name, setName, 'name of a set');
}

function readDatabaseId(fields: FieldReader): string {
  return fields.matching('databaseId', databaseId, 'id of a database');
}

function readFindings(reader: FieldReader): SetFinding[] {
  const findings = reader.list('unsound').map(readFinding);
  if (findings.length === 0) throw reader.problem('"unsound" is empty');
  return findings;
}

function readFinding(finding: FieldReader): SetFinding {
  return {
    path: finding.string('path'),
    ...(finding.has('pgno') ? { pgno: finding.uint32('pgno') } : {}),
    code: finding.string('code'),
    message: finding.string('message'),
  };
}

function readLeftOut(left: FieldReader): ManifestLeftOut {
  return {
    path: left.string('path'),
    reason: left.string('reason'),
    ...(left.has('sameAs') ? { sameAs: left.string('sameAs') } : {}),
    ...(left.has('count') ? { count: left.count('count') } : {}),
  };
}

function readExclusion(excluded: FieldReader | undefined): Pick<Manifest, 'excluded'> {
  if (!excluded) return {};
  return { excluded: { patterns: excluded.strings('patterns'), databases: excluded.strings('databases') } };
}

function readDirectory(directory: FieldReader): ManifestDirectory {
  return {
    path: directory.string('path') === '' ? '' : directory.inside('path'),
    mode: directory.mode('mode'),
    uid: directory.uint32('uid'),
    gid: directory.uint32('gid'),
  };
}

function readOutside(outside: FieldReader): OutsideDirectory {
  const name = outside.string('path');
  return { directory: outside.string('directory'), path: name === '.' ? name : outside.inside('path') };
}

function readLog(log: FieldReader): ManifestLog {
  const commit = (name: string): ManifestCommit | undefined => {
    const fields = log.optional(name);
    return fields && { lsn: fields.lsn('lsn'), time: fields.seconds('time') };
  };
  const firstFile = log.uint32('firstFile');
  const lastFile = log.uint32('lastFile');
  if (lastFile < firstFile) throw log.problem(`"lastFile" is ${lastFile}, before the first, ${firstFile}`);
  return {
    version: log.has('version') ? log.uint32('version') : undefined,
    firstFile,
    lastFile,
    end: log.lsn('end'),
    lastRecord: log.optionalLsn('lastRecord'),
    checkpoint: log.optionalLsn('checkpoint'),
    redoFrom: log.optionalLsn('redoFrom'),
    firstCommit: commit('firstCommit'),
    lastCommit: commit('lastCommit'),
    recoveryRequired: log.boolean('recoveryRequired'),
  };
}
