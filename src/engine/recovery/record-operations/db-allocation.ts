/** Redo and undo of records that allocate, free, move and cut off pages (recovery document, C.2.6 to C.2.12, D). */

import { viewOf, writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as db from '../../../format/log/records/db.ts';
import { compareLsn, equalLsn, formatLsn, isNoLsn, noLsn, type Lsn } from '../../../format/lsn.ts';
import { metaAt } from '../../../format/page/meta.ts';
import { type Page } from '../../../format/page/page.ts';
import { pageType } from '../../../format/page/types.ts';
import { FigaroError } from '../../../errors.ts';
import { on, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { isRecno } from './btree.ts';
import { align4, deleteItem, imageOf, itemSize } from './items.ts';

/** The page that heads the free list, or the free page before: both link to the next one. */
function setFreeLink(page: CachedPage, pgno: number): void {
  if (page.number === 0) page.setU32(metaAt.free, pgno);
  else page.nextPgno = pgno;
}

function raiseLastPgno(meta: Page, pgno: number): void {
  if (meta.u32(metaAt.lastPgno) < pgno) meta.setU32(metaAt.lastPgno, pgno);
}

function requireMeta(change: Change): FigaroError {
  return new FigaroError(
    'not-recoverable',
    `${change.file.label}: log record ${formatLsn(change.lsn)} needs its first page, and the file has none`,
    { path: change.file.label, pgno: 0, lsn: formatLsn(change.lsn) },
  );
}

/** Level of a page newly allocated. */
function levelOf(type: number): number {
  return type === pageType.btreeLeaf || type === pageType.recnoLeaf || type === pageType.duplicateLeaf ? 1 : 0;
}

type PgAlloc = BodyOf<typeof db.pgAlloc>;

const pgAlloc = {
  redo(body: PgAlloc, change: Change): void {
    const { file } = change;
    if (!file.page(body.metaPgno)) throw requireMeta(change);
    const meta = change.redo(body.metaPgno, body.metaLsn);
    if (meta) {
      meta.setU32(metaAt.free, body.next);
      raiseLastPgno(meta, body.pgno);
    }
    change.settle(body.pgno);
    const page = file.pageOrCreate(body.pgno);
    const isNew = isNoLsn(page.lsn);
    const changed = isNew ? change.stamp(page) : change.redoOn(page, body.pgno, body.pageLsn);
    changed?.initialize(body.pgno, 0, 0, levelOf(body.pageType), body.pageType);
  },

  undo(body: PgAlloc, change: Change): void {
    const { file } = change;
    file.rootsUndone.delete(body.pgno);
    if (!file.page(body.metaPgno)) return;
    const extended = isNoLsn(body.pageLsn);
    const meta = change.undo(body.metaPgno, body.metaLsn);
    if (meta) {
      if (!extended) meta.setU32(metaAt.free, body.pgno);
      meta.setU32(metaAt.lastPgno, body.lastPgno);
    }
    const page = change.undo(body.pgno, body.pageLsn);
    page?.initialize(body.pgno, 0, body.next, 0, pageType.invalid);
    if (change.onlyChecking || !extended) return;
    const there = file.page(body.pgno);
    if ((!there || isNoLsn(there.lsn)) && file.lastPgno <= body.pgno) file.shorten(body.pgno);
  },
};

interface Freeing {
  readonly pgno: number;
  readonly metaLsn: Lsn;
  readonly metaPgno: number;
  readonly header: ByteRange;
  readonly next: number;
  readonly lastPgno: number;
  readonly data?: ByteRange;
}

/** LSN in the logged beginning of a page. */
function lsnInHeader(change: Change, header: ByteRange): Lsn {
  if (header.length < 8) return noLsn;
  const bytes = viewOf(header);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = change.isSwapped || change.file.format.littleEndian;
  return { file: view.getUint32(0, littleEndian), offset: view.getUint32(4, littleEndian) };
}

/** Puts the logged beginning of a page and its items back. The LSN comes with them. */
function restorePage(change: Change, page: CachedPage, header: ByteRange, data: ByteRange | undefined): void {
  const image = imageOf(change, page, header, data);
  page.bytes.set(image.bytes.subarray(0, header.length));
  if (!data || data.length === 0) return;
  const start = page.itemsStart;
  change.require(start + data.length === page.size, page, 'the logged items do not fill the page');
  page.bytes.set(image.bytes.subarray(start), start);
}

const freeing = {
  redo(body: Freeing, change: Change): void {
    const { file } = change;
    const linksMeta = body.metaPgno === 0;
    const wasLast = body.pgno === body.lastPgno;
    if (linksMeta && !file.page(0)) throw requireMeta(change);
    const link = change.redo(body.metaPgno, body.metaLsn);
    if (link) {
      if (wasLast && linksMeta) link.setU32(metaAt.lastPgno, body.pgno - 1);
      else setFreeLink(link, body.pgno);
    }

    change.settle(body.pgno);
    const page = file.page(body.pgno);
    const nothingBeyond = linksMeta && file.lastPgno <= body.pgno;
    if (!page) {
      if (nothingBeyond) file.shorten(body.pgno);
      return;
    }
    const before = lsnInHeader(change, body.header);
    const { lsn } = page;
    const matches =
      isNoLsn(lsn) ||
      equalLsn(lsn, before) ||
      equalLsn(lsn, change.lsn) ||
      (isNoLsn(before) && compareLsn(lsn, body.metaLsn) <= 0);
    if (!matches) {
      // Newer: present. Older: a change in between is missing, and this throws.
      change.redoOn(page, body.pgno, before);
      return;
    }
    if (nothingBeyond && body.lastPgno <= body.pgno) {
      file.shorten(body.pgno);
    } else if (wasLast) {
      file.blank(page);
    } else if (isNoLsn(lsn) || equalLsn(lsn, before)) {
      change.stamp(page);
      page.initialize(body.pgno, 0, body.next, 0, pageType.invalid);
    }
  },

  undo(body: Freeing, change: Change): void {
    const { file } = change;
    const link = change.undo(body.metaPgno, body.metaLsn);
    if (link) {
      if (link.number === 0) raiseLastPgno(link, body.pgno);
      setFreeLink(link, body.next);
    }
    let page = file.page(body.pgno);
    if (!page && !change.onlyChecking && file.lastPgno >= body.pgno) page = file.pageOrCreate(body.pgno);
    if (!page) return;
    if (change.isOn(page) || (isNoLsn(page.lsn) && !change.onlyChecking)) {
      change.unstamp(page, noLsn);
      restorePage(change, page, body.header, body.data);
    }
  },
};

type PgInit = BodyOf<typeof db.pgInit>;

const pgInit = {
  redo(body: PgInit, change: Change): void {
    const before = lsnInHeader(change, body.header);
    change.settle(body.pgno);
    const isHash = change.file.format.method === 'hash' || change.file.page(body.pgno)?.type === pageType.hash;
    const page = isHash ? change.redoOrCreate(body.pgno, before) : change.redo(body.pgno, before);
    if (!page) return;
    if (page.type === pageType.hash) page.initialize(page.pgno, 0, 0, 0, pageType.hash);
    else page.initialize(page.pgno, 0, 0, 1, isRecno(change) ? pageType.recnoLeaf : pageType.btreeLeaf);
  },
  undo(body: PgInit, change: Change): void {
    const before = lsnInHeader(change, body.header);
    const page = change.undo(body.pgno, before);
    if (page) restorePage(change, page, body.header, body.data);
  },
};

type PgTrunc = BodyOf<typeof db.pgTrunc>;

const pgTrunc = {
  redo(body: PgTrunc, change: Change): void {
    const { file } = change;
    const { list } = body;
    const isOld = change.version <= 16;
    // Free pages at the end of the file are cut off; the others are linked in order.
    let end = body.lastPgno;
    let kept = list.length;
    while (kept > 0 && list[kept - 1]!.pgno === end) {
      kept -= 1;
      end -= 1;
    }
    for (let i = 0; i < kept; i++) {
      const element = list[i]!;
      change.settle(element.pgno);
      const page = file.page(element.pgno);
      if (!page || !equalLsn(page.lsn, element.lsn)) continue;
      change.stamp(page).nextPgno = i === kept - 1 ? 0 : list[i + 1]!.pgno;
    }
    for (let i = kept; i < list.length; i++) change.settle(list[i]!.pgno);
    if (end < body.lastPgno) file.cutOff(end + 1, change.lsn);

    const first = list[0]?.pgno ?? 0;
    if (body.lastFree !== 0) {
      const page = file.page(body.lastFree);
      if (page && equalLsn(page.lsn, body.lastFreeLsn)) {
        change.stamp(page).nextPgno = isOld || first > end ? 0 : first;
      }
    }
    const meta = file.page(body.metaPgno);
    if (!meta) throw requireMeta(change);
    if (!equalLsn(meta.lsn, body.metaLsn)) return;
    change.stamp(meta);
    if (body.lastFree === 0) meta.setU32(metaAt.free, kept === 0 ? 0 : first);
    if (isOld || meta.u32(metaAt.lastPgno) > end) meta.setU32(metaAt.lastPgno, end);
  },

  undo(body: PgTrunc, change: Change): void {
    const { file } = change;
    for (const element of body.list) restoreFree(change, element.pgno, element.nextPgno, element.lsn);
    if (body.lastFree !== 0) {
      const page = change.undo(body.lastFree, body.lastFreeLsn);
      if (page) page.nextPgno = body.nextFree;
    }
    if (!file.page(body.metaPgno)) return;
    const meta = change.undo(body.metaPgno, body.metaLsn);
    if (!meta) return;
    raiseLastPgno(meta, body.lastPgno);
    if (body.lastFree === 0) meta.setU32(metaAt.free, body.nextFree);
  },
};

/** Undo: makes a page the free page it was. */
function restoreFree(change: Change, pgno: number, nextPgno: number, lsn: Lsn): void {
  const { file } = change;
  if (change.onlyChecking) {
    const there = file.page(pgno);
    if (there) change.isOn(there);
    return;
  }
  const page = file.pageOrCreate(pgno);
  if (!isNoLsn(page.lsn) && !change.isOn(page)) return;
  change.unstamp(page, lsn);
  page.initialize(pgno, 0, nextPgno, 0, pageType.invalid);
}

type Realloc = BodyOf<typeof db.realloc>;

const realloc = {
  redo(body: Realloc, change: Change): void {
    const { file } = change;
    for (const { pgno, lsn } of body.list) {
      change.settle(pgno);
      const page = file.pageOrCreate(pgno);
      if (!equalLsn(page.lsn, lsn)) continue;
      change.stamp(page).initialize(pgno, 0, 0, 0, body.pageType);
    }
    if (!file.page(body.prevPgno)) throw requireMeta(change);
    const link = change.redo(body.prevPgno, body.pageLsn);
    if (link) setFreeLink(link, body.nextFree);
  },
  undo(body: Realloc, change: Change): void {
    for (const { pgno, nextPgno, lsn } of body.list) restoreFree(change, pgno, nextPgno, lsn);
    const link = change.undo(body.prevPgno, body.pageLsn);
    if (link) setFreeLink(link, body.list[0]?.pgno ?? body.nextFree);
  },
};

type Merge = BodyOf<typeof db.merge>;

/** Appends the items of a page image to a page. */
function appendItems(change: Change, page: CachedPage, image: Page, data: ByteRange, asTheyLie: boolean): void {
  const count = image.entries;
  const start = page.itemsStart;
  const indexEnd = page.indexStart + 2 * (page.entries + count);
  change.require(
    image.indexStart + 2 * count <= image.size && start - data.length >= indexEnd && start <= page.size,
    page,
    'the items to be merged do not fit',
  );
  const at = start - data.length;
  page.bytes.set(image.bytes.subarray(image.size - data.length), at);
  const shift = asTheyLie ? 0 : page.size - start;
  const { entries } = page;
  for (let i = 0; i < count; i++) page.setItemAt(entries + i, image.itemAt(i) - shift);
  page.entries = entries + count;
  page.highFree = at;
}

function writeOverflowImage(page: CachedPage, image: Page, data: ByteRange, change: Change): void {
  change.require(page.indexStart + data.length <= page.size, page, 'its data is longer than a page');
  page.entries = image.entries;
  page.highFree = image.highFree;
  writeRange(data, page.bytes, page.indexStart);
}

/** Takes the last `count` items off a page again. */
function removeLastItems(change: Change, page: CachedPage, count: number): void {
  if (count > page.entries) throw change.misfit(page, `${count} items to be taken off ${page.entries}`);
  for (let i = 0; i < count; i++) {
    const last = page.entries - 1;
    const offset = page.itemAt(last);
    change.require(offset >= page.itemsStart && offset + 3 <= page.size, page, 'its last item lies outside');
    const mayShare = page.type === pageType.btreeLeaf || change.version <= 16;
    if (mayShare && last >= 2 && offset === page.itemAt(last - 2)) {
      page.entries = last;
      continue;
    }
    const isHash = page.type === pageType.hash || page.type === pageType.hashUnsorted;
    const size = isHash
      ? (last === 0 ? page.size : page.itemAt(last - 1)) - offset
      : page.type === pageType.btreeInternal
        ? align4(page.u16(offset) + 12)
        : itemSize(page, offset);
    deleteItem(change, page, last, size);
  }
}

/** Where the copy of a page became the root of its tree, and that is being undone, the page becomes it again. */
function moveRootBack(body: Merge, change: Change): void {
  const { rootsUndone } = change.file;
  const metaPgno = rootsUndone.get(body.pgno);
  const meta = metaPgno === undefined ? undefined : change.file.page(metaPgno);
  rootsUndone.delete(body.pgno);
  if (!meta) return;
  meta.setU32(metaAt.btree.root, body.sourcePgno);
  meta.dirty = true;
}

const merge = {
  redo(body: Merge, change: Change): void {
    const isOld = change.version <= 16;
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) {
      const isOverflow = body.hdr.length >= 26 && viewOf(body.hdr)[25] === pageType.overflow;
      const image = imageOf(change, page, body.hdr, isOverflow ? undefined : body.data);
      if (body.copy !== 0 && body.data.length === 0 && !isOld) {
        page.bytes.set(image.bytes.subarray(0, body.hdr.length));
        page.pgno = body.pgno;
        page.lsn = change.lsn;
      } else {
        if (body.copy !== 0) {
          page.initialize(body.pgno, image.prevPgno, image.nextPgno, image.level, image.type);
        }
        if (page.type === pageType.overflow) writeOverflowImage(page, image, body.data, change);
        else appendItems(change, page, image, body.data, false);
      }
    }
    const source = change.redo(body.sourcePgno, body.sourceLsn);
    if (source) {
      source.highFree = source.size;
      source.entries = 0;
    }
  },

  undo(body: Merge, change: Change): void {
    const isOld = change.version <= 16;
    if (body.copy !== 0) moveRootBack(body, change);
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) {
      const image = imageOf(change, page, body.hdr);
      if (page.type === pageType.overflow) page.highFree = page.size;
      else if (body.copy !== 0 && !isOld) page.initialize(body.pgno, 0, 0, 0, image.type);
      else removeLastItems(change, page, image.entries);
    }
    const source = change.undo(body.sourcePgno, body.sourceLsn);
    if (!source) return;
    const isOverflow = source.type === pageType.overflow;
    const image = imageOf(change, source, body.hdr, isOverflow ? undefined : body.data);
    if (isOverflow) {
      writeOverflowImage(source, image, body.data, change);
    } else if (body.copy !== 0 && !isOld) {
      source.bytes.set(image.bytes.subarray(0, body.hdr.length));
      const start = source.size - body.data.length;
      source.bytes.set(image.bytes.subarray(start), start);
      source.lsn = body.sourceLsn;
    } else {
      appendItems(change, source, image, body.data, true);
    }
  },
};

export const allocationOperations: readonly Operation[] = [
  ...on(db.pgAlloc, pgAlloc),
  ...on<Freeing>([db.pgFree, db.pgFreedata], freeing),
  ...on(db.pgInit, pgInit),
  ...on(db.pgTrunc, pgTrunc),
  ...on(db.realloc, realloc),
  ...on([db.merge, db.mergeBefore50], merge),
];
