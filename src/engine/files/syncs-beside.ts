import { filesWith } from './files-with.ts';
import { type Files, type OpenFile } from './files.ts';

/** So many at a time: each keeps a descriptor. On Windows what is open cannot be replaced, and none waits. */
const mostAtOnce = process.platform === 'win32' ? 0 : 16;

/** From so many files on, small ones are synced together: each by itself has the file system write its journal. */
export const fewFiles = 200;
/**
 * A larger file is synced by itself: what that costs is little beside writing it, and a sync of all waits for what others write, too. In
 * bytes.
 */
export const smallBytes = 128 << 10;
/** What waits to be synced together at most before that begins. In bytes. */
const mostLeft = 64 << 20;

interface SyncsOptions {
  /** Where all is written. */
  readonly directory: string;
  /** How many files are synced each by itself. */
  readonly few?: number;
}

/**
 * Syncs files beside the caller's work. Each is synced by the descriptor that wrote it, which hears of every error of the disk; one
 * that is opened anew may not. Where there are many small ones, the others are synced together, where the system has a way to do that
 * and tells of errors.
 */
export class SyncsBeside {
  /** The same files, but that what is written through them lasts when `finish` has returned, not yet when its `sync` has. */
  readonly files: Files;
  readonly #disk: Files;
  readonly #directory: string;
  readonly #few: number;
  readonly #going = new Set<Promise<void>>();
  #failure: { readonly reason: unknown } | undefined;
  /** Called when one of them has ended. */
  #wake: (() => void) | undefined;
  /** Files of which a sync was asked for. */
  #count = 0;
  /** Bytes that wait to be synced together; undefined where no file does. */
  #left: number | undefined;
  /** All of the file system is being synced. */
  #together: Promise<void> | undefined;
  /** The system cannot do that: each is synced by itself. */
  #isEachByItself = false;

  constructor(files: Files, { directory, few = fewFiles }: SyncsOptions) {
    this.#disk = files;
    this.#directory = directory;
    this.#few = few;
    this.files = filesWith(files, {
      create: (file, mode) => this.#later(files.create(file, mode)),
      openToWrite: (file) => this.#later(files.openToWrite(file)),
    });
  }

  /** Where as many are synced as may be: what to wait for before more are written. What is written without is synced by who writes it. */
  room(): Promise<void> | undefined {
    if (this.#going.size === 0 || this.#going.size < mostAtOnce) return undefined;
    return new Promise((resolve) => (this.#wake = resolve));
  }

  /** Begins with what waits to be synced together: to be called when most is written. */
  begin(): void {
    if (this.#left !== undefined && !this.#together) this.#beginTogether();
  }

  /** Returns when all is on stable storage. Throws what kept any of it from getting there. */
  async finish(): Promise<void> {
    await this.stop();
    if (this.#left !== undefined) {
      if (!this.#beginTogether())
        throw this.#failure?.reason ?? new Error(`${this.#directory} was synced as a whole before`);
      await this.stop();
    }
    if (this.#failure) throw this.#failure.reason;
  }

  /** Waits for what goes on, whatever becomes of it. */
  async stop(): Promise<void> {
    await Promise.all([...this.#going, this.#together]);
  }

  #later(opened: OpenFile): OpenFile {
    let isWanted = false;
    let written = 0;
    return {
      path: opened.path,
      stat: () => opened.stat(),
      readAt: (target, position) => opened.readAt(target, position),
      writeAt(source, position) {
        opened.writeAt(source, position);
        written += source.length;
      },
      truncate: (size) => opened.truncate(size),
      sync: () => void (isWanted = true),
      syncBeside: () => opened.syncBeside(),
      close: () => (isWanted && !this.#leave(written) ? this.#syncAndClose(opened) : opened.close()),
    };
  }

  /** Leaves a file to be synced together with others. False where it is to be synced by itself. */
  #leave(bytes: number): boolean {
    this.#count += 1;
    if (this.#count <= this.#few || this.#isEachByItself || bytes > smallBytes) return false;
    // Whether there is a way shows when it is gone for the first time.
    if (this.#left === undefined && !this.#together) this.#isEachByItself = !this.#beginTogether();
    if (this.#isEachByItself) return false;
    this.#left = (this.#left ?? 0) + bytes;
    if (this.#left >= mostLeft) this.begin();
    return true;
  }

  /** Begins to sync all that was written by now. False where the system has no way to do that. */
  #beginTogether(): boolean {
    try {
      const syncing = this.#disk.syncAll?.(this.#directory);
      if (!syncing) return false;
      this.#left = undefined;
      this.#together = syncing
        .catch((reason: unknown) => void (this.#failure ??= { reason }))
        .finally(() => (this.#together = undefined));
      return true;
    } catch (reason) {
      this.#failure ??= { reason };
      return false;
    }
  }

  #syncAndClose(opened: OpenFile): void {
    if (this.#going.size >= mostAtOnce) {
      try {
        opened.sync();
      } finally {
        opened.close();
      }
      return;
    }
    const going: Promise<void> = opened
      .syncBeside()
      .finally(() => opened.close())
      .catch((reason: unknown) => void (this.#failure ??= { reason }))
      .finally(() => {
        this.#going.delete(going);
        this.#wake?.();
        this.#wake = undefined;
      });
    this.#going.add(going);
  }
}
