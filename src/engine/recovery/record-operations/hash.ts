/** Redo and undo of the records of hash databases that change items and chains of pages (recovery document, C.6). */

import { type ByteRange } from '../../../format/byte-range.ts';
import { modeOf } from '../../../format/log/cursor.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as hash from '../../../format/log/records/hash.ts';
import { isNoLsn, type Lsn } from '../../../format/lsn.ts';
import { type Page } from '../../../format/page/page.ts';
import { hashItemType, pageType } from '../../../format/page/types.ts';
import { nothing, on, onOnePage, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import { changeItems, isWholeItem, type HashItem, type HashItems } from './hash-items.ts';
import { hashMetaOperations } from './hash-meta.ts';
import { overflowChain } from './hash-sort.ts';
import { imageOf } from './items.ts';

/** Operations of `ham_insdel`, `ham_newpage` and `ham_splitdata`. */
const operation = {
  putPair: 0x20,
  deletePair: 0x30,
  putPage: 0x40,
  deletePage: 0x50,
  splitOld: 0x80,
  splitNew: 0x90,
  sortPage: 0x100,
} as const;

/** Which parts of a pair a put is about, up to v16. */
const putFlag = { keyBig: 1, dataBig: 2, dataDuplicate: 4 } as const;

/** Buckets that were never used have no page yet: the first change of one expects an empty page without LSN. */
function redoOnBucket(change: Change, pgno: number, before: Lsn): CachedPage | undefined {
  return isNoLsn(before) ? change.redoOrCreate(pgno, before) : change.redo(pgno, before);
}

/** An item as records from v17 on hold it: key/data and duplicates without their type, others whole. */
function typedItem(change: Change, page: CachedPage, typeField: number, bytes: ByteRange): HashItem {
  const type = modeOf(typeField);
  if (type === hashItemType.keyData || type === hashItemType.duplicates) return { bytes, type };
  return wholeItem(change, page, bytes);
}

function wholeItem(change: Change, page: CachedPage, bytes: ByteRange): HashItem {
  change.require(isWholeItem(bytes), page, 'the record holds no item');
  return { bytes, type: undefined };
}

type Insdel = BodyOf<typeof hash.insdel>;

function putTypedPair(body: Insdel, change: Change, page: CachedPage): void {
  const key = typedItem(change, page, body.keyType, body.key);
  const data = typedItem(change, page, body.dataType, body.data);
  changeItems(change, page, (items) => items.insertPair(body.indx, key, data));
}

function deletePair(body: { readonly indx: number }, change: Change, page: CachedPage): void {
  changeItems(change, page, (items) => items.deletePair(body.indx));
}

const insdel = {
  redo(body: Insdel, change: Change): void {
    const page = redoOnBucket(change, body.pgno, body.pageLsn);
    if (!page) return;
    if (body.opcode === operation.putPair) putTypedPair(body, change, page);
    else deletePair(body, change, page);
  },
  undo(body: Insdel, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    if (body.opcode === operation.putPair) deletePair(body, change, page);
    else putTypedPair(body, change, page);
  },
};

type InsdelBefore50 = BodyOf<typeof hash.insdelBefore50>;

const isPut = (body: InsdelBefore50): boolean => (body.opcode & ~0xf) === operation.putPair;

const insdelBefore50 = {
  redo(body: InsdelBefore50, change: Change): void {
    const page = redoOnBucket(change, body.pgno, body.pageLsn);
    if (!page) return;
    if (!isPut(body)) return deletePair(body, change, page);
    const item = (bytes: ByteRange, isBig: boolean, type: number): HashItem =>
      isBig ? wholeItem(change, page, bytes) : { bytes, type };
    const has = (flag: number): boolean => (body.opcode & flag) !== 0;
    const dataType = has(putFlag.dataDuplicate) ? hashItemType.duplicates : hashItemType.keyData;
    const key = item(body.key, has(putFlag.keyBig), hashItemType.keyData);
    const data = item(body.data, has(putFlag.dataBig), dataType);
    changeItems(change, page, (items) => items.insertPair(body.indx, key, data));
  },
  undo(body: InsdelBefore50, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    if (isPut(body)) return deletePair(body, change, page);
    const key = wholeItem(change, page, body.key);
    const isDuplicate = (body.opcode & putFlag.dataDuplicate) !== 0;
    const data = isDuplicate ? { bytes: body.data, type: hashItemType.duplicates } : wholeItem(change, page, body.data);
    changeItems(change, page, (items) => items.insertPair(body.indx, key, data));
  },
};

type Newpage = BodyOf<typeof hash.newpage>;

/** A page of a chain whose link changes. */
function relink(
  change: Change,
  direction: 'redo' | 'undo',
  pgno: number,
  before: Lsn,
  set: (page: CachedPage) => void,
): void {
  if (pgno === 0) return;
  const page = change[direction](pgno, before);
  if (page) set(page);
}

/** Puts a page into a chain, or takes it out: redo and undo are each other's reverse. */
function changeChain(body: Newpage, change: Change, direction: 'redo' | 'undo'): void {
  const puts = (body.opcode === operation.putPage) === (direction === 'redo');
  const page = change[direction](body.newPgno, body.pageLsn);
  if (page && puts) page.initialize(body.newPgno, body.prevPgno, body.nextPgno, 0, pageType.hash);
  // Empty and alone, as its allocation left it.
  else if (page && direction === 'undo') page.initialize(body.newPgno, 0, 0, 0, pageType.hash);
  relink(change, direction, body.prevPgno, body.prevPageLsn, (prev) => {
    prev.nextPgno = puts ? body.newPgno : body.nextPgno;
  });
  relink(change, direction, body.nextPgno, body.nextPageLsn, (next) => {
    next.prevPgno = puts ? body.newPgno : body.prevPgno;
  });
}

const newpage = {
  redo: (body: Newpage, change: Change): void => changeChain(body, change, 'redo'),
  undo: (body: Newpage, change: Change): void => changeChain(body, change, 'undo'),
};

/** Copies a logged image of a whole hash page over a page, with the LSN given. */
function putImage(change: Change, page: CachedPage, bytes: ByteRange, lsn: Lsn): Page {
  change.require(bytes.length === page.size, page, 'the logged page image has no page’s size');
  const image = imageOf(change, page, bytes);
  const isHash = image.type === pageType.hash || image.type === pageType.hashUnsorted;
  if (!isHash) throw change.misfit(page, `the logged page image has type ${image.type}`);
  page.bytes.set(image.bytes);
  page.lsn = lsn;
  return image;
}

type Splitdata = BodyOf<typeof hash.splitdata>;

const splitdata = {
  redo(body: Splitdata, change: Change): void {
    // To sort keys, those that are on pages of their own have to be read: as they are now.
    if (body.opcode === operation.sortPage || !change.putOff(body.pgno)) splitdata.redoLate(body, change);
  },
  redoLate(body: Splitdata, change: Change): void {
    const page = redoOnBucket(change, body.pgno, body.pageLsn);
    if (!page) return;
    if (body.opcode === operation.splitNew) {
      putImage(change, page, body.page, change.lsn);
      page.pgno = body.pgno;
    } else if (body.opcode === operation.sortPage) {
      changeItems(change, page, (items) => items.sort((indx) => keyBytes(change, page, items, indx)));
    }
    // The old bucket's page is emptied and filled again by records of their own.
  },
  undo(body: Splitdata, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    if (body.opcode === operation.splitNew) page.initialize(body.pgno, 0, 0, 0, pageType.hash);
    else putImage(change, page, body.page, body.pageLsn);
  },
};

/** The bytes of a key, wherever they are. */
function keyBytes(change: Change, page: CachedPage, items: HashItems, indx: number): Uint8Array {
  const item = items.bytes(indx);
  return item[0] === hashItemType.overflow ? overflowChain(change, page, item) : item.subarray(1);
}

type ReplaceBefore50 = BodyOf<typeof hash.replaceBefore50>;

function replaceIn(
  body: ReplaceBefore50,
  change: Change,
  page: CachedPage,
  old: ByteRange,
  item: ByteRange,
  typeAfter: number,
): void {
  const { indx, offset } = body;
  if (offset < -1) throw change.misfit(page, `a change at ${offset} in item ${indx}`);
  const whole = offset < 0;
  if (whole) wholeItem(change, page, item);
  changeItems(change, page, (items) => {
    if (whole) items.replaceItem(indx, { bytes: old, type: undefined }, { bytes: item, type: undefined });
    else items.replacePart(indx, offset, old, item);
    if (body.makeDuplicate !== 0) items.setType(indx, typeAfter);
  });
}

const replaceBefore50 = {
  redo(body: ReplaceBefore50, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) replaceIn(body, change, page, body.oldItem, body.newItem, hashItemType.duplicates);
  },
  undo(body: ReplaceBefore50, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) replaceIn(body, change, page, body.newItem, body.oldItem, hashItemType.keyData);
  },
};

