/** Where recovery keeps the bytes of files: a staging directory, or apart from files that are only read. */

import path from 'node:path';
import { type Cipher } from '../../format/crypto.ts';
import { openToRead } from '../files/read.ts';
import { closeAll } from '../files/close-all.ts';
import { type Files } from '../files/files.ts';
import { OpenFiles } from '../files/open-files.ts';
import { OverlayPiece } from './overlay-piece.ts';
import { type Piece } from './piece.ts';
import { Scratch } from './scratch.ts';
import { ownersMode, type CopiedFile } from './staged-copy.ts';

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

/** Files on a stage: those that were copied to it, and new ones under names of their own. What they are called in the end, `placeDatabases` sees to. */
export class StagedStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #directory: string;
  readonly #opened: OpenFiles;
  readonly #copied: Map<string, CopiedFile>;
  #count = 0;

  /** @param copied what nobody has written to since, by its path; taken out when recovery has it */
  constructor(files: Files, directory: string, copied: Map<string, CopiedFile> = new Map()) {
    this.#files = files;
    this.#copied = copied;
    this.cipher = files.cipher;
    this.#directory = directory;
    this.#opened = new OpenFiles((file) => files.openToWrite(file));
  }

  existing(file: string): StagedPiece {
    const copied = this.#copied.get(file);
    if (!copied) return new StagedPiece(file, this.#files.statIfThere(file)?.size ?? 0, this.#opened);
    this.#copied.delete(file);
    return new StagedPiece(file, copied.size, this.#opened, copied.head);
  }

  create(mode = 0): StagedPiece {
    this.#count += 1;
    const file = path.join(this.#directory, `new-${this.#count}`);
    this.#opened.add(file, this.#files.create(file, mode === 0 ? undefined : (mode & 0o777) | ownersMode));
    return new StagedPiece(file, 0, this.#opened);
  }

  close(): void {
    this.#opened.close();
  }
}

export class StagedPiece implements Piece {
  readonly isInPlace = true;
  readonly path: string;
  readonly #opened: OpenFiles;
  #size: number;
  /** The first bytes, until they are read or anything is written. */
  #head: Uint8Array | undefined;

  constructor(file: string, size: number, opened: OpenFiles, head?: Uint8Array) {
    this.path = file;
    this.#size = size;
    this.#opened = opened;
    this.#head = head;
  }

  get size(): number {
    return this.#size;
  }

  read(target: Uint8Array, position: number): void {
    const head = this.#head;
    this.#head = undefined;
    // Of thousands of files, most are only asked what they are.
    if (head && position === 0 && target.length <= head.length) return target.set(head.subarray(0, target.length));
    const done = position < this.#size ? this.#opened.get(this.path).readAt(target, position) : 0;
    if (done < target.length) target.fill(0, done);
  }

  readRun(target: Uint8Array, position: number): void {
    this.read(target, position);
  }

  write(source: Uint8Array, position: number): void {
    this.#head = undefined;
    this.#opened.get(this.path).writeAt(source, position);
    this.#size = Math.max(this.#size, position + source.length);
  }

  writePages(source: Uint8Array, position: number): void {
    this.write(source, position);
  }

  shorten(size: number): void {
    if (size >= this.#size) return;
    this.#head = undefined;
    this.#opened.get(this.path).truncate(size);
    this.#size = size;
  }

  sync(): void {
    this.#opened.get(this.path).sync();
  }
}

/** The files are only read: what recovery changes is kept apart from them, and is gone with it. */
export class OverlayStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #opened: OpenFiles;
  readonly #scratch: Scratch;

  constructor(files: Files) {
    this.#files = files;
    this.cipher = files.cipher;
    this.#scratch = new Scratch(files);
    this.#opened = new OpenFiles((file) => openToRead(files, file));
  }

  existing(file: string): Piece {
    const size = this.#files.statIfThere(file)?.size ?? 0;
    return new OverlayPiece(this.#scratch, size, (target, position) => this.#opened.get(file).readAt(target, position));
  }

  create(): Piece {
    return new OverlayPiece(this.#scratch, 0, () => 0);
  }

  close(): void {
    closeAll([this.#opened, this.#scratch]);
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
    closeAll([this.#staged, this.#others]);
  }
}
