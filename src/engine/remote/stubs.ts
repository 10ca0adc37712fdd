/** Files and directories of a mirror that are not on its disk yet: nobody has asked for what is in them. */

import path from 'node:path';
import { type Expected } from './stand-in.ts';

/** What there is to be known of a file or directory without making it. */
export interface Stub {
  /** In bytes. */
  readonly size: number;
  /** When it was written, by the clock of the store, in ms since 1970. */
  readonly changedMs: number;
  /** Permission bits. */
  readonly mode: number;
  /** The bytes of a file, or the object that has them; undefined for a directory. */
  readonly contents: Uint8Array | string | undefined;
  /** What its bytes have to be, where something else may have them. */
  readonly expected?: Expected | undefined;
  /** Tells it from all others. */
  readonly number: number;
}

export class Stubs {
  /** By directory, then by name: there may be hundreds of thousands. */
  readonly #directories = new Map<string, Map<string, Stub>>();
  #made = 0;

  add(directory: string, name: string, stub: Omit<Stub, 'number'>): void {
    const within = this.#directories.get(directory) ?? new Map<string, Stub>();
    this.#directories.set(directory, within.set(name, { ...stub, number: ++this.#made }));
  }

  get(file: string): Stub | undefined {
    return this.#directories.get(path.dirname(file))?.get(path.basename(file));
  }

  remove(file: string): void {
    const directory = path.dirname(file);
    const within = this.#directories.get(directory);
    within?.delete(path.basename(file));
    if (within?.size === 0) this.#directories.delete(directory);
  }

  /** Names in a directory, in no order. */
  namesIn(directory: string): readonly string[] {
    return [...(this.#directories.get(directory)?.keys() ?? [])];
  }

  /** A directory that is no stub is called otherwise now, with all that is in it. */
  renameDirectory(from: string, to: string): void {
    for (const [directory, within] of [...this.#directories]) {
      if (directory !== from && !directory.startsWith(from + path.sep)) continue;
      this.#directories.delete(directory);
      this.#directories.set(to + directory.slice(from.length), within);
    }
  }
}
