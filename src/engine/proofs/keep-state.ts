/** Leaving the end of a proof behind, for the next one of the chain. */

import path from 'node:path';
import { removeTree } from '../files/tree.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { externalBlock } from '../recovery/external-files.ts';
import { neededWithNames } from '../recovery/needed-from.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { recoveredPiece, recoveredPieces } from '../recovery/recovered-pieces.ts';
import { type RecoveredState } from '../recovery/rehearse.ts';
import { type PieceKind } from '../recovery/stage.ts';
import { proofsIn, type Repository } from '../repository/repository.ts';
import { BlockTree, noBlocks } from './block-tree.ts';
import { ProofPiece } from './proof-storage.ts';
import {
  invalidateState,
  requireOwnPlace,
  stateDirectory,
  writeProofState,
  type ProofState,
  type ProvenFile,
} from './proof-state.ts';

interface Ended {
  readonly repository: Repository;
  readonly chain: string;
  readonly set: string;
  /** The state that the proof went on from. */
  readonly before: ProofState | undefined;
  readonly state: RecoveredState;
  /** Names of the copies in the chain, by their paths. */
  readonly nameOf: (file: string) => string;
  /** Pages that have changed since the structure of their database was checked; 0 for those that are not told. */
  readonly unchecked: ReadonlyMap<StoredFile, number>;
}

/** Writes the state that a proof ended in, in place of the one before. Returns its SHA-256; undefined where there is nothing to go on from. */
export function keepState(files: Files, ended: Ended): string | undefined {
  const { repository, chain, set, before, state, nameOf } = ended;
  const { analysis } = state;
  const from = neededWithNames(analysis);
  if (!from) return undefined;
  requireOwnPlace(files, repository, chain);
  const directory = stateDirectory(repository, chain);
  files.makeDirectory(proofsIn(repository));
  // From here on there is none, whatever happens.
  if (before) invalidateState(files, directory);
  else removeTree(files, directory);
  if (files.makeDirectory(directory)) files.syncDirectory(proofsIn(repository));
  let next = before?.next ?? 1;
  const kept: ProvenFile[] = [];
  for (const entry of entriesOf(state, ended.unchecked)) {
    kept.push(keepFile(files, directory, entry, () => `${next++}.blocks`, nameOf));
  }
  const used = new Set(kept.map(({ blocks }) => blocks?.file));
  for (const name of files.listIfThere(directory) ?? []) {
    if (!used.has(name)) files.remove(path.join(directory, name));
  }
  return writeProofState(files, directory, {
    chain,
    set,
    end: analysis.end.lsn,
    from,
    known: {
      bindings: analysis.bindings.knownBefore(from, state.log.files.at(-1)!.version),
      commits: analysis.commits.forNext(analysis.end.lsn),
    },
    lostNatively: state.lostNatively,
    notes: state.notes,
    next,
    files: kept,
  });
}

/** Removes what there is of the state of a chain, as far as that can be done. */
export function dropState(files: Files, repository: Repository, chain: string): void {
  requireOwnPlace(files, repository, chain);
  removeTree(files, stateDirectory(repository, chain));
}

interface Entry {
  readonly kind: PieceKind;
  readonly name: string;
  readonly logName: string;
  readonly dataDirectory: string;
  readonly piece: ProofPiece;
  readonly blockSize: number;
  readonly uid?: string | undefined;
  readonly unchecked?: number;
}

function* entriesOf(state: RecoveredState, unchecked: ReadonlyMap<StoredFile, number>): Generator<Entry> {
  for (const file of state.recovered) file.flushToEnd();
  for (const { file, ...recovered } of recoveredPieces(state)) {
    const piece = own(recovered.piece);
    const entry = { ...recovered, piece, blockSize: file?.format.pageSize ?? externalBlock };
    if (file && entry.kind === 'database') {
      yield { ...entry, uid: file.uid, unchecked: unchecked.get(file) ?? piece.was.unchecked };
    } else {
      yield entry;
    }
  }
  // Those whose queue is not there may get one with the log to come.
  for (const { name, dataDirectory, piece } of state.table.strays()) {
    const stray = recoveredPiece('queue-extent', name, dataDirectory, piece);
    yield { ...stray, piece: own(piece), blockSize: externalBlock };
  }
}

export function own(piece: object): ProofPiece {
  if (piece instanceof ProofPiece) return piece;
  throw new Error('a file is not in the storage of the proof');
}

function keepFile(
  files: Files,
  directory: string,
  { kind, name, logName, dataDirectory, uid, piece, blockSize, unchecked = 0 }: Entry,
  newName: () => string,
  nameOf: (file: string) => string,
): ProvenFile {
  const { base, baseBytes, blocks } = piece.was;
  const told = {
    kind,
    name,
    logName,
    dataDirectory,
    uid,
    base: base === undefined ? undefined : nameOf(base),
    baseBytes: Math.min(baseBytes, piece.below),
    size: piece.size,
    unchecked,
  };
  const size = blocks?.tree.blockSize ?? blockSize;
  const changed = changedBlocks(piece, size);
  const isCut = piece.below < piece.was.size;
  if (changed.length === 0 && !(blocks && isCut)) {
    return { ...told, blocks: blocks && { file: blocks.name, size, root: blocks.tree.root } };
  }
  const fileName = blocks?.name ?? newName();
  const file = path.join(directory, fileName);
  const opened: OpenFile = blocks ? files.openToWrite(file) : files.create(file);
  try {
    const tree = blocks?.tree ?? new BlockTree(file, size, noBlocks, () => opened);
    if (isCut) tree.drop(Math.ceil(piece.below / size));
    const block = new Uint8Array(size);
    for (const number of changed) {
      piece.read(block, number * size);
      tree.write(number, block, opened);
    }
    const root = tree.finish(opened);
    opened.sync();
    return { ...told, blocks: { file: fileName, size, root } };
  } finally {
    opened.close();
  }
}

/** Numbers of the blocks that a proof has changed, in order. */
function changedBlocks(piece: ProofPiece, size: number): number[] {
  const changed = new Set<number>();
  for (const position of piece.written.keys()) {
    if (position % size !== 0) throw new Error(`a write at ${position} is not at the beginning of a block`);
    changed.add(position / size);
  }
  // The end of the block where it was cut off counts no more.
  const isCutWithin = piece.below < piece.was.size && piece.below % size !== 0;
  if (isCutWithin) changed.add(Math.floor(piece.below / size));
  return [...changed].sort((a, b) => a - b);
}
