/** Standard output for bytes: as fast as they are taken, and not one of them lost without a word. */

import fs from 'node:fs';
import { devNull } from 'node:os';
import { type ByteSink } from '../engine/transfer/tar-sink.ts';
import { FigaroError, isSystemError, type ErrorCode } from '../errors.ts';
import { formatBytes } from './text.ts';

type Stream = NodeJS.WritableStream & { readonly fd?: number };

/**
 * Every write has this size, but for the last: a tape has it as the size of its blocks, and reading one with standard input takes
 * no larger ones. In bytes.
 */
const blockBytes = 64 << 10;

export class ByteOutput implements ByteSink {
  readonly #stream: Stream;
  readonly #signal: AbortSignal | undefined;
  readonly #file: number | undefined;
  #block = new Uint8Array(blockBytes);
  #used = 0;
  #written = 0;

  constructor(stream: Stream, signal?: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    this.#file = fileOf(stream);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + blockBytes - this.#used);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      done += part.length;
      if (this.#used === blockBytes) await this.#flush();
    }
  }

  async finish(): Promise<void> {
    if (this.#used > 0) await this.#flush();
    if (this.#file !== undefined) this.#sync(this.#file);
  }

  async #flush(): Promise<void> {
    const block = this.#block.subarray(0, this.#used);
    this.#block = new Uint8Array(blockBytes);
    this.#used = 0;
    if (this.#file === undefined) await this.#send(block);
    else this.#writeAll(this.#file, block);
    this.#written += block.length;
  }

  /** Waits until the reader has taken it, or the run has to stop. */
  async #send(block: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(new FigaroError('interrupted', 'stopped before it was finished'));
      if (this.#signal?.aborted) return stop();
      this.#signal?.addEventListener('abort', stop, { once: true });
      this.#stream.write(block, (error) => {
        this.#signal?.removeEventListener('abort', stop);
        if (error) reject(this.#failure(error));
        else resolve();
      });
    });
  }

  /** The stream of Node.js takes a part that was written for all of it, as on a disk that is nearly full. */
  #writeAll(file: number, block: Uint8Array): void {
    try {
      for (let done = 0; done < block.length;) done += fs.writeSync(file, block, done);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #sync(file: number): void {
    try {
      fs.fsyncSync(file);
    } catch (error) {
      // A device may have nothing to sync.
      if (isSystemError(error) && ['EINVAL', 'ENOTSUP', 'EROFS'].includes(error.code!)) return;
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    if (!isSystemError(error)) return error;
    const so = `after ${formatBytes(this.#written)}`;
    if (error.code === 'EPIPE') {
      return new FigaroError('io', `standard output: whoever reads it stopped ${so}`, {
        hint: 'what it has is not a set. What it said itself is above, or in its own log.',
        cause: error,
      });
    }
    const code: ErrorCode = error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'no-space' : 'io';
    return new FigaroError(code, `standard output: cannot write ${so}: ${error.message}`, {
      hint: 'what was written is not a set.',
      cause: error,
    });
  }
}

/** True for the null device, which Node.js also puts where a program is started without standard output. */
export function leadsNowhere({ fd }: Stream): boolean {
  if (fd === undefined) return false;
  const stat = fs.fstatSync(fd);
  if (!stat.isCharacterDevice()) return false;
  const nothing = fs.statSync(devNull, { throwIfNoEntry: false });
  return nothing !== undefined && nothing.rdev === stat.rdev;
}

/** The descriptor of a stream that leads into a file or to a device; undefined for pipes, and for what has none. */
function fileOf({ fd }: Stream): number | undefined {
  if (fd === undefined) return undefined;
  const stat = fs.fstatSync(fd);
  return stat.isFile() || stat.isCharacterDevice() || stat.isBlockDevice() ? fd : undefined;
}
