/**
 * What a container holds: its databases with their records and pages, and for containers of Berkeley DB XML how documents
 * are stored and indexed. Every page of it is read once. This is no check of its structure, but damage that is met on the
 * way is told, and what is behind it is left out of the numbers.
 */

import { flagsOf } from '../../format/page/describe-meta.ts';
import { btreeFlag, metaAt, type DatabaseFormat } from '../../format/page/meta.ts';
import { isBlank } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { FilePages } from './file-pages.ts';
import { FileCheck, findingOf, type Steps, type StructureFinding } from '../structure/file-check.ts';
import { checkFreeList } from '../structure/check-file.ts';
import { databaseAt, DatabaseFile, isMaster, type Database, type DatabaseMethod } from './database-file.ts';
import { databaseLabel } from './dump.ts';
import { partitionCount } from './partitions.ts';
import { databasesOf } from './records.ts';
import { countPages, Statistics, type PageTotals, type PageUse } from './statistics.ts';
import { xmlInventoryOf, type XmlInventory } from './xml-inventory.ts';
import { partitionName } from '../../format/names.ts';

/** One database of a file. */
export interface DatabaseInventory {
  /** Undefined when the file is one database. */
  readonly name: string | undefined;
  readonly method: DatabaseMethod;
  /** In words: `sorted duplicates`. */
  readonly flags: readonly string[];
  /** In bytes, where all records have the same length. */
  readonly recordLength?: number;
  /** Files that hold its records. */
  readonly partitions?: number;
  /** Undefined for compressed btrees: only the application knows. */
  readonly records: number | undefined;
  /** Different keys, where a key can have several records. */
  readonly keys?: number;
  /** Levels of the tree; undefined for other methods. */
  readonly depth: number | undefined;
  readonly pages: Readonly<Partial<Record<PageUse, PageTotals>>>;
}

export interface ContainerInventory {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly format: DatabaseFormat;
  /** Pages of the file itself; queues with extents and partitioned databases have more elsewhere. */
  readonly pageCount: number;
  readonly freePages: number;
  /** Pages of the tree of names, in files with sub-databases. */
  readonly namePages: number;
  /** Pages that were never written. */
  readonly unwrittenPages: number;
  /** Pages that nothing refers to. */
  readonly lostPages: number;
  readonly databases: readonly DatabaseInventory[];
  /** Containers of Berkeley DB XML only. */
  readonly xml: XmlInventory | undefined;
  /** What is damaged: the first ones, and all of them. */
  readonly findings: readonly StructureFinding[];
  readonly findingCount: number;
}

/** Takes the inventory of a file. Throws what opening a `DatabaseFile` throws. */
export async function takeInventory(files: Files, path: string, watch: Watch = {}): Promise<ContainerInventory> {
  const file = new DatabaseFile(files, path);
  try {
    return await inventoryOf(file, watch);
  } finally {
    file.close();
  }
}

/** Takes the inventory of a file that is open. */
async function inventoryOf(file: DatabaseFile, watch: Watch = {}): Promise<ContainerInventory> {
  return new InventoryTaker(file, watch).take();
}

class InventoryTaker {
  readonly #file: DatabaseFile;
  readonly #watch: Watch;
  readonly #check: FileCheck;
  readonly #findings: StructureFinding[] = [];

  constructor(file: DatabaseFile, watch: Watch) {
    this.#file = file;
    this.#watch = watch;
    this.#check = new FileCheck(new FilePages(file, file.path));
  }

