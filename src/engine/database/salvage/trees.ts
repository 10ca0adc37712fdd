/** Btree and recno trees that may be damaged, and their duplicates. */

import { childOf, isDeletedItem, referenceOf, treeItemType } from '../../../format/page/btree.ts';
import { type Page } from '../../../format/page/page.ts';
import { itemType, pageType } from '../../../format/page/types.ts';
import { type DatabaseRecord } from '../trees.ts';
import { entryCount, refer, treeItem, treeItemAt, unknown } from './items.ts';
import { type SalvagePages } from './pages.ts';

/** Trees are not deeper than this: 512-byte pages hold at least two entries. */
const maxDepth = 40;

interface TreeKind {
  readonly internal: readonly number[];
  readonly leaves: readonly number[];
}

export const btreeKind: TreeKind = { internal: [pageType.btreeInternal], leaves: [pageType.btreeLeaf] };
export const recnoKind: TreeKind = { internal: [pageType.recnoInternal], leaves: [pageType.recnoLeaf] };
/** Of sorted and of unsorted duplicates. */
const duplicatesKind: TreeKind = {
  internal: [pageType.btreeInternal, pageType.recnoInternal],
  leaves: [pageType.duplicateLeaf, pageType.recnoLeaf],
};

/** Pages by number. */
interface Pages {
  readonly has: (pgno: number) => boolean;
  readonly add: (pgno: number) => void;
}

/**
 * The leaves below a page, from left to right. Where leaves are missing between them, those follow that are linked with one
 * that is there in both directions.
 *
 * @param taken pages that belong to a tree already; those of this one are added
 */
function* leavesBelow(pages: SalvagePages, root: number, kind: TreeKind, taken: Pages): Generator<Page> {
  const enter = (pgno: number, parent?: Page): Page | undefined => {
    const isTaken = taken.has(pgno);
    const page = pages.page(pgno);
    const isOfTree = page && (kind.leaves.includes(page.type) || kind.internal.includes(page.type));
    if (!isOfTree || isTaken) {
      const why = !page ? 'cannot be read' : !isOfTree ? `has type ${page.type}` : 'has its place in a tree already';
      pages.tell(parent?.pgno ?? pgno, `it leads to page ${pgno} as to a page of its tree, but that ${why}`);
    }
    // Which of the two is the wrong one is not known: sorted duplicates are given each time, as db_dump -r does.
    const isAgain = isTaken && page?.type === pageType.duplicateLeaf && parent?.type === pageType.btreeInternal;
    if (!isOfTree || (isTaken && !isAgain)) return undefined;
    taken.add(pgno);
    return page;
  };
  const stack: { readonly page: Page; next: number; readonly end: number }[] = [];
  /** Leaves beside a gap. */
  const edges: Page[] = [];
  let left: Page | undefined;
  let page = enter(root);
  for (;;) {
    if (page && kind.leaves.includes(page.type)) {
      yield page;
      if (left?.nextPgno !== page.pgno || page.prevPgno !== left.pgno) edges.push(...(left ? [left] : []), page);
      left = page;
    } else if (page && stack.length < maxDepth) {
      referInternal(pages, page);
      stack.push({ page, next: 0, end: entryCount(page) });
    }
    const top = stack.at(-1);
    if (!top) break;
    page = undefined;
    if (top.next >= top.end) {
      stack.pop();
      continue;
    }
    const offset = treeItemAt(top.page, top.next);
    top.next += 1;
    if (offset !== undefined) page = enter(childOf(top.page, offset), top.page);
  }
  if (left) edges.push(left);
  for (const edge of edges) {
    yield* linkedLeaves(pages, edge, taken, { to: 'prevPgno', back: 'nextPgno' });
    yield* linkedLeaves(pages, edge, taken, { to: 'nextPgno', back: 'prevPgno' });
  }
}

/** Leaves that follow each other in one direction, and are linked in the other as well. */
function* linkedLeaves(
  pages: SalvagePages,
  from: Page,
  taken: Pages,
  { to, back }: { readonly to: 'prevPgno' | 'nextPgno'; readonly back: 'prevPgno' | 'nextPgno' },
): Generator<Page> {
  for (let leaf = from; ;) {
    const pgno = leaf[to];
    const next = pgno === 0 || taken.has(pgno) ? undefined : pages.page(pgno);
    if (next?.type !== from.type || next[back] !== leaf.pgno) return;
    taken.add(pgno);
    yield next;
    leaf = next;
  }
}

