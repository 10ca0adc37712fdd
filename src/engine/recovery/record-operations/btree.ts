/** Redo and undo of btree and recno records (recovery document, C.5). */

import { copyOf, emptyRange, rangeOf, viewOf, writeRange, type ByteRange } from '../../../format/byte-range.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as btree from '../../../format/log/records/btree.ts';
import { databaseType } from '../../../format/log/records/dbreg.ts';
import { equalLsn } from '../../../format/lsn.ts';
import { metaAt } from '../../../format/page/meta.ts';
import { type Page } from '../../../format/page/page.ts';
import { deletedFlag, itemType, pageType } from '../../../format/page/types.ts';
import { nothing, on, onOnePage, type Change, type Operation } from '../page-change.ts';
import { type CachedPage } from '../page-cache.ts';
import {
  align4,
  checkedItem,
  copyItems,
  countRecords,
  deleteItem,
  imageOf,
  putItem,
  requireWholeItems,
  resizeItem,
  shareItem,
  unshareItem,
  wholeItem,
} from './items.ts';
import { itemInOrder, swappedItem } from './item-order.ts';

type Split = BodyOf<typeof btree.split>;

function isInternal(type: number): boolean {
  return type === pageType.btreeInternal || type === pageType.recnoInternal;
}

/** The changes that a split makes, before it is known which of its pages lack them. */
function splitPlan(
  body: Split,
  image: Page,
  change: Change,
): {
  readonly isRootSplit: boolean;
  readonly parentBefore: { readonly file: number; readonly offset: number };
  readonly parentChanges: boolean;
} {
  const isRootSplit = body.parentPgno === image.pgno;
  const counts = (body.flags & btree.splitFlag.counts) !== 0;
  return {
    isRootSplit,
    parentBefore: isRootSplit ? image.lsn : body.parentLsn,
    // From v17 on, counting trees log the parent's change in records of its own.
    parentChanges: isRootSplit || !counts || change.version <= 16,
  };
}

function splitImage(body: Split, change: Change): Page | undefined {
  const like = change.file.page(body.left) ?? change.file.page(body.right) ?? change.file.page(body.parentPgno);
  if (!like) return undefined;
  const image = imageOf(change, like, body.page);
  change.require(body.page.length === like.size, like, 'the logged image of a split is not a whole page');
  requireWholeItems(change, image, like);
  if (body.indx > image.entries) throw change.misfit(like, `a split at item ${body.indx} of ${image.entries}`);
  return image;
}

const split = {
  redo(body: Split, change: Change): void {
    const image = splitImage(body, change);
    if (!image) {
      for (const pgno of [body.left, body.right, body.parentPgno]) change.question(pgno, 'missing');
      return;
    }
    const { isRootSplit, parentBefore, parentChanges } = splitPlan(body, image, change);
    const leaf = !isInternal(image.type);
    const prev = isRootSplit || !leaf ? 0 : image.prevPgno;
    const next = isRootSplit || !leaf ? 0 : image.nextPgno;

    const from = isRootSplit ? body.parentPgno : body.left;
    const entries = change.file.page(from)?.entries;

    const left = change.redo(body.left, body.leftLsn);
    if (left) {
      left.initialize(body.left, prev, leaf ? body.right : 0, image.level, image.type);
      copyItems(change, image, left, 0, body.indx);
    }
    const right = change.redo(body.right, body.rightLsn);
    if (right) {
      right.initialize(body.right, leaf ? body.left : 0, next, image.level, image.type);
      copyItems(change, image, right, body.indx, image.entries);
    }
    const parent = change.redo(body.parentPgno, parentBefore);
    if (parent && isRootSplit) splitRoot(body, image, parent, change);
    else if (parent && parentChanges) putEntry(body.rightEntry, body.parentIndx + 1, parent, change);

    if (!isRootSplit && body.nextPgno !== 0 && !change.putOff(body.nextPgno)) split.redoLate(body, change);
    const { left: leftPgno, right: rightPgno } = body;
    const isGrown = change.made.includes(from) && entries !== image.entries;
    change.split = { from, left: leftPgno, right: rightPgno, type: image.type, isGrown };
  },

  /** On the page that follows, which has nothing to do with the others. */
  redoLate(body: Split, change: Change): void {
    const following = change.redo(body.nextPgno, body.nextLsn);
    if (following) following.prevPgno = body.right;
  },

  undo(body: Split, change: Change): void {
    const image = splitImage(body, change);
    if (!image) return;
    const { isRootSplit, parentBefore, parentChanges } = splitPlan(body, image, change);
    // A page that was new is empty again, as its allocation left it.
    const level = isInternal(image.type) ? 0 : image.level;
    if (isRootSplit) {
      change.undo(body.left, body.leftLsn)?.initialize(body.left, 0, 0, level, image.type);
      const root = change.undo(body.parentPgno, parentBefore);
      if (root) root.bytes.set(image.bytes);
    } else {
      const left = change.undo(body.left, body.leftLsn);
      if (left) left.bytes.set(image.bytes);
      const parent = change.undo(body.parentPgno, parentBefore);
      if (parent && parentChanges) {
        deleteItem(change, parent, body.parentIndx + 1, wholeItem(change, parent, body.parentIndx + 1).size);
      }
    }
    change.undo(body.right, body.rightLsn)?.initialize(body.right, 0, 0, level, image.type);
    if (!isRootSplit && body.nextPgno !== 0) {
      const following = change.undo(body.nextPgno, body.nextLsn);
      if (following) following.prevPgno = body.left;
    }
  },
};

