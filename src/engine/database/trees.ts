/** Reads btree and recno trees, off-page duplicates and overflow items (format document, 4.6, 4.7). */

import { type FigaroError, isPageDamage } from '../../errors.ts';
import {
  childOf,
  internalItemData,
  internalLength,
  internalReference,
  isDeletedItem,
  isTreeInternal,
  isTreeLeaf,
  overflowLength,
  recordsBelow,
  referenceOf,
  treeItemData,
  treeItemType,
} from '../../format/page/btree.ts';
import { metaAt } from '../../format/page/meta.ts';
import { overflowData } from '../../format/page/overflow.ts';
import { type Page } from '../../format/page/page.ts';
import { itemType, pageType } from '../../format/page/types.ts';
import { type Database, type DatabaseFile } from './database-file.ts';
import { readExternalItem } from './external-files.ts';
import { type PageChoice } from './page-choice.ts';
import { PageCount } from './page-count.ts';

/** A record as cursors give it. Recno and queue have numbers for keys, heaps have none. */
export interface DatabaseRecord {
  readonly key: Uint8Array | number | undefined;
  readonly data: Uint8Array;
}

/** Trees are not deeper than this: 512-byte pages hold at least two entries. */
const maxDepth = 40;

/** Where to begin in a tree, and what to do about damage in it. */
export interface TreeRange {
  /** Leaves that hold lesser keys alone are left out, where keys are in the order of bytes. */
  readonly from?: Uint8Array;
  /** Told of pages that cannot be read: all below them is passed over. */
  readonly onDamage?: (error: FigaroError) => void;
  /** Only these leaves; the pages above them are read in any case. */
  readonly choice?: PageChoice | undefined;
  /** All leaves nevertheless. */
  readonly isThorough?: boolean | undefined;
  /** Told of leaves that are left out unread, and how many records the page above has for them, where it counts. */
  readonly onPassed?: (pgno: number, records: number) => void;
}

/** The level of pages whose children are leaves (format document, 4.4.1). */
const aboveLeaves = 2;

/** The leaves below a page, from left to right. */
function* leavesOf(
  file: DatabaseFile,
  root: number,
  count: PageCount,
  { from, onDamage, choice, isThorough = false, onPassed }: TreeRange = {},
): Generator<Page> {
  const stack: { page: Page; next: number }[] = [];
  let isSearching = from !== undefined;
  const isRead = (pgno: number): boolean => !choice || isThorough || choice.has(pgno);
  const enter = (pgno: number): Page | undefined => {
    count.add(pgno);
    if (stack.length > maxDepth) throw file.broken(pgno, 'the tree runs in a circle');
    const page = file.page(pgno);
    if (isTreeInternal(page.type)) {
      stack.push({ page, next: isSearching ? childFor(file, page, from!) : 0 });
      if (choice) readLongKeys(file, page, choice);
      return undefined;
    }
    isSearching = false;
    if (!isTreeLeaf(page.type)) throw file.broken(pgno, `it has type ${page.type}, where a leaf has to be`);
    return isRead(pgno) ? page : undefined;
  };
  const enterIfSound = (pgno: number): Page | undefined => {
    try {
      return enter(pgno);
    } catch (error) {
      if (!onDamage || !isPageDamage(error)) throw error;
      isSearching = false;
      onDamage(error);
      return undefined;
    }
  };
  let leaf = enterIfSound(root);
  for (;;) {
    if (leaf) yield leaf;
    const top = stack.at(-1);
    if (!top) return;
    if (top.next >= top.page.entries) {
      stack.pop();
      leaf = undefined;
      continue;
    }
    const offset = top.page.itemAt(top.next);
    top.next += 1;
    const child = childOf(top.page, offset);
    const isPassed = top.page.level === aboveLeaves && !isRead(child);
    if (isPassed) onPassed?.(child, recordsBelow(top.page, offset));
    leaf = isPassed ? undefined : enterIfSound(child);
  }
}

