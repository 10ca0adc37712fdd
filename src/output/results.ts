import { FigaroError, isSystemError } from '../errors.ts';

/** Standard output, for results only. */
export class Results {
  readonly #stream: NodeJS.WritableStream;
  #pending: Promise<void>[] = [];
  #closed = false;
  #isUsed = false;

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
    this.#isUsed = true;
    this.#pending.push(this.#send(result));
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
