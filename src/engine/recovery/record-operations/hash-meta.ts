/** Redo and undo of the records about the buckets of a hash database (recovery document, C.6.6 to C.6.8). */

import { FigaroError } from '../../../errors.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as hash from '../../../format/log/records/hash.ts';
import { formatLsn, isNoLsn } from '../../../format/lsn.ts';
import { metaAt } from '../../../format/page/meta.ts';
import { pageType } from '../../../format/page/types.ts';
import { on, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';

const at = metaAt.hash;
const spareCount = 32;

/** The smallest k with 2^k >= n. */
function log2(n: number): number {
  let k = 0;
  while (2 ** k < n) k += 1;
  return k;
}

function isPowerOfTwo(n: number): boolean {
  return 2 ** log2(n) === n;
}

function requireHashMeta(change: Change, page: CachedPage): void {
  if (page.type !== pageType.hashMeta) throw change.misfit(page, `it has type ${page.type}`);
}

function setSpare(change: Change, meta: CachedPage, slot: number, value: number): void {
  if (slot >= spareCount) throw change.misfit(meta, `it has no group ${slot}`);
  meta.setU32(at.spares + 4 * slot, value >>> 0);
}

function setLastPgno(page: CachedPage, pgno: number): void {
  page.setU32(metaAt.lastPgno, pgno);
}

function raiseLastPgno(page: CachedPage, pgno: number): void {
  if (page.u32(metaAt.lastPgno) < pgno) setLastPgno(page, pgno);
}

type Metagroup = BodyOf<typeof hash.metagroup>;

/** The page of the new bucket; when a group was allocated, its last page. */
function bucketPgno(body: Metagroup): number {
  return body.newAlloc !== 0 ? body.pgno + body.bucket : body.pgno;
}

const metagroup = {
  redo(body: Metagroup, change: Change): void {
    const { file } = change;
    const { bucket } = body;
    const grows = isPowerOfTwo(bucket + 1);
    const pgno = bucketPgno(body);
    const end = file.pageCount;
    if (body.newAlloc !== 0) file.settle(body.pgno, pgno);
    change.redoOrCreate(pgno, body.pageLsn);
    if (body.newAlloc !== 0) {
      // Pages of the group past the end of the file are holes now, which is the same.
      for (let other = body.pgno; other < pgno && other < end; other++) initializeUnused(file.page(other));
    }

    const meta = change.redo(body.metaPgno, body.metaLsn);
    if (meta) {
      requireHashMeta(change, meta);
      const last = meta.u32(at.maxBucket);
      if (last !== bucket) throw change.misfit(meta, `its last bucket is ${last}, not ${bucket}`);
      meta.setU32(at.maxBucket, bucket + 1);
      if (grows) {
        meta.setU32(at.lowMask, meta.u32(at.highMask));
        meta.setU32(at.highMask, ((bucket + 1) | meta.u32(at.lowMask)) >>> 0);
        setSpare(change, meta, log2(bucket + 1) + 1, body.pgno - bucket - 1);
      }
    }
    const master = body.masterMetaPgno === body.metaPgno ? meta : change.redo(body.masterMetaPgno, body.masterMetaLsn);
    // On the metadata page of a sub-database the number means nothing.
    if (master?.number === 0) raiseLastPgno(master, pgno);
  },

  undo(body: Metagroup, change: Change): void {
    const { bucket } = body;
    const pgno = bucketPgno(body);
    if (change.undo(pgno, body.pageLsn) && body.newAlloc !== 0) change.file.shorten(body.pgno);

    const meta = change.undo(body.metaPgno, body.metaLsn);
    if (meta) {
      requireHashMeta(change, meta);
      meta.setU32(at.maxBucket, bucket);
      if (isPowerOfTwo(bucket + 1)) {
        meta.setU32(at.highMask, bucket);
        meta.setU32(at.lowMask, bucket >>> 1);
        setSpare(change, meta, log2(bucket + 1) + 1, 0);
      }
    }
    const master = body.masterMetaPgno === body.metaPgno ? meta : change.undo(body.masterMetaPgno, body.masterMetaLsn);
    if (master?.number === 0) setLastPgno(master, body.lastPgno);
  },
};

/** A page of a new group that has never been used is an empty hash page without LSN. */
function initializeUnused(page: CachedPage | undefined): void {
  if (!page || !isNoLsn(page.lsn)) return;
  if (page.type === pageType.hash && page.entries === 0 && page.prevPgno === 0 && page.nextPgno === 0) return;
  page.initialize(page.number, 0, 0, 0, pageType.hash);
  page.dirty = true;
}

type Groupalloc = BodyOf<typeof hash.groupalloc>;

const groupalloc = {
  redo(body: Groupalloc, change: Change): void {
    const { file } = change;
    const meta = file.page(0);
    if (!meta) throw withoutMeta(change);
    change.require(body.count > 0, meta, 'no pages are allocated');
    const last = body.startPgno + body.count - 1;
    file.settle(body.startPgno, last);
    const page = file.pageOrCreate(last);
    if (isNoLsn(page.lsn) && (page.entries === 0 || page.type !== pageType.hash)) {
      change.stamp(page).initialize(last, 0, 0, 0, pageType.hash);
    }
    // Native recovery raises `last_pgno` even on a newer page, where it may have been lowered since.
    const changed = change.redo(0, body.metaLsn);
    if (changed) raiseLastPgno(changed, last);
  },
  undo(body: Groupalloc, change: Change): void {
    const { file } = change;
    if (!file.page(0)) return;
    const page = file.page(body.startPgno + body.count - 1);
    if (page && change.isOn(page)) {
      change.unstamp(page, { file: 0, offset: 0 });
      file.shorten(body.startPgno);
    }
    const meta = change.undo(0, body.metaLsn);
    if (meta) setLastPgno(meta, body.lastPgno);
  },
};

function withoutMeta(change: Change): FigaroError {
  return new FigaroError(
    'not-recoverable',
    `${change.file.label}: log record ${formatLsn(change.lsn)} needs its first page, and the file has none`,
    { path: change.file.label, pgno: 0, lsn: formatLsn(change.lsn) },
  );
}

type Changeslot = BodyOf<typeof hash.changeslot>;

/** Moves a group: the record holds the page number of its first page. */
function moveGroup(body: Changeslot, change: Change, meta: CachedPage, pgno: number): void {
  requireHashMeta(change, meta);
  setSpare(change, meta, body.slot, pgno - (body.slot === 0 ? 0 : 2 ** (body.slot - 1)));
}

const changeslot = {
  redo(body: Changeslot, change: Change): void {
    const meta = change.redo(change.binding.metaPgno, body.metaLsn);
    if (meta) moveGroup(body, change, meta, body.new);
  },
  undo(body: Changeslot, change: Change): void {
    const meta = change.undo(change.binding.metaPgno, body.metaLsn);
    if (meta) moveGroup(body, change, meta, body.old);
  },
};

type Contract = BodyOf<typeof hash.contract>;

const contract = {
  redo(body: Contract, change: Change): void {
    const { bucket } = body;
    const meta = change.redo(body.metaPgno, body.metaLsn);
    if (!meta) return;
    requireHashMeta(change, meta);
    change.require(bucket > 0, meta, 'its only bucket is removed');
    meta.setU32(at.maxBucket, bucket - 1);
    const lowMask = meta.u32(at.lowMask);
    if (bucket === lowMask + 1) {
      setSpare(change, meta, log2(bucket) + 1, 0);
      meta.setU32(at.highMask, lowMask);
      meta.setU32(at.lowMask, lowMask >>> 1);
    }
  },
  undo(body: Contract, change: Change): void {
    const { bucket } = body;
    const meta = change.undo(body.metaPgno, body.metaLsn);
    if (!meta) return;
    requireHashMeta(change, meta);
    meta.setU32(at.maxBucket, bucket);
    const highMask = meta.u32(at.highMask);
    if (bucket === highMask + 1) {
      setSpare(change, meta, log2(bucket) + 1, body.pgno - bucket);
      meta.setU32(at.lowMask, highMask);
      meta.setU32(at.highMask, (bucket | highMask) >>> 0);
    }
  },
};

export const hashMetaOperations: readonly Operation[] = [
  ...on(hash.metagroup, metagroup),
  ...on(hash.groupalloc, groupalloc),
  ...on(hash.changeslot, changeslot),
  ...on(hash.contract, contract),
];
