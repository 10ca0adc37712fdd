/**
 * What the pages of a set were: a hash of each, by which the next set finds those that are the same. Hashes are keyed where a
 * repository is encrypted, so that they tell nothing but what is equal, and all of it is sealed with the key: a machine that backs up believes no table but its own.
 */

import crypto, { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readableFields } from '../fields.ts';

/** Of a page, in bytes. */
export const hashSize = 16;

const sealSize = 32;

/** Of all hashes together, in bytes: of pages beyond, such as those after 64 GiB of pages of 4 KiB, nothing is remembered. */
export const hashesLimit = 256 << 20;

/** Of a table, in bytes: more is none. */
export const pagesLimit = hashesLimit + (64 << 20);

/** The pages of one file. */
export interface FilePages {
  /** The unique id of a database, hex; empty for other files. */
  readonly uid: string;
  /** What is compared as one, in bytes. */
  readonly unit: number;
  /** `hashSize` bytes for each. */
  readonly hashes: Uint8Array;
}

/** By name, as in `Contents`. */
export type PageTable = ReadonlyMap<string, FilePages>;

/** Hashes pages. */
export class PageHasher {
  readonly #key: Uint8Array;
  /** The key, and the page behind it. */
  #room: Buffer;

  constructor(key: Uint8Array) {
    this.#key = key;
    this.#room = Buffer.from(key);
  }

  hash(page: Uint8Array): Uint8Array {
    const length = this.#key.length + page.length;
    if (this.#room.length < length) {
      this.#room = Buffer.alloc(length);
      this.#room.set(this.#key);
    }
    this.#room.set(page, this.#key.length);
    return sha256(this.#room.subarray(0, length)).subarray(0, hashSize);
  }
}

/** Node.js has it since 20.12, without an object for each page. */
const { hash: hashAtOnce } = crypto as { hash?: (algorithm: string, bytes: Uint8Array, encoding: 'buffer') => Buffer };

function sha256(bytes: Uint8Array): Buffer {
  return hashAtOnce ? hashAtOnce('sha256', bytes, 'buffer') : createHash('sha256').update(bytes).digest();
}

/** @param context what the table belongs to: that of another set is none */
export function encodePages(table: PageTable, key: Uint8Array, context: string): Uint8Array {
  const head = [...table].map(([name, { uid, unit, hashes }]) => ({
    name,
    uid,
    unit,
    count: hashes.length / hashSize,
  }));
  const json = Buffer.from(`${JSON.stringify({ files: head })}\n`);
  const body = Buffer.concat([json, ...[...table.values()].map(({ hashes }) => hashes)]);
  return Buffer.concat([sealOf(body, key, context), body]);
}

/** Undefined for what is not as `encodePages` made it, with the same key and for the same context. */
export function decodePages(bytes: Uint8Array, key: Uint8Array, context: string): PageTable | undefined {
  if (bytes.length < sealSize) return undefined;
  const body = bytes.subarray(sealSize);
  if (!timingSafeEqual(sealOf(body, key, context), bytes.subarray(0, sealSize))) return undefined;
  const end = body.indexOf(0x0a);
  const files = readableFields(body.subarray(0, end), (fields) =>
    fields.list('files').map((each) => ({
      name: each.string('name'),
      uid: each.string('uid'),
      unit: each.count('unit'),
      count: each.count('count'),
    })),
  );
  if (!files) return undefined;
  const table = new Map<string, FilePages>();
  let at = end + 1;
  for (const { name, uid, unit, count } of files) {
    table.set(name, { uid, unit, hashes: body.subarray(at, at + count * hashSize) });
    at += count * hashSize;
  }
  return at === body.length ? table : undefined;
}

function sealOf(body: Uint8Array, key: Uint8Array, context: string): Uint8Array {
  return createHmac('sha256', key).update(`${context.length}:${context}`).update(body).digest();
}
