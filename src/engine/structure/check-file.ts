/** The structure of a whole database file: every database in it, and whose every page is (format document, 7.4). */

import { btreeFlag, metaAt } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { isMasterPage, subDatabasePgno } from '../../format/page/sub-databases.ts';
import { FileCheck, type CheckedFile, type Steps } from './file-check.ts';
import { checkHash } from './hash.ts';
import { checkHeap } from './heap.ts';
import { checkMetadata } from './metadata.ts';
import { byteOrder, isXmlContainer, ordersOf, type Orders } from './key-order.ts';
import { checkQueue } from './queue.ts';
import { checkTree } from './tree.ts';

/** Checks a file. Every page is looked at once or twice, whatever is wrong. */
export function* checkFile(file: CheckedFile, anyOrder: boolean): Steps<FileCheck> {
  const { method } = file.format;
  const check = new FileCheck(file);
  const meta = check.claim(0, 0);
  if (!meta || !checkMetadata(check, meta)) return check;
  if (method === 'queue') {
    yield* checkQueue(check, meta);
    return check;
  }
  const orders: Orders = anyOrder
    ? { keys: undefined, duplicates: undefined }
    : { keys: byteOrder, duplicates: byteOrder };
  requireSize(check, meta);
  if (method === 'heap') {
    yield* checkHeap(check, meta);
    return check;
  }
  yield* checkFreeList(check, meta);
  if (isMasterPage(meta)) yield* checkSubDatabases(check, meta, orders);
  else yield* checkDatabase(check, meta, orders);
  yield* check.finish();
  return check;
}

/** The file has the pages that it says it has (4.3); those of a hash can be missing at its end (4.8.4). */
function requireSize(check: FileCheck, meta: Page): void {
  const said = meta.u32(metaAt.lastPgno) + 1;
  const { pageCount } = check.file;
  if (said === pageCount) return;
  check.end = Math.min(said, pageCount);
  check.find(0, `it says that the file has ${said} pages, but it has ${pageCount}`);
}

/** The chain of free pages (4.4.4). Returns how many there are. */
export function* checkFreeList(check: FileCheck, meta: Page): Steps<number> {
  let from = 0;
  let count = 0;
  for (let pgno = meta.u32(metaAt.free); pgno !== 0;) {
    yield;
    const page = check.claim(pgno, from);
    if (!page) return count;
    if (page.type !== pageType.invalid) {
      check.find(pgno, `it has type ${page.type}, but page ${from} says that it is free`);
      return count;
    }
    count += 1;
    from = pgno;
    pgno = page.nextPgno;
  }
  return count;
}

/** The tree of names on page 0, and every database it leads to (4.11.1). */
function* checkSubDatabases(check: FileCheck, meta: Page, orders: Orders): Steps {
  const databases: { readonly name: string; readonly pgno: number }[] = [];
  const onPair = (key: Uint8Array, data: Uint8Array, from: number): void => {
    const name = Buffer.from(key).toString('utf8');
    const pgno = subDatabasePgno(data);
    if (pgno === undefined) {
      check.find(from, `sub-database ${name} is entered with ${data.length} bytes, not 4`);
      return;
    }
    if (check.claim(pgno, from)) databases.push({ name, pgno });
  };
  yield* checkBtree(check, meta, { keys: byteOrder, duplicates: undefined }, onPair);
  const names = databases.map(({ name }) => name);
  const isXml = isXmlContainer(names);
  for (const { name, pgno } of databases) {
    const subMeta = check.look(pgno)!;
    if (subMeta.type !== pageType.btreeMeta && subMeta.type !== pageType.hashMeta) {
      check.find(subMeta.pgno, `it has type ${subMeta.type}, where sub-database ${name} has to begin`);
      continue;
    }
    const known = isXml ? ordersOf(name, orders) : orders;
    if (isXml && !known.keys && orders.keys) {
      check.note(`the order of the keys of ${name} is not checked`);
    }
    if (checkMetadata(check, subMeta)) yield* checkDatabase(check, subMeta, known);
  }
}

function* checkDatabase(check: FileCheck, meta: Page, orders: Orders): Steps {
  if (meta.type === pageType.hashMeta) yield* checkHash(check, meta, orders.keys !== undefined, orders.duplicates);
  else yield* checkBtree(check, meta, orders);
}

function* checkBtree(
  check: FileCheck,
  meta: Page,
  { keys, duplicates }: Orders,
  onPair?: (key: Uint8Array, data: Uint8Array, pgno: number) => void,
): Steps {
  const flags = meta.u32(metaAt.flags);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const isRecno = has(btreeFlag.recno);
  yield* checkTree(check, meta.u32(metaAt.btree.root), meta.pgno, {
    leaf: isRecno ? pageType.recnoLeaf : pageType.btreeLeaf,
    counted: isRecno || has(btreeFlag.recordNumbers),
    order: isRecno ? undefined : keys,
    duplicates: has(btreeFlag.duplicates)
      ? { sorted: has(btreeFlag.sortedDuplicates), order: has(btreeFlag.compressed) ? undefined : duplicates }
      : undefined,
    compressed: has(btreeFlag.compressed),
    recordLength: has(btreeFlag.fixedLength) ? meta.u32(metaAt.btree.recordLength) : undefined,
    ...(onPair && { onPair }),
  });
}