  async take(): Promise<ContainerInventory> {
    const file = this.#file;
    const check = this.#check;
    const { size } = file;
    const { method } = file.format;
    findMissing(check, file);
    check.claim(0, 0);
    const first = databaseAt(file, 0);
    const databases = this.#guarded(() => databasesOf(file)) ?? [];
    const freePages = method === 'queue' || method === 'heap' ? 0 : await this.#run(checkFreeList(check, first.meta));
    const names = new Statistics();
    if (isMaster(first)) await this.#run(countPages(check, first, names));
    const inventories: DatabaseInventory[] = [];
    for (const database of databases) inventories.push(await this.#database(database));
    const rest = method === 'queue' ? { unwritten: 0, lost: 0 } : await this.#run(unclaimed(check));
    const xml = isMaster(first) ? await this.#xml(databases) : undefined;
    return {
      path: file.path,
      size,
      format: file.format,
      pageCount: file.pageCount,
      freePages,
      namePages: Object.values(names.pages).reduce((sum, { pages }) => sum + pages, 0),
      unwrittenPages: rest.unwritten,
      lostPages: rest.lost,
      databases: inventories,
      xml,
      findings: [...check.findings, ...this.#findings],
      findingCount: check.total + this.#findings.length,
    };
  }

  async #database(database: Database): Promise<DatabaseInventory> {
    const { method, meta, metaPgno } = database;
    const statistics = new Statistics();
    statistics.add('metadata');
    if (metaPgno !== 0) this.#check.claim(metaPgno, 0);
    const partitions = partitionCount(meta);
    if (partitions > 0) {
      // What the file itself holds are the keys that lie between partitions.
      await this.#run(countPages(this.#check, database, new Statistics()));
      for (let i = 0; i < partitions; i++) await this.#partition(partitionName(this.#file.path, i), statistics);
    } else {
      await this.#run(countPages(this.#check, database, statistics));
    }
    const flags = meta.u32(metaAt.flags);
    const isTree = method === 'btree' || method === 'recno';
    const isCompressed = method === 'btree' && (flags & btreeFlag.compressed) !== 0;
    // Duplicates have the same bit with both methods.
    const hasDuplicates = (method === 'btree' || method === 'hash') && (flags & btreeFlag.duplicates) !== 0;
    return {
      name: databaseLabel(database),
      method,
      flags: flagsOf(meta),
      ...recordLengthOf(database),
      ...(partitions > 0 ? { partitions } : {}),
      records: isCompressed ? undefined : statistics.records,
      ...(hasDuplicates && !isCompressed ? { keys: statistics.keys } : {}),
      depth: isTree ? statistics.depth : undefined,
      pages: statistics.pages,
    };
  }

  async #partition(path: string, statistics: Statistics): Promise<void> {
    let partition: DatabaseFile;
    try {
      if (!this.#file.files.statThrough(path)) throw this.#file.broken(0, `its partition ${path} is missing`);
      partition = new DatabaseFile(this.#file.files, path);
    } catch (error) {
      this.#findings.push(findingOf(path, 0, error));
      return;
    }
    try {
      const check = new FileCheck(new FilePages(partition, path));
      findMissing(check, partition);
      check.claim(0, 0);
      statistics.add('metadata');
      await this.#run(countPages(check, databaseAt(partition, 0), statistics));
      this.#findings.push(...check.findings);
    } finally {
      partition.close();
    }
  }

  async #xml(databases: readonly Database[]): Promise<XmlInventory | undefined> {
    try {
      return await xmlInventoryOf(databases, this.#watch);
    } catch (error) {
      this.#note(error);
      return undefined;
    }
  }

  #guarded<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#note(error);
      return undefined;
    }
  }

  /** Damage that was met on another way already is not told twice. */
  #note(error: unknown): void {
    const pgno = error instanceof FigaroError ? (error.details.pgno ?? 0) : 0;
    const finding = findingOf(this.#file.path, pgno, error);
    if (!this.#check.findings.some(({ pgno: known }) => known === finding.pgno)) this.#findings.push(finding);
  }

  async #run<T>(steps: Steps<T>): Promise<T> {
    const phase = `read ${this.#file.path}`;
    let step = steps.next();
    for (; !step.done; step = steps.next()) await pause(this.#watch, { phase });
    return step.value;
  }
}

function recordLengthOf({ method, meta }: Database): { readonly recordLength?: number } {
  const recordLength =
    method === 'queue'
      ? meta.u32(metaAt.queue.recordLength)
      : method === 'recno' && (meta.u32(metaAt.flags) & btreeFlag.fixedLength) !== 0
        ? meta.u32(metaAt.btree.recordLength)
        : undefined;
  return recordLength === undefined ? {} : { recordLength };
}

function findMissing(check: FileCheck, file: DatabaseFile): void {
  const missing = file.firstMissing();
  if (missing) check.find(missing.pgno, missing.problem);
}

/** Pages that no database refers to. */
function* unclaimed(check: FileCheck): Steps<{ readonly unwritten: number; readonly lost: number }> {
  let unwritten = 0;
  let lost = 0;
  for (let pgno = 0; pgno < check.end; pgno++) {
    if (check.isOwned(pgno)) continue;
    yield;
    const page = check.look(pgno);
    if (!page) continue;
    if (isBlank(page.bytes) || (page.type === pageType.hash && page.entries === 0)) unwritten += 1;
    else lost += 1;
  }
  return { unwritten, lost };
}
