/** Redo and undo of the records of heaps (recovery document, C.8; format document, 4.10). */

import { FigaroError } from '../../../errors.ts';
import { modeOf } from '../../../format/log/cursor.ts';
import { viewOf } from '../../../format/byte-range.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as heap from '../../../format/log/records/heap.ts';
import { equalLsn, formatLsn, isNoLsn, noLsn } from '../../../format/lsn.ts';
import { metaAt } from '../../../format/page/meta.ts';
import { swapPage } from '../../../format/page/swap.ts';
import { pageType } from '../../../format/page/types.ts';
import { on, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { HeapItems, type HeapLayout } from './heap-items.ts';

const mode = { add: 8, remove: 9 } as const;

/**
 * How the release that wrote the log lays out the pages of this heap (format document, 4.10.5). Throws
 * `format-unsupported` for big-endian heaps of 6.1, of which that is not known.
 */
function layoutOf(change: Change): HeapLayout {
  if (change.file.format.littleEndian) return 'plain';
  if (change.version <= 19) return 'old';
  if (change.version >= 23) return 'tail';
  // In memory they are as they should be; the page store knows how they are stored.
  if (change.version <= 21) return 'plain';
  throw new FigaroError(
    'format-unsupported',
    `${change.file.label}: log record ${formatLsn(change.lsn)} changes a big-endian heap of release 6.1`,
    {
      path: change.file.label,
      lsn: formatLsn(change.lsn),
      hint: 'how that release stores them is not known. Use `recover --engine native` with an installed db_recover.',
    },
  );
}

function requireKnownLayout(change: Change): void {
  layoutOf(change);
}

function metaOf(change: Change): CachedPage {
  return change.file.page(0)!;
}

/** Where the region of a page begins: its region page. */
function regionPgno(change: Change, pgno: number): number {
  const step = metaOf(change).u32(metaAt.heap.regionSize) + 1;
  return Math.floor((pgno - 1) / step) * step + 1;
}

function regionPage(change: Change, pgno: number): CachedPage | undefined {
  const page = change.file.page(regionPgno(change, pgno));
  return page?.type === pageType.heapRegion ? page : undefined;
}

/** Writes into the region's bitmap how full a page is. No record says so: it follows from the page. */
function noteFullness(change: Change, page: CachedPage, fullness: number): void {
  const region = regionPage(change, page.number);
  if (!region) return;
  const n = page.number - region.number - 1;
  const at = region.indexStart + (n >>> 2);
  if (n < 0 || at >= region.size) return;
  const shift = 2 * (n & 3);
  const byte = region.bytes[at]!;
  const changed = (byte & ~(3 << shift)) | (fullness << shift);
  if (changed === byte) return;
  region.bytes[at] = changed;
  region.dirty = true;
}

type Addrem = BodyOf<typeof heap.addrem>;

function addOrRemove(body: Addrem, change: Change, page: CachedPage, add: boolean): void {
  const items = new HeapItems(change, page, layoutOf(change));
  if (add) items.add(body.indx, body.nbytes, body.hdr, body.dbt);
  else items.remove(body.indx, body.nbytes);
  noteFullness(change, page, items.fullness);
  items.finish();
}

const addrem = {
  redo(body: Addrem, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) addOrRemove(body, change, page, modeOf(body.opcode) === mode.add);
  },
  undo(body: Addrem, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) addOrRemove(body, change, page, modeOf(body.opcode) !== mode.add);
  },
};

type PgAlloc = BodyOf<typeof heap.pgAlloc>;

/** Region pages up to and including `pgno`, a region page. */
function regionsUpTo(change: Change, pgno: number): number {
  return Math.floor((pgno - 1) / (metaOf(change).u32(metaAt.heap.regionSize) + 1)) + 1;
}

