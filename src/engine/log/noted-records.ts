import { type ScannedRecord } from './scanned-record.ts';

const pieceSize = 256 << 10;

/** More of them than this are not kept, in bytes. */
const mostBytes = 32 << 20;

/** Records that are kept to be looked at once more, without reading their log again. */
export class NotedRecords {
  readonly #records: ScannedRecord[] = [];
  /** Memory in few large pieces: thousands of small ones keep the garbage collector busy. */
  #piece = new Uint8Array(0);
  #view = new DataView(this.#piece.buffer);
  #used = 0;
  #bytes = 0;

  keep(record: ScannedRecord): void {
    this.#bytes += record.length;
    if (!this.isComplete) return;
    if (this.#used + record.length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.max(pieceSize, record.length));
      this.#view = new DataView(this.#piece.buffer);
      this.#used = 0;
    }
    this.#records.push(record.copyTo(this.#piece, this.#view, this.#used));
    this.#used += record.length;
  }

  /** False where there were too many to keep all of them. */
  get isComplete(): boolean {
    return this.#bytes <= mostBytes;
  }

  [Symbol.iterator](): Iterator<ScannedRecord> {
    return this.#records.values();
  }
}
