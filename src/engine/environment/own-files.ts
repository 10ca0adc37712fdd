/**
 * The application's own files that a run has looked into already. There may be many beside an environment, which a run looks
 * through several times: one that did not change since has not become a database.
 */

import path from 'node:path';
import { type Files, type FileStat } from '../files/files.ts';

/** What is in a directory, as it was listed when it had stood still for a while. */
interface Listing {
  readonly stat: FileStat;
  readonly names: readonly string[];
}

interface Seen {
  /** By name: the time of the last change, in ms. */
  readonly own: Map<string, number>;
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

  constructor({ cipher }: Files, directory: string) {
    const key = cipher ?? withoutPassword;
    const directories = seen.get(key) ?? new Map<string, Seen>();
    seen.set(key, directories);
    const full = path.resolve(directory);
    this.#seen = directories.get(full) ?? { own: new Map(), listing: undefined };
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
}
