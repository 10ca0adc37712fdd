/** Databases as text, in the format of db_dump: `db_load` makes a database of it again. */

import { btreeFlag, hashFlag, metaAt, type DatabaseFormat } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { type Database, type DatabaseMethod } from './database-file.ts';
import { partitionCount, partitionKeys } from './partitions.ts';
import { recordsOf } from './records.ts';
import { type DatabaseRecord } from './trees.ts';

export interface DumpOptions {
  /** Record numbers as keys of recno and queue, as `db_dump -k` does. */
  readonly recordNumbers?: boolean;
}

/** What a dump says of a database before its records. */
export interface DumpedDatabase {
  /** Of a sub-database, as its bytes. */
  readonly name: Uint8Array | undefined;
  readonly method: DatabaseMethod;
  readonly format: DatabaseFormat;
  /** Its metadata page; undefined when that is lost. */
  readonly meta: Page | undefined;
}

const chunkSize = 1 << 16;
/** Now and then there is a piece, even where there are no records for long. */
const patience = 256;

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
export function bodyOf(database: Database, recordNumbers: boolean): Generator<string> {
  return linesOf(recordsOf(database), recordNumbers);
}

/** Records as lines, in pieces; undefined where nothing could be read, but others may have their turn. */
export function* linesOf(records: Iterable<DatabaseRecord | undefined>, recordNumbers: boolean): Generator<string> {
  let chunk = '';
  let steps = 0;
  for (const record of records) {
    if (record) {
      const { key, data } = record;
      if (key instanceof Uint8Array) chunk += line(key);
      else if (key !== undefined && recordNumbers) chunk += line(Buffer.from(String(key)));
      chunk += line(data);
    } else {
      steps += 1;
    }
    if (chunk.length > chunkSize || steps > patience) {
      yield chunk;
      chunk = '';
      steps = 0;
    }
  }
  if (chunk !== '') yield chunk;
}

function line(bytes: Uint8Array): string {
  return ` ${hexOf(bytes)}\n`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

const backslash = 0x5c;
/** By its code: what a character stands for as a digit in hex; -1 for all others. */
const digitOf = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) digitOf[digit.toString(16).charCodeAt(0)] = digit;

/**
 * Hex as db_dump -p writes it: printable characters as they are, others as a backslash and two digits. What is not hex
 * stays: pieces of `bodyOf` can be given as they are.
 */
export function printable(text: string): string {
  const hex = Buffer.from(text, 'latin1');
  // Two digits become three characters at most.
  const to = Buffer.allocUnsafe(hex.length + (hex.length >> 1));
  let length = 0;
  for (let at = 0; at < hex.length; at++) {
    const high = digitOf[hex[at]!]!;
    const low = high < 0 || at + 1 === hex.length ? -1 : digitOf[hex[at + 1]!]!;
    if (low < 0) {
      to[length++] = hex[at]!;
      continue;
    }
    const code = 16 * high + low;
    if (code >= 0x20 && code < 0x7f) {
      to[length++] = code;
      if (code === backslash) to[length++] = backslash;
    } else {
      to[length++] = backslash;
      to[length++] = hex[at]!;
      to[length++] = hex[at + 1]!;
    }
    at += 1;
  }
  return to.toString('latin1', 0, length);
}

/** Name of a database as people read it. */
export function databaseLabel({ name }: Pick<DumpedDatabase, 'name'>): string | undefined {
  return name && Buffer.from(name).toString('utf8');
}

/** The lines before `HEADER=END`; those that begin with a space are keys in hex, as `bodyOf` gives them. */
export function headerLines(database: Database, recordNumbers: boolean): string[] {
  const { file, meta } = database;
  const lines = headerOf({ ...database, format: file.format });
  const partitions = partitionCount(meta);
  if (partitions > 0) lines.push(`nparts=${partitions}`);
  for (const key of partitionKeys(database)) lines.push(` ${hexOf(key)}`);
  if (recordNumbers) lines.push('keys=1');
  return lines;
}

/** The lines of a header that do not depend on records. Of a database whose metadata page is lost, all duplicates are kept. */
export function headerOf({ name, method, meta, format }: DumpedDatabase): string[] {
  const lines = ['VERSION=3', 'format=bytevalue'];
  if (name) lines.push(`database=${printable(hexOf(name))}`);
  lines.push(`type=${method}`);
  if (meta) lines.push(...propertyLines(method, meta));
  if (format.checksums) lines.push('chksum=1');
  const { duplicates, sorted } = duplicatesOf(method, meta);
  if (duplicates) lines.push('duplicates=1');
  if (sorted) lines.push('dupsort=1');
  lines.push(`db_pagesize=${format.pageSize}`);
  return lines;
}

function duplicatesOf(method: DatabaseMethod, meta: Page | undefined): { duplicates: boolean; sorted: boolean } {
  if (method === 'queue' || method === 'heap') return { duplicates: false, sorted: false };
  if (!meta) return { duplicates: method !== 'recno', sorted: false };
  const flags = meta.u32(metaAt.flags);
  const { duplicates, sortedDuplicates } = method === 'hash' ? hashFlag : btreeFlag;
  return { duplicates: (flags & duplicates) !== 0, sorted: (flags & sortedDuplicates) !== 0 };
}

const defaultPad = 0x20;

function propertyLines(method: DatabaseMethod, meta: Page): string[] {
  const lines: string[] = [];
  const flags = meta.u32(metaAt.flags);
  const add = (name: string, value: number, unlike = 0): void => {
    if (value !== unlike) lines.push(`${name}=${value}`);
  };
  const addPad = (pad: number): void => {
    if (pad !== defaultPad) lines.push(`re_pad=${pad === 0 ? '0' : `0x${pad.toString(16)}`}`);
  };
  switch (method) {
    case 'btree':
      if ((flags & btreeFlag.recordNumbers) !== 0) lines.push('recnum=1');
      add('bt_minkey', meta.u32(metaAt.btree.minKey), 2);
      break;
    case 'recno':
      if ((flags & btreeFlag.renumber) !== 0) lines.push('renumber=1');
      add('re_len', meta.u32(metaAt.btree.recordLength));
      addPad(meta.u32(metaAt.btree.pad));
      break;
    case 'hash':
      // The fill factor is left out by db_dump, too: the library forgets it when a database is opened again.
      add('h_nelem', meta.u32(metaAt.hash.keys));
      break;
    case 'queue':
      add('re_len', meta.u32(metaAt.queue.recordLength));
      addPad(meta.u32(metaAt.queue.pad));
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
