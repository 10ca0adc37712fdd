/** Any page of a database file as people read it, sound or not. */

import { type Lsn } from '../lsn.ts';
import { isTreeInternal, isTreeLeaf } from './btree.ts';
import { checkPage } from './check.ts';
import { fromStored, hasRightChecksum } from './checksum.ts';
import { describeItems, type PageItem } from './describe-items.ts';
import { metadataFields, type Fields } from './describe-meta.ts';
import { isHashPage } from './hash.ts';
import { heapSlots, readableHeapPage } from './heap.ts';
import { metaSize, type DatabaseFormat } from './meta.ts';
import { isBlank, Page } from './page.ts';
import { type QueueLayout } from './queue.ts';
import { isMetaType, pageType, pageTypeName } from './types.ts';

export interface PageDescription {
  /** Where the page is in its file, whatever it says itself. */
  readonly pgno: number;
  readonly lsn: Lsn;
  readonly type: number;
  /** Undefined when there is no such type. */
  readonly typeName: string | undefined;
  /** It was never written. */
  readonly isBlank: boolean;
  /** `unknown` without the key to an encrypted page. */
  readonly checksum: 'right' | 'wrong' | 'none' | 'unknown';
  /** What is wrong with the page; what is wrong with an item is told there. */
  readonly problem: string | undefined;
  /** The other fields of its header, as its type has them. */
  readonly header: Fields;
  /** Metadata pages only. */
  readonly metadata: Fields | undefined;
  readonly items: readonly PageItem[];
  /** Bytes that nothing uses; undefined where the type does not tell. */
  readonly freeBytes: number | undefined;
}

/**
 * Describes a page from its bytes as they lie on disk, `format.pageSize` of them. Whatever they are, this returns, and
 * reads nothing outside of them.
 *
 * @param layout that of a queue, whose pages do not tell where their records are
 */
export function describePage(
  stored: Uint8Array,
  pgno: number,
  format: DatabaseFormat,
  layout?: QueueLayout,
): PageDescription {
  const raw = new Page(fromStored(stored, format), format);
  const isWritten = !isBlank(stored);
  const isOpaque = format.encrypted && !format.cipher;
  let problem = checkPage(stored, pgno, format)?.problem;
  let page = raw;
  if (raw.type === pageType.heapData && !isOpaque) {
    // Big-endian heaps are not as their page says (format document, 4.10.5).
    const readable = readableHeapPage(raw, pgno);
    if (typeof readable === 'string') problem ??= readable;
    else page = readable;
  }
  const isMeta = isMetaType(page.type) && page.size >= metaSize;
  return {
    pgno,
    lsn: page.lsn,
    type: page.type,
    typeName: pageTypeName(page.type),
    isBlank: !isWritten,
    checksum: checksumOf(stored, format, isWritten, isOpaque),
    problem,
    header: headerOf(page),
    metadata: isMeta ? metadataFields(page) : undefined,
    items: isWritten && !isOpaque ? describeItems(page, layout) : [],
    freeBytes: isWritten ? freeBytesOf(page) : undefined,
  };
}

function checksumOf(
  stored: Uint8Array,
  format: DatabaseFormat,
  isWritten: boolean,
  isOpaque: boolean,
): PageDescription['checksum'] {
  if (!format.checksums || !isWritten) return 'none';
  if (isOpaque) return 'unknown';
  return hasRightChecksum(stored, format) ? 'right' : 'wrong';
}

/** The fields of the header that mean something on pages of its type (format document, 4.4.1). */
function headerOf(page: Page): Fields {
  const { pgno, prevPgno, nextPgno, entries, highFree, level } = page;
  const links = { prevPgno, nextPgno };
  switch (page.type) {
    case pageType.queueData:
    case pageType.btreeMeta:
    case pageType.hashMeta:
    case pageType.queueMeta:
    case pageType.heapMeta:
      return { pgno };
    case pageType.heapData:
      return { pgno, highIndx: page.u16(16), freeIndx: page.u16(18), entries, itemsStart: highFree };
    case pageType.heapRegion:
      return { pgno, highPgno: prevPgno, ...roomOf(page) };
    case pageType.overflow:
      return { pgno, ...links, references: entries, length: highFree };
    case pageType.invalid:
      return { pgno, nextPgno };
    case pageType.btreeInternal:
    case pageType.recnoInternal:
      // On the root of a tree that counts its records their number is in the place of a link.
      return { pgno, level, records: prevPgno, entries, itemsStart: page.itemsStart };
    default:
      return { pgno, level, ...links, entries, itemsStart: page.itemsStart };
  }
}

/** How many pages of a heap's region have how much room, by the bitmap: a hint of the library for itself. */
function roomOf(page: Page): Fields {
  const high = page.prevPgno;
  const counts = [0, 0, 0, 0];
  const end = Math.min(high - page.pgno, (page.size - page.indexStart) * 4);
  for (let i = 0; i < end; i++) {
    const byte = page.bytes[page.indexStart + (i >> 2)]!;
    counts[(byte >> (2 * (i & 3))) & 3]! += 1;
  }
  const [roomy = 0, some = 0, little = 0, full = 0] = counts;
  return {
    pagesOverTwoThirdsFree: roomy,
    pagesOverOneThirdFree: some,
    pagesOverTwentiethFree: little,
    pagesFull: full,
  };
}

/** Between the index and the items; on overflow pages, behind the data. Never less than nothing. */
export function freeBytesOf(page: Page): number | undefined {
  const { type, size, indexStart, entries, highFree, itemsStart } = page;
  if (type === pageType.overflow) return Math.max(0, size - indexStart - highFree);
  if (type === pageType.heapData) {
    return entries === 0 ? size - indexStart : Math.max(0, Math.min(highFree, size) - indexStart - 2 * heapSlots(page));
  }
  const hasIndex = isTreeLeaf(type) || isTreeInternal(type) || isHashPage(type);
  return hasIndex ? Math.max(0, Math.min(itemsStart, size) - indexStart - 2 * entries) : undefined;
}
