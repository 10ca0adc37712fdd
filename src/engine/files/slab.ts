/** Memory in few large pieces, for what stays: thousands of small ones keep the garbage collector busy. */
export class Slab {
  readonly #pieceSize: number;
  #free = new Uint8Array(0);

  /** @param pieceSize of a piece, in bytes */
  constructor(pieceSize: number) {
    this.#pieceSize = pieceSize;
  }

  /** So many bytes, of zeros; no more than a piece has. */
  take(size: number): Uint8Array {
    if (this.#free.length < size) this.#free = new Uint8Array(this.#pieceSize);
    const taken = this.#free.subarray(0, size);
    this.#free = this.#free.subarray(size);
    return taken;
  }
}
