/** Heaps that may be damaged. */

import {
  heapItemData,
  heapItemFlag,
  heapItemSize,
  heapPiece,
  heapSlots,
  isHeapRecord,
  knownHeapFlags,
} from '../../../format/page/heap.ts';
import { type Page } from '../../../format/page/page.ts';
import { pageType } from '../../../format/page/types.ts';
import { type DatabaseRecord } from '../trees.ts';
import { externalFile } from './items.ts';
import { type SalvagePages } from './pages.ts';

/** The records that begin on a page of a heap. */
export function* heapRecordsOn(pages: SalvagePages, page: Page): Generator<DatabaseRecord> {
  if (page.entries === 0) return;
  const slots = Math.min(heapSlots(page), (page.size - page.indexStart) >> 1);
  for (let i = 0; i < slots; i++) {
    if (page.itemAt(i) === 0) continue;
    const offset = itemAt(page, i);
    if (offset === undefined) {
      pages.tell(page.pgno, `the item of slot ${i} cannot be read`);
      continue;
    }
    if (!isHeapRecord(page, offset)) continue;
    const data = recordAt(pages, page, offset);
    if (data) yield { key: undefined, data };
  }
}

/** The offset of the item of a slot; undefined when none can be there. */
function itemAt(page: Page, i: number): number | undefined {
  const offset = page.itemAt(i);
  if (offset < page.indexStart + 2 * (i + 1) || offset % 4 !== 0 || offset + 4 > page.size) return undefined;
  if (page.bytes[offset]! > knownHeapFlags) return undefined;
  return offset + heapItemSize(page, offset) <= page.size ? offset : undefined;
}

function recordAt(pages: SalvagePages, page: Page, offset: number): Uint8Array | undefined {
  const flags = page.bytes[offset]!;
  if ((flags & heapItemFlag.externalFile) !== 0) return externalFile(pages, page, offset, 'heap');
  return (flags & heapItemFlag.split) === 0 ? heapItemData(page, offset) : piecesFrom(pages, page, offset);
}

/** The pieces of a record up to the first one that is missing, which is told. */
function piecesFrom(pages: SalvagePages, first: Page, firstOffset: number): Uint8Array {
  const head = heapPiece(first, firstOffset);
  const parts = [head.data];
  let length = head.data.length;
  for (let piece = head; !piece.isLast && length < head.totalLength && parts.length <= pages.pageCount;) {
    const { nextPgno, nextIndx } = piece;
    const page = pages.page(nextPgno);
    const isThere = page?.type === pageType.heapData && page.entries > 0 && nextIndx < heapSlots(page);
    const offset = isThere ? itemAt(page, nextIndx) : undefined;
    const flags = offset === undefined ? 0 : page!.bytes[offset]!;
    if ((flags & heapItemFlag.split) === 0 || (flags & heapItemFlag.first) !== 0) break;
    piece = heapPiece(page!, offset!);
    parts.push(piece.data);
    length += piece.data.length;
  }
  if (length !== head.totalLength) {
    pages.tell(first.pgno, `of a record of ${head.totalLength} bytes in pieces ${length} can be read, which are given`);
  }
  return Buffer.concat(parts);
}
