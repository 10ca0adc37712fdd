/** A map by number that is mostly empty, and takes next to no memory then: each of thousands of files has several. */
export class SparseMap<Value> {
  #map: Map<number, Value> | undefined;

  get size(): number {
    return this.#map === undefined ? 0 : this.#map.size;
  }

  has(key: number): boolean {
    return this.#map !== undefined && this.#map.has(key);
  }

  get(key: number): Value | undefined {
    return this.#map === undefined ? undefined : this.#map.get(key);
  }

  set(key: number, value: Value): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: number): void {
    this.#map?.delete(key);
  }

  clear(): void {
    this.#map = undefined;
  }

  keys(): Iterable<number> {
    return this.#map?.keys() ?? [];
  }

  values(): Iterable<Value> {
    return this.#map?.values() ?? [];
  }

  [Symbol.iterator](): Iterator<readonly [number, Value]> {
    return this.#map?.entries() ?? [][Symbol.iterator]();
  }
}
