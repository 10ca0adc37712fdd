import { FigaroError, isSystemError } from '../errors.ts';

/** Standard output, for results only. */
export class Results {
  readonly #stream: NodeJS.WritableStream;
  #pending: Promise<void>[] = [];
  #closed = false;
  #isUsed = false;
  /** What was written while it was held back. */
  #held: (string | Uint8Array)[] | undefined;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  /** The reader has seen enough (`| head`) and went away: what is written from now on is lost, which is no error. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Something was written. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Takes text, or bytes as they are, for writing. Where there is much of it, await `flush` now and then. */
  write(result: string | Uint8Array): void {
    if (this.#closed || result.length === 0) return;
    if (this.#held) {
      this.#held.push(result);
      return;
    }
    this.#isUsed = true;
    this.#pending.push(this.#send(result));
  }

  /** Keeps what is written from now on, which must not be much. */
  hold(): void {
    this.#held ??= [];
  }

  /** Writes what was held back. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const result of held) this.write(result);
  }

  /** Forgets what was held back: it did not come true. */
  drop(): void {
    this.#held = undefined;
  }

  /** Returns when everything written has left the process. Throws when the stream could not take it. */
  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
  }

  #send(result: string | Uint8Array): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      this.#stream.write(result, (error) => {
        if (!error) resolve();
        else if (isSystemError(error) && error.code === 'EPIPE') {
          this.#closed = true;
          resolve();
        } else {
          const code = isSystemError(error) && error.code === 'ENOSPC' ? 'no-space' : 'io';
          reject(new FigaroError(code, `standard output: cannot write: ${error.message}`, { cause: error }));
        }
      });
    });
    // A failure is told by `flush`; it must not end the process before.
    sent.catch(() => undefined);
    return sent;
  }
}
