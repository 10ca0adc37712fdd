/**
 * Reading from a store as from a file: the engine is synchronous, and a page that it asks for has to be there when it goes on. A thread of
 * its own asks the store meanwhile.
 */

import { type Worker } from 'node:worker_threads';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { type PackedOpening } from '../packed/opening.ts';
import { startReader } from './reader-program.ts';
import { type Range } from './store.ts';
import { Unreachable } from './unreachable.ts';

/** Reads objects while everything else waits. */
export interface SyncReader {
  /**
   * As `Store.read`. At most `largestRead` bytes at a time.
   *
   * @param next what of the object will be asked for after that, as far as it is known: it is read while whoever asked goes on
   */
  read(name: string, range: Range, next?: Range): Uint8Array | undefined;
  close(): Promise<void>;
}

/** In bytes. */
export const largestRead = 4 << 20;

/** What the thread has answered. */
export const answers = { none: 0, bytes: 1, absent: 2, failure: 3 } as const;

/** What goes to the thread when it begins. */
export interface ReaderData {
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the repository in it is packed. */
  readonly packed?: PackedOpening;
  /** Two numbers of 32 bits, what was answered and its length, and then the bytes. */
  readonly shared: SharedArrayBuffer;
}

export interface ReadRequest extends Range {
  readonly name: string;
  readonly next: Range | undefined;
}

/** How a failure comes back. */
export interface ReadFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly path?: string;
}

export const headSize = 8;

/** More than all tries of one read take, in ms: a thread that does not answer by then never will. */
const patienceMs = 600_000;

export class WorkerReader implements SyncReader {
  readonly #place: string;
  readonly #data: Omit<ReaderData, 'shared'>;
  readonly #start: typeof startReader;
  #thread: Thread | undefined;

  /**
   * @param place what people know the store by
   * @param start starts the thread; tests have one of their own
   */
  constructor({ place, ...data }: Omit<ReaderData, 'shared'> & { readonly place: string }, start = startReader) {
    this.#place = place;
    this.#data = data;
    this.#start = start;
  }

  read(name: string, range: Range, next?: Range): Uint8Array | undefined {
    const thread = (this.#thread ??= this.#begin());
    const { head, shared, worker } = thread;
    Atomics.store(head, 0, answers.none);
    const request: ReadRequest = { name, ...range, next };
    worker.postMessage(request);
    const deadline = performance.now() + patienceMs;
    // What wakes may be late, and for the question before, whose answer was there already when it was looked for.
    while (Atomics.load(head, 0) === answers.none) {
      const leftMs = deadline - performance.now();
      if (leftMs > 0 && Atomics.wait(head, 0, answers.none, leftMs) !== 'timed-out') continue;
      // What it may answer later is none to the next question.
      this.#thread = undefined;
      void worker.terminate();
      throw new Unreachable(`${this.#place} did not answer`, { path: name });
    }
    const bytes = new Uint8Array(shared, headSize, head[1]);
    const answer = Atomics.load(head, 0);
    if (answer === answers.bytes) return bytes;
    if (answer === answers.absent) return undefined;
    const { code, message, ...details } = JSON.parse(Buffer.from(bytes).toString('utf8')) as ReadFailure;
    throw new FigaroError(code, message, details);
  }

  async close(): Promise<void> {
    await this.#thread?.worker.terminate();
  }

  #begin(): Thread {
    const shared = new SharedArrayBuffer(headSize + largestRead);
    const data: ReaderData = { ...this.#data, shared };
    const worker = this.#start(data);
    // Whoever waits for its answer finds out that there is none.
    worker.on('error', () => {});
    worker.unref();
    return { worker, shared, head: new Int32Array(shared, 0, 2) };
  }
}

interface Thread {
  readonly worker: Worker;
  readonly shared: SharedArrayBuffer;
  readonly head: Int32Array;
}