function splitRoot(body: Split, image: Page, root: CachedPage, change: Change): void {
  const recno = (body.flags & btree.splitFlag.recno) !== 0;
  root.initialize(body.parentPgno, 0, 0, image.level + 1, recno ? pageType.recnoInternal : pageType.btreeInternal);
  if ((body.flags & btree.splitFlag.counts) !== 0) {
    root.prevPgno = countRecords(image, 0, body.indx) + countRecords(image, body.indx, image.entries);
  }
  putEntry(body.leftEntry, body.parentIndx, root, change);
  putEntry(body.rightEntry, body.parentIndx + 1, root, change);
}

function putEntry(entry: ByteRange, indx: number, parent: CachedPage, change: Change): void {
  putItem(change, parent, indx, entry.length, itemInOrder(change, parent.type, entry), emptyRange);
}

type Rsplit = BodyOf<typeof btree.rsplit>;

const rsplit = {
  redo(body: Rsplit, change: Change): void {
    const root = change.redo(body.rootPgno, body.rootLsn);
    if (root) {
      const count = root.prevPgno;
      const image = imageOf(change, root, body.page);
      change.require(body.page.length === root.size, root, 'the logged page image is not a whole page');
      root.bytes.set(image.bytes);
      if (root.level > 1) root.prevPgno = count;
      root.pgno = body.rootPgno;
      root.lsn = change.lsn;
    }
    change.redo(body.pgno, childBefore(body, change));
  },

  undo(body: Rsplit, change: Change): void {
    const root = change.undo(body.rootPgno, body.rootLsn);
    if (root) {
      const internal =
        root.type === pageType.btreeLeaf || root.type === pageType.btreeInternal || root.type === pageType.duplicateLeaf
          ? pageType.btreeInternal
          : pageType.recnoInternal;
      root.initialize(body.rootPgno, body.nrec, 0, root.level + 1, internal);
      // This field is in the writer's byte order in every log version.
      const entry = root.littleEndian ? body.rootEntry : rangeOf(swappedItem(internal, copyOf(body.rootEntry), true));
      putItem(change, root, 0, entry.length, entry, emptyRange);
    }
    const child = change.undo(body.pgno, childBefore(body, change));
    if (child) {
      const image = imageOf(change, child, body.page);
      child.bytes.set(image.bytes);
    }
  },
};

