/** Reads heaps (format document, 4.10). */

import { FigaroError } from '../../errors.ts';
import { metaAt } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { type DatabaseRecord } from './trees.ts';

const itemFlag = { split: 1, first: 2, last: 4, externalFile: 8 } as const;

export function* heapRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  if (!file.format.littleEndian) {
    throw new FigaroError('format-unsupported', `${file.path} is a big-endian heap, which can not be read yet`, {
      path: file.path,
      hint: 'each release writes such files in a way of its own (format document, 4.10.5).',
    });
  }
  const last = meta.u32(metaAt.lastPgno);
  for (let pgno = 1; pgno <= last; pgno++) {
    const page = file.pageIfThere(pgno);
    if (!page || page.type !== pageType.heapData || page.entries === 0) continue;
    for (let i = 0; i <= page.u16(16); i++) {
      const offset = page.itemAt(i);
      if (offset === 0) continue;
      const flags = page.bytes[offset]!;
      const isRecord = (flags & itemFlag.split) === 0 || (flags & itemFlag.first) !== 0;
      if (isRecord) yield { key: undefined, data: readItem(file, page, offset) };
    }
  }
}

function readItem(file: DatabaseFile, firstPage: Page, firstOffset: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let page = firstPage;
  let offset = firstOffset;
  for (;;) {
    const flags = page.bytes[offset]!;
    const size = page.u16(offset + 2);
    if ((flags & itemFlag.externalFile) !== 0) {
      throw new FigaroError('format-unsupported', `${file.path} holds external files, which can not be read yet`);
    }
    if ((flags & itemFlag.split) === 0) return page.bytes.subarray(offset + 4, offset + 4 + size);
    parts.push(page.bytes.subarray(offset + 16, offset + 16 + size));
    if ((flags & itemFlag.last) !== 0) return Buffer.concat(parts);
    if (parts.length > file.pageCount) throw file.broken(firstPage.pgno, 'a split record runs in a circle');
    const pgno = page.u32(offset + 8);
    const indx = page.u16(offset + 12);
    page = file.page(pgno);
    if (page.type !== pageType.heapData || indx > page.u16(16)) {
      throw file.broken(pgno, 'a piece of a split record has to be here');
    }
    offset = page.itemAt(indx);
    if (offset === 0) throw file.broken(pgno, 'a piece of a split record has to be here');
  }
}
