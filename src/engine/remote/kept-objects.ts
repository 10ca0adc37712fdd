/**
 * Manifests and checks of a store, from one run on this machine to the next: a cache, without which each of them is a question of every
 * run. Both are written once, so what has the same name, size and time is the same.
 */

import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { removeIfPossible } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { isOurs } from '../files/own-tree.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type StoredObject } from '../store/store.ts';

/** What tells a store from others, for the name of a directory. */
export function storeMark(place: string): string {
  return createHash('sha256').update(place).digest('hex').slice(0, 16);
}

/** An object of a set. */
export interface KeptObject {
  /** As the store has it: its name is the whole one. */
  readonly object: StoredObject;
  readonly bytes: Uint8Array;
}

/** What one set has, by name. */
export type KeptSet = ReadonlyMap<string, KeptObject>;

/** In bytes. */
const limit = 512 << 20;

export class KeptObjects {
  readonly #files: Files;
  /** Where all that this user keeps is. */
  readonly #top: string;
  readonly #directory: string;
  /** Which sets are kept, and not among those that were asked for yet. */
  readonly #others: Set<string>;

  /**
   * @param top the directory for what this user keeps, which nobody else may write to: otherwise nothing is believed, and nothing kept
   * @param name of what is kept of one store in there
   */
  constructor(files: Files, top: string, name: string) {
    this.#files = files;
    this.#top = top;
    this.#directory = path.join(top, name);
    this.#others = new Set(this.#isUsable() ? this.#attempt(() => files.listIfThere(this.#directory)) : []);
  }

  /** What is kept of a set; nothing where what is there is not as it was written. */
  of(id: string): KeptSet {
    return this.#others.delete(id) ? this.#read(id) : new Map();
  }

  /** As `of`, with what another run on this machine has kept since this one began. */
  nowOf(id: string): KeptSet {
    this.#others.delete(id);
    return this.#isUsable() ? this.#read(id) : new Map();
  }

  #read(id: string): KeptSet {
    return this.#attempt(() => decode(readOwnIfThere(this.#files, path.join(this.#directory, id), limit))) ?? new Map();
  }

  /** Keeps these objects of a set, and no others. */
  put(id: string, objects: readonly KeptObject[]): void {
    if (!this.#isUsable()) return;
    const file = path.join(this.#directory, id);
    const draft = `${file}.new-${randomBytes(6).toString('hex')}`;
    this.#attempt(() => {
      if (objects.length === 0) return this.#files.remove(file);
      this.#files.makeDirectory(this.#top, 0o700);
      this.#files.makeDirectory(this.#directory, 0o700);
      try {
        // What is lost with the power is asked for again: it need not be synced.
        const opened = this.#files.create(draft, 0o600);
        try {
          opened.writeAt(encode(objects), 0);
        } finally {
          opened.close();
        }
        this.#files.rename(draft, file);
      } catch (error) {
        removeIfPossible(this.#files, draft);
        throw error;
      }
    });
  }

  /**
   * Forgets the sets that nobody asked for: they are gone.
   *
   * @param stays has some of them stay, by when they were kept, in ms since 1970
   */
  forgetOthers(stays: (id: string, keptMs: number) => boolean = () => false): void {
    for (const name of this.#others) {
      const file = path.join(this.#directory, name);
      this.#attempt(() => {
        const stat = this.#files.statIfThere(file);
        if (stat && !stays(name, stat.mtimeMs)) this.#files.remove(file);
      });
    }
  }

  #isUsable(): boolean {
    return (
      this.#attempt(() => {
        const stats = [this.#top, this.#directory].map((directory) => this.#files.statIfThere(directory));
        return stats.every((stat) => !stat || (stat.kind === 'directory' && isOurs(stat)));
      }) ?? false
    );
  }

  /** Undefined where the disk fails: the store has everything. */
  #attempt<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      return undefined;
    }
  }
}

/** What is said of an object before its bytes, and how many these are: of a packed one, its size is another. */
type KeptHead = StoredObject & { readonly length: number };

/** Begins the first line. */
const format = 'figaro-backup-objects-2';

/** The format and the SHA-256 of the rest, a line that says which objects there are, and their bytes. */
function encode(objects: readonly KeptObject[]): Uint8Array {
  const head = JSON.stringify(objects.map(({ object, bytes }) => ({ ...object, length: bytes.length })));
  const rest = Buffer.concat([Buffer.from(`${head}\n`), ...objects.map(({ bytes }) => bytes)]);
  return Buffer.concat([Buffer.from(firstLine(rest)), rest]);
}

function decode(file: Uint8Array | undefined): KeptSet {
  const kept = new Map<string, KeptObject>();
  if (!file) return kept;
  const begin = file.indexOf(0x0a) + 1;
  const rest = file.subarray(begin);
  if (Buffer.from(file.subarray(0, begin)).toString() !== firstLine(rest)) return kept;
  let at = rest.indexOf(0x0a) + 1;
  // It is as this program has written it.
  const objects = JSON.parse(Buffer.from(rest.subarray(0, at)).toString()) as readonly KeptHead[];
  for (const { length, ...object } of objects) {
    kept.set(object.name, { object, bytes: rest.subarray(at, at + length) });
    at += length;
  }
  return kept;
}

function firstLine(rest: Uint8Array): string {
  return `${format} ${createHash('sha256').update(rest).digest('hex')}\n`;
}
