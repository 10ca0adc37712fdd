const nothing: Uint8Array = new Uint8Array(0);

/** Memory that one reader after the other fills: for thousands of small files, to get new memory costs more than to read them. */
export class SpareMemory {
  /** What nobody uses at the moment. */
  #spare = nothing;

  /** So many bytes, with anything in them. */
  take(bytes: number): Uint8Array {
    if (bytes === 0) return nothing;
    if (this.#spare.length < bytes) return new Uint8Array(bytes);
    const taken = this.#spare.subarray(0, bytes);
    this.#spare = nothing;
    return taken;
  }

  /** Takes back what was taken, which nobody looks at any more. */
  giveBack(taken: Uint8Array): void {
    if (taken.length > 0) this.#spare = new Uint8Array(taken.buffer);
  }
}
