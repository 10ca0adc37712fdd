/**
 * The files that a run has looked into already. There may be many in an environment and beside it, which a run looks
 * through several times: what did not change since is what it was.
 */

import path from 'node:path';
import { type Files, type FileStat } from '../files/files.ts';
import { type FileLook } from './file-head.ts';
import { stoodStill } from './unchanged.ts';

/** What is in a directory, as it was listed when it had stood still for a while. */
interface Listing {
  readonly stat: FileStat;
  readonly names: readonly string[];
}

interface Seen {
  /** By name: the time of the last change, in ms. */
  readonly own: Map<string, number>;
  /** Databases, by name: what they are, and how they were then. */
  readonly databases: Map<string, { readonly look: FileLook; readonly stat: FileStat }>;
  listing: Listing | undefined;
}

/** By the password that was used, and by directory. */
const seen = new WeakMap<object, Map<string, Seen>>();
const withoutPassword = {};

/** What changed so short a time ago can change again without getting another time. In ms. */
export const restMs = 2000;

/** What is known of the files of a directory. */
export class OwnFiles {
  readonly #seen: Seen;
  /** Undefined until somebody asks. */
  #showsWrites: boolean | undefined;
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    const { cipher } = files;
    this.#files = files;
    this.#directory = directory;
    const key = cipher ?? withoutPassword;
    const directories = seen.get(key) ?? new Map<string, Seen>();
    seen.set(key, directories);
    const full = path.resolve(directory);
    this.#seen = directories.get(full) ?? { own: new Map(), databases: new Map(), listing: undefined };
    directories.set(full, this.#seen);
  }

  /** The names in the directory, where it is as it was when they were last listed. */
  namesIn({ inode, device, changedMs }: FileStat): readonly string[] | undefined {
    const { stat, names } = this.#seen.listing ?? {};
    if (stat?.inode !== inode || stat.device !== device || stat.changedMs !== changedMs) return undefined;
    return names;
  }

  /** Notes the names in the directory. `stat` is from before it was listed, and so is `lookedAt`, in ms since 1970. */
  list(names: readonly string[], stat: FileStat, lookedAt: number): void {
    this.#seen.listing = lookedAt - stat.changedMs >= restMs ? { stat, names } : undefined;
  }

  /** Notes what turned out to be a file of the application's own. `lookedAt` is when it was looked at, in ms since 1970. */
  note(name: string, { changedMs }: FileStat, lookedAt: number): void {
    if (changedMs > 0 && lookedAt - changedMs >= restMs) this.#seen.own.set(name, changedMs);
  }

  /** A file of this name was one. */
  was(name: string): boolean {
    return this.#seen.own.has(name);
  }

  /** It has not changed since it was looked into. */
  is(name: string, { changedMs }: FileStat): boolean {
    return this.#seen.own.get(name) === changedMs;
  }

  /** What a database of this name is, where it is as it was when it was looked into. */
  databaseAt(name: string, stat: FileStat): FileLook | undefined {
    const known = this.#seen.databases.get(name);
    return known && stoodStill(known.stat, stat) ? known.look : undefined;
  }

  /** Notes what a database is, where every write to it shows. `lookedAt` is when it was looked at, in ms since 1970. */
  noteDatabase(name: string, look: FileLook, stat: FileStat, lookedAt: number): void {
    if (lookedAt - Math.max(stat.changedMs, stat.mtimeMs) < restMs) return;
    this.#showsWrites ??= this.#files.showsWrites(this.#directory);
    if (this.#showsWrites) this.#seen.databases.set(name, { look, stat });
  }
}
