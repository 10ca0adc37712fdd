/** Items of pages that may be damaged. */

import { overflowLength, referenceOf, treeItemData, treeItemSize, treeItemType } from '../../../format/page/btree.ts';
import { overflowData } from '../../../format/page/overflow.ts';
import { type Page } from '../../../format/page/page.ts';
import { itemType, pageType } from '../../../format/page/types.ts';
import { FigaroError } from '../../../errors.ts';
import { formatBytes } from '../../../measures.ts';
import { readExternalItem } from '../external-files.ts';
import { type SalvagePages } from './pages.ts';

/** What stands for a key, or for data, that cannot be read: as db_dump -r has it. */
export const unknown = {
  key: Buffer.from('UNKNOWN_KEY'),
  data: Buffer.from('UNKNOWN_DATA'),
  either: Buffer.from('UNKNOWN'),
} as const;

/** Longer items are not put together, in bytes: a line of a dump cannot be longer. */
const longest = 1 << 27;

/**
 * How many entries of the index can be believed. An index that runs into the items ends where they begin: by the header of
 * the page or by the lowest of its entries, since one of the two may be damaged.
 */
export function entryCount(page: Page): number {
  const { entries, indexStart, size, itemsStart } = page;
  const most = Math.min(entries, (size - indexStart) >> 1);
  let lowest = size;
  for (let i = 0; i < most; i++) lowest = Math.min(lowest, page.itemAt(i));
  const end = itemsStart <= size ? Math.max(lowest, itemsStart) : lowest;
  return Math.max(0, Math.min(most, (end - indexStart) >> 1));
}

/** The offset of item `i` of a tree page; undefined when no item can be there. */
export function treeItemAt(page: Page, i: number): number | undefined {
  const offset = page.itemAt(i);
  if (offset < page.indexStart + 2 * (i + 1) || offset % 4 !== 0 || offset + 4 > page.size) return undefined;
  const size = treeItemSize(page, offset);
  return size > 0 && offset + size <= page.size ? offset : undefined;
}

/** The bytes of a leaf item; undefined when they cannot be read. */
export function treeItem(pages: SalvagePages, page: Page, offset: number): Uint8Array | undefined {
  switch (treeItemType(page, offset)) {
    case itemType.keyData:
      return treeItemData(page, offset);
    case itemType.overflow:
      return overflowItem(pages, referenceOf(page, offset), overflowLength(page, offset));
    case itemType.externalFile:
      return externalFile(pages, page, offset, 'tree');
    default:
      return undefined;
  }
}

/** The contents of an external file; undefined when they are not there. */
export function externalFile(
  pages: SalvagePages,
  page: Page,
  offset: number,
  kind: 'tree' | 'heap',
): Uint8Array | undefined {
  try {
    return readExternalItem(pages, page, offset, kind);
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    pages.tell(page.pgno, `an item cannot be read: ${error.message}`);
    return undefined;
  }
}

/** The pages of an overflow chain up to where it breaks; each once. */
function* overflowPages(pages: SalvagePages, first: number): Generator<Page, 'whole' | 'broken'> {
  const seen = new Set<number>();
  for (let pgno = first; pgno !== 0;) {
    const page = seen.has(pgno) ? undefined : pages.page(pgno);
    if (page?.type !== pageType.overflow) return 'broken';
    seen.add(pgno);
    pages.referenced.add(pgno);
    yield page;
    pgno = page.nextPgno;
  }
  return 'whole';
}

/**
 * An item kept on overflow pages; undefined when a page of it is missing. One of another length than is said is told, and
 * given as it is.
 */
export function overflowItem(pages: SalvagePages, first: number, length?: number): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let done = 0;
  const chain = overflowPages(pages, first);
  let step = chain.next();
  for (; !step.done; step = chain.next()) {
    const part = overflowData(step.value);
    parts.push(part);
    done += part.length;
    if (done > longest) {
      pages.tell(first, `the item that begins here is longer than ${formatBytes(longest)} and is passed over`);
      return undefined;
    }
  }
  if (step.value === 'broken') {
    pages.tell(first, `the item that begins here, or should, is passed over: not all of its pages are overflow pages`);
    return undefined;
  }
  if (length !== undefined && done !== length) {
    pages.tell(first, `the item that begins here has ${done} bytes, not ${length}`);
  }
  return Buffer.concat(parts);
}

/** Notes that the pages of an item that is not read are in use all the same. */
export function refer(pages: SalvagePages, first: number): void {
  for (const _ of overflowPages(pages, first)) void _;
}