/** Long keys of internal pages are on overflow pages, too. */
export function referInternal(pages: SalvagePages, page: Page): void {
  if (page.type !== pageType.btreeInternal) return;
  for (let i = 0; i < entryCount(page); i++) {
    const offset = treeItemAt(page, i);
    if (offset === undefined || treeItemType(page, offset) !== itemType.overflow) continue;
    // A long key is an overflow item inside of the item.
    if (offset + 24 <= page.size) refer(pages, referenceOf(page, offset + 12));
  }
}

/** Pages of duplicates that are looked at, at most: so many times as the file has pages. */
const mostLooks = 4;

/** Btree and recno leaves, wherever they are. */
export class SalvagedTrees {
  readonly #pages: SalvagePages;
  #duplicatePages = 0;

  constructor(pages: SalvagePages) {
    this.#pages = pages;
  }

  /** The records below a root; undefined now and then. */
  *below(root: number, isRecno: boolean): Generator<DatabaseRecord | undefined> {
    for (const leaf of leavesBelow(this.#pages, root, isRecno ? recnoKind : btreeKind, this.#pages.done)) {
      yield undefined;
      if (isRecno) yield* this.recnoRecords(leaf);
      else yield* this.pairs(leaf);
    }
  }

  /** The records of a leaf of a btree. */
  *pairs(page: Page): Generator<DatabaseRecord> {
    const pages = this.#pages;
    const count = entryCount(page);
    for (let i = 0; i < count; i += 2) {
      const keyAt = treeItemAt(page, i);
      const dataAt = i + 1 < count ? treeItemAt(page, i + 1) : undefined;
      if (dataAt !== undefined && isDeletedItem(page, dataAt)) {
        this.#passOver(page, [keyAt, dataAt]);
        continue;
      }
      const key = keyAt === undefined ? undefined : treeItem(pages, page, keyAt);
      if (dataAt !== undefined && treeItemType(page, dataAt) === itemType.duplicates) {
        const stand = this.#keyOrStand(page, i, key);
        for (const data of this.duplicates(referenceOf(page, dataAt))) yield { key: stand, data };
        continue;
      }
      const data = dataAt === undefined ? undefined : treeItem(pages, page, dataAt);
      if (key === undefined && data === undefined) {
        pages.tell(page.pgno, `items ${i} and ${i + 1} cannot be read`);
        continue;
      }
      if (data === undefined) pages.tell(page.pgno, `item ${i + 1} cannot be read: UNKNOWN_DATA stands for it`);
      yield { key: this.#keyOrStand(page, i, key), data: data ?? unknown.data };
    }
  }

  #keyOrStand(page: Page, i: number, key: Uint8Array | undefined): Uint8Array {
    if (key) return key;
    this.#pages.tell(page.pgno, `item ${i} cannot be read: UNKNOWN_KEY stands for this key`);
    return unknown.key;
  }

  /** What deleted items lead to is not lost. */
  #passOver(page: Page, offsets: readonly (number | undefined)[]): void {
    for (const offset of offsets) {
      if (offset !== undefined && treeItemType(page, offset) === itemType.overflow) {
        refer(this.#pages, referenceOf(page, offset));
      }
    }
  }

  /** The records of a leaf of a recno. */
  *recnoRecords(page: Page): Generator<DatabaseRecord> {
    for (const data of this.singles(page)) yield { key: undefined, data };
  }

  /** The items of a leaf whose items are no pairs. One that cannot be read leaves its place to what stands for it. */
  *singles(page: Page): Generator<Uint8Array> {
    const count = entryCount(page);
    for (let i = 0; i < count; i++) {
      const offset = treeItemAt(page, i);
      if (offset !== undefined && isDeletedItem(page, offset)) {
        this.#passOver(page, [offset]);
        continue;
      }
      const data = offset === undefined ? undefined : treeItem(this.#pages, page, offset);
      if (!data) this.#pages.tell(page.pgno, `item ${i} cannot be read: UNKNOWN_DATA stands for it`);
      yield data ?? unknown.data;
    }
  }

  /** The duplicates of a set that has a tree of its own. */
  *duplicates(root: number): Generator<Uint8Array> {
    const { referenced, pageCount } = this.#pages;
    const seen = new Set<number>();
    const taken: Pages = {
      has: (pgno) => seen.has(pgno),
      add: (pgno) => {
        seen.add(pgno);
        referenced.add(pgno);
      },
    };
    for (const leaf of leavesBelow(this.#pages, root, duplicatesKind, taken)) {
      this.#duplicatePages += 1;
      if (this.#duplicatePages > mostLooks * pageCount) {
        this.#pages.tell(leaf.pgno, 'it is passed over: too many keys lead to these duplicates');
        return;
      }
      yield* this.singles(leaf);
    }
  }
}

export function isLeafOfDuplicates({ type }: Page): boolean {
  return duplicatesKind.leaves.includes(type);
}
