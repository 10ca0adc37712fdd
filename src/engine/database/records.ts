/** The databases of a file, and their records in the order of a cursor. */

import { FigaroError } from '../../errors.ts';
import { btreeFlag, metaAt } from '../../format/page/meta.ts';
import { databaseAt, DatabaseFile, isMaster, type Database } from './database-file.ts';
import { subDatabasePgno } from '../../format/page/sub-databases.ts';
import { hashRecords } from './hash.ts';
import { heapRecords, placedHeapRecords } from './heap.ts';
import { type PageChoice } from './page-choice.ts';
import { partitionCount } from './partitions.ts';
import { queueRecords } from './queue.ts';
import { btreeRecords, recnoRecords, type DatabaseRecord } from './trees.ts';
import { partitionName } from '../../format/names.ts';

/** Every database of a file: its sub-databases, or the one it is. */
export function databasesOf(file: DatabaseFile): Database[] {
  const first = databaseAt(file, 0);
  if (!isMaster(first)) return [first];
  const databases: Database[] = [];
  for (const { key, data } of btreeRecords(first)) {
    const pgno = subDatabasePgno(data);
    if (pgno === undefined) throw file.broken(0, `a sub-database is entered with ${data.length} bytes`);
    databases.push(databaseAt(file, pgno, Uint8Array.from(key as Uint8Array)));
  }
  return databases;
}

/**
 * The records of a database in the order of a cursor, those of partitions one partition after the other. Bytes are valid
 * until the next record is asked for.
 */
export function recordsOf(database: Database): Generator<DatabaseRecord> {
  return partitionCount(database.meta) > 0 ? recordsOfPartitions(database) : recordsWithin(database);
}

/** A record with a key in any case: in a heap, its place. */
export interface KeyedRecord {
  readonly key: Uint8Array | number | { readonly pgno: number; readonly slot: number };
  readonly data: Uint8Array;
}

/** The records of a database that keeps them itself, those on some of its pages at least. */
export function* keyedRecordsOf(database: Database, choice?: PageChoice): Generator<KeyedRecord> {
  if (database.method === 'heap') {
    for (const { pgno, slot, data } of placedHeapRecords(database, choice)) yield { key: { pgno, slot }, data };
  } else {
    for (const { key, data } of recordsWithin(database, choice)) yield { key: key!, data };
  }
}

function* recordsOfPartitions({ file, meta }: Database): Generator<DatabaseRecord> {
  for (let i = 0; i < partitionCount(meta); i++) {
    const path = partitionName(file.path, i);
    if (!file.files.statIfThere(path)) {
      throw new FigaroError('container-missing', `${path} is not there, a partition of ${file.path}`, { path });
    }
    const partition = new DatabaseFile(file.files, path);
    try {
      partition.requireWhole();
      yield* recordsWithin(databaseAt(partition, 0));
    } finally {
      partition.close();
    }
  }
}

function recordsWithin(database: Database, choice?: PageChoice): Generator<DatabaseRecord> {
  requireUncompressed(database);
  switch (database.method) {
    case 'btree':
      return btreeRecords(database, choice);
    case 'recno':
      return recnoRecords(database, choice);
    case 'hash':
      return hashRecords(database, choice);
    case 'queue':
      return queueRecords(database, choice);
    case 'heap':
      return heapRecords(database);
  }
}

/** Only the application knows how the records of a compressed btree are packed (format document, 4.6.8). */
function requireUncompressed({ file, meta, method }: Database): void {
  if (method !== 'btree' || (meta.u32(metaAt.flags) & btreeFlag.compressed) === 0) return;
  throw new FigaroError('format-unsupported', `${file.path}: the records of a compressed btree cannot be read`, {
    path: file.path,
    pgno: meta.pgno,
    hint: 'backup and recovery of it are no different from others; dump it with db_dump of its own release.',
  });
}