type Replace = BodyOf<typeof hash.replace>;

/** One side of a replacement. */
interface Side {
  readonly type: number;
  readonly bytes: ByteRange;
}

function replaceTyped(body: Replace, change: Change, page: CachedPage, old: Side, now: Side): void {
  const { indx, offset } = body;
  if (offset < -1) throw change.misfit(page, `a change at ${offset} in item ${indx}`);
  const oldItem = typedItemOrPart(change, page, offset, old);
  const newItem = typedItemOrPart(change, page, offset, now);
  changeItems(change, page, (items) => {
    if (offset < 0) items.replaceItem(indx, oldItem, newItem);
    else items.replacePart(indx, offset, old.bytes, now.bytes);
    if (modeOf(old.type) !== modeOf(now.type)) items.setType(indx, modeOf(now.type));
  });
}

function typedItemOrPart(change: Change, page: CachedPage, offset: number, { type, bytes }: Side): HashItem {
  return offset < 0 ? typedItem(change, page, type, bytes) : { bytes, type: undefined };
}

const replace = {
  redo(body: Replace, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (!page) return;
    const old = { type: body.oldType, bytes: body.oldItem };
    replaceTyped(body, change, page, old, { type: body.newType, bytes: body.newItem });
  },
  undo(body: Replace, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    const now = { type: body.oldType, bytes: body.oldItem };
    replaceTyped(body, change, page, { type: body.newType, bytes: body.newItem }, now);
  },
};

