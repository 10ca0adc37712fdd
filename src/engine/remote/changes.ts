/** What was done on purpose in a directory: what is missing there for any other reason was removed by somebody else. */

import { filesWith } from '../files/files-with.ts';
import { type Files } from '../files/files.ts';

export class Changes {
  /** Takes note of what is done through it. */
  readonly files: Files;
  /** By path, in the order in which it was done. */
  readonly #last = new Map<string, 'made' | 'removed'>();

  constructor(files: Files) {
    this.files = filesWith(files, {
      remove: (file) => {
        files.remove(file);
        this.#note(file, 'removed');
      },
      rename: (from, to) => {
        files.rename(from, to);
        this.#note(from, 'removed');
        this.#note(to, 'made');
      },
    });
  }

  /** The paths that names were taken from, in that order. */
  get removed(): readonly string[] {
    return this.#those('removed');
  }

  /** The paths that something was given as its name. */
  get made(): readonly string[] {
    return this.#those('made');
  }

  wasRemoved(file: string): boolean {
    return this.#last.get(file) === 'removed';
  }

  #those(what: 'made' | 'removed'): readonly string[] {
    return [...this.#last].filter(([, last]) => last === what).map(([file]) => file);
  }

  #note(file: string, what: 'made' | 'removed'): void {
    this.#last.delete(file);
    this.#last.set(file, what);
  }
}
