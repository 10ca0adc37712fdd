/** Queues that may be damaged. */

import {
  firstRecordOf,
  lastRecno,
  layoutOfRecords,
  queueLayout,
  recordInSlot,
  type QueueLayout,
} from '../../../format/page/queue.ts';
import { pageType } from '../../../format/page/types.ts';
import { type DatabaseRecord } from '../trees.ts';
import { type SalvagePages } from './pages.ts';

/**
 * Every record that is in a slot, whatever the first page says of the first and the last one; undefined now and then.
 *
 * @param recordLength in bytes, in place of what the first page says
 */
export function* queueRecordsOf(
  pages: SalvagePages,
  recordLength: number | undefined,
): Generator<DatabaseRecord | undefined> {
  const layout = layoutOf(pages, recordLength);
  if (!layout) return;
  const slots = layoutOfRecords(layout.recordLength, pages.format).recordsPerPage;
  if (slots !== layout.recordsPerPage) {
    pages.tell(
      0,
      `it says that pages hold ${layout.recordsPerPage} records, but ${slots} fit: their numbers may be wrong`,
    );
  }
  for (const { start, end } of pages.queuePages) {
    for (let pgno = start; pgno < end; pgno++) {
      yield undefined;
      const page = pages.page(pgno);
      if (page?.type !== pageType.queueData) continue;
      const first = firstRecordOf(pgno, layout);
      for (let slot = 0; slot < slots && first + slot <= lastRecno; slot++) {
        const data = recordInSlot(page, slot, layout);
        if (data) yield { key: first + slot, data };
      }
    }
  }
}

function layoutOf(pages: SalvagePages, recordLength: number | undefined): QueueLayout | undefined {
  const { meta, format, isMetaCertain } = pages;
  if (recordLength !== undefined) return layoutOfRecords(recordLength, format);
  const layout = meta?.type === pageType.queueMeta ? queueLayout(meta) : undefined;
  // The two numbers on the page prove each other.
  const full = layout && layoutOfRecords(layout.recordLength, format).recordsPerPage;
  if (layout && (isMetaCertain || layout.recordsPerPage === full)) return layout;
  pages.tell(0, 'it does not say how long the records are: give --record-length');
  return undefined;
}
