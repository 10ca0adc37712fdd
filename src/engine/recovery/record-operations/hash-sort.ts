import { pageType } from '../../../format/page/types.ts';
import { type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';

/** The bytes that an overflow item refers to. Throws when the chain of pages does not hold them. */
export function overflowChain(change: Change, page: CachedPage, item: Uint8Array): Uint8Array {
  const view = new DataView(item.buffer, item.byteOffset, item.byteLength);
  const { littleEndian } = change.isSwapped ? { littleEndian: true } : page;
  const total = view.getUint32(8, littleEndian);
  const { file } = change;
  if (total > file.pageCount * page.size) throw change.misfit(page, `a key of ${total} bytes`);
  const bytes = new Uint8Array(total);
  let done = 0;
  for (let pgno = view.getUint32(4, littleEndian); done < total;) {
    const part = file.page(pgno);
    if (part?.type !== pageType.overflow) throw change.misfit(page, `page ${pgno} holds no part of a key`);
    const { indexStart, highFree, nextPgno } = part;
    const length = Math.min(highFree, total - done, part.size - indexStart);
    if (length <= 0) throw change.misfit(page, `page ${pgno} holds no part of a key`);
    bytes.set(part.bytes.subarray(indexStart, indexStart + length), done);
    done += length;
    pgno = nextPgno;
  }
  return bytes;
}
