/**
 * Blocks of a file that were changed, each with its SHA-256, in a tree whose root is known: any other byte than those that were
 * written shows when a block is read, and to change some blocks costs what these and the way to them cost, however many there are.
 *
 * Blocks and nodes lie in one file, in places that they keep. A node is 256 entries of 16 bytes: the place, in units of 512
 * bytes, 0 for none; then the first 12 bytes of the SHA-256 of what is there, all zero for a block that counts no more.
 */

import { createHash } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { type OpenFile } from '../files/files.ts';

const nodeSize = 4096;
const entrySize = 16;
const hashAt = 4;
const fanout = nodeSize / entrySize;
const unit = 512;
/** Nodes that were only read stay in memory up to this number. */
const mostUnchanged = 1024;

/** What has to be known of a tree to read it. */
export interface TreeRoot {
  /** Levels of nodes; 0 for a tree without blocks. */
  readonly depth: number;
  /** Of the node at the top, and its hash as hex. */
  readonly place: number;
  readonly hash: string;
  /** Where the file ends, in units of 512 bytes. */
  readonly end: number;
}

/** The first unit is never used: place 0 means none. */
export const noBlocks: TreeRoot = { depth: 0, place: 0, hash: '', end: 1 };

interface Node {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  isChanged: boolean;
}

type Readable = Pick<OpenFile, 'readAt'>;

export class BlockTree {
  /** Size of a block in bytes. */
  readonly blockSize: number;
  readonly #path: string;
  readonly #opened: () => Readable;
  #depth: number;
  #rootPlace: number;
  #rootHash: Uint8Array;
  #end: number;
  /** By level, 0 for those above blocks, and number. */
  readonly #nodes = new Map<number, Node>();
  #unchanged = 0;

  /** @param opened the file; called whenever it is read */
  constructor(path: string, blockSize: number, { depth, place, hash, end }: TreeRoot, opened: () => Readable) {
    this.blockSize = blockSize;
    this.#path = path;
    this.#opened = opened;
    this.#depth = depth;
    this.#rootPlace = place;
    this.#rootHash = Buffer.from(hash, 'hex');
    this.#end = end;
  }

  /** Fills `target` with a block. False when the tree has none of this number. Throws `io` for one that is not as it was written. */
  read(number: number, target: Uint8Array): boolean {
    const leaf = this.#node(0, parentOf(number));
    if (!leaf) return false;
    const at = entryAt(number);
    const place = leaf.view.getUint32(at, true);
    if (place === 0 || isVoid(leaf.bytes, at)) return false;
    this.#readPlace(target, place, leaf.bytes.subarray(at + hashAt, at + entrySize));
    return true;
  }

