/** Pages that are read, changed and written again without coming into the cache: many of them at once, as they lie in their file. */

import { type Piece } from './piece.ts';

/** Pages that are read together. In bytes. */
const run = new Uint8Array(256 << 10);
/** Two pages further apart are not read at once, in bytes: to copy what lies in between costs more than another read. */
const longestGap = 32 << 10;
/** Pages in between are written as they were, up to so many bytes, where that takes no room. */
const longestGapWritten = 16 << 10;

/**
 * Changes a page where it lies in memory. Returns whether it is to be written: then it is in its stored form. One that is not to be written
 * may be in any.
 */
export type ChangePage = (bytes: Uint8Array, pgno: number) => boolean;

/** @param pgnos of pages of one piece, that begins with page 0, in order, each once; none of them is in the cache */
export function changeInPassing(piece: Piece, pgnos: Uint32Array, pageSize: number, change: ChangePage): void {
  const longest = Math.max(1, Math.floor(run.length / pageSize));
  for (let i = 0, end = 0; i < pgnos.length; i = end) {
    const first = pgnos[i]!;
    for (end = i + 1; end < pgnos.length && pgnos[end]! - first < longest; end++) {
      if ((pgnos[end]! - pgnos[end - 1]! - 1) * pageSize > longestGap) break;
    }
    changeRun(piece, pgnos.subarray(i, end), pageSize, change);
  }
}

function changeRun(piece: Piece, pgnos: Uint32Array, pageSize: number, change: ChangePage): void {
  const start = pgnos[0]! * pageSize;
  const bytes = run.subarray(0, (pgnos.at(-1)! + 1) * pageSize - start);
  piece.readRun(bytes, start, pageSize);
  const gap = piece.isInPlace ? longestGapWritten : 0;
  // What is written at once: changed pages, and what has only been read in between.
  let from = 0;
  let to = 0;
  const write = (): void => {
    if (to > from) piece.writePages(bytes.subarray(from, to), start + from, pageSize);
  };
  for (const pgno of pgnos) {
    const at = pgno * pageSize - start;
    const isChanged = change(bytes.subarray(at, at + pageSize), pgno);
    if (!isChanged || at > to + gap) {
      write();
      from = isChanged ? at : at + pageSize;
    }
    to = at + pageSize;
  }
  write();
}