/** The item of an internal page below which a key is, or would be. */
function childFor(file: DatabaseFile, page: Page, key: Uint8Array): number {
  let low = 0;
  // The first key of a page means nothing (format document, 4.6.3).
  for (let high = page.entries - 1; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (Buffer.compare(internalKey(file, page, page.itemAt(middle)), key) <= 0) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Keys of internal pages that changed, where they are on overflow pages of their own: whoever asks which pages are read has them among them. */
function readLongKeys(file: DatabaseFile, page: Page, choice: PageChoice): void {
  if (page.type !== pageType.btreeInternal) return;
  for (let i = 0; i < page.entries; i++) {
    const offset = page.itemAt(i);
    if (treeItemType(page, offset) !== itemType.overflow || !choice.has(internalReference(page, offset))) continue;
    for (const _ of overflowPieces(file, internalReference(page, offset), internalLength(page, offset)));
  }
}

function internalKey(file: DatabaseFile, page: Page, offset: number): Uint8Array {
  if (page.type !== pageType.btreeInternal) throw file.broken(page.pgno, 'a page of a btree has to be here');
  if (treeItemType(page, offset) !== itemType.overflow) return internalItemData(page, offset);
  return readOverflow(file, internalReference(page, offset), internalLength(page, offset));
}

/** The bytes of a leaf item: those on the page, or what it refers to. */
function itemBytes(file: DatabaseFile, page: Page, offset: number): Uint8Array {
  switch (treeItemType(page, offset)) {
    case itemType.overflow:
      return readOverflow(file, referenceOf(page, offset), overflowLength(page, offset));
    case itemType.externalFile:
      return readExternalItem(file, page, offset, 'tree');
    case itemType.keyData:
      return treeItemData(page, offset);
    default:
      throw file.broken(page.pgno, 'a set of duplicates is where none can be');
  }
}

/** An item kept on a chain of overflow pages. Throws when the chain does not have `length` bytes. */
export function readOverflow(file: DatabaseFile, first: number, length: number): Uint8Array {
  return Buffer.concat([...overflowPieces(file, first, length)]);
}

/** As `readOverflow`, page by page. */
function* overflowPieces(file: DatabaseFile, first: number, length: number): Generator<Uint8Array> {
  let done = 0;
  let pages = 0;
  for (let pgno = first; pgno !== 0;) {
    const page = file.page(pgno);
    if (page.type !== pageType.overflow) throw file.broken(pgno, 'an overflow page has to be here');
    const part = overflowData(page);
    done += part.length;
    pages += 1;
    if (done > length || pages > file.pageCount) break;
    yield part;
    pgno = page.nextPgno;
  }
  if (done !== length) throw file.broken(first, `the item here has ${done} bytes, not ${length}`);
}

/** The pages of an item of which all but the last are read, each before the next one is told. */
function* overflowPages(file: DatabaseFile, first: number, length: number): Generator<number> {
  const { pageSize, indexStart } = file.format;
  let left = length;
  for (let pgno = first; pgno !== 0;) {
    yield pgno;
    // It has all the room that there is for the rest.
    if (left <= pageSize - indexStart) return;
    const page = file.page(pgno);
    if (page.type !== pageType.overflow) throw file.broken(pgno, 'an overflow page has to be here');
    left -= Math.max(1, overflowData(page).length);
    pgno = page.nextPgno;
  }
}

/** The duplicates of a set that has a tree of its own. */
export function* offPageDuplicates(
  file: DatabaseFile,
  root: number,
  count: PageCount,
  choice?: PageChoice,
): Generator<Uint8Array> {
  for (const leaf of leavesOf(file, root, count, { choice })) {
    if (leaf.type === pageType.btreeLeaf) throw file.broken(leaf.pgno, 'a leaf of duplicates has to be here');
    for (let i = 0; i < leaf.entries; i++) {
      const offset = leaf.itemAt(i);
      if (!isDeletedItem(leaf, offset)) yield itemBytes(file, leaf, offset);
    }
  }
}

/** @param choice only the records on these pages */
export function* btreeRecords({ file, meta }: Database, choice?: PageChoice): Generator<DatabaseRecord> {
  const count = new PageCount(file);
  const range = { choice, isThorough: choice?.isThorough };
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), count, range)) {
    if (leaf.type !== pageType.btreeLeaf) throw file.broken(leaf.pgno, 'a leaf of a btree has to be here');
    const isChosen = !choice || choice.has(leaf.pgno);
    for (let i = 0; i + 1 < leaf.entries; i += 2) {
      const data = leaf.itemAt(i + 1);
      if (isDeletedItem(leaf, data)) continue;
      if (treeItemType(leaf, data) === itemType.duplicates) {
        const key = itemBytes(file, leaf, leaf.itemAt(i));
        const root = referenceOf(leaf, data);
        for (const duplicate of offPageDuplicates(file, root, count, choice)) yield { key, data: duplicate };
      } else if (isChosen) {
        yield { key: itemBytes(file, leaf, leaf.itemAt(i)), data: itemBytes(file, leaf, data) };
      }
    }
  }
}