  #readPlace(target: Uint8Array, place: number, hash: Uint8Array): void {
    const read = this.#opened().readAt(target, place * unit);
    if (read === target.length && Buffer.compare(hashOf(target), hash) === 0) return;
    throw new FigaroError('io', `${this.#path} is not as it was written, at byte ${place * unit}`, {
      path: this.#path,
    });
  }

  /** Gives a block its contents, in the file at once. */
  write(number: number, block: Uint8Array, file: OpenFile): void {
    while (this.#depth === 0 || number >= fanout ** this.#depth) this.#raise();
    const leaf = this.#nodeToChange(0, parentOf(number));
    const at = entryAt(number);
    let place = leaf.view.getUint32(at, true);
    if (place === 0) leaf.view.setUint32(at, (place = this.#allocate(this.blockSize)), true);
    leaf.bytes.set(hashOf(block), at + hashAt);
    file.writeAt(block, place * unit);
  }

  /** The blocks from `first` on count no more; they keep their places. */
  drop(first: number): void {
    if (this.#depth > 0) this.#dropIn(this.#depth - 1, 0, first);
  }

  #dropIn(level: number, number: number, first: number): void {
    const node = this.#node(level, number);
    if (!node) return;
    const span = fanout ** level;
    const from = Math.max(0, Math.floor(first / span) - number * fanout);
    for (let i = from; i < fanout; i++) {
      const at = i * entrySize;
      if (node.view.getUint32(at, true) === 0) continue;
      if (level > 0) {
        this.#dropIn(level - 1, number * fanout + i, first);
      } else if (!isVoid(node.bytes, at)) {
        node.bytes.fill(0, at + hashAt, at + entrySize);
        this.#nodeToChange(level, number);
      }
    }
  }

  /** Writes the nodes that have changed. Returns the root, with which the tree can be read again. */
  finish(file: OpenFile): TreeRoot {
    for (let level = 0; level < this.#depth; level++) {
      for (const [key, node] of this.#nodes) {
        if (!node.isChanged || levelOf(key) !== level) continue;
        const number = numberOf(key);
        const hash = hashOf(node.bytes);
        let place = this.#rootPlace;
        if (level === this.#depth - 1) {
          this.#rootHash = hash;
        } else {
          const parent = this.#nodeToChange(level + 1, parentOf(number));
          place = parent.view.getUint32(entryAt(number), true);
          parent.bytes.set(hash, entryAt(number) + hashAt);
        }
        file.writeAt(node.bytes, place * unit);
        node.isChanged = false;
        this.#unchanged += 1;
      }
    }
    return this.root;
  }

  /** As of the last `finish`. */
  get root(): TreeRoot {
    const hash = Buffer.from(this.#rootHash).toString('hex');
    return { depth: this.#depth, place: this.#rootPlace, hash, end: this.#end };
  }

  /** Puts a node above the one at the top. */
  #raise(): void {
    const node = this.#makeNode(this.#depth, 0);
    if (this.#depth > 0) {
      node.view.setUint32(0, this.#rootPlace, true);
      node.bytes.set(this.#rootHash, hashAt);
    }
    this.#rootPlace = this.#allocate(nodeSize);
    this.#depth += 1;
  }

  #allocate(size: number): number {
    const place = this.#end;
    this.#end += Math.ceil(size / unit);
    if (this.#end > 0xffff_ffff) throw new FigaroError('io', `${this.#path} is full`, { path: this.#path });
    return place;
  }

  #makeNode(level: number, number: number): Node {
    const bytes = new Uint8Array(nodeSize);
    const node = { bytes, view: new DataView(bytes.buffer), isChanged: true };
    this.#nodes.set(keyOf(level, number), node);
    return node;
  }

  /** A node; undefined when the tree has none there. */
  #node(level: number, number: number): Node | undefined {
    if (level >= this.#depth || number >= fanout ** (this.#depth - 1 - level)) return undefined;
    const key = keyOf(level, number);
    const known = this.#nodes.get(key);
    if (known) return known;
    let place = this.#rootPlace;
    let hash = this.#rootHash;
    if (level < this.#depth - 1) {
      const parent = this.#node(level + 1, parentOf(number));
      if (!parent) return undefined;
      const at = entryAt(number);
      place = parent.view.getUint32(at, true);
      if (place === 0) return undefined;
      hash = parent.bytes.subarray(at + hashAt, at + entrySize);
    }
    const bytes = new Uint8Array(nodeSize);
    this.#readPlace(bytes, place, hash);
    const node = { bytes, view: new DataView(bytes.buffer), isChanged: false };
    if (this.#unchanged >= mostUnchanged) this.#forgetUnchanged();
    this.#nodes.set(key, node);
    this.#unchanged += 1;
    return node;
  }

  #forgetUnchanged(): void {
    for (const [key, { isChanged }] of this.#nodes) if (!isChanged) this.#nodes.delete(key);
    this.#unchanged = 0;
  }

  /** A node that is there from now on, and so are those above it. */
  #nodeToChange(level: number, number: number): Node {
    const known = this.#nodes.get(keyOf(level, number)) ?? this.#node(level, number);
    if (known?.isChanged) return known;
    if (level < this.#depth - 1) {
      const parent = this.#nodeToChange(level + 1, parentOf(number));
      const at = entryAt(number);
      if (!known) parent.view.setUint32(at, this.#allocate(nodeSize), true);
    }
    if (!known) return this.#makeNode(level, number);
    known.isChanged = true;
    this.#unchanged -= 1;
    // It may have been forgotten while those above were read.
    this.#nodes.set(keyOf(level, number), known);
    return known;
  }
}

const keyOf = (level: number, number: number): number => number * 8 + level;
const levelOf = (key: number): number => key % 8;
const numberOf = (key: number): number => Math.floor(key / 8);
const parentOf = (number: number): number => Math.floor(number / fanout);
const entryAt = (number: number): number => (number % fanout) * entrySize;

function isVoid(bytes: Uint8Array, at: number): boolean {
  for (let i = at + hashAt; i < at + entrySize; i++) if (bytes[i] !== 0) return false;
  return true;
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256')
    .update(bytes)
    .digest()
    .subarray(0, entrySize - hashAt);
}
