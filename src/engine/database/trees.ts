/** Reads btree and recno trees, off-page duplicates and overflow items (format document, 4.6, 4.7). */

import {
  childOf,
  isDeletedItem,
  isTreeInternal,
  isTreeLeaf,
  overflowLength,
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
import { PageCount } from './page-count.ts';

/** A record as cursors give it. Recno and queue have numbers for keys, heaps have none. */
export interface DatabaseRecord {
  readonly key: Uint8Array | number | undefined;
  readonly data: Uint8Array;
}

/** Trees are not deeper than this: 512-byte pages hold at least two entries. */
const maxDepth = 40;

/** The leaves below a page, from left to right. */
function* leavesOf(file: DatabaseFile, root: number, count: PageCount): Generator<Page> {
  const stack: { page: Page; next: number }[] = [];
  const enter = (pgno: number): Page | undefined => {
    count.add(pgno);
    if (stack.length > maxDepth) throw file.broken(pgno, 'the tree runs in a circle');
    const page = file.page(pgno);
    if (!isTreeInternal(page.type)) return page;
    stack.push({ page, next: 0 });
    return undefined;
  };
  let leaf = enter(root);
  for (;;) {
    if (leaf) {
      if (!isTreeLeaf(leaf.type)) throw file.broken(leaf.pgno, `it has type ${leaf.type}, where a leaf has to be`);
      yield leaf;
    }
    const top = stack.at(-1);
    if (!top) return;
    if (top.next >= top.page.entries) {
      stack.pop();
      leaf = undefined;
      continue;
    }
    const offset = top.page.itemAt(top.next);
    top.next += 1;
    leaf = enter(childOf(top.page, offset));
  }
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
  const parts: Uint8Array[] = [];
  let done = 0;
  for (let pgno = first; pgno !== 0;) {
    const page = file.page(pgno);
    if (page.type !== pageType.overflow) throw file.broken(pgno, 'an overflow page has to be here');
    const part = overflowData(page);
    parts.push(part);
    done += part.length;
    if (done > length || parts.length > file.pageCount) break;
    pgno = page.nextPgno;
  }
  if (done !== length) throw file.broken(first, `the item here has ${done} bytes, not ${length}`);
  return Buffer.concat(parts);
}

/** The duplicates of a set that has a tree of its own. */
export function* offPageDuplicates(file: DatabaseFile, root: number, count: PageCount): Generator<Uint8Array> {
  for (const leaf of leavesOf(file, root, count)) {
    if (leaf.type === pageType.btreeLeaf) throw file.broken(leaf.pgno, 'a leaf of duplicates has to be here');
    for (let i = 0; i < leaf.entries; i++) {
      const offset = leaf.itemAt(i);
      if (!isDeletedItem(leaf, offset)) yield itemBytes(file, leaf, offset);
    }
  }
}

export function* btreeRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  const count = new PageCount(file);
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), count)) {
    if (leaf.type !== pageType.btreeLeaf) throw file.broken(leaf.pgno, 'a leaf of a btree has to be here');
    for (let i = 0; i + 1 < leaf.entries; i += 2) {
      const data = leaf.itemAt(i + 1);
      if (isDeletedItem(leaf, data)) continue;
      const key = itemBytes(file, leaf, leaf.itemAt(i));
      if (treeItemType(leaf, data) === itemType.duplicates) {
        for (const duplicate of offPageDuplicates(file, referenceOf(leaf, data), count)) yield { key, data: duplicate };
      } else {
        yield { key, data: itemBytes(file, leaf, data) };
      }
    }
  }
}

export function* recnoRecords({ file, meta }: Database): Generator<DatabaseRecord> {
  let number = 0;
  for (const leaf of leavesOf(file, meta.u32(metaAt.btree.root), new PageCount(file))) {
    if (leaf.type !== pageType.recnoLeaf) throw file.broken(leaf.pgno, 'a leaf of a recno has to be here');
    for (let i = 0; i < leaf.entries; i++) {
      number += 1;
      const offset = leaf.itemAt(i);
      if (!isDeletedItem(leaf, offset)) yield { key: number, data: itemBytes(file, leaf, offset) };
    }
  }
}
