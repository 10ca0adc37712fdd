/** Checks items that are kept on overflow pages (format document, 4.6.4). */

import { overflowData } from '../../format/page/overflow.ts';
import { pageType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from './file-check.ts';

/** Longer items are checked, but not compared. */
const maxKept = 1 << 16;

/**
 * Checks the chain of an item: links both ways, and the sum of its parts.
 *
 * @returns the item; undefined when it is damaged, very long, or shared with one met before
 */
export function* checkOverflow(
  check: FileCheck,
  first: number,
  length: number,
  from: number,
): Steps<Uint8Array | undefined> {
  if (first < check.end && check.shareOverflow(first)) return undefined;
  const kept: Uint8Array[] = [];
  let done = 0;
  let previous = 0;
  for (let pgno = first; pgno !== 0;) {
    yield;
    const page = check.claim(pgno, previous === 0 ? from : previous);
    if (!page) return undefined;
    if (page.type !== pageType.overflow) {
      check.find(pgno, `it has type ${page.type}, where an overflow page has to be`);
      return undefined;
    }
    if (page.prevPgno !== previous) {
      check.find(pgno, `the overflow page before it is ${previous}, but it says ${page.prevPgno}`);
    }
    if (pgno === first) check.beginOverflow(page);
    else if (page.entries !== 1) check.find(pgno, `one page refers to it, but it says ${page.entries}`);
    if (page.entries === 0) check.find(pgno, 'it is in use, but says that nothing refers to it');
    const part = overflowData(page);
    done += part.length;
    // A copy, so that its page need not be kept.
    if (done <= length && length <= maxKept) kept.push(part.slice());
    previous = pgno;
    pgno = page.nextPgno;
  }
  if (done === length) return length <= maxKept ? Buffer.concat(kept) : undefined;
  check.find(first, `the overflow item that begins here has ${done} bytes, not ${length} as page ${from} says`);
  return undefined;
}
