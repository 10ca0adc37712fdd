/** The records of a stretch of a log file, found in WebAssembly: most of the time of a scan goes into checksums. */

import { frameSize, recordAt } from './frame.ts';
import { framesWasm } from './frames-wasm.ts';
import { isSound, type Framing } from './framing.ts';

/** What frames.wat exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly hash: (at: number, end: number) => number;
  readonly follow: (at: number, end: number, shift: number, prev: number, verify: number, found: number) => number;
}

/** The part of WebAssembly that is used here; Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const compiled = new WebAssembly.Module(Buffer.from(framesWasm, 'base64'));

const wasmPageSize = 0x10000;

/** A module of its own, with one page of memory. */
function newInstance(): Exports {
  return new WebAssembly.Instance(compiled).exports as Exports;
}

/** A record is at least this long, in bytes: its frame and the fields all records have. */
const shortest = 28;

/** Windows made larger for a single record are not kept, in bytes. */
const worthKeeping = 8 << 20;

/**
 * A window on a log file. Its owner fills `bytes` from the beginning; `follow` finds the records in it. Windows are kept
 * for later when they are given back: their memory is not the garbage collector's.
 */
export class LogWindow {
  static readonly #idle: LogWindow[] = [];
  readonly #exports: Exports;
  #size: number;
  bytes: Uint8Array;
  view: DataView;
  /** Where the records begin, after `follow`: positions in `bytes`. */
  starts: Uint32Array;

  private constructor(size: number) {
    this.#exports = newInstance();
    this.#size = size;
    const found = 4 * Math.ceil(size / shortest);
    const { memory } = this.#exports;
    memory.grow(Math.ceil((size + found) / wasmPageSize));
    this.bytes = new Uint8Array(memory.buffer, 0, size);
    this.view = new DataView(memory.buffer, 0, size);
    this.starts = new Uint32Array(memory.buffer, size, found / 4);
  }

  /** A window of at least `size` bytes. */
  static take(size: number): LogWindow {
    const i = LogWindow.#idle.findIndex((window) => window.#size >= size);
    const rounded = Math.ceil(size / wasmPageSize) * wasmPageSize;
    return i === -1 ? new LogWindow(rounded) : LogWindow.#idle.splice(i, 1)[0]!;
  }

  giveBack(): void {
    if (this.#size <= worthKeeping) LogWindow.#idle.push(this);
  }

  /**
   * Finds the records from `bytes[at]` on, up to the first that is not whole before `end`, does not follow the one before
   * it, or does not match its checksum. Returns how many there are.
   *
   * @param offset of `bytes[0]` in the file
   * @param prev offset in the file of the record before
   */
  follow(at: number, end: number, offset: number, prev: number, verify: boolean): number {
    return this.#exports.follow(at, end, offset, prev, verify ? 1 : 0, this.#size) >>> 0;
  }

  /** As `isSound` in framing.ts, for a record in the window. */
  isSound(at: number, length: number, framing: Framing): boolean {
    if (framing.cipher) return isSound(this.bytes, at, length, framing);
    const { view } = this;
    const links = view.getUint32(at + recordAt.prev, true) ^ length;
    return (
      (this.#exports.hash(at + frameSize, at + length) ^ links) === (view.getUint32(at + recordAt.checksum, true) | 0)
    );
  }
}

const single = newInstance();
const singleBytes = new Uint8Array(single.memory.buffer);

/**
 * Hash of `bytes[0, end)` in which the bytes `[hole, hole + holeLength)` count as zero (format document, 2.5). For pages: there may
 * be no more than 65536 bytes. The result is unsigned.
 */
export function hashWithHole(bytes: Uint8Array, hole: number, holeLength: number, end: number): number {
  singleBytes.set(end === bytes.length ? bytes : bytes.subarray(0, end));
  singleBytes.fill(0, hole, hole + holeLength);
  return single.hash(0, end) >>> 0;
}
