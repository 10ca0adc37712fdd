/**
 * Redo and undo of the records of queues (recovery document, C.7). Records of a queue are locked one by one, so the LSN
 * of a page does not say what is on it: redo is harmless where the change is there already, and undo is always made,
 * with the LSN set back so that everything after it is redone.
 */

import { type BodyOf } from '../../../format/log/record.ts';
import * as queueRecords from '../../../format/log/records/queue.ts';
import { compareLsn, equalLsn, type Lsn } from '../../../format/lsn.ts';
import { pageType } from '../../../format/page/types.ts';
import { on, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { type StoredFile } from '../page-store.ts';
import { nextRecno, Queue, slotFlag } from './queue-page.ts';
import { keepBeforeRedo, keepBeforeUndo } from './queue-slots.ts';

/** What a `qam_mvptr` changes. */
const pointer = { first: 1, current: 2, truncate: 4 } as const;

/** The page of a record, made a queue page when it was never written. */
function dataPage(change: Change, pgno: number): CachedPage {
  return asDataPage(change, change.file.pageOrCreate(pgno));
}

function asDataPage(change: Change, page: CachedPage): CachedPage {
  if (page.type === pageType.invalid && page.pgno === 0) {
    page.pgno = page.number;
    page.type = pageType.queueData;
    page.dirty = true;
  }
  const isData = page.type === pageType.queueData && page.pgno === page.number;
  if (!isData) throw change.misfit(page, `it has type ${page.type} and calls itself page ${page.pgno}`);
  return page;
}

/** True when the page may lack the change. Its LSN stays: it is no more than a hint. */
function mayLack(change: Change, queue: Queue, page: CachedPage, recno: number): boolean {
  if (compareLsn(change.lsn, page.lsn) <= 0) {
    change.counts.present += 1;
    return false;
  }
  keepBeforeRedo(change, queue, page, recno);
  change.counts.applied += 1;
  page.dirty = true;
  return true;
}

/**
 * After undo: everything from the record on is made again. An undo that only checks looks at nothing, as an abort may
 * leave the LSNs of its changes behind (recovery document, C.7).
 */
function setBack(change: Change, page: CachedPage, before: Lsn): void {
  if (compareLsn(change.lsn, page.lsn) <= 0) change.unstamp(page, before);
  page.dirty = true;
}

interface AboutRecord {
  readonly pageLsn: Lsn;
  readonly pgno: number;
  readonly indx: number;
  readonly recno: number;
}

function queueOf(body: AboutRecord, change: Change, ...dataLengths: readonly number[]): Queue {
  const queue = new Queue(change.file);
  queue.requireFit(change, body.recno, body.pgno, body.indx, Math.max(0, ...dataLengths));
  return queue;
}

type Add = BodyOf<typeof queueRecords.add>;

const add = {
  redo(body: Add, change: Change): void {
    const { recno } = body;
    const queue = queueOf(body, change, body.data.length);
    const page = dataPage(change, body.pgno);
    if (queue.isBeforeFirst(recno)) queue.first = recno;
    if (recno === queue.current || queue.isAfterCurrent(recno)) queue.current = nextRecno(recno);
    if (mayLack(change, queue, page, recno)) queue.write(page, recno, body.data, slotFlag.valid | slotFlag.set);
  },
  undo(body: Add, change: Change): void {
    if (change.onlyChecking) return;
    const found = change.file.page(body.pgno);
    if (!found) return;
    const queue = queueOf(body, change, body.data.length, body.oldData.length);
    const page = asDataPage(change, found);
    keepBeforeUndo(change, queue, page, body.recno);
    if (body.oldData.length > 0) {
      const valid = body.oldFlags & slotFlag.valid;
      queue.write(page, body.recno, body.oldData, slotFlag.set | valid);
    } else {
      queue.setFlags(page, body.recno, 0);
    }
    setBack(change, page, body.pageLsn);
  },
};

type Del = BodyOf<typeof queueRecords.del>;

function redoDelete(body: AboutRecord, change: Change, queue: Queue, page: CachedPage): void {
  if (!mayLack(change, queue, page, body.recno)) return;
  queue.setFlags(page, body.recno, queue.flags(page, body.recno) & ~slotFlag.valid);
  if (change.version > 16) queue.skipGone();
}

/** The record is in the queue again: it must not lie before its beginning. */
function coverRecord(queue: Queue, recno: number): void {
  if (queue.first === 0 || queue.isBeforeFirst(recno)) queue.first = recno;
}

const del = {
  redo(body: Del, change: Change): void {
    redoDelete(body, change, queueOf(body, change), dataPage(change, body.pgno));
  },
  undo(body: Del, change: Change): void {
    if (change.onlyChecking) return;
    const queue = queueOf(body, change);
    const page = dataPage(change, body.pgno);
    keepBeforeUndo(change, queue, page, body.recno);
    coverRecord(queue, body.recno);
    queue.setFlags(page, body.recno, queue.flags(page, body.recno) | slotFlag.valid);
    setBack(change, page, body.pageLsn);
  },
};

type Delext = BodyOf<typeof queueRecords.delext>;

const delext = {
  redo(body: Delext, change: Change): void {
    const queue = queueOf(body, change, body.data.length);
    const page = change.file.page(body.pgno);
    // The extent is gone, as it is once all of its records are.
    if (page) redoDelete(body, change, queue, asDataPage(change, page));
  },
  undo(body: Delext, change: Change): void {
    if (change.onlyChecking) return;
    const queue = queueOf(body, change, body.data.length);
    const page = dataPage(change, body.pgno);
    keepBeforeUndo(change, queue, page, body.recno);
    coverRecord(queue, body.recno);
    queue.write(page, body.recno, body.data, slotFlag.valid | slotFlag.set);
    setBack(change, page, body.pageLsn);
  },
};

type Incfirst = BodyOf<typeof queueRecords.incfirst>;

/** The queue of a record about its metadata page. */
function pointersOf(change: Change, metaPgno: number): Queue {
  const queue = new Queue(change.file);
  if (metaPgno !== 0) throw change.misfit(queue.meta, `the record is about metadata page ${metaPgno}`);
  change.require(queue.isSound, queue.meta, 'its record length and records per page do not go together');
  return queue;
}

const incfirst = {
  redo(body: Incfirst, change: Change): void {
    const queue = pointersOf(change, body.metaPgno);
    const { meta } = queue;
    if (compareLsn(meta.lsn, change.lsn) < 0) change.stamp(meta);
    else change.counts.present += 1;
    if (change.version >= 23 && queue.isBeforeFirst(body.recno)) queue.first = body.recno;
    queue.skipGone();
  },
  undo(body: Incfirst, change: Change): void {
    if (change.onlyChecking) return;
    const queue = pointersOf(change, body.metaPgno);
    if (queue.isBeforeFirst(body.recno)) queue.first = body.recno;
  },
};

type Mvptr = BodyOf<typeof queueRecords.mvptr>;

const mvptr = {
  redo(body: Mvptr, change: Change): void {
    const queue = pointersOf(change, body.metaPgno);
    const { meta } = queue;
    // Later pointers come from other records, too: an unexpected LSN means nothing.
    if (!equalLsn(meta.lsn, body.metaLsn)) {
      change.counts.present += 1;
      return;
    }
    const { first, current } = queue;
    if ((body.opcode & pointer.first) !== 0 && first === body.oldFirst) {
      const movesBack = queue.isBeforeFirst(body.newFirst);
      if (movesBack || !queue.isValid(first)) queue.first = body.newFirst;
    }
    if ((body.opcode & pointer.current) !== 0 && current === body.oldCur) queue.current = body.newCur;
    change.noteIfOverdue(meta, body.metaLsn);
    change.stamp(meta);
  },
  undo(body: Mvptr, change: Change): void {
    if (change.onlyChecking) return;
    const queue = pointersOf(change, body.metaPgno);
    if ((body.opcode & pointer.truncate) === 0 || compareLsn(change.lsn, queue.meta.lsn) > 0) return;
    if ((body.opcode & pointer.first) !== 0) queue.first = body.oldFirst;
    if ((body.opcode & pointer.current) !== 0) queue.current = body.oldCur;
    change.unstamp(queue.meta, body.metaLsn);
  },
};

/**
 * To be called for every file when redo is over. Removes extents that no record of the queue is in, and sets the LSN of
 * the first page back to the last record: native recovery leaves it behind the end of a log that was cut off, and the
 * queue cannot be opened any more.
 */
export function finishQueue(file: StoredFile, lastRecord: Lsn): void {
  if (!file.isDatabase || file.format.method !== 'queue' || !file.page(0)) return;
  const queue = new Queue(file);
  if (!queue.isSound) return;
  const { meta } = queue;
  if (compareLsn(meta.lsn, lastRecord) > 0) {
    meta.lsn = lastRecord;
    meta.dirty = true;
  }
  if (!file.extents || file.changes === 0) return;
  for (const [number] of [...file.extents]) {
    if (queue.isOutside(number)) file.removeExtent(number);
  }
}

export const queueOperations: readonly Operation[] = [
  ...on(queueRecords.add, add),
  ...on(queueRecords.del, del),
  ...on(queueRecords.delext, delext),
  ...on(queueRecords.incfirst, incfirst),
  ...on(queueRecords.mvptr, mvptr),
];