/** The child's LSN before is in its image. */
function childBefore(body: Rsplit, change: Change): { file: number; offset: number } {
  const littleEndian = change.version <= 16 || change.file.format.littleEndian;
  const image = viewOf(body.page);
  if (image.length < 8) return { file: 0, offset: 0 };
  const view = new DataView(image.buffer, image.byteOffset, 8);
  return { file: view.getUint32(0, littleEndian), offset: view.getUint32(4, littleEndian) };
}

type Repl = BodyOf<typeof btree.repl>;

/**
 * Makes `prefix`, `middle` and `suffix` of an item's bytes, in place; returns its new offset. What is kept is moved
 * while its old place is still its own: before the item shrinks, or after it has grown.
 */
function replaceMiddle(
  change: Change,
  page: CachedPage,
  { indx, prefix, suffix }: Repl,
  { offset, head, oldLength }: { readonly offset: number; readonly head: number; readonly oldLength: number },
  middle: ByteRange,
): number {
  const { bytes } = page;
  const newLength = prefix + middle.length + suffix;
  const oldSize = align4(oldLength + head);
  const newSize = align4(newLength + head);
  const from = offset + head;
  const to = from + oldSize - newSize;
  const shrinks = newSize <= oldSize;
  if (!shrinks) resizeItem(change, page, indx, oldSize, newSize);
  const moveSuffix = (): void =>
    void bytes.copyWithin(to + newLength - suffix, from + oldLength - suffix, from + oldLength);
  if (shrinks && suffix > 0) moveSuffix();
  if (to !== from && prefix > 0) bytes.copyWithin(to, from, from + prefix);
  if (!shrinks && suffix > 0) moveSuffix();
  if (shrinks) resizeItem(change, page, indx, oldSize, newSize);
  writeRange(middle, bytes, to + prefix);
  return to - head;
}

/** Replaces the middle of an item: what is between `prefix` and `suffix` becomes `middle`. */
function replaceItem(
  change: Change,
  page: CachedPage,
  body: Repl,
  expected: ByteRange,
  middle: ByteRange,
): { offset: number } {
  const internal = page.type === pageType.btreeInternal;
  if (!internal && isInternal(page.type)) throw change.misfit(page, `it has type ${page.type}`);
  // On internal pages (4.8 only, C.5.6) the item counts from its fourth byte: unused, child, count, key.
  const head = 3;
  const extra = internal ? 9 : 0;
  const { offset, size } = wholeItem(change, page, body.indx);
  const oldLength = page.u16(offset) + extra;
  const expectedLength = body.prefix + expected.length + body.suffix;
  if (expectedLength !== oldLength || head + oldLength > size) {
    throw change.misfit(page, `item ${body.indx} has ${oldLength} bytes, not ${expectedLength}`);
  }
  const type = page.bytes[offset + 2]!;
  const newLength = body.prefix + middle.length + body.suffix;
  const at = replaceMiddle(change, page, body, { offset, head, oldLength }, middle);
  page.setU16(at, newLength - extra);
  page.bytes[at + 2] = internal ? type : type & ~deletedFlag;
  if (internal && body.isDeleted !== 0) {
    page.bytes[at + 2] = type === itemType.overflow ? itemType.keyData : itemType.overflow;
  }
  return { offset: at };
}

const repl = {
  redo(body: Repl, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) replaceItem(change, page, body, body.orig, body.repl);
  },
  undo(body: Repl, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    const { offset } = replaceItem(change, page, body, body.repl, body.orig);
    if (body.isDeleted !== 0 && page.type !== pageType.btreeInternal) page.bytes[offset + 2]! |= deletedFlag;
  },
};

type Irep = BodyOf<typeof btree.irep>;

/** Replaces an item of an internal page; its parts are complete. */
function replaceInternal(change: Change, page: CachedPage, indx: number, parts: readonly ByteRange[]): void {
  if (page.type !== pageType.btreeInternal) throw change.misfit(page, `it has type ${page.type}`);
  const { size } = wholeItem(change, page, indx);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length < 12) throw change.misfit(page, `an internal item of ${length} bytes`);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(viewOf(part), at);
    at += part.length;
  }
  const offset = resizeItem(change, page, indx, size, align4(length));
  page.bytes.set(bytes, offset);
}

