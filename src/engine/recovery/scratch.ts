import { randomBytes } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { type Keeper } from './overlay-piece.ts';

/** Written to the file at a time, in bytes; less than this never gets there. */
const tailSize = 1 << 20;

/** Places are counted in these, in bytes. */
const unit = 512;

/** Nothing longer is kept, in bytes: place and length share a number, which takes less memory than an object. */
const lengthLimit = 2 ** 20;

const placeOf = (kept: number): number => Math.floor(kept / lengthLimit);
const lengthOf = (kept: number): number => kept % lengthLimit;

/** Where large temporary files go: what the user says, or the directory that is for such. */
function scratchDirectory(files: Files): string {
  const lasting = '/var/tmp';
  const hasOne = process.platform !== 'win32' && files.statThrough(lasting)?.kind === 'directory';
  return process.env.TMPDIR || (hasOne ? lasting : os.tmpdir());
}

/**
 * Bytes that have no room in memory. They are kept in a file without a name in the directory for temporary files: whatever
 * ends this process, nothing of it is left.
 */
export class Scratch implements Keeper<number> {
  readonly #files: Files;
  #file: Pick<OpenFile, 'readAt' | 'writeAt' | 'close'> | undefined;
  #directory = '';
  /** What comes next is gathered here. */
  readonly #tail = new Uint8Array(tailSize);
  #tailStart = 0;
  #tailLength = 0;
  /** Places that are free again, by their size. */
  readonly #free = new Map<number, number[]>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Throws `no-space`. */
  keep(bytes: Uint8Array, before: number | undefined): number {
    const size = Math.ceil(bytes.length / unit);
    const isSameSize = before !== undefined && Math.ceil(lengthOf(before) / unit) === size;
    if (before !== undefined && !isSameSize) this.release(before);
    const place = isSameSize ? placeOf(before) : (this.#free.get(size)?.pop() ?? this.#reserve(size * unit));
    const at = place * unit;
    if (at >= this.#tailStart) this.#tail.set(bytes, at - this.#tailStart);
    else this.#write(bytes, at);
    return place * lengthLimit + bytes.length;
  }

  #reserve(length: number): number {
    if (this.#tailLength + length > tailSize) this.#flush();
    const place = (this.#tailStart + this.#tailLength) / unit;
    this.#tailLength += length;
    return place;
  }

  read(kept: number, target: Uint8Array): number {
    const length = Math.min(lengthOf(kept), target.length);
    const at = placeOf(kept) * unit;
    const into = target.subarray(0, length);
    if (at < this.#tailStart) this.#file!.readAt(into, at);
    else into.set(this.#tail.subarray(at - this.#tailStart, at - this.#tailStart + length));
    return length;
  }

  release(kept: number): void {
    const size = Math.ceil(lengthOf(kept) / unit);
    const free = this.#free.get(size);
    if (free) free.push(placeOf(kept));
    else this.#free.set(size, [placeOf(kept)]);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #flush(): void {
    if (this.#tailLength === 0) return;
    this.#write(this.#tail.subarray(0, this.#tailLength), this.#tailStart);
    this.#tailStart += this.#tailLength;
    this.#tailLength = 0;
  }

  #write(bytes: Uint8Array, at: number): void {
    this.#file ??= this.#create();
    try {
      this.#file.writeAt(bytes, at);
    } catch (error) {
      if (!(error instanceof FigaroError) || error.code !== 'no-space') throw error;
      throw new FigaroError(
        'no-space',
        `${this.#directory} is full: changed pages that do not fit into memory go there`,
        {
          path: this.#directory,
          cause: error,
          hint: 'set TMPDIR to a directory with more room.',
        },
      );
    }
  }

  #create(): Pick<OpenFile, 'readAt' | 'writeAt' | 'close'> {
    this.#directory = scratchDirectory(this.#files);
    const file = path.join(this.#directory, `figaro-backup-${randomBytes(8).toString('hex')}`);
    try {
      const opened = this.#files.create(file, 0o600);
      try {
        this.#files.remove(file);
      } catch (error) {
        opened.close();
        throw error;
      }
      return opened;
    } catch (error) {
      // A system may have no such directory, or let nobody write there.
      if (error instanceof FigaroError && (error.code === 'not-permitted' || error.code === 'io'))
        return new InMemory();
      throw error;
    }
  }
}

/** For want of a place on a disk. */
class InMemory {
  readonly #chunks: Uint8Array[] = [];

  writeAt(source: Uint8Array, position: number): void {
    this.#visit(source.length, position, (chunk, at, from, length) => {
      chunk.set(source.subarray(from, from + length), at);
    });
  }

  readAt(target: Uint8Array, position: number): number {
    this.#visit(target.length, position, (chunk, at, from, length) => {
      target.set(chunk.subarray(at, at + length), from);
    });
    return target.length;
  }

  #visit(
    length: number,
    position: number,
    visit: (chunk: Uint8Array, at: number, from: number, length: number) => void,
  ): void {
    for (let from = 0; from < length;) {
      const at = (position + from) % tailSize;
      const number = (position + from - at) / tailSize;
      const part = Math.min(length - from, tailSize - at);
      while (this.#chunks.length <= number) this.#chunks.push(new Uint8Array(tailSize));
      visit(this.#chunks[number]!, at, from, part);
      from += part;
    }
  }

  close(): void {
    this.#chunks.length = 0;
  }
}
