import { type Piece } from './piece.ts';

/** Where an overlay keeps what is written; a `Kept` is what it needs to find bytes again. */
export interface Keeper<Kept> {
  /** @param before what was kept of the same position until now */
  keep(bytes: Uint8Array, before: Kept | undefined): Kept;
  /** Fills the beginning of `target`. Returns how many bytes there are. */
  read(kept: Kept, target: Uint8Array): number;
  /** The position is cut off. */
  release?(kept: Kept): void;
}

/** Fills `target` from the file below. Returns how many bytes there are. */
export type ReadBelow = (target: Uint8Array, position: number) => number;

/** The bytes of a file that is only read, under those that were written since. */
export class OverlayPiece<Kept> implements Piece {
  readonly isInPlace = false;
  readonly #keeper: Keeper<Kept>;
  readonly #readBelow: ReadBelow;
  /** Bytes of the file below that still count. */
  #below: number;
  #size: number;
  /** By position. Every write is of one whole page, or of the last part of the file. */
  #written: Map<number, Kept> | undefined;

  /** @param size of the file below, in bytes */
  constructor(keeper: Keeper<Kept>, size: number, readBelow: ReadBelow) {
    this.#keeper = keeper;
    this.#below = size;
    this.#size = size;
    this.#readBelow = readBelow;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the file below that still count. */
  get below(): number {
    return this.#below;
  }

  /** What was written, by position. */
  get written(): ReadonlyMap<number, Kept> {
    return (this.#written ??= new Map());
  }

  read(target: Uint8Array, position: number): void {
    const kept = this.#written?.get(position);
    if (kept !== undefined) {
      target.fill(0, this.#keeper.read(kept, target));
      return;
    }
    this.#readThrough(target, position);
  }

  readRun(target: Uint8Array, position: number, pageSize: number): void {
    this.#readThrough(target, position);
    const written = this.#written;
    if (!written) return;
    for (let at = 0; at < target.length; at += pageSize) {
      if (written.has(position + at)) this.read(target.subarray(at, at + pageSize), position + at);
    }
  }

  #readThrough(target: Uint8Array, position: number): void {
    const below = Math.max(0, Math.min(target.length, this.#below - position));
    const done = below > 0 ? this.#readBelow(target.subarray(0, below), position) : 0;
    target.fill(0, done);
  }

  write(source: Uint8Array, position: number): void {
    // Of thousands of files, few are written to.
    this.#written ??= new Map();
    this.#written.set(position, this.#keeper.keep(source, this.#written.get(position)));
    this.#size = Math.max(this.#size, position + source.length);
  }

  writePages(source: Uint8Array, position: number, pageSize: number): void {
    for (let at = 0; at < source.length; at += pageSize) this.write(source.subarray(at, at + pageSize), position + at);
  }

  shorten(size: number): void {
    if (size >= this.#size) return;
    this.#size = size;
    this.#below = Math.min(this.#below, size);
    for (const [position, kept] of this.#written ?? []) {
      if (position < size) continue;
      this.#keeper.release?.(kept);
      this.#written!.delete(position);
    }
  }
}
