import path from 'node:path';
import { bytesAsFile } from './bytes-as-file.ts';
import { filesWith } from './files-with.ts';
import { type Files, type FileStat, type OpenFile } from './files.ts';
import { Slab } from './slab.ts';

/** To read a larger one once more costs less than the memory for it. In bytes. */
const largestKept = 32 << 10;
/** In bytes. */
const slabSize = 1 << 20;
/** Of all files together, in bytes. */
const mostKept = 128 << 20;

interface Kept {
  readonly bytes: Uint8Array;
  /** As it was when somebody looked last. */
  stat: FileStat | undefined;
  /** Made when somebody opens it. */
  opened: OpenFile | undefined;
}

/**
 * What is in the small files of `directory` and below it, in memory: for those who write thousands of them, and look into each several
 * times when nobody writes to them any more.
 */
export class KeptContents {
  readonly #prefix: string;
  readonly #kept = new Map<string, Kept>();
  /** Those that there is no room for: they are not asked for their size again. */
  readonly #others = new Set<string>();
  readonly #memory = new Slab(slabSize);
  #room: number;

  constructor(directory: string, most = mostKept) {
    this.#prefix = `${directory}${path.sep}`;
    this.#room = most;
  }

  /** The same files, but that each small one is opened and read once. */
  reading(files: Files): Files {
    const stat = (file: string, look: (file: string) => FileStat | undefined): FileStat | undefined => {
      const now = look(file);
      const known = this.#kept.get(file);
      if (known && now?.kind === 'file' && now.size === known.bytes.length) known.stat = now;
      return now;
    };
    return filesWith(files, {
      statIfThere: (file) => this.#kept.get(file)?.stat ?? stat(file, (asked) => files.statIfThere(asked)),
      statThrough: (file) => stat(file, (asked) => files.statThrough(asked)),
      openIfThere: (file) => this.#asFile(files, file) ?? this.#open(files, file),
    });
  }

  /** The same files, but that a small one is read back by what wrote it, before it is closed. */
  writing(files: Files): Files {
    const forget = (file: string): void => void this.#kept.delete(file);
    return filesWith(files, {
      create: (file, mode) => {
        const opened = files.create(file, mode);
        return file.startsWith(this.#prefix) ? new KeptWhenWritten(opened, (size) => this.#keep(opened, size)) : opened;
      },
      openToWrite(file) {
        forget(file);
        return files.openToWrite(file);
      },
      rename(from, to) {
        files.rename(from, to);
        forget(from);
        forget(to);
      },
      remove(file) {
        forget(file);
        files.remove(file);
      },
    });
  }

  #asFile(files: Files, file: string): OpenFile | undefined {
    const known = this.#kept.get(file);
    if (!known) return undefined;
    return (known.opened ??= bytesAsFile(file, known.bytes, () => (known.stat ??= files.statIfThere(file)!)));
  }

  #open(files: Files, file: string): OpenFile | undefined {
    const opened = files.openIfThere(file);
    if (!opened || this.#others.has(file) || !file.startsWith(this.#prefix)) return opened;
    let isKept = false;
    try {
      const stat = opened.stat();
      isKept = this.#keep(opened, stat.size, stat);
    } catch (error) {
      opened.close();
      throw error;
    }
    if (!isKept) {
      this.#others.add(file);
      return opened;
    }
    opened.close();
    return this.#asFile(files, file);
  }

  /** False for a file that is too large. */
  #keep(opened: OpenFile, size: number, stat?: FileStat): boolean {
    if (size > Math.min(largestKept, this.#room)) return false;
    const memory = this.#memory.take(size);
    const bytes = memory.subarray(0, opened.readAt(memory, 0));
    this.#room -= bytes.length;
    this.#kept.set(opened.path, { bytes, stat, opened: undefined });
    return true;
  }
}

/** A new file of ours, which is kept when it was written from its beginning to its end, and is small. */
class KeptWhenWritten implements OpenFile {
  readonly path: string;
  readonly #opened: OpenFile;
  readonly #keep: (size: number) => void;
  /** In bytes; undefined for one that was written otherwise. */
  #size: number | undefined = 0;

  constructor(opened: OpenFile, keep: (size: number) => void) {
    this.path = opened.path;
    this.#opened = opened;
    this.#keep = keep;
  }

  stat(): FileStat {
    return this.#opened.stat();
  }

  readAt(target: Uint8Array, position: number): number {
    return this.#opened.readAt(target, position);
  }

  writeAt(source: Uint8Array, position: number): void {
    this.#size = position === this.#size ? position + source.length : undefined;
    this.#opened.writeAt(source, position);
  }

  truncate(size: number): void {
    this.#size = undefined;
    this.#opened.truncate(size);
  }

  sync(): void {
    this.#opened.sync();
  }

  async syncBeside(): Promise<void> {
    await this.#opened.syncBeside();
  }

  close(): void {
    try {
      if (this.#size !== undefined) this.#keep(this.#size);
    } finally {
      this.#opened.close();
    }
  }
}
