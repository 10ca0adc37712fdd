/**
 * Records of a queue that are older than the copy they are in can be. The LSN of a page does not tell, as an abort sets it
 * back behind changes that are there (recovery document, C.7): what the records are before recovery and after it does.
 */

import { compareLsn } from '../../../format/lsn.ts';
import { olderCopy, type Change } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { type SlotBefore, type StoredFile } from '../page-store.ts';
import { Queue } from './queue-page.ts';

/** To be called before a change of a transaction that did not commit is taken back. */
export function keepBeforeUndo(change: Change, queue: Queue, page: CachedPage, recno: number): void {
  if (!change.copiedAfter) return;
  const slot = kept(queue, page, recno);
  if (slot) slot.undone ??= change.lsn;
}

/** To be called before redo of a change that the page may lack. */
export function keepBeforeRedo(change: Change, queue: Queue, page: CachedPage, recno: number): void {
  if (!change.copiedAfter) return;
  const slot = kept(queue, page, recno);
  if (slot) slot.redone = change.lsn;
}

/** What the record was before anything; undefined on pages that were never written, as those of extents that are gone. */
function kept(queue: Queue, page: CachedPage, recno: number): SlotBefore | undefined {
  const { slotsBefore } = queue.file;
  let slot = slotsBefore.get(recno);
  if (!slot && page.lsnFile !== 0) {
    slot = { data: queue.dataOf(page, recno)?.slice(), pageLsn: page.lsn, undone: undefined, redone: undefined };
    slotsBefore.set(recno, slot);
  }
  return slot;
}

/**
 * To be called for every file when redo is over: notes pages with records that the last change before the copy had made what they are,
 * and that were not that.
 */
export function noteOverdueSlots(file: StoredFile, { copiedAfter }: Change): void {
  if (file.slotsBefore.size === 0) return;
  const queue = new Queue(file);
  for (const [recno, { data, pageLsn, undone, redone }] of file.slotsBefore) {
    // What came since, or was taken back, may be on the disk or not.
    if (!redone || compareLsn(redone, copiedAfter!) >= 0 || (undone && compareLsn(undone, redone) > 0)) continue;
    const pgno = queue.pgnoOf(recno);
    const page = queue.holds(recno) ? file.page(pgno) : undefined;
    if (!page || isSame(data, queue.dataOf(page, recno)) || file.overdue.has(pgno)) continue;
    file.overdue.set(pgno, olderCopy(file.label, pgno, pageLsn, redone));
  }
  file.slotsBefore.clear();
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (!a || !b) return a === b;
  return Buffer.compare(a, b) === 0;
}
