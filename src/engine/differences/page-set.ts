/** Numbers of pages, a bit for each: a log can name millions. */

/** Pages of one chunk. */
const chunkPages = 1 << 15;

export class PageSet {
  readonly #chunks = new Map<number, Uint32Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(pgno: number): void {
    const number = Math.floor(pgno / chunkPages);
    let chunk = this.#chunks.get(number);
    if (!chunk) this.#chunks.set(number, (chunk = new Uint32Array(chunkPages / 32)));
    const at = pgno % chunkPages;
    const bit = 1 << (at % 32);
    if ((chunk[at >> 5]! & bit) !== 0) return;
    chunk[at >> 5]! |= bit;
    this.#size += 1;
  }

  has(pgno: number): boolean {
    const chunk = this.#chunks.get(Math.floor(pgno / chunkPages));
    const at = pgno % chunkPages;
    return chunk !== undefined && (chunk[at >> 5]! & (1 << (at % 32))) !== 0;
  }

  /** In order. */
  *[Symbol.iterator](): Generator<number> {
    for (const number of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const chunk = this.#chunks.get(number)!;
      for (let at = 0; at < chunkPages; at++) {
        if ((chunk[at >> 5]! & (1 << (at % 32))) !== 0) yield number * chunkPages + at;
      }
    }
  }
}
