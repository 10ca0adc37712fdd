/**
 * Every record of a damaged file that can be read: the databases that its metadata pages tell of from their roots on, then
 * what lies on pages that nothing leads to. A page gives its records once.
 */

import { accessMethodOf } from '../../../format/magic.ts';
import { isTreeInternal, treeItemData, treeItemType } from '../../../format/page/btree.ts';
import { isHashPage } from '../../../format/page/hash.ts';
import { btreeFlag, metaAt } from '../../../format/page/meta.ts';
import { type Page } from '../../../format/page/page.ts';
import { itemType, pageType } from '../../../format/page/types.ts';
import { isMasterPage, subDatabasePgno } from '../../../format/page/sub-databases.ts';
import { type DatabaseMethod } from '../database-file.ts';
import { type DumpedDatabase } from '../dump.ts';
import { partitionCount } from '../partitions.ts';
import { type DatabaseRecord } from '../trees.ts';
import { hashPairs, hashRecordsBelow } from './hash.ts';
import { heapRecordsOn } from './heap.ts';
import { entryCount, overflowItem, treeItemAt, unknown } from './items.ts';
import { SalvagePages, type OnFinding } from './pages.ts';
import { queueRecordsOf } from './queue.ts';
import { btreeKind, isLeafOfDuplicates, recnoKind, referInternal, SalvagedTrees } from './trees.ts';
import { partitionName } from '../../../format/names.ts';

/** A database, or what is left of one. Its records have to be read before the next database is asked for. */
export interface SalvagedDatabase extends DumpedDatabase {
  /** Undefined now and then, so that others have their turn. Bytes are valid until the next one is asked for. */
  readonly records: Generator<DatabaseRecord | undefined>;
}

/** The name of what belongs to no database that is known: as db_dump -r has it. */
const others = Buffer.from('__OTHER__');

interface SalvageOptions {
  readonly onFinding: OnFinding;
  /** In bytes; found out when not given. */
  readonly pageSize?: number | undefined;
  /** Of the records of a queue, in bytes; undefined when its first page tells. */
  readonly recordLength?: number | undefined;
}

/** The databases of a file, damaged or not. */
export class Salvage {
  readonly #pages: SalvagePages;
  readonly #options: SalvageOptions;
  readonly #trees: SalvagedTrees;
  readonly #census: Census;

  constructor(pages: SalvagePages, options: SalvageOptions) {
    this.#pages = pages;
    this.#options = options;
    this.#trees = new SalvagedTrees(pages);
    this.#census = takeCensus(pages);
  }

