/** A record of the log as a line of text. */

import { type ShownRecord } from '../engine/history/print.ts';
import { formatLsn, type Lsn } from '../format/lsn.ts';
import { type ByteRange, hexOf } from '../format/byte-range.ts';
import { schemaVersion, toJson } from './json.ts';
import { formatTime, printable } from './text.ts';

/** Bytes of items shown before the rest is cut off. */
const shownBytes = 24;

/** `[4][1234] bam_adj txn=80000012 prev=[4][1100] file=d.dbxml pgno=12 …` */
export function recordLine({ record, type, file }: ShownRecord, whole: boolean): string {
  const fields = [
    formatLsn(record.lsn),
    record.isDebug ? `${type}_debug` : type,
    ...(record.txnId === 0 ? [] : [`txn=${record.txnId.toString(16)}`, `prev=${formatLsn(record.prevLsn)}`]),
    ...(file === undefined ? [] : [`file=${text(file)}`]),
  ];
  if (record.layout && !record.isDebug) {
    for (const [name, value] of Object.entries(record.body)) fields.push(`${name}=${shown(name, value, whole)}`);
  }
  return `${fields.join(' ')}\n`;
}

/** The same as one JSON document in one line; the fields of the record's type are in `fields`. */
export function recordJson({ record, type, file }: ShownRecord): string {
  const { lsn, txnId, prevLsn, length, isDebug } = record;
  const body =
    record.layout && !isDebug
      ? Object.fromEntries(Object.entries(record.body).map(([name, value]) => [name, plain(name, value)]))
      : {};
  const document = {
    schema: schemaVersion,
    lsn: formatLsn(lsn),
    type,
    ...(isDebug ? { debug: true } : {}),
    ...(txnId === 0 ? {} : { txn: txnId.toString(16), prev: formatLsn(prevLsn) }),
    ...(file === undefined ? {} : { file }),
    length,
    fields: body,
  };
  return toJson(document, true);
}

/** Fields that are ids of transactions. */
const txnFields: ReadonlySet<string> = new Set(['child', 'createdBy', 'min', 'max']);

function shown(name: string, value: unknown, whole: boolean): string {
  const simple = plain(name, value);
  if (isRange(value) && !whole && value.length > shownBytes) {
    return `${hexOf({ ...value, length: shownBytes })}…(${value.length})`;
  }
  return typeof simple === 'string' ? text(simple) : printable(JSON.stringify(simple));
}

/** What could be taken for more than one word, or does something to a terminal, is quoted. */
function text(value: string): string {
  const isWord = /^[\u0021-\u007e\u00a1-\uffff]+$/.test(value) && printable(value) === value;
  return isWord ? value : printable(JSON.stringify(value));
}

function plain(name: string, value: unknown): unknown {
  if (name === 'timestamp' && typeof value === 'number') return formatTime(value);
  if (txnFields.has(name) && typeof value === 'number') return value.toString(16);
  if (isRange(value)) return hexOf(value);
  if (isLsn(value)) return formatLsn(value);
  if (Array.isArray(value)) return value.map((element) => plain('', element));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(key, inner)]));
  }
  return value;
}

function isRange(value: unknown): value is ByteRange {
  return typeof value === 'object' && value !== null && 'buffer' in value && 'start' in value;
}

function isLsn(value: unknown): value is Lsn {
  return typeof value === 'object' && value !== null && 'offset' in value && 'file' in value;
}
