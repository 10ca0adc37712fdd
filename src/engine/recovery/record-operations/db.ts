/** Redo and undo of records of all access methods that are not about allocation (recovery document, C.2, C.3). */

import { writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { modeOf } from '../../../format/log/cursor.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as db from '../../../format/log/records/db.ts';
import { deletedFlag, itemType, pageType } from '../../../format/page/types.ts';
import { nothing, on, onOnePage, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { itemInOrder } from './item-order.ts';
import { deleteItem, imageOf, putItem, wholeItem } from './items.ts';

type Addrem = BodyOf<typeof db.addrem>;

function addOrRemove(body: Addrem, change: Change, page: CachedPage, add: boolean): void {
  if (add) {
    const hdr = itemInOrder(change, page.type, body.hdr);
    putItem(change, page, body.indx, body.nbytes, hdr, body.dbt);
  } else {
    deleteItem(change, page, body.indx, body.nbytes);
  }
}

const addrem = {
  redo(body: Addrem, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) addOrRemove(body, change, page, modeOf(body.opcode) === db.itemMode.add);
  },
  undo(body: Addrem, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) addOrRemove(body, change, page, modeOf(body.opcode) !== db.itemMode.add);
  },
};

type Big = BodyOf<typeof db.big>;

/** Writes an overflow page that holds `data`. */
function writeOverflow(change: Change, page: CachedPage, body: Big): void {
  change.require(page.indexStart + body.dbt.length <= page.size, page, 'its data is longer than a page');
  page.initialize(body.pgno, body.prevPgno, body.nextPgno, 0, pageType.overflow);
  page.highFree = body.dbt.length;
  page.entries = 1;
  writeRange(body.dbt, page.bytes, page.indexStart);
}

function appendOverflow(change: Change, page: CachedPage, data: ByteRange): void {
  const end = page.indexStart + page.highFree;
  change.require(end + data.length <= page.size, page, 'appended data does not fit');
  writeRange(data, page.bytes, end);
  page.highFree += data.length;
}

function cutOverflow(change: Change, page: CachedPage, bytes: number): void {
  if (bytes > page.highFree) throw change.misfit(page, `${bytes} bytes to be taken off ${page.highFree}`);
  const end = page.indexStart + page.highFree;
  change.require(end <= page.size, page, 'its data is longer than the page');
  page.bytes.fill(0, end - bytes, end);
  page.highFree -= bytes;
}

const big = {
  redo(body: Big, change: Change): void {
    const operation = modeOf(body.opcode);
    const page = change.redo(body.pgno, body.pageLsn);
    if (page && operation === db.itemMode.addBig) writeOverflow(change, page, body);
    if (page && operation === db.itemMode.appendBig) appendOverflow(change, page, body.dbt);
    if (operation !== db.itemMode.addBig) return;
    if (body.prevPgno !== 0) {
      const prev = change.redo(body.prevPgno, body.prevPageLsn);
      if (prev) prev.nextPgno = body.pgno;
    }
    if (body.nextPgno !== 0) {
      const next = change.redo(body.nextPgno, body.nextPageLsn);
      if (next) next.prevPgno = 0;
    }
  },
  undo(body: Big, change: Change): void {
    const operation = modeOf(body.opcode);
    const page = change.undo(body.pgno, body.pageLsn);
    if (page && operation === db.itemMode.removeBig) writeOverflow(change, page, body);
    // Empty again, as its allocation left it.
    if (page && operation === db.itemMode.addBig) page.initialize(body.pgno, 0, 0, 0, pageType.overflow);
    if (page && operation === db.itemMode.appendBig) cutOverflow(change, page, body.dbt.length);
    if (operation !== db.itemMode.addBig) return;
    if (body.prevPgno !== 0) {
      const prev = change.undo(body.prevPgno, body.prevPageLsn);
      if (prev) prev.nextPgno = body.nextPgno;
    }
    if (body.nextPgno !== 0) {
      const next = change.undo(body.nextPgno, body.nextPageLsn);
      if (next) next.prevPgno = body.pgno;
    }
  },
};

type Ovref = BodyOf<typeof db.ovref>;

