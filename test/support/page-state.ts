import { type Page } from '../../src/format/page/page.ts';
import { heapItemFlag, heapSlots, readableHeapPage } from '../../src/format/page/heap.ts';
import { pageType } from '../../src/format/page/types.ts';
import { itemSize } from '../../src/engine/recovery/record-operations/items.ts';

/**
 * What a page says, apart from where its items lie: undoing a change may leave them in other places (recovery document,
 * A.8). Two pages with the same state are the same to every reader.
 */
export function pageState(page: Page): object {
  const { type, level, pgno, entries } = page;
  const isInternal = type === pageType.btreeInternal || type === pageType.recnoInternal;
  return {
    // Of queues a hint, too.
    lsn: page.format.method === 'queue' ? undefined : page.lsn,
    pgno,
    type,
    level,
    entries,
    prevPgno: page.prevPgno,
    // Without meaning on internal pages (format document, 4.6.1).
    nextPgno: isInternal ? 0 : page.nextPgno,
    contents: contentsOf(page),
  };
}

function contentsOf(page: Page): string | readonly string[] {
  const hex = (from: number, to: number): string => Buffer.from(page.bytes.subarray(from, to)).toString('hex');
  switch (page.type) {
    case pageType.btreeLeaf:
    case pageType.recnoLeaf:
    case pageType.duplicateLeaf:
    case pageType.btreeInternal:
    case pageType.recnoInternal:
      return Array.from({ length: page.entries }, (_, i) => {
        const offset = page.itemAt(i);
        const item = hex(offset, offset + usedBytes(page, offset));
        // The fourth byte of an internal item is unused, and holds garbage.
        return page.type === pageType.btreeInternal ? `${item.slice(0, 6)}..${item.slice(8)}` : item;
      });
    case pageType.hash:
    case pageType.hashUnsorted:
      return Array.from({ length: page.entries }, (_, i) =>
        hex(page.itemAt(i), i === 0 ? page.size : page.itemAt(i - 1)),
      );
    case pageType.overflow:
      // Nobody refers to a page with reference count 0.
      return page.entries === 0 ? '' : hex(page.indexStart, page.indexStart + page.highFree);
    case pageType.heapData:
      return heapItems(page);
    case pageType.invalid:
    // Hints: how full the pages of a heap are, and where a queue begins and ends (recovery document, C.7, C.8).
    case pageType.heapRegion:
    case pageType.queueMeta:
      return '';
    default:
      return hex(26, 460);
  }
}

/** The items of a heap page by slot; a big-endian page is read as its release writes it. */
function heapItems(page: Page): readonly string[] {
  const readable = readableHeapPage(page, page.pgno);
  if (typeof readable === 'string') return [readable];
  return Array.from({ length: heapSlots(readable) }, (_, i) => {
    const offset = readable.itemAt(i);
    if (offset === 0) return '';
    const isSplit = (readable.bytes[offset]! & heapItemFlag.split) !== 0;
    const end = offset + (isSplit ? 16 : 4) + readable.u16(offset + 2);
    return Buffer.from(readable.bytes.subarray(offset, end)).toString('hex');
  });
}

/** Bytes of an item without the padding behind it. */
function usedBytes(page: Page, offset: number): number {
  const size = itemSize(page, offset);
  if (page.type === pageType.recnoInternal) return size;
  const head = page.type === pageType.btreeInternal ? 12 : 3;
  const isPlain = (page.bytes[offset + 2]! & 0x7f) === 1;
  return isPlain ? head + page.u16(offset) : size;
}
