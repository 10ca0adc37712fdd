/** Log sequence numbers: the place of a record in the log (format document, section 0). */

/** Where a record is: the number of its log file, and the byte in it. */
export interface Lsn {
  readonly file: number;
  readonly offset: number;
}

/** No LSN: a page never written by a logged operation, or the end of a chain. */
export const noLsn: Lsn = { file: 0, offset: 0 };

/** Negative when `a` comes first, positive when `b` does, zero when they are equal. */
export function compareLsn(a: Lsn, b: Lsn): number {
  return a.file === b.file ? a.offset - b.offset : a.file - b.file;
}

export function equalLsn(a: Lsn, b: Lsn): boolean {
  return a.offset === b.offset && a.file === b.file;
}

/** True for `[0][0]`. */
export function isNoLsn(lsn: Lsn): boolean {
  return lsn.file === 0 && lsn.offset === 0;
}

/** True when the LSN names a record, that is, is neither `[0][0]` nor `[0][1]`. */
export function isLogged(lsn: Lsn): boolean {
  return lsn.file !== 0;
}

export function laterLsn(a: Lsn, b: Lsn): Lsn {
  return compareLsn(a, b) >= 0 ? a : b;
}

export function earlierLsn(a: Lsn, b: Lsn): Lsn {
  return compareLsn(a, b) <= 0 ? a : b;
}

/** As Berkeley DB prints it: `[12][4096]`. */
export function formatLsn(lsn: Lsn): string {
  return `[${lsn.file}][${lsn.offset}]`;
}

/** Reads `[12][4096]`, `12/4096` or `12 4096`; undefined when it is none of them. */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^\s*(?:\[(\d+)\]\s*\[(\d+)\]|(\d+)[/ ](\d+))\s*$/.exec(text);
  if (!match) return undefined;
  const file = Number(match[1] ?? match[3]);
  const offset = Number(match[2] ?? match[4]);
  return file <= 0xffffffff && offset <= 0xffffffff ? { file, offset } : undefined;
}
