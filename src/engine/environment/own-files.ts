/**
 * The application's own files that a run has looked into already. There may be many beside an environment, which a run looks
 * through several times: one that did not change since has not become a database.
 */

import path from 'node:path';
import { type Files, type FileStat } from '../files.ts';

/** By the password that was used; then by directory and name: the time of the last change, in ms. */
const seen = new WeakMap<object, Map<string, Map<string, number>>>();
const withoutPassword = {};

/** What changed so short a time ago can change again without getting another time. In ms. */
export const restMs = 2000;

/** What is known of the files of a directory. */
export class OwnFiles {
  readonly #known: Map<string, number>;

  constructor({ cipher }: Files, directory: string) {
    const key = cipher ?? withoutPassword;
    const directories = seen.get(key) ?? new Map<string, Map<string, number>>();
    seen.set(key, directories);
    const full = path.resolve(directory);
    this.#known = directories.get(full) ?? new Map<string, number>();
    directories.set(full, this.#known);
  }

  /** Notes what turned out to be a file of the application's own. `lookedAt` is when it was looked at, in ms since 1970. */
  note(name: string, { changedMs }: FileStat, lookedAt: number): void {
    if (changedMs > 0 && lookedAt - changedMs >= restMs) this.#known.set(name, changedMs);
  }

  /** A file of this name was one. */
  was(name: string): boolean {
    return this.#known.has(name);
  }

  /** It has not changed since it was looked into. */
  is(name: string, { changedMs }: FileStat): boolean {
    return this.#known.get(name) === changedMs;
  }
}
