/** Records of two states, matched by their keys: the order of keys is known to the application alone, so none is relied on. */

import { randomBytes } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { type KeyedRecord } from '../database/records.ts';
import { pause, type Watch } from '../pause.ts';

export type ChangeKind = 'put' | 'changed' | 'deleted';

/** A record that is not the same in both states. */
export interface Change<R extends KeyedRecord = KeyedRecord> {
  readonly kind: ChangeKind;
  readonly key: R['key'];
  /** Undefined where it was put. */
  readonly before: R | undefined;
  /** Undefined where it was deleted. */
  readonly after: R | undefined;
}

/** Records of one state, from the first on each time they are asked for. Bytes are valid until the next one is asked for. */
export type Records<R extends KeyedRecord> = () => Iterable<R> | AsyncIterable<R>;

/** Records of one state that were read once. */
export interface Gathered<R extends KeyedRecord> {
  readonly count: number;
  /** What they take in memory, about. */
  readonly bytes: number;
  /** All of them again: out of memory where they are few, else they are read again. */
  readonly again: Records<R>;
}

/** What a record takes beside its bytes, about. */
const recordCost = 100;

/** What is kept in memory at a time, in bytes. */
const memory = 64 << 20;

/** What is kept in memory of the records of a state, in bytes: more of them are read again. */
const memoryOfFew = 16 << 20;

/** Whatever keys are, no part of them is this much larger than the others. */
const mostUneven = 16;

/** @param keptBytes as many are kept in memory */
export async function gather<R extends KeyedRecord>(
  records: Records<R>,
  watch: Watch,
  keptBytes = memoryOfFew,
): Promise<Gathered<R>> {
  let kept: R[] | undefined = [];
  let count = 0;
  let bytes = 0;
  for await (const record of records()) {
    count += 1;
    bytes += sizeOf(record);
    if (bytes > keptBytes) kept = undefined;
    kept?.push(copyOf(record));
    await pause(watch);
  }
  const few = kept;
  return { count, bytes, again: few ? () => few : records };
}

interface JoinOptions {
  /** A key can have several records: each is put or deleted, and none is changed. */
  readonly hasDuplicates: boolean;
  readonly watch: Watch;
  /** Memory for records, in bytes. */
  readonly memoryBytes?: number;
  /** How messages call what holds the records. */
  readonly label: string;
}

/**
 * What is different, each key once: first what is put or changed, in the order of the later state, then what is deleted. Where the earlier
 * state has more records than fit into memory, it is read several times, and the order is that of each time. Throws `page-type` for
 * a database that has one key again and again.
 */
export async function* changesBetween<R extends KeyedRecord>(
  from: Gathered<R>,
  to: Gathered<R>,
  isSame: (before: R, after: R) => boolean,
  { hasDuplicates, watch, memoryBytes = memory, label }: JoinOptions,
): AsyncGenerator<Change<R>> {
  if (to.count === 0) {
    for await (const record of from.again()) {
      await pause(watch);
      yield { kind: 'deleted', key: record.key, before: record, after: undefined };
    }
    return;
  }
  const rounds = Math.max(1, Math.ceil(from.bytes / memoryBytes));
  const partOf = partsOf(rounds);
  for (let round = 0; round < rounds; round++) {
    const known = new Map<string, R[]>();
    let size = 0;
    for await (const record of from.again()) {
      await pause(watch);
      const id = idOf(record, hasDuplicates);
      if (partOf(id) !== round) continue;
      size += sizeOf(record);
      if (size > mostUneven * memoryBytes) throw tooUneven(label);
      const others = known.get(id);
      if (others) others.push(copyOf(record));
      else known.set(id, [copyOf(record)]);
    }
    for await (const record of to.again()) {
      await pause(watch);
      const id = idOf(record, hasDuplicates);
      if (partOf(id) !== round) continue;
      const others = known.get(id);
      const before = others?.shift();
      if (others?.length === 0) known.delete(id);
      if (!before) yield { kind: 'put', key: record.key, before: undefined, after: record };
      else if (!isSame(before, record)) yield { kind: 'changed', key: record.key, before, after: record };
    }
    for (const left of known.values()) {
      for (const record of left) {
        await pause(watch);
        yield { kind: 'deleted', key: record.key, before: record, after: undefined };
      }
    }
  }
}

function tooUneven(label: string): FigaroError {
  return new FigaroError('page-type', `${label}: it has records of one key again and again`, { path: label });
}

function sizeOf({ key, data }: KeyedRecord): number {
  return recordCost + data.length + (key instanceof Uint8Array ? key.length : 0);
}

function copyOf<R extends KeyedRecord>(record: R): R {
  const { key, data } = record;
  // `slice` of a Buffer would be a view.
  return { ...record, key: key instanceof Uint8Array ? new Uint8Array(key) : key, data: new Uint8Array(data) };
}

/** The same text for records that are matched. */
function idOf({ key, data }: KeyedRecord, hasDuplicates: boolean): string {
  const id =
    typeof key === 'number' ? String(key) : key instanceof Uint8Array ? textOf(key) : `${key.pgno}.${key.slot}`;
  return hasDuplicates ? `${id.length} ${id}${textOf(data)}` : id;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Which round a text belongs to. Whoever made the keys does not know how they are spread. */
function partsOf(rounds: number): (id: string) => number {
  if (rounds === 1) return () => 0;
  const seed = randomBytes(4).readUInt32LE();
  return (id) => {
    let hash = seed;
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x0100_0193);
    return ((hash ^ (hash >>> 15)) >>> 0) % rounds;
  };
}