const pgAlloc = {
  redo(body: PgAlloc, change: Change): void {
    requireKnownLayout(change);
    const { file } = change;
    const isRegion = body.pageType === pageType.heapRegion;
    const meta = change.redo(body.metaPgno, body.metaLsn);
    if (meta) {
      if (meta.u32(metaAt.lastPgno) < body.pgno) meta.setU32(metaAt.lastPgno, body.pgno);
      const regions = regionsUpTo(change, body.pgno);
      if (isRegion && meta.u32(metaAt.heap.regions) < regions) meta.setU32(metaAt.heap.regions, regions);
    }
    change.settle(body.pgno);
    const page = file.pageOrCreate(body.pgno);
    if (isNoLsn(page.lsn)) {
      if (!isRegion && body.pageType !== pageType.heapData) {
        throw change.misfit(page, `it is allocated as type ${body.pageType}`);
      }
      change.stamp(page).initialize(body.pgno, 0, 0, 0, body.pageType);
    } else {
      change.counts.present += 1;
    }
    // The highest page of a region is in its `prevPgno` field, and in no record.
    const region = regionPage(change, body.pgno);
    if (region && region !== page && region.prevPgno < body.pgno) {
      region.prevPgno = body.pgno;
      region.dirty = true;
    }
  },

  undo(body: PgAlloc, change: Change): void {
    const { file } = change;
    const meta = change.undo(body.metaPgno, body.metaLsn);
    if (meta) {
      requireKnownLayout(change);
      meta.setU32(metaAt.lastPgno, body.lastPgno);
      const regions = regionsUpTo(change, body.pgno);
      if (body.pageType === pageType.heapRegion && meta.u32(metaAt.heap.regions) >= regions) {
        meta.setU32(metaAt.heap.regions, regions - 1);
      }
    }
    const page = file.page(body.pgno);
    if (!page || !(change.isOn(page) || isNoLsn(page.lsn)) || change.onlyChecking) return;
    requireKnownLayout(change);
    const { lastPgno } = file;
    if (body.pgno + 1 === file.pageCount && lastPgno < body.pgno) file.shorten(lastPgno + 1);
    else discard(change, page);
  },
};

/** Makes a page what it was before its allocation: all zero. */
function discard(change: Change, page: CachedPage): void {
  if (!isNoLsn(page.lsn)) change.unstamp(page, noLsn);
  change.file.blank(page);
}

type TruncMeta = BodyOf<typeof heap.truncMeta>;

function setTotals(
  meta: CachedPage,
  totals: Pick<TruncMeta, 'lastPgno' | 'keyCount' | 'recordCount' | 'currentRegion' | 'regions'>,
): void {
  meta.setU32(metaAt.lastPgno, totals.lastPgno);
  meta.setU32(metaAt.keyCount, totals.keyCount);
  meta.setU32(metaAt.recordCount, totals.recordCount);
  meta.setU32(metaAt.heap.currentRegion, totals.currentRegion);
  meta.setU32(metaAt.heap.regions, totals.regions);
}

const truncMeta = {
  redo(body: TruncMeta, change: Change): void {
    const meta = change.redo(body.pgno, body.pageLsn);
    if (!meta) return;
    requireKnownLayout(change);
    if (meta.type !== pageType.heapMeta) throw change.misfit(meta, `it has type ${meta.type}`);
    setTotals(meta, { lastPgno: 1, keyCount: 0, recordCount: 0, currentRegion: 1, regions: 1 });
    change.file.shorten(1);
  },
  undo(body: TruncMeta, change: Change): void {
    const meta = change.undo(body.pgno, body.pageLsn);
    if (!meta) return;
    if (meta.type !== pageType.heapMeta) throw change.misfit(meta, `it has type ${meta.type}`);
    setTotals(meta, body);
  },
};

type TruncPage = BodyOf<typeof heap.truncPage>;

const truncPage = {
  redo(body: TruncPage, change: Change): void {
    const page = change.file.page(body.pgno);
    // Never written, or discarded already: as it is to be.
    if (page && !isNoLsn(page.lsn)) {
      if (change.redoOn(page, body.pgno, body.pageLsn)) {
        requireKnownLayout(change);
        change.file.blank(page);
      }
    }
    change.settle(body.pgno);
  },
  undo(body: TruncPage, change: Change): void {
    if (change.onlyChecking) return;
    const page = change.file.pageOrCreate(body.pgno);
    if (!isNoLsn(page.lsn) && !equalLsn(page.lsn, change.lsn)) return;
    change.require(body.oldData.length === page.size, page, 'the logged page image has no page’s size');
    page.bytes.set(viewOf(body.oldData));
    // This field is in the writer's byte order.
    if (!page.littleEndian) turnImage(change, page, layoutOf(change));
    change.unstamp(page, body.pageLsn);
  },
};

/** Brings a little-endian image into the form that a big-endian heap has on disk. */
function turnImage(change: Change, page: CachedPage, layout: HeapLayout): void {
  swapPage(page.bytes, { littleEndian: true, indexStart: page.indexStart });
  // The two numbers about slots have changed places now.
  if (layout === 'old' || page.type !== pageType.heapData) return;
  const first = page.u16(16);
  page.setU16(16, page.u16(18));
  page.setU16(18, first);
  HeapItems.turnImage(change, page, layout);
}

export const heapOperations: readonly Operation[] = [
  ...on(heap.addrem, addrem),
  ...on(heap.pgAlloc, pgAlloc),
  ...on(heap.truncMeta, truncMeta),
  ...on(heap.truncPage, truncPage),
];