  *databases(): Generator<SalvagedDatabase> {
    if (this.#census.metaPages.length === 0 && !isMaster(this.#pages.meta)) {
      yield this.#onlyDatabase();
    } else {
      for (const [pgno, name] of this.#catalog()) yield this.#subDatabase(this.#pages.page(pgno)!, name);
    }
    const rest = this.#rest();
    const first = firstRecord(rest);
    if (first) yield this.#database('btree', undefined, after(first, rest), others);
  }

  #database(
    method: DatabaseMethod,
    meta: Page | undefined,
    records: SalvagedDatabase['records'],
    name?: Uint8Array,
  ): SalvagedDatabase {
    return { name, method, meta, format: this.#pages.format, records };
  }

  #onlyDatabase(): SalvagedDatabase {
    const { meta } = this.#pages;
    const method = meta ? methodOf(this.#pages, meta) : this.#census.method;
    const { path, files } = this.#pages;
    const count = meta ? partitionCount(meta) : 0;
    const isPartitioned = count > 0 || files.statIfThere(partitionName(path, 0))?.kind === 'file';
    const records = isPartitioned ? this.#partitions(count) : this.recordsOfOnly(method);
    const isPacked = meta !== undefined && this.#pages.isMetaCertain && isCompressed(meta);
    return this.#database(method, meta, isPacked ? this.#passOver(meta, records) : records);
  }

  /** The records of a file that is one database. */
  *recordsOfOnly(method: DatabaseMethod): SalvagedDatabase['records'] {
    const pages = this.#pages;
    if (method === 'queue') return yield* queueRecordsOf(pages, this.#options.recordLength);
    if (method === 'btree' || method === 'recno') {
      // The root of a file that is one database is page 1, should the first page not tell.
      const root = pages.meta ? pages.meta.u32(metaAt.btree.root) : 1;
      yield* this.#trees.below(root, method === 'recno');
    }
    for (const page of this.#restOf()) {
      yield undefined;
      if (method !== 'heap') yield* method === 'recno' ? this.#recnoRecords(page) : this.#pairs(page);
      else if (page.type === pageType.heapData) yield* heapRecordsOn(pages, page);
    }
    if (method === 'heap') return;
    for (const data of this.#orphans()) yield data && { key: method === 'recno' ? undefined : unknown.either, data };
  }

  *#recnoRecords(page: Page): Generator<DatabaseRecord> {
    if (page.type !== pageType.recnoLeaf) return;
    this.#pages.done.add(page.pgno);
    yield* this.#trees.recnoRecords(page);
  }

  *#pairs(page: Page): Generator<DatabaseRecord> {
    const isHash = isHashPage(page.type);
    if (!isHash && page.type !== pageType.btreeLeaf) return;
    this.#pages.done.add(page.pgno);
    yield* isHash ? hashPairs(this.#pages, page, this.#trees) : this.#trees.pairs(page);
  }

  #subDatabase(meta: Page, name: Uint8Array): SalvagedDatabase {
    const method = methodOf(this.#pages, meta);
    this.#pages.done.add(meta.pgno);
    const records =
      method === 'hash'
        ? hashRecordsBelow(this.#pages, meta, this.#trees)
        : this.#trees.below(meta.u32(metaAt.btree.root), method === 'recno');
    return this.#database(method, meta, isCompressed(meta) ? this.#passOver(meta, records) : records, name);
  }

  /** Only the application knows how the records of a compressed btree are packed (format document, 4.6.8). */
  *#passOver(meta: Page, records: SalvagedDatabase['records']): SalvagedDatabase['records'] {
    this.#pages.tell(meta.pgno, 'the records of a compressed btree cannot be read: they are passed over');
    for (const _ of records) yield undefined;
  }

  /** The names of sub-databases by their metadata pages. Those that nothing names are called by their page. */
  #catalog(): Map<number, Uint8Array> {
    const pages = this.#pages;
    const names = new Map<number, Uint8Array>();
    const enter = ({ key, data }: DatabaseRecord): void => {
      const name = Uint8Array.from(key as Uint8Array);
      const pgno = subDatabasePgno(data);
      const page = pgno === undefined ? undefined : pages.page(pgno);
      if (page && isSubDatabase(page)) names.set(page.pgno, name);
      else pages.tell(0, `the sub-database ${Buffer.from(name).toString()} has no metadata page that can be read`);
    };
    if (isMaster(pages.meta)) {
      for (const record of this.#trees.below(pages.meta.u32(metaAt.btree.root), false)) if (record) enter(record);
    }
    const { metaPages } = this.#census;
    for (const page of this.#restOf()) {
      if (metaPages.every((pgno) => names.has(pgno))) break;
      if (page.type !== pageType.btreeLeaf || !isCatalogLeaf(page, metaPages)) continue;
      pages.done.add(page.pgno);
      for (const record of this.#trees.pairs(page)) enter(record);
    }
    for (const pgno of metaPages.filter((unnamed) => !names.has(unnamed))) {
      pages.tell(pgno, `no name leads to this database, which is given as __PAGE_${pgno}__`);
      names.set(pgno, Buffer.from(`__PAGE_${pgno}__`));
    }
    return names;
  }

  /** What belongs to no database that is given before. */
  *#rest(): SalvagedDatabase['records'] {
    const { method } = this.#pages.format;
    if (method === 'queue' || method === 'heap') return;
    for (const page of this.#restOf()) {
      yield undefined;
      yield* this.#pairs(page);
    }
    for (const data of this.#orphans()) yield data && { key: unknown.either, data };
  }

  /** Pages that nothing has led to up to now. */
  *#restOf(): Generator<Page> {
    const { pageCount, done, referenced } = this.#pages;
    for (let pgno = 1; pgno < pageCount; pgno++) {
      if (done.has(pgno) || referenced.has(pgno)) continue;
      const page = this.#pages.page(pgno);
      if (page) yield page;
    }
  }

  /** Duplicates and overflow items that no record leads to; undefined now and then. To be called last. */
  *#orphans(): Generator<Uint8Array | undefined> {
    const pages = this.#pages;
    for (const page of this.#restOf()) {
      yield undefined;
      if (isTreeInternal(page.type)) referInternal(pages, page);
      if (!isLeafOfDuplicates(page)) continue;
      pages.referenced.add(page.pgno);
      if (page.entries > 0) pages.tell(page.pgno, `no key leads to what is on it: UNKNOWN stands for the key`);
      yield* this.#trees.singles(page);
    }
    for (const page of this.#restOf()) {
      yield undefined;
      if (page.type !== pageType.overflow || this.#isContinuation(page)) continue;
      const item = overflowItem(pages, page.pgno);
      if (!item) continue;
      pages.tell(page.pgno, `no record leads to the item of ${item.length} bytes that begins here`);
      yield item;
    }
  }

  /** True for an overflow page whose chain begins elsewhere, and is yet to be given. */
  #isContinuation({ pgno, prevPgno }: Page): boolean {
    if (prevPgno === 0 || this.#pages.referenced.has(prevPgno)) return false;
    const before = this.#pages.page(prevPgno);
    return before?.type === pageType.overflow && before.nextPgno === pgno;
  }

  /** The records of partitions, one partition after the other (format document, 4.12). */
  *#partitions(count: number): SalvagedDatabase['records'] {
    const { path, files } = this.#pages;
    // What the file itself holds are the keys between partitions.
    for (const page of this.#restOf()) {
      yield undefined;
      this.#pages.done.add(page.pgno);
    }
    for (let i = 0; ; i++) {
      const partition = partitionName(path, i);
      if (!files.statIfThere(partition)) {
        if (i < count) this.#pages.tell(0, `its partition ${partition} is missing`);
        return;
      }
      const { onFinding, pageSize } = this.#options;
      const pages = new SalvagePages(files, partition, onFinding, pageSize);
      try {
        const salvage = new Salvage(pages, this.#options);
        yield* salvage.recordsOfOnly(salvage.#census.method);
      } finally {
        pages.close();
      }
    }
  }
}

interface Census {
  /** What most pages with records belong to, in a file that is one database. */
  readonly method: DatabaseMethod;
  /** Metadata pages of sub-databases. */
  readonly metaPages: readonly number[];
}

/** Looks at what pages there are. */
function takeCensus(pages: SalvagePages): Census {
  const { method } = pages.format;
  if (method === 'queue' || method === 'heap') return { method, metaPages: [] };
  const metaPages: number[] = [];
  let [btree, recno, hash] = [0, 0, 0];
  for (let pgno = 1; pgno < pages.pageCount; pgno++) {
    const page = pages.page(pgno);
    if (!page) continue;
    if (page.type === pageType.btreeLeaf) btree += 1;
    else if (page.type === pageType.recnoLeaf) recno += 1;
    else if (isHashPage(page.type)) hash += 1;
    else if (isSubDatabase(page) && accessMethodOf(page.u32(metaAt.magic)) !== undefined) metaPages.push(pgno);
  }
  // Leaves of a recno may be those of the duplicates of others.
  return { method: hash > btree ? 'hash' : btree > 0 || recno === 0 ? 'btree' : 'recno', metaPages };
}

function isSubDatabase({ pgno, type }: Page): boolean {
  return pgno > 0 && (type === pageType.btreeMeta || type === pageType.hashMeta);
}

function isMaster(meta: Page | undefined): meta is Page {
  return meta !== undefined && isMasterPage(meta);
}

function isCompressed(meta: Page): boolean {
  return meta.type === pageType.btreeMeta && (meta.u32(metaAt.flags) & btreeFlag.compressed) !== 0;
}

/** True for a leaf of nothing but names of databases. */
function isCatalogLeaf(page: Page, metaPages: readonly number[]): boolean {
  const count = entryCount(page);
  for (let i = 1; i < count; i += 2) {
    const offset = treeItemAt(page, i);
    if (offset === undefined || treeItemType(page, offset) !== itemType.keyData) return false;
    if (!metaPages.includes(subDatabasePgno(treeItemData(page, offset)) ?? 0)) return false;
  }
  return count > 1;
}

/** The access method of a database by its metadata page, and that of a tree by its root. */
function methodOf(pages: SalvagePages, meta: Page): DatabaseMethod {
  switch (meta.type) {
    case pageType.hashMeta:
      return 'hash';
    case pageType.queueMeta:
      return 'queue';
    case pageType.heapMeta:
      return 'heap';
    default: {
      const type = pages.page(meta.u32(metaAt.btree.root))?.type ?? 0;
      if (btreeKind.internal.includes(type) || btreeKind.leaves.includes(type)) return 'btree';
      if (recnoKind.internal.includes(type) || recnoKind.leaves.includes(type)) return 'recno';
      return (meta.u32(metaAt.flags) & btreeFlag.recno) !== 0 ? 'recno' : 'btree';
    }
  }
}

/** The first record, or undefined when there is none. */
function firstRecord(records: SalvagedDatabase['records']): DatabaseRecord | undefined {
  for (let step = records.next(); !step.done; step = records.next()) if (step.value) return step.value;
  return undefined;
}

function* after(first: DatabaseRecord, rest: SalvagedDatabase['records']): SalvagedDatabase['records'] {
  yield first;
  yield* rest;
}