const ovref = {
  redo(body: Ovref, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) page.entries = (page.entries + body.adjust) & 0xffff;
  },
  undo(body: Ovref, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) page.entries = (page.entries - body.adjust) & 0xffff;
  },
};

type Noop = BodyOf<typeof db.noop>;

const noop = {
  redo: (body: Noop, change: Change): void => void change.redo(body.pgno, body.pageLsn),
  undo: (body: Noop, change: Change): void => void change.undo(body.pgno, body.pageLsn),
};

type Relink = BodyOf<typeof db.relink>;

const relink = {
  redo(body: Relink, change: Change): void {
    if (body.nextPgno !== 0) {
      const next = change.redo(body.nextPgno, body.nextPageLsn);
      if (next) next.prevPgno = body.newPgno !== 0 ? body.newPgno : body.prevPgno;
    }
    if (body.prevPgno !== 0) {
      const prev = change.redo(body.prevPgno, body.prevPageLsn);
      if (prev) prev.nextPgno = body.newPgno !== 0 ? body.newPgno : body.nextPgno;
    }
  },
  undo(body: Relink, change: Change): void {
    if (body.nextPgno !== 0) {
      const next = change.undo(body.nextPgno, body.nextPageLsn);
      if (next) next.prevPgno = body.pgno;
    }
    if (body.prevPgno !== 0) {
      const prev = change.undo(body.prevPgno, body.prevPageLsn);
      if (prev) prev.nextPgno = body.pgno;
    }
  },
};

type PgnoChange = BodyOf<typeof db.pgnoChange>;

/** Changes the page number that an item refers to (C.2.13). */
function pointTo(body: PgnoChange, change: Change, page: CachedPage, pgno: number): void {
  if (page.type === pageType.hash) {
    if (body.indx >= page.entries) throw change.misfit(page, `it names item ${body.indx} of ${page.entries}`);
    const offset = page.itemAt(body.indx);
    if (offset + 8 > page.size) throw change.misfit(page, `item ${body.indx} lies outside of the page`);
    page.setU32(offset + 4, pgno);
    return;
  }
  const { offset, size } = wholeItem(change, page, body.indx);
  if (page.type === pageType.recnoInternal) {
    page.setU32(offset, pgno);
    return;
  }
  const kind = page.bytes[offset + 2]! & ~deletedFlag;
  const refersToOverflow =
    page.type === pageType.btreeInternal &&
    kind === itemType.overflow &&
    change.file.page(body.newPgno)?.type === pageType.overflow;
  const at = refersToOverflow ? offset + 16 : offset + 4;
  if (at + 4 > offset + size) throw change.misfit(page, `item ${body.indx} refers to no page`);
  page.setU32(at, pgno);
}

const pgnoChange = {
  redo(body: PgnoChange, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) pointTo(body, change, page, body.newPgno);
  },
  undo(body: PgnoChange, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) pointTo(body, change, page, body.oldPgno);
  },
};

type Metasub = BodyOf<typeof db.metasub>;

const metasub = {
  redo(body: Metasub, change: Change): void {
    const isHeap = change.file.format.method === 'heap';
    const page = isHeap ? change.redoOrCreate(body.pgno, body.pageLsn) : change.redo(body.pgno, body.pageLsn);
    if (!page) return;
    const image = imageOf(change, page, body.page);
    page.bytes.set(image.bytes.subarray(0, body.page.length));
    page.lsn = change.lsn;
  },
  undo(body: Metasub, change: Change): void {
    // The contents stay: the page is freed by the undo of its allocation.
    change.undo(body.pgno, body.pageLsn);
  },
};

export const commonOperations: readonly Operation[] = [
  ...onOnePage(db.addrem, addrem),
  ...on(db.big, big),
  ...onOnePage(db.ovref, ovref),
  ...onOnePage(db.noop, noop),
  ...on([db.relink, db.relinkBefore50], relink),
  ...on([db.pgnoChange, db.pgnoChangeBefore50], pgnoChange),
  ...on(db.metasub, metasub),
  ...on(db.debug, nothing),
  ...on(db.cksum, nothing),
];
