/** Checks queues (format document, 4.9). */

import { metaAt } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { queueLayout, slotFlag } from '../../format/page/queue.ts';
import { pageType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from './file-check.ts';

/** Checks every page that the queue of a metadata page has. Slots of records that are gone may hold anything old. */
export function* checkQueue(check: FileCheck, meta: Page): Steps {
  const layout = queueLayout(meta);
  const recordsPerPage = meta.u32(metaAt.queue.recordsPerPage);
  if (!layout) {
    check.find(0, `it has no room for ${recordsPerPage} records a page`);
    return;
  }
  const { start, slotSize } = layout;
  const fitting = Math.floor((meta.size - start) / slotSize);
  if (recordsPerPage !== fitting) check.find(0, `it says that ${recordsPerPage} records fit a page, not ${fitting}`);
  if (meta.u32(metaAt.queue.first) === 0 || meta.u32(metaAt.queue.current) === 0) {
    check.find(0, 'it counts records from 0, and not from 1');
  }
  for (const run of check.file.queuePages()) {
    for (let pgno = run.start; pgno < run.end; pgno++) {
      yield;
      const page = check.look(pgno);
      if (!page || isBlank(page.bytes)) continue;
      if (page.type !== pageType.queueData) {
        check.find(pgno, `it has type ${page.type}, where a page of a queue has to be`);
        continue;
      }
      for (let i = 0; i < recordsPerPage; i++) {
        const flags = page.bytes[start + i * slotSize]!;
        // A record that is there was set.
        const isKnown = flags <= (slotFlag.valid | slotFlag.set) && flags !== slotFlag.valid;
        if (!isKnown) check.find(pgno, `slot ${i} has the flags ${flags}, which no record has`);
      }
    }
  }
}
