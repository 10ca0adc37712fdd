import { type Files } from '../files/files.ts';
import { copyLogFile, type LogParts } from '../log/log-parts.ts';

/** So many at a time: between two steps of a copy the caller's work may take its turn, which is long. */
const lanes = 16;

/** Copies files beside the work of whoever asked for it. */
export class BackgroundCopies {
  readonly #files: Files;
  readonly #lanes: Promise<void>[] = Array.from({ length: lanes }, () => Promise.resolve());
  #count = 0;
  #failure: { readonly error: unknown } | undefined;
  #stopped = false;

  constructor(files: Files) {
    this.#files = files;
  }

  add(from: string, to: string): void {
    this.#begin(() => this.#files.copy(from, to));
  }

  addLog(parts: LogParts, to: string): void {
    this.#begin(() => copyLogFile(this.#files, parts, to));
  }

  /** Syncs a file that is there already. */
  addSync(file: string): void {
    this.#begin(() => this.#files.sync(file));
  }

  #begin(copy: () => Promise<void>): void {
    const lane = this.#count++ % lanes;
    this.#lanes[lane] = this.#lanes[lane]!.then(() => this.#run(copy));
  }

  async #run(copy: () => Promise<void>): Promise<void> {
    if (this.#stopped) return;
    try {
      await copy();
    } catch (error) {
      this.#stopped = true;
      this.#failure ??= { error };
    }
  }

  /** Returns when all copies are there and synced; throws what kept one of them from it. */
  async finish(): Promise<void> {
    await Promise.all(this.#lanes);
    if (this.#failure) throw this.#failure.error;
  }

  /** Gives up what has not begun, and waits for what has. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }
}
