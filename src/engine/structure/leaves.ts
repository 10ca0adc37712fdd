/** Checks the items of leaves: order, and what they refer to (format document, 4.6.2). */

import { isDeletedItem, overflowLength, referenceOf, treeItemData, treeItemType } from '../../format/page/btree.ts';
import { type Page } from '../../format/page/page.ts';
import { itemType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from './file-check.ts';
import { checkOverflow } from './overflow.ts';
import { type DuplicateShape, type TreeShape } from './expected-tree.ts';

/** What the tree above has to know of a leaf. Keys are undefined where they are not known. */
export interface LeafResult {
  readonly first: Uint8Array | undefined;
  readonly last: Uint8Array | undefined;
  /** Records that count (4.6.6). */
  readonly count: number;
}

/** Checks the tree of a set of duplicates. */
type CheckDuplicateTree = (check: FileCheck, root: number, from: number, shape: DuplicateShape) => Steps;

/** Pairs of keys and data. */
export function* checkPairs(
  check: FileCheck,
  page: Page,
  shape: TreeShape,
  checkDuplicateTree: CheckDuplicateTree,
): Steps<LeafResult> {
  const { duplicates, order, compressed } = shape;
  // Most databases have no use for the data: views of them all would take more time than everything else.
  const needsData = shape.onPair !== undefined || duplicates?.sorted === true;
  let first: Uint8Array | undefined;
  let key: Uint8Array | undefined;
  let previousKey: Uint8Array | undefined;
  let previousData: Uint8Array | undefined;
  let count = 0;
  for (let i = 0; i + 1 < page.entries; i += 2) {
    const keyOffset = page.itemAt(i);
    const dataOffset = page.itemAt(i + 1);
    const isDeleted = isDeletedItem(page, dataOffset);
    const isDuplicate = i > 0 && keyOffset === page.itemAt(i - 2);
    if (isDuplicate && !duplicates) {
      check.find(page.pgno, `items ${i - 2} and ${i} are duplicates, which this database cannot have`);
    }
    if (!isDuplicate) {
      if (isDeletedItem(page, keyOffset)) check.find(page.pgno, `the key in item ${i} is marked as deleted`);
      previousKey = key;
      previousData = undefined;
      key = isOnPage(page, keyOffset) ? treeItemData(page, keyOffset) : yield* leafItem(check, page, i, keyOffset);
      if (i === 0) first = key;
      const compared = order && key && previousKey ? order(previousKey, key) : -1;
      if (compared > 0 || (compared === 0 && !compressed)) {
        const how = compared > 0 ? 'is before' : 'equals';
        check.find(page.pgno, `the key in item ${i} ${how} the one in item ${i - 2}`);
      }
    }
    let data: Uint8Array | undefined;
    if (isOnPage(page, dataOffset)) {
      if (needsData) data = treeItemData(page, dataOffset);
    } else if (treeItemType(page, dataOffset) !== itemType.duplicates) {
      data = yield* leafItem(check, page, i + 1, dataOffset);
    } else if (duplicates && !isDuplicate) {
      yield* checkDuplicateTree(check, referenceOf(page, dataOffset), page.pgno, duplicates);
    } else {
      check.find(page.pgno, `item ${i + 1} refers to duplicates, where none can be`);
    }
    if (!isDeleted) count += 1;
    if (isDuplicate && duplicates?.sorted && duplicates.order && data && previousData) {
      if (duplicates.order(previousData, data) > 0) {
        check.find(page.pgno, `the duplicate in item ${i + 1} is before the one in item ${i - 1}`);
      }
    }
    previousData = data;
    if (key && data && !isDeleted) shape.onPair?.(key, data, page.pgno);
  }
  return { first, last: key, count };
}

/** Records by number; placeholders of deleted ones count. */
export function* checkRecords(check: FileCheck, page: Page, shape: TreeShape): Steps<LeafResult> {
  for (let i = 0; i < page.entries; i++) {
    const offset = page.itemAt(i);
    if (!isOnPage(page, offset)) yield* leafItem(check, page, i, offset);
    const { recordLength } = shape;
    if (recordLength === undefined || isDeletedItem(page, offset)) continue;
    const length = treeItemType(page, offset) === itemType.keyData ? page.u16(offset) : overflowLength(page, offset);
    if (length !== recordLength) {
      check.find(page.pgno, `the record in item ${i} has ${length} bytes, not ${recordLength}`);
    }
  }
  return { first: undefined, last: undefined, count: page.entries };
}

/** Sorted duplicates. */
export function* checkDuplicates(check: FileCheck, page: Page, shape: TreeShape): Steps<LeafResult> {
  let first: Uint8Array | undefined;
  let last: Uint8Array | undefined;
  let count = 0;
  for (let i = 0; i < page.entries; i++) {
    const offset = page.itemAt(i);
    const item = yield* leafItem(check, page, i, offset);
    if (i === 0) first = item;
    if (shape.order && last && item && shape.order(last, item) > 0) {
      check.find(page.pgno, `the duplicate in item ${i} is before the one in item ${i - 1}`);
    }
    last = item;
    if (!isDeletedItem(page, offset)) count += 1;
  }
  return { first, last, count };
}

function isOnPage(page: Page, offset: number): boolean {
  return treeItemType(page, offset) === itemType.keyData;
}

/** Checks what an item refers to. Returns its bytes, or undefined where they are not known. */
function* leafItem(check: FileCheck, page: Page, i: number, offset: number): Steps<Uint8Array | undefined> {
  switch (treeItemType(page, offset)) {
    case itemType.keyData:
      return treeItemData(page, offset);
    case itemType.overflow:
      return yield* checkOverflow(check, referenceOf(page, offset), overflowLength(page, offset), page.pgno);
    case itemType.duplicates:
      check.find(page.pgno, `item ${i} refers to duplicates, where none can be`);
      return undefined;
    default:
      // The contents of external files are not part of the structure.
      return undefined;
  }
}
