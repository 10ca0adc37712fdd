import { closeAll } from './close-all.ts';
import { type OpenFile } from './files.ts';

/** Files kept open at the same time: descriptors are few. */
const mostOpen = 32;

/** Files that are opened when they are needed, and stay open for a while. */
export class OpenFiles {
  readonly #open: (file: string) => OpenFile;
  readonly #opened = new Map<string, OpenFile>();

  constructor(open: (file: string) => OpenFile) {
    this.#open = open;
  }

  get(file: string): OpenFile {
    const opened = this.#opened.get(file);
    if (opened) return opened;
    return this.add(file, this.#open(file));
  }

  /** Takes a file that is open already. */
  add(file: string, opened: OpenFile): OpenFile {
    if (this.#opened.size >= mostOpen) {
      const [oldest, handle] = this.#opened.entries().next().value!;
      this.#opened.delete(oldest);
      handle.close();
    }
    this.#opened.set(file, opened);
    return opened;
  }

  close(): void {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    closeAll(opened);
  }
}
