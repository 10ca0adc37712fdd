import { filesWith } from './files-with.ts';
import { type Files, type OpenFile } from './files.ts';

/** So many at a time: each keeps a descriptor. On Windows what is open cannot be replaced, and none waits. */
const mostAtOnce = process.platform === 'win32' ? 0 : 16;

/**
 * Syncs files beside the caller's work. Each is synced by the descriptor that wrote it, which hears of every error of the disk; one
 * that is opened anew may not.
 */
export class SyncsBeside {
  /** The same files, but that what is written through them lasts when `finish` has returned, not yet when its `sync` has. */
  readonly files: Files;
  readonly #going = new Set<Promise<void>>();
  #failure: { readonly reason: unknown } | undefined;
  /** Called when one of them has ended. */
  #wake: (() => void) | undefined;

  constructor(files: Files) {
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

  /** Returns when all is on stable storage. Throws what kept any of it from getting there. */
  async finish(): Promise<void> {
    await this.stop();
    if (this.#failure) throw this.#failure.reason;
  }

  /** Waits for what goes on, whatever becomes of it. */
  async stop(): Promise<void> {
    await Promise.all(this.#going);
  }

  #later(opened: OpenFile): OpenFile {
    let isWanted = false;
    return {
      path: opened.path,
      stat: () => opened.stat(),
      readAt: (target, position) => opened.readAt(target, position),
      writeAt: (source, position) => opened.writeAt(source, position),
      truncate: (size) => opened.truncate(size),
      sync: () => void (isWanted = true),
      syncBeside: () => opened.syncBeside(),
      close: () => (isWanted ? this.#syncAndClose(opened) : opened.close()),
    };
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
