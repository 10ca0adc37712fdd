/** Which pages of a database are read, where not all of its records are asked for. */
export interface PageChoice {
  /** True for a page whose records are asked for. */
  has(pgno: number): boolean;
  /** All of them, in order. */
  [Symbol.iterator](): Iterator<number>;
  /** Duplicates that are asked for may hang on pages that are not: each is looked at for them. */
  readonly isThorough: boolean;
}
