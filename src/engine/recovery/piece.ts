/** The bytes of one file during recovery. */
export interface Piece {
  /** In bytes. */
  readonly size: number;
  /** To write a page as it is takes no more room. */
  readonly isInPlace: boolean;
  /** Fills `target`; bytes past the end of the file read as zero. */
  read(target: Uint8Array, position: number): void;
  /** Fills `target` with pages that follow each other: as `read` would with each of them, but at once. */
  readRun(target: Uint8Array, position: number, pageSize: number): void;
  write(source: Uint8Array, position: number): void;
  /** Writes pages that lie one behind the other. */
  writePages(source: Uint8Array, position: number, pageSize: number): void;
  /** Cuts the file off, or does nothing when it is shorter already. */
  shorten(size: number): void;
}
