/** Reads queues, with and without extents (format document, 4.9). */

import { metaAt } from '../../format/page/meta.ts';
import { type Database } from './database-file.ts';
import { type DatabaseRecord } from './trees.ts';

const slotFlag = { valid: 1, set: 2 } as const;

const maxRecno = 0xffff_ffff;

export function* queueRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  const first = meta.u32(metaAt.queue.first);
  const current = meta.u32(metaAt.queue.current);
  const recordLength = meta.u32(metaAt.queue.recordLength);
  const perPage = meta.u32(metaAt.queue.recordsPerPage);
  const { encrypted, checksums, pageSize } = file.format;
  const start = encrypted ? 64 : checksums ? 48 : 28;
  const slot = (1 + recordLength + 3) & ~3;
  if (perPage === 0 || start + perPage * slot > pageSize) {
    throw file.broken(0, `${perPage} records of ${recordLength} bytes do not fit a page`);
  }
  for (let recno = first; recno !== current;) {
    const pgno = 1 + Math.floor((recno - 1) / perPage);
    const page = recno === 0 ? undefined : file.pageIfThere(pgno);
    if (!page) {
      // Nothing on this page: on to the next, or to the end.
      const next = pgno * perPage + 1;
      const passesEnd = current > recno && current <= next;
      recno = passesEnd ? current : next > maxRecno || recno === 0 ? 1 : next;
      continue;
    }
    const offset = start + ((recno - 1) % perPage) * slot;
    if ((page.bytes[offset]! & slotFlag.valid) !== 0) {
      yield { key: recno, data: page.bytes.subarray(offset + 1, offset + 1 + recordLength) };
    }
    recno = recno === maxRecno ? 1 : recno + 1;
  }
}
