/**
 * Where the bytes of the files of a set are: a text that people and scripts can read. After a head, a line for each file, `file SIZE "NAME"`, and
 * below it, in the order of its bytes, a line for each piece: the pack, and where in it, and how many bytes.
 */

import { FigaroError } from '../../errors.ts';
import { isInside } from '../fields.ts';
import { isPackName, packLimit } from './layout.ts';

const head = 'figaro-backup contents 1';

/** In bytes: more is no such text. Names are no longer than in a manifest, and pieces no more than the next. */
export const contentsLimit = 400 << 20;

/** With so many pieces, a set has nothing more in common with the one before: the text would grow without bounds. */
export const mostPieces = 2_000_000;

/** Pieces of packs that are a file. */
export interface Pieces {
  /** Of the file, in bytes. */
  readonly size: number;
  /** For each piece three numbers: which pack, where it begins in there, and how long it is. */
  readonly runs: Uint32Array;
  /** Where each piece begins in the file, in bytes. */
  readonly starts: Float64Array;
}

export interface Contents {
  /** How many sets deep what this one refers to was put one upon the other: 0 for one that holds all of its bytes. */
  readonly depth: number;
  /** The packs that any piece is in, as `packName` has them. */
  readonly packs: readonly string[];
  /** By name, `environment/docs.dbxml`. */
  readonly files: ReadonlyMap<string, Pieces>;
}

/** Gathers the pieces of one file: those that follow each other in a pack become one. */
export class PiecesMaker {
  #runs = new Uint32Array(3 * 16);
  #count = 0;
  #size = 0;

  /** True where it begins a piece of its own. */
  add(pack: number, offset: number, length: number): boolean {
    this.#size += length;
    const last = 3 * (this.#count - 1);
    const isNext =
      this.#count > 0 && this.#runs[last] === pack && this.#runs[last + 1]! + this.#runs[last + 2]! === offset;
    if (isNext) {
      this.#runs[last + 2]! += length;
      return false;
    }
    if (3 * this.#count === this.#runs.length) {
      const runs = new Uint32Array(2 * this.#runs.length);
      runs.set(this.#runs);
      this.#runs = runs;
    }
    this.#runs.set([pack, offset, length], 3 * this.#count);
    this.#count += 1;
    return true;
  }

  get size(): number {
    return this.#size;
  }

  finish(): Pieces {
    const runs = this.#runs.slice(0, 3 * this.#count);
    const starts = new Float64Array(this.#count);
    let at = 0;
    for (let i = 0; i < this.#count; i++) {
      starts[i] = at;
      at += runs[3 * i + 2]!;
    }
    return { size: at, runs, starts };
  }
}

/** How much of the text is made at a time, in lines. */
const linesAtOnce = 10_000;

export function encodeContents({ depth, packs, files }: Contents): Uint8Array {
  const parts: Buffer[] = [];
  let lines = [head, `depth ${depth}`];
  const add = (line: string): void => {
    lines.push(line);
    if (lines.length < linesAtOnce) return;
    parts.push(Buffer.from(`${lines.join('\n')}\n`));
    lines = [];
  };
  for (const [name, { size, runs }] of files) {
    add(`file ${size} ${JSON.stringify(name)}`);
    for (let i = 0; i < runs.length; i += 3) add(`${packs[runs[i]!]} ${runs[i + 1]} ${runs[i + 2]}`);
  }
  if (lines.length > 0) parts.push(Buffer.from(`${lines.join('\n')}\n`));
  return Buffer.concat(parts);
}

/** Throws `manifest-corrupt` for what is no such text. */
export function decodeContents(text: Uint8Array, file: string): Contents {
  return new Decoder(text, file).decode();
}

class Decoder {
  readonly #text: Buffer;
  readonly #file: string;
  #line = 0;
  #at = 0;
  readonly #packs = new Map<string, number>();

  constructor(text: Uint8Array, file: string) {
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    this.#file = file;
  }

  decode(): Contents {
    if (this.#next() !== head) throw this.#corrupt(`it does not begin with "${head}"`);
    const depth = /^depth (\d{1,6})$/.exec(this.#next() ?? '')?.[1];
    if (depth === undefined) throw this.#corrupt('it does not say how deep it is');
    const files = new Map<string, Pieces>();
    for (let line = this.#next(); line !== undefined;) {
      const { name, size } = this.#fileOf(line);
      if (files.has(name)) throw this.#corrupt(`it has ${JSON.stringify(name)} twice`);
      const pieces = new PiecesMaker();
      for (line = this.#next(); line !== undefined && !line.startsWith('file '); line = this.#next()) {
        this.#addPiece(pieces, line);
      }
      if (pieces.size !== size)
        throw this.#corrupt(`${JSON.stringify(name)} has ${size} bytes, and pieces of ${pieces.size}`);
      files.set(name, pieces.finish());
    }
    return { depth: Number(depth), packs: [...this.#packs.keys()], files };
  }

  #fileOf(line: string): { readonly name: string; readonly size: number } {
    // Names may have what some take for the end of a line.
    const [, size, json] = /^file (\d{1,15}) (".*")$/s.exec(line) ?? [];
    const name = json === undefined ? undefined : textOf(json);
    if (name === undefined || !isInside(name)) throw this.#corrupt('it has no file there');
    return { name, size: Number(size) };
  }

  #addPiece(pieces: PiecesMaker, line: string): void {
    const [pack = '', offset = '', length = '', ...rest] = line.split(' ');
    const isNumber = /^\d{1,7}$/.test(offset) && /^[1-9]\d{0,6}$/.test(length) && rest.length === 0;
    if (!isNumber || !isPackName(pack) || Number(offset) + Number(length) > packLimit) {
      throw this.#corrupt('it has no piece of a pack there');
    }
    let index = this.#packs.get(pack);
    if (index === undefined) this.#packs.set(pack, (index = this.#packs.size));
    pieces.add(index, Number(offset), Number(length));
  }

  /** The next line; undefined at the end. */
  #next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf(0x0a, this.#at);
    if (end === -1) throw this.#corrupt('it ends within a line');
    const line = this.#text.toString('utf8', this.#at, end);
    this.#at = end + 1;
    this.#line += 1;
    return line;
  }

  #corrupt(problem: string): FigaroError {
    return new FigaroError('manifest-corrupt', `${this.#file} cannot be used, line ${this.#line}: ${problem}`, {
      path: this.#file,
      hint: 'figaro-backup verify tells which sets are whole.',
    });
  }
}

function textOf(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Which piece of a file a byte is in. */
export function pieceAt({ starts }: Pieces, position: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= position) low = middle;
    else high = middle;
  }
  return low;
}
