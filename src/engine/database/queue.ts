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
import { type Page } from '../../format/page/page.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { type PageChoice } from './page-choice.ts';
import { type DatabaseRecord } from './trees.ts';

/**
 * Records from the first to the current one; past the last number that there is, numbers begin with 1 again.
 *
 * @param choice only the records on these pages
 */
export function* queueRecords({ file, meta }: Database, choice?: PageChoice): Generator<DatabaseRecord> {
  const layout = layoutOf({ file, meta });
  for (const { from, to } of numbersOf(meta)) yield* recordsBetween(file, layout, from, to, choice);
}

function layoutOf({ file, meta }: Pick<Database, 'file' | 'meta'>): QueueLayout {
  const layout = queueLayout(meta);
  if (layout) return layout;
  throw file.broken(0, `it has no room for ${meta.u32(metaAt.queue.recordsPerPage)} records a page`);
}

/** Numbers of records: `to` is not among them. */
interface Numbers {
  readonly from: number;
  readonly to: number;
}

/** The numbers that records of a queue can have. */
function numbersOf(meta: Page): readonly Numbers[] {
  const first = meta.u32(metaAt.queue.first);
  const current = meta.u32(metaAt.queue.current);
  if (first <= current) return [{ from: first, to: current }];
  return [
    { from: first, to: lastRecno + 1 },
    { from: 1, to: current },
  ];
}

/** Numbers that records on a page of a queue can have. Two states of a page that does not change differ where these do. */
export function numbersOnPage(database: Pick<Database, 'file' | 'meta'>, pgno: number): readonly Numbers[] {
  const layout = layoutOf(database);
  const first = firstRecordOf(pgno, layout);
  const end = firstRecordOf(pgno + 1, layout);
  return numbersOf(database.meta)
    .map(({ from, to }) => ({ from: Math.max(from, first), to: Math.min(to, end) }))
    .filter(({ from, to }) => from < to);
}

/** Records `[from, to)`. Only pages that exist are looked at: there may be billions of numbers between them. */
function* recordsBetween(
  file: DatabaseFile,
  layout: QueueLayout,
  from: number,
  to: number,
  choice: PageChoice | undefined,
): Generator<DatabaseRecord> {
  for (const { start, end } of file.queuePages()) {
    for (let pgno = start; pgno < end; pgno++) {
      if (choice && !choice.has(pgno)) continue;
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
