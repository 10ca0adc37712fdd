/** Storage of a proof: copies in the chain are only read, under what proofs before have left behind, under what this one changes. */

import { type Cipher } from '../../format/crypto.ts';
import { closeAll } from '../files/close-all.ts';
import { openToRead } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { OpenFiles } from '../files/open-files.ts';
import { OverlayPiece } from '../recovery/overlay-piece.ts';
import { Scratch } from '../recovery/scratch.ts';
import { type Storage } from '../recovery/storage.ts';
import { type BlockTree } from './block-tree.ts';

/** What a proof has found of a file. */
export interface Below {
  /** The copy in the chain, if there is one, and how many bytes of it still count. */
  readonly base: string | undefined;
  readonly baseBytes: number;
  /** What proofs before have changed. */
  readonly blocks?: { readonly tree: BlockTree; readonly name: string } | undefined;
  /** In bytes. */
  readonly size: number;
  /** Pages of a database that have changed since its whole structure was checked. */
  readonly unchecked: number;
}

export class ProofPiece extends OverlayPiece<number> {
  readonly was: Below;

  constructor(scratch: Scratch, was: Below, opened: OpenFiles) {
    super(scratch, was.size, (target, position) => readFrom(was, opened, target, position));
    this.was = was;
  }
}

function readFrom(was: Below, opened: OpenFiles, target: Uint8Array, position: number): number {
  const { blocks } = was;
  if (!blocks) return readBase(was, opened, target, position);
  const { tree } = blocks;
  const { blockSize } = tree;
  const end = position + target.length;
  // Neighbours that were never changed are read together.
  let unchanged = position;
  for (let at = position - (position % blockSize); at < end; at += blockSize) {
    const [from, to] = [Math.max(at, position), Math.min(at + blockSize, end)];
    if (!readBlock(tree, at / blockSize, target.subarray(from - position, to - position), from - at)) continue;
    if (unchanged < from) readBase(was, opened, target.subarray(unchanged - position, from - position), unchanged);
    unchanged = to;
  }
  if (unchanged < end) readBase(was, opened, target.subarray(unchanged - position), unchanged);
  return target.length;
}

function readBase({ base, baseBytes }: Below, opened: OpenFiles, target: Uint8Array, position: number): number {
  const length = Math.max(0, Math.min(target.length, baseBytes - position));
  const done = base !== undefined && length > 0 ? opened.get(base).readAt(target.subarray(0, length), position) : 0;
  target.fill(0, done);
  return target.length;
}

/** Fills `target` with a part of a block that begins at `offset` in it; false when the tree does not have the block. */
function readBlock(tree: BlockTree, number: number, target: Uint8Array, offset: number): boolean {
  const { blockSize } = tree;
  if (target.length === blockSize) return tree.read(number, target);
  const block = new Uint8Array(blockSize);
  if (!tree.read(number, block)) return false;
  target.set(block.subarray(offset, offset + target.length));
  return true;
}

export class ProofStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #opened: OpenFiles;
  readonly #scratch: Scratch;
  readonly #known: ReadonlyMap<string, Below>;

  /** @param known what proofs before have found of a file, by the path that the environment has for it */
  constructor(files: Files, known: ReadonlyMap<string, Below> = new Map()) {
    this.#files = files;
    this.cipher = files.cipher;
    this.#known = known;
    this.#scratch = new Scratch(files);
    this.#opened = new OpenFiles((file) => openToRead(files, file));
  }

  existing(file: string): ProofPiece {
    const known = this.#known.get(file);
    if (known) return new ProofPiece(this.#scratch, known, this.#opened);
    const size = this.#files.statIfThere(file)?.size ?? 0;
    return new ProofPiece(this.#scratch, { base: file, baseBytes: size, size, unchecked: 0 }, this.#opened);
  }

  create(): ProofPiece {
    return new ProofPiece(this.#scratch, { base: undefined, baseBytes: 0, size: 0, unchecked: 0 }, this.#opened);
  }

  close(): void {
    closeAll([this.#opened, this.#scratch]);
  }
}
