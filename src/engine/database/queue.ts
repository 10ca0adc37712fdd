/** Reads queues, with and without extents (format document, 4.9). */

import { metaAt } from '../../format/page/meta.ts';
import {
  firstRecordOf,
  lastRecno,
  pageOfRecord,
  queueLayout,
  queueRecord,
  type QueueLayout,
} from '../../format/page/queue.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { type DatabaseRecord } from './trees.ts';

/** Records from the first to the current one; past the last number that there is, numbers begin with 1 again. */
export function* queueRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  const first = meta.u32(metaAt.queue.first);
  const current = meta.u32(metaAt.queue.current);
  const layout = queueLayout(meta);
  if (!layout) throw file.broken(0, `it has no room for ${meta.u32(metaAt.queue.recordsPerPage)} records a page`);
  if (first <= current) {
    yield* recordsBetween(file, layout, first, current);
  } else {
    yield* recordsBetween(file, layout, first, lastRecno + 1);
    yield* recordsBetween(file, layout, 1, current);
  }
}

/** Records `[from, to)`. Only pages that exist are looked at: there may be billions of numbers between them. */
function* recordsBetween(file: DatabaseFile, layout: QueueLayout, from: number, to: number): Generator<DatabaseRecord> {
  for (const { start, end } of file.queuePages()) {
    for (let pgno = start; pgno < end; pgno++) {
      const firstRecord = Math.max(from, firstRecordOf(pgno, layout));
      if (firstRecord >= to) return;
      if (pageOfRecord(firstRecord, layout) !== pgno) continue;
      const page = file.pageIfThere(pgno);
      const endRecord = Math.min(to, firstRecordOf(pgno + 1, layout));
      for (let recno = firstRecord; page && recno < endRecord; recno++) {
        const data = queueRecord(page, recno, layout);
        if (data) yield { key: recno, data };
      }
    }
  }
}