type Copypage = BodyOf<typeof hash.copypage>;

const copypage = {
  redo(body: Copypage, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) {
      putImage(change, page, body.page, change.lsn);
      page.pgno = body.pgno;
      page.prevPgno = 0;
    }
    change.redo(body.nextPgno, body.nextPageLsn);
    relink(change, 'redo', body.nextNextPgno, body.nextNextPageLsn, (after) => {
      after.prevPgno = body.pgno;
    });
  },
  undo(body: Copypage, change: Change): void {
    change.undo(body.pgno, body.pageLsn)?.initialize(body.pgno, 0, body.nextPgno, 0, pageType.hash);
    const next = change.undo(body.nextPgno, body.nextPageLsn);
    if (next) putImage(change, next, body.page, body.nextPageLsn);
    relink(change, 'undo', body.nextNextPgno, body.nextNextPageLsn, (after) => {
      after.prevPgno = body.nextPgno;
    });
  },
};

export const hashOperations: readonly Operation[] = [
  ...onOnePage(hash.insdel, insdel),
  ...onOnePage(hash.insdelBefore50, insdelBefore50),
  ...on(hash.newpage, newpage),
  ...on(hash.splitdata, splitdata),
  ...onOnePage(hash.replace, replace),
  ...onOnePage(hash.replaceBefore50, replaceBefore50),
  ...on(hash.copypage, copypage),
  ...hashMetaOperations,
  ...on(hash.curadj, nothing),
  ...on(hash.chgpg, nothing),
];
