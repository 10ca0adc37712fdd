import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A place in the log: file, then offset. */
export type LogPosition = readonly [file: number, offset: number];

/** What was recorded, by the directory that it is in: for many applications in one process. */
const recordings = new Map<string, ReadonlyMap<string, Buffer>>();

/** Files of a recording by name. Nobody may change them. */
function filesOf(recording: string): ReadonlyMap<string, Buffer> {
  let files = recordings.get(recording);
  if (!files) {
    const names = readdirSync(recording);
    files = new Map(
      names.map((name) => [name.replace(/\.gz$/, ''), gunzipSync(readFileSync(path.join(recording, name)))]),
    );
    recordings.set(recording, files);
  }
  return files;
}

/**
 * Plays an application that was recorded: a DB XML environment whose log grows as it did then. Containers stay as they
 * were last flushed; what is committed after that is in the log only, as in every environment in use.
 */
export class RecordedApplication {
  readonly home: string;
  readonly #log = new Map<number, Buffer>();
  #file = 0;
  #offset = 0;

  constructor(recording: string, home: string) {
    this.home = home;
    mkdirSync(home, { recursive: true });
    for (const [name, contents] of filesOf(recording)) {
      const number = /^log\.(\d{10})$/.exec(name)?.[1];
      if (number === undefined) writeFileSync(path.join(home, name), contents);
      else this.#log.set(Number(number), contents);
    }
  }

  /** Writes the log on as far as a position. */
  commitUpTo([file, offset]: LogPosition): void {
    while (this.#file < file) {
      if (this.#file > 0) this.#write(this.#log.get(this.#file)!.length);
      this.#file += 1;
      this.#offset = 0;
      // Log files have their full size from the start; what is not written yet is zero.
      writeFileSync(this.#path, Buffer.alloc(this.#log.get(this.#file)!.length));
    }
    this.#write(offset);
  }

  /** Keeps committing, a little at a time, as long as `work` runs; the position is reached in the end. */
  async commitDuring<T>(work: () => Promise<T>, position: LogPosition): Promise<T> {
    const timer = setInterval(() => {
      const next = this.#offset + 3000;
      if (this.#file < position[0] || next < position[1]) this.#advance(next);
    }, 5);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      this.commitUpTo(position);
    }
  }

  #advance(offset: number): void {
    const size = this.#log.get(this.#file)!.length;
    this.commitUpTo(offset < size ? [this.#file, offset] : [this.#file + 1, offset - size]);
  }

  get #path(): string {
    return path.join(this.home, `log.${String(this.#file).padStart(10, '0')}`);
  }

  #write(end: number): void {
    const descriptor = openSync(this.#path, 'r+');
    writeSync(descriptor, this.#log.get(this.#file)!, this.#offset, end - this.#offset, this.#offset);
    closeSync(descriptor);
    this.#offset = end;
  }
}
