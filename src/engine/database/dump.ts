/** Databases as text, in the format of db_dump: `db_load` makes a database of it again. */

import { btreeFlag, hashFlag, metaAt } from '../../format/page/meta.ts';
import { type Database } from './database-file.ts';
import { recordsOf } from './records.ts';

export interface DumpOptions {
  /** Record numbers as keys of recno and queue, as `db_dump -k` does. */
  readonly recordNumbers?: boolean;
}

const chunkSize = 1 << 16;

/** Writes one database: header, records, `DATA=END`. Memory does not grow with it. */
export function dumpDatabase(
  database: Database,
  write: (text: string) => void,
  { recordNumbers = false }: DumpOptions = {},
): void {
  write(`${headerLines(database, recordNumbers).join('\n')}\nHEADER=END\n`);
  for (const chunk of bodyOf(database, recordNumbers)) write(chunk);
  write('DATA=END\n');
}

/** The lines between `HEADER=END` and `DATA=END`, in pieces. */
export function* bodyOf(database: Database, recordNumbers: boolean): Generator<string> {
  let chunk = '';
  for (const { key, data } of recordsOf(database)) {
    if (key instanceof Uint8Array) chunk += line(key);
    else if (key !== undefined && recordNumbers) chunk += line(Buffer.from(String(key)));
    chunk += line(data);
    if (chunk.length > chunkSize) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}

function line(bytes: Uint8Array): string {
  return ` ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}\n`;
}

/** Name of a database as people read it. */
export function databaseLabel({ name }: Database): string | undefined {
  return name && Buffer.from(name).toString('utf8');
}

export function headerLines(database: Database, recordNumbers: boolean): string[] {
  const { file, meta, method } = database;
  const lines = ['VERSION=3', 'format=bytevalue'];
  const name = databaseLabel(database);
  if (name !== undefined) lines.push(`database=${name}`);
  lines.push(`type=${method}`, ...propertyLines(database));
  const flags = meta.u32(metaAt.flags);
  if (file.format.checksums) lines.push('chksum=1');
  const isTree = method === 'btree' || method === 'recno';
  const [duplicates, sorted] = isTree
    ? [btreeFlag.duplicates, btreeFlag.sortedDuplicates]
    : method === 'hash'
      ? [hashFlag.duplicates, hashFlag.sortedDuplicates]
      : [0, 0];
  if ((flags & duplicates) !== 0) lines.push('duplicates=1');
  if ((flags & sorted) !== 0) lines.push('dupsort=1');
  lines.push(`db_pagesize=${file.format.pageSize}`);
  if (recordNumbers) lines.push('keys=1');
  return lines;
}

const defaultPad = 0x20;

function propertyLines({ meta, method }: Database): string[] {
  const lines: string[] = [];
  const flags = meta.u32(metaAt.flags);
  const add = (name: string, value: number, unlike = 0): void => {
    if (value !== unlike) lines.push(`${name}=${value}`);
  };
  switch (method) {
    case 'btree':
      if ((flags & btreeFlag.recordNumbers) !== 0) lines.push('recnum=1');
      add('bt_minkey', meta.u32(metaAt.btree.minKey), 2);
      break;
    case 'recno':
      if ((flags & btreeFlag.renumber) !== 0) lines.push('renumber=1');
      add('re_len', meta.u32(metaAt.btree.recordLength));
      add('re_pad', meta.u32(metaAt.btree.pad), defaultPad);
      break;
    case 'hash':
      add('h_ffactor', meta.u32(metaAt.hash.fillFactor));
      add('h_nelem', meta.u32(metaAt.hash.keys));
      break;
    case 'queue':
      add('re_len', meta.u32(metaAt.queue.recordLength));
      add('re_pad', meta.u32(metaAt.queue.pad), defaultPad);
      add('extentsize', meta.u32(metaAt.queue.extentPages));
      break;
    case 'heap':
      add('heap_gbytes', meta.u32(metaAt.heap.gigabytes));
      add('heap_bytes', meta.u32(metaAt.heap.bytes));
      add('heap_regionsize', meta.u32(metaAt.heap.regionSize));
      break;
  }
  return lines;
}