/** A record of a btree whose data is read when it is asked for. */
export interface BtreeEntry {
  readonly key: Uint8Array;
  /** Of its data, in bytes. */
  readonly length: number;
  /** All of its data. */
  readonly data: () => Uint8Array;
  /** Its data page by page. */
  readonly pieces: () => Iterable<Uint8Array>;
  /** Where its data is, unless that is on the leaf. */
  readonly ownPages?: { readonly first: number; readonly all: () => Iterable<number> };
}

/** Records of a btree without duplicates, whose keys are in the order of bytes, from a key on. */
export function* btreeEntries({ file, meta }: Database, range: TreeRange = {}): Generator<BtreeEntry> {
  const { from } = range;
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), new PageCount(file), range)) {
    if (leaf.type !== pageType.btreeLeaf) throw file.broken(leaf.pgno, 'a leaf of a btree has to be here');
    for (let i = 0; i + 1 < leaf.entries; i += 2) {
      const offset = leaf.itemAt(i + 1);
      if (isDeletedItem(leaf, offset)) continue;
      const key = itemBytes(file, leaf, leaf.itemAt(i));
      if (from && Buffer.compare(key, from) < 0) continue;
      yield entryAt(file, leaf, key, offset);
    }
  }
}

function entryAt(file: DatabaseFile, leaf: Page, key: Uint8Array, offset: number): BtreeEntry {
  if (treeItemType(leaf, offset) === itemType.overflow) {
    const first = referenceOf(leaf, offset);
    const length = overflowLength(leaf, offset);
    return {
      key,
      length,
      data: () => readOverflow(file, first, length),
      pieces: () => overflowPieces(file, first, length),
      ownPages: { first, all: () => overflowPages(file, first, length) },
    };
  }
  const data = itemBytes(file, leaf, offset);
  return { key, length: data.length, data: () => data, pieces: () => [data] };
}

/** @param choice only the records on these pages */
export function* recnoRecords({ file, meta }: Database, choice?: PageChoice): Generator<DatabaseRecord> {
  let number = 0;
  const onPassed = (_pgno: number, records: number): void => void (number += records);
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), new PageCount(file), { choice, onPassed })) {
    if (leaf.type !== pageType.recnoLeaf) throw file.broken(leaf.pgno, 'a leaf of a recno has to be here');
    for (let i = 0; i < leaf.entries; i++) {
      number += 1;
      const offset = leaf.itemAt(i);
      if (!isDeletedItem(leaf, offset)) yield { key: number, data: itemBytes(file, leaf, offset) };
    }
  }
}

/** Leaves of a recno that are not among those chosen, each with the number of its first record. */
export function* passedRecnoLeaves(
  { file, meta }: Database,
  choice: PageChoice,
): Generator<{ readonly pgno: number; readonly first: number }> {
  let first = 1;
  let passed: { readonly pgno: number; readonly first: number }[] = [];
  const onPassed = (pgno: number, records: number): void => {
    passed.push({ pgno, first });
    first += records;
  };
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), new PageCount(file), { choice, onPassed })) {
    yield* passed;
    passed = [];
    first += leaf.entries;
  }
  yield* passed;
}
