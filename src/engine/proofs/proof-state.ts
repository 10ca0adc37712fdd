/**
 * What a proof leaves behind for the next one of its chain: the environment as of the end of the log, as recovery has it in
 * memory. It lies beside the sets, in `proofs/` and the name of the chain, and is a cache: without it, or where anything
 * of it is not as it was written, the whole chain is rehearsed. The manifest of the set that it belongs to has the SHA-256 of
 * `state.json`, and that has the hashes of everything else.
 */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Lsn } from '../../format/lsn.ts';
import { isOutside } from '../../format/names.ts';
import { readFields, type FieldReader } from '../fields.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { requireOwnDirectories } from '../files/own-tree.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type KnownBefore } from '../recovery/analysis.ts';
import { type Binding } from '../recovery/bindings.ts';
import { type Commit } from '../recovery/restore-point.ts';
import { pieceKinds, type PieceKind } from '../recovery/stage.ts';
import { proofsIn, type Repository } from '../repository/repository.ts';
import { type TreeRoot } from './block-tree.ts';

/** States of another form are none: they are made anew. */
const stateFormat = 1;

/** For some hundred thousand files. In bytes. */
const stateLimit = 256 << 20;

/** A file of the environment as a proof has left it. */
export interface ProvenFile {
  readonly kind: PieceKind;
  /** Inside the environment, with `/`. */
  readonly name: string;
  readonly logName: string;
  readonly dataDirectory: string;
  /** Of a database: its unique id. */
  readonly uid: string | undefined;
  /** The copy in the chain, by its name there; undefined for a file that the log has made. How many bytes of it still count. */
  readonly base: string | undefined;
  readonly baseBytes: number;
  /** In bytes. */
  readonly size: number;
  /** Pages of a database that have changed since its whole structure was checked. */
  readonly unchecked: number;
  /** What the log has changed. */
  readonly blocks: { readonly file: string; readonly size: number; readonly root: TreeRoot } | undefined;
}

export interface ProofState {
  readonly chain: string;
  /** The set that the proof was of. */
  readonly set: string;
  /** The end of its log. */
  readonly end: Lsn;
  /** The next proof needs the log from this record on. */
  readonly from: Lsn;
  readonly known: KnownBefore;
  /** Names of databases that native recovery of the chain would lose. */
  readonly lostNatively: readonly string[];
  /** What is said of the files of the chain with every proof. */
  readonly notes: readonly string[];
  /** Number of the next file of blocks: none is used twice. */
  readonly next: number;
  readonly files: readonly ProvenFile[];
}

/** Where the state of a chain is. */
export function stateDirectory(repository: Repository, chain: string): string {
  return path.join(proofsIn(repository), chain);
}

const stateName = 'state.json';

/** Throws `manifest-corrupt` where something else stands in the place of the directories of a state. */
export function requireOwnPlace(files: Files, repository: Repository, chain: string): void {
  requireOwnDirectories(files, [proofsIn(repository), stateDirectory(repository, chain)], 'manifest-corrupt');
}

/**
 * The state that a set has left behind. Throws where there is none, or another one.
 *
 * @param sha256 of the state, as the manifest of the set has it
 */
export function readProofState(files: Files, directory: string, sha256: string): ProofState {
  const file = path.join(directory, stateName);
  const problem = (text: string): FigaroError => new FigaroError('io', `${file}: ${text}`, { path: file });
  const bytes = readOwnIfThere(files, file, stateLimit);
  if (!bytes) throw problem('no such file');
  if (hashOf(bytes) !== sha256) throw problem('it is not what the set has left behind');
  const fields = readFields(bytes, problem);
  if (fields.count('format') !== stateFormat) throw problem('it is of another version of this program');
  return readState(fields);
}

/** Removes the state itself: what else there is means nothing without it. */
export function invalidateState(files: Files, directory: string): void {
  files.remove(path.join(directory, stateName));
  files.syncDirectory(directory);
}

/** Writes the state itself, after everything else of it. Returns its SHA-256. */
export function writeProofState(files: Files, directory: string, state: ProofState): string {
  const text = Buffer.from(JSON.stringify({ format: stateFormat, ...state }));
  writeDurably(files, path.join(directory, stateName), text);
  return hashOf(text);
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readState(fields: FieldReader): ProofState {
  const known = fields.part('known');
  const commits = known.part('commits');
  const commit = (name: string): Commit | undefined => {
    const part = commits.optional(name);
    return part && { lsn: part.lsnParts('lsn'), time: part.seconds('time') };
  };
  return {
    chain: fields.string('chain'),
    set: fields.string('set'),
    end: fields.lsnParts('end'),
    from: fields.lsnParts('from'),
    known: {
      bindings: known.list('bindings').map(readBinding),
      commits: {
        firstReachable: commit('firstReachable'),
        last: commit('last'),
        count: commits.count('count'),
        end: commits.lsnParts('end'),
      },
    },
    lostNatively: fields.strings('lostNatively'),
    notes: fields.strings('notes'),
    next: fields.count('next'),
    files: fields.list('files').map(readFile),
  };
}

function readBinding(binding: FieldReader): Binding {
  return {
    fileId: binding.number('fileId'),
    name: binding.string('name'),
    uid: binding.string('uid'),
    databaseType: binding.number('databaseType'),
    metaPgno: binding.uint32('metaPgno'),
    externalFileIdLow: binding.uint32('externalFileIdLow'),
    externalFileIdHigh: binding.uint32('externalFileIdHigh'),
    inMemory: binding.boolean('inMemory'),
    from: binding.lsnParts('from'),
    to: binding.has('to') ? binding.lsnParts('to') : undefined,
  };
}

function readFile(file: FieldReader): ProvenFile {
  const dataDirectory = file.string('dataDirectory');
  if (isOutside(dataDirectory)) throw file.problem('"dataDirectory" leads out of where it belongs');
  const blocks = file.optional('blocks');
  const root = blocks?.part('root');
  return {
    kind: file.oneOf('kind', pieceKinds),
    name: file.inside('name'),
    logName: file.inside('logName'),
    dataDirectory,
    uid: file.has('uid') ? file.matching('uid', /^[0-9a-f]{40}$/, 'id of a database') : undefined,
    base: file.has('base') ? file.inside('base') : undefined,
    baseBytes: file.count('baseBytes'),
    size: file.count('size'),
    unchecked: file.count('unchecked'),
    blocks: blocks && {
      file: blocks.matching('file', /^\d+\.blocks$/, 'file of blocks'),
      size: blocks.count('size'),
      root: {
        depth: root!.countUpTo('depth', 7),
        place: root!.uint32('place'),
        hash: root!.string('hash'),
        end: root!.uint32('end'),
      },
    },
  };
}
