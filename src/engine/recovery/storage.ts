/** Where recovery keeps the bytes of files: a staging directory, or memory over read-only files. */

import path from 'node:path';
import { type Cipher } from '../../format/crypto.ts';
import { openToRead } from '../files/read.ts';
import { type Files, type OpenFile } from '../files/files.ts';

/** The bytes of one file during recovery. */
export interface Piece {
  /** In bytes. */
  readonly size: number;
  /** Fills `target`; bytes past the end of the file read as zero. */
  read(target: Uint8Array, position: number): void;
  write(source: Uint8Array, position: number): void;
  /** Cuts the file off, or does nothing when it is shorter already. */
  shorten(size: number): void;
}

/** What a page store builds its files from. */
export interface Storage {
  /** The key to what is encrypted. */
  readonly cipher: Cipher | undefined;
  /** The bytes of a file that was there before recovery, by the path it was found at. */
  existing(file: string): Piece;
  /** A new, empty file; `mode` are its permission bits as the log has them, 0 for the usual ones. */
  create(mode?: number): Piece;
  close(): void;
}

/** Recovery has to read and write what it creates. */
const ownersMode = 0o600;

/** Handles kept open at the same time. */
export const maxHandles = 32;

/**
 * Files in a staging directory. They have names of their own there until `place` puts them where they belong, so
 * that no name is ever in the way of another.
 */
export class StagedStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #directory: string;
  readonly #handles = new Map<string, OpenFile>();
  #count = 0;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.cipher = files.cipher;
    this.#directory = directory;
  }

  existing(file: string): StagedPiece {
    const size = this.#files.statIfThere(file)?.size ?? 0;
    return new StagedPiece(file, size, (name) => this.#handle(name));
  }

  create(mode = 0): StagedPiece {
    this.#count += 1;
    const file = path.join(this.#directory, `new-${this.#count}`);
    this.#keep(file, this.#files.create(file, mode === 0 ? undefined : (mode & 0o777) | ownersMode));
    return new StagedPiece(file, 0, (name) => this.#handle(name));
  }

  #handle(file: string): OpenFile {
    const open = this.#handles.get(file);
    if (open) return open;
    return this.#keep(file, this.#files.openToWrite(file));
  }

  #keep(file: string, opened: OpenFile): OpenFile {
    if (this.#handles.size >= maxHandles) {
      const [oldest, handle] = this.#handles.entries().next().value!;
      this.#handles.delete(oldest);
      handle.close();
    }
    this.#handles.set(file, opened);
    return opened;
  }

  close(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
  }
}

export class StagedPiece implements Piece {
  readonly path: string;
  readonly #handle: (file: string) => OpenFile;
  #size: number;

  constructor(file: string, size: number, handle: (file: string) => OpenFile) {
    this.path = file;
    this.#size = size;
    this.#handle = handle;
  }

  get size(): number {
    return this.#size;
  }

  read(target: Uint8Array, position: number): void {
    const done = position < this.#size ? this.#handle(this.path).readAt(target, position) : 0;
    target.fill(0, done);
  }

  write(source: Uint8Array, position: number): void {
    this.#handle(this.path).writeAt(source, position);
    this.#size = Math.max(this.#size, position + source.length);
  }

  shorten(size: number): void {
    if (size >= this.#size) return;
    this.#handle(this.path).truncate(size);
    this.#size = size;
  }

  sync(): void {
    this.#handle(this.path).sync();
  }
}

/** Nothing is written: what recovery changes stays in memory, over files that are only read. */
export class OverlayStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #handles = new Map<string, OpenFile>();

  constructor(files: Files) {
    this.#files = files;
    this.cipher = files.cipher;
  }

  existing(file: string): Piece {
    const size = this.#files.statIfThere(file)?.size ?? 0;
    return new OverlayPiece(size, (target, position) => this.#handle(file).readAt(target, position));
  }

  create(): Piece {
    return new OverlayPiece(0, () => 0);
  }

  #handle(file: string): OpenFile {
    let open = this.#handles.get(file);
    if (open) return open;
    if (this.#handles.size >= maxHandles) this.close();
    open = openToRead(this.#files, file);
    this.#handles.set(file, open);
    return open;
  }

  close(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
  }
}

/** Some files are staged, and all others only read. */
export class PartlyStagedStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #staged: StagedStorage;
  readonly #others: OverlayStorage;
  readonly #isStaged: (file: string) => boolean;

  constructor(staged: StagedStorage, others: OverlayStorage, isStaged: (file: string) => boolean) {
    this.cipher = staged.cipher;
    this.#staged = staged;
    this.#others = others;
    this.#isStaged = isStaged;
  }

  existing(file: string): Piece {
    return this.#isStaged(file) ? this.#staged.existing(file) : this.#others.existing(file);
  }

  create(mode?: number): Piece {
    return this.#staged.create(mode);
  }

  close(): void {
    this.#staged.close();
    this.#others.close();
  }
}

class OverlayPiece implements Piece {
  readonly #readBase: (target: Uint8Array, position: number) => number;
  /** Bytes of the file below that still count. */
  #base: number;
  #size: number;
  /** Pages written, by position. Every write is of one whole page, or of the last part of the file. */
  readonly #written = new Map<number, Uint8Array>();

  constructor(size: number, readBase: (target: Uint8Array, position: number) => number) {
    this.#base = size;
    this.#size = size;
    this.#readBase = readBase;
  }

  get size(): number {
    return this.#size;
  }

  read(target: Uint8Array, position: number): void {
    const written = this.#written.get(position);
    if (written) {
      target.set(written.subarray(0, target.length));
      target.fill(0, Math.min(written.length, target.length));
      return;
    }
    const below = Math.max(0, Math.min(target.length, this.#base - position));
    const done = below > 0 ? this.#readBase(target.subarray(0, below), position) : 0;
    target.fill(0, done);
  }

  write(source: Uint8Array, position: number): void {
    this.#written.set(position, source.slice());
    this.#size = Math.max(this.#size, position + source.length);
  }

  shorten(size: number): void {
    if (size >= this.#size) return;
    this.#size = size;
    this.#base = Math.min(this.#base, size);
    for (const position of this.#written.keys()) {
      if (position >= size) this.#written.delete(position);
    }
  }
}
