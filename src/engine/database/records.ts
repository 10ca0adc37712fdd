/** The databases of a file, and their records in the order of a cursor. */

import { databaseAt, isMaster, type Database, type DatabaseFile } from './database-file.ts';
import { hashRecords } from './hash.ts';
import { heapRecords } from './heap.ts';
import { queueRecords } from './queue.ts';
import { btreeRecords, recnoRecords, type DatabaseRecord } from './trees.ts';

/** Every database of a file: its sub-databases, or the one it is. */
export function databasesOf(file: DatabaseFile): Database[] {
  const first = databaseAt(file, 0);
  if (!isMaster(first)) return [first];
  const databases: Database[] = [];
  for (const { key, data } of btreeRecords(first)) {
    // The page number is big-endian, whatever the byte order of the file (format document, 4.11.1).
    if (data.length !== 4) throw file.broken(0, `a sub-database is entered with ${data.length} bytes`);
    const pgno = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, false);
    databases.push(databaseAt(file, pgno, Uint8Array.from(key as Uint8Array)));
  }
  return databases;
}

/** The records of a database in the order of a cursor. Bytes are valid until the next record is asked for. */
export function recordsOf(database: Database): Generator<DatabaseRecord> {
  switch (database.method) {
    case 'btree':
      return btreeRecords(database);
    case 'recno':
      return recnoRecords(database);
    case 'hash':
      return hashRecords(database);
    case 'queue':
      return queueRecords(database);
    case 'heap':
      return heapRecords(database);
  }
}