const irep = {
  redo(body: Irep, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) replaceInternal(change, page, body.indx, [body.hdr, body.data]);
  },
  undo(body: Irep, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) replaceInternal(change, page, body.indx, [body.old]);
  },
};

type Adj = BodyOf<typeof btree.adj>;

const adj = {
  redo(body: Adj, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (!page) return;
    if (body.isInsert !== 0) shareItem(change, page, body.indx, body.indxCopy);
    else unshareItem(change, page, body.indx);
  },
  undo(body: Adj, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (!page) return;
    if (body.isInsert !== 0) unshareItem(change, page, body.indx);
    // `indxCopy` counts on the page without the entry.
    else shareItem(change, page, body.indx, body.indxCopy);
  },
};

type Cadjust = BodyOf<typeof btree.cadjust>;

function adjustCount(body: Cadjust, change: Change, page: CachedPage, by: number): void {
  const { offset } = wholeItem(change, page, body.indx);
  if (!isInternal(page.type)) throw change.misfit(page, `it has type ${page.type}`);
  const at = offset + (page.type === pageType.btreeInternal ? 8 : 4);
  page.setU32(at, (page.u32(at) + by) >>> 0);
  if ((body.flags & 1) !== 0) page.prevPgno = (page.prevPgno + by) >>> 0;
}

const cadjust = {
  redo(body: Cadjust, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) adjustCount(body, change, page, body.adjust);
  },
  undo(body: Cadjust, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) adjustCount(body, change, page, -body.adjust);
  },
};

type Cdel = BodyOf<typeof btree.cdel>;

/** Offset of the type byte that carries the delete flag: on btree leaves the data item's. */
function flagOffset(body: Cdel, change: Change, page: CachedPage): number {
  const indx = page.type === pageType.btreeLeaf ? body.indx + 1 : body.indx;
  return checkedItem(change, page, indx, 3) + 2;
}

const cdel = {
  redo(body: Cdel, change: Change): void {
    const page = change.redo(body.pgno, body.pageLsn);
    if (page) page.bytes[flagOffset(body, change, page)]! |= deletedFlag;
  },
  undo(body: Cdel, change: Change): void {
    const page = change.undo(body.pgno, body.pageLsn);
    if (page) page.bytes[flagOffset(body, change, page)]! &= ~deletedFlag;
  },
};

type Root = BodyOf<typeof btree.root>;

const root = {
  redo(body: Root, change: Change): void {
    const page = change.redo(body.metaPgno, body.metaLsn);
    if (page) page.setU32(metaAt.btree.root, body.rootPgno);
  },
  /**
   * The record does not tell the old root. Where the database was being created there was none; where compaction moved
   * the root, the record of the move tells it (`merge` in allocation.ts). Native recovery, and an abort in the running
   * application, set the LSN back and leave the new root, which is a free page then: that is put right as well.
   */
  undo(body: Root, change: Change): void {
    const page = change.undo(body.metaPgno, body.metaLsn) ?? change.file.page(body.metaPgno);
    if (!page || change.onlyChecking || !equalLsn(page.lsn, body.metaLsn)) return;
    if (page.u32(metaAt.btree.root) === body.rootPgno) change.file.rootsUndone.set(body.rootPgno, body.metaPgno);
  },
};

/** True when the record's database is a recno, as its registration says. */
export function isRecno(change: Change): boolean {
  return change.binding.databaseType === databaseType.recno;
}

export const btreeOperations: readonly Operation[] = [
  ...on([btree.split, btree.splitBefore50], split),
  ...on(btree.rsplit, rsplit),
  ...onOnePage(btree.repl, repl),
  ...onOnePage(btree.irep, irep),
  ...onOnePage(btree.adj, adj),
  ...onOnePage(btree.cadjust, cadjust),
  ...onOnePage(btree.cdel, cdel),
  ...on(btree.root, root),
  ...on(btree.curadj, nothing),
  ...on(btree.rcuradj, nothing),
];
