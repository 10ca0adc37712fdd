const empty = -1;

/** Ids that differ in these bits alone lie side by side: of transactions and pages, the next one is mostly in the same line of memory. */
const neighbourBits = 4;
const neighbourMask = 0xf;

/** Numbers by 32-bit ids, none of which is 0: a hash table without an object for each. */
export class IdIndex {
  #ids = new Uint32Array(16);
  #values = new Int32Array(16);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of an id; -1 when it has none. */
  get(id: number): number {
    const at = this.#find(id);
    return this.#ids[at] === id && id !== 0 ? this.#values[at]! : empty;
  }

  /** @param value not negative */
  set(id: number, value: number): void {
    let at = this.#find(id);
    if (this.#ids[at] !== id) {
      if (2 * (this.#size + 1) > this.#ids.length) {
        this.#resize(2 * this.#ids.length);
        at = this.#find(id);
      }
      this.#ids[at] = id;
      this.#size += 1;
    }
    this.#values[at] = value;
  }

  delete(id: number): void {
    const ids = this.#ids;
    const mask = ids.length - 1;
    let hole = this.#find(id);
    if (ids[hole] !== id || id === 0) return;
    this.#size -= 1;
    // Whatever was put further on because this place was taken moves up.
    for (let at = (hole + 1) & mask; ids[at] !== 0; at = (at + 1) & mask) {
      const home = this.#home(ids[at]!);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      ids[hole] = ids[at]!;
      this.#values[hole] = this.#values[at]!;
      hole = at;
    }
    ids[hole] = 0;
  }

  /** Takes out the ids that `isOut` is true for. */
  deleteWhere(isOut: (id: number) => boolean): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Uint32Array(16);
    this.#values = new Int32Array(16);
    this.#size = 0;
    for (let i = 0; i < ids.length; i++) if (ids[i] !== 0 && !isOut(ids[i]!)) this.set(ids[i]!, values[i]!);
  }

  /** True when `isWanted` is true for one of the ids. */
  some(isWanted: (id: number) => boolean): boolean {
    return this.#ids.some((id) => id !== 0 && isWanted(id));
  }

  #resize(length: number): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Uint32Array(length);
    this.#values = new Int32Array(length);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] === 0) continue;
      const at = this.#find(ids[i]!);
      this.#ids[at] = ids[i]!;
      this.#values[at] = values[i]!;
    }
  }

  #home(id: number): number {
    const mixed = Math.imul(id >>> neighbourBits, 0x9e3779b1);
    const group = mixed ^ (mixed >>> 15);
    return ((group << neighbourBits) | (id & neighbourMask)) & (this.#ids.length - 1);
  }

  /** Where an id is, or would be put. */
  #find(id: number): number {
    const mask = this.#ids.length - 1;
    let at = this.#home(id);
    while (this.#ids[at] !== 0 && this.#ids[at] !== id) at = (at + 1) & mask;
    return at;
  }
}
