/** SHA-256 of a file while it is copied: of a large one on the second core, beside reading and writing. */

import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';

/** A file that is shorter is hashed sooner than a thread is started. In bytes. */
const worthwhileBytes = 64 << 20;
/** Pieces that are read, written and hashed at the same time. */
const pieces = 3;

interface RunningHash {
  /** A buffer to be filled; what was in it has been hashed. */
  free(): Promise<Uint8Array>;
  /** Takes the next bytes, the beginning of the buffer that was free last. They stay as they are until it is free again. */
  update(bytes: Uint8Array): void;
  /** In hexadecimal digits; undefined when the other thread could not do it. */
  digest(): Promise<string | undefined>;
  /** Lets go of it, digested or not. */
  close(): void;
}

/**
 * @param bytes about how many there will be
 * @param buffer where they are read to; how many at a time
 */
export function startHash(bytes: number, buffer: Uint8Array): RunningHash {
  return bytes < worthwhileBytes ? new HashHere(buffer) : new HashBeside(buffer.length);
}

class HashHere implements RunningHash {
  readonly #hash = createHash('sha256');
  readonly #buffer: Uint8Array;

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  free(): Promise<Uint8Array> {
    return Promise.resolve(this.#buffer);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Promise<string> {
    return Promise.resolve(this.#hash.digest('hex'));
  }

  close(): void {
    // Nothing is open.
  }
}

/** The other thread: it answers each piece when it is hashed, and a request without one with the digest. */
const program = `
const { parentPort } = require('node:worker_threads');
const hash = require('node:crypto').createHash('sha256');
parentPort.on('message', (bytes) => {
  if (bytes) hash.update(bytes);
  parentPort.postMessage(bytes ? '' : hash.digest('hex'));
});`;

class HashBeside implements RunningHash {
  readonly #worker = new Worker(program, { eval: true, execArgv: [] });
  readonly #buffers: readonly Uint8Array[];
  #sent = 0;
  #hashed = 0;
  #digest: string | undefined;
  #isBroken = false;
  /** Called when there is something new. */
  #wake: (() => void) | undefined;

  constructor(size: number) {
    this.#buffers = Array.from({ length: pieces }, () => new Uint8Array(new SharedArrayBuffer(size)));
    this.#worker.on('message', (answer: string) => {
      if (answer === '') this.#hashed += 1;
      else this.#digest = answer;
      this.#wake?.();
    });
    // As where a system has no thread to give.
    this.#worker.on('error', () => {
      this.#isBroken = true;
      this.#wake?.();
    });
  }

  async free(): Promise<Uint8Array> {
    while (this.#sent - this.#hashed >= pieces && !this.#isBroken) await this.#news();
    return this.#buffers[this.#sent % pieces]!;
  }

  update(bytes: Uint8Array): void {
    this.#worker.postMessage(bytes);
    this.#sent += 1;
  }

  async digest(): Promise<string | undefined> {
    this.#worker.postMessage(undefined);
    while (this.#digest === undefined && !this.#isBroken) await this.#news();
    return this.#digest;
  }

  close(): void {
    void this.#worker.terminate();
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
