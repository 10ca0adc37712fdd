/** Checks btree and recno trees, and trees of duplicates: levels, links, order, counts (format document, 4.6, 4.7). */

import {
  childOf,
  internalItemData,
  internalLength,
  internalReference,
  isTreeInternal,
  treeItemType,
} from '../../format/page/btree.ts';
import { type Page } from '../../format/page/page.ts';
import { itemType, pageType } from '../../format/page/types.ts';
import { type FileCheck, type Steps } from './file-check.ts';
import { checkDuplicates, checkPairs, checkRecords, type LeafResult } from './leaves.ts';
import { checkOverflow } from './overflow.ts';
import { type DuplicateShape, type TreeShape } from './expected-tree.ts';

/** Keys between which those of a subtree lie; undefined where there is no bound. */
interface Bounds {
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
}

/** Checks the tree below `root`. */
export function* checkTree(check: FileCheck, root: number, from: number, shape: TreeShape): Steps {
  yield* new TreeCheck(check, shape).run(root, from);
}

class TreeCheck {
  readonly #check: FileCheck;
  readonly #shape: TreeShape;
  readonly #internal: number;
  /** The leaf visited last, and the one it says is next. */
  #leaf = 0;
  #nextLeaf: number | undefined;

  constructor(check: FileCheck, shape: TreeShape) {
    this.#check = check;
    this.#shape = shape;
    this.#internal = shape.leaf === pageType.recnoLeaf ? pageType.recnoInternal : pageType.btreeInternal;
  }

  *run(root: number, from: number): Steps {
    const page = this.#check.claim(root, from);
    if (!page) return;
    const count = yield* this.#subtree(page, page.level, { low: undefined, high: undefined });
    if (this.#nextLeaf !== undefined && this.#nextLeaf !== 0) {
      this.#check.find(this.#leaf, `it is the last leaf of its tree, but says that ${this.#nextLeaf} follows`);
    }
    if (!this.#shape.counted || !isTreeInternal(page.type) || count === undefined) return;
    if (page.prevPgno !== count) {
      this.#check.find(root, `the tree has ${count} records, but its root says ${page.prevPgno}`);
    }
  }

  /** @returns the number of records; undefined when part of the tree cannot be read */
  *#subtree(page: Page, level: number, bounds: Bounds): Steps<number | undefined> {
    yield;
    const { leaf } = this.#shape;
    if (page.type !== leaf && page.type !== this.#internal) {
      this.#check.find(page.pgno, `it has type ${page.type}, which does not belong into its tree`);
      this.#nextLeaf = undefined;
      return undefined;
    }
    if (page.level !== level) {
      this.#check.find(page.pgno, `it is at level ${page.level}, where its tree has level ${level}`);
      this.#nextLeaf = undefined;
      return undefined;
    }
    return page.type === leaf ? yield* this.#leafPage(page, bounds) : yield* this.#internalPage(page, bounds);
  }

  *#internalPage(page: Page, bounds: Bounds): Steps<number | undefined> {
    const check = this.#check;
    const keys = yield* this.#separators(page, bounds);
    let total: number | undefined = 0;
    for (let i = 0; i < page.entries; i++) {
      const offset = page.itemAt(i);
      const childPgno = childOf(page, offset);
      const child = check.claim(childPgno, page.pgno);
      if (!child) {
        total = this.#nextLeaf = undefined;
        continue;
      }
      // The first key of a page means nothing (4.6.3).
      const low = i === 0 ? bounds.low : keys[i];
      const high = i + 1 < page.entries ? keys[i + 1] : bounds.high;
      const count: number | undefined = yield* this.#subtree(child, page.level - 1, { low, high });
      total = total === undefined || count === undefined ? undefined : total + count;
      if (!this.#shape.counted || count === undefined) continue;
      const said = page.u32(this.#internal === pageType.recnoInternal ? offset + 4 : offset + 8);
      if (said !== count) {
        check.find(page.pgno, `item ${i} says that ${said} records are below page ${childPgno}, which has ${count}`);
      }
    }
    return total;
  }

  /** The keys of an internal page, which have to ascend; undefined for the first one, and for those not known. */
  *#separators(page: Page, { low, high }: Bounds): Steps<(Uint8Array | undefined)[]> {
    const { order } = this.#shape;
    const keys: (Uint8Array | undefined)[] = [];
    if (this.#internal === pageType.recnoInternal) return keys;
    let previous = low;
    for (let i = 0; i < page.entries; i++) {
      const key = yield* this.#separator(page, i);
      keys.push(i === 0 ? undefined : key);
      if (i === 0 || !key || !order) continue;
      if (previous && order(previous, key) >= 0) {
        this.#check.find(page.pgno, `the key of item ${i} is not behind the one before it`);
      }
      previous = key;
    }
    if (order && high && previous && page.entries > 1 && order(previous, high) >= 0) {
      this.#check.find(page.pgno, 'its last key is not before the next one of the page above');
    }
    return keys;
  }

  *#separator(page: Page, i: number): Steps<Uint8Array | undefined> {
    const offset = page.itemAt(i);
    if (treeItemType(page, offset) === itemType.overflow) {
      const first = internalReference(page, offset);
      return yield* checkOverflow(this.#check, first, internalLength(page, offset), page.pgno);
    }
    return internalItemData(page, offset);
  }

  *#leafPage(page: Page, { low, high }: Bounds): Steps<number> {
    const check = this.#check;
    if (this.#nextLeaf !== undefined && this.#nextLeaf !== page.pgno) {
      check.find(this.#leaf, `page ${page.pgno} is the next leaf, but it says ${this.#nextLeaf}`);
    }
    // After a leaf that could not be read, nothing is known of the one before.
    if ((this.#nextLeaf !== undefined || this.#leaf === 0) && page.prevPgno !== this.#leaf) {
      check.find(page.pgno, `the leaf before it is ${this.#leaf}, but it says ${page.prevPgno}`);
    }
    this.#leaf = page.pgno;
    this.#nextLeaf = page.nextPgno;
    const { first, last, count } = yield* this.#items(page);
    const { order } = this.#shape;
    if (order && low && first && order(first, low) < 0) {
      check.find(page.pgno, 'its first key is before the one that leads to it');
    }
    if (order && high && last && order(last, high) >= 0) {
      check.find(page.pgno, 'its last key is not before the one that leads to the next page');
    }
    return count;
  }

  #items(page: Page): Steps<LeafResult> {
    switch (this.#shape.leaf) {
      case pageType.btreeLeaf:
        return checkPairs(this.#check, page, this.#shape, checkDuplicateTree);
      case pageType.recnoLeaf:
        return checkRecords(this.#check, page, this.#shape);
      case pageType.duplicateLeaf:
        return checkDuplicates(this.#check, page, this.#shape);
    }
  }
}

/** Checks the tree of a set of duplicates that is too big for its page (4.6.7). */
export function* checkDuplicateTree(check: FileCheck, root: number, from: number, shape: DuplicateShape): Steps {
  const { sorted, order } = shape;
  yield* checkTree(check, root, from, {
    leaf: sorted ? pageType.duplicateLeaf : pageType.recnoLeaf,
    counted: true,
    order: sorted ? order : undefined,
    duplicates: undefined,
    compressed: false,
    recordLength: undefined,
  });
}
