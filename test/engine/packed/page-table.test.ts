import { describe, expect, test } from 'vitest';
import {
  decodePages,
  encodePages,
  hashSize,
  PageHasher,
  type FilePages,
} from '../../../src/engine/packed/page-table.ts';
import { noise } from '../../support/packed-files.ts';

const key = Buffer.from('key');
const context = 'repository/set/contents';
const table = new Map<string, FilePages>([
  ['environment/a', { uid: '00'.repeat(20), unit: 4096, hashes: noise(1, 3 * hashSize) }],
  ['environment/empty', { uid: '', unit: 4096, hashes: noise(2, 0) }],
  ['environment/b\n', { uid: 'ff', unit: 512, hashes: noise(3, hashSize) }],
]);

describe('a table of pages', () => {
  test('is read back by whoever has the key, for the same set', () => {
    const read = decodePages(encodePages(table, key, context), key, context)!;
    expect([...read.keys()]).toEqual([...table.keys()]);
    for (const [name, { uid, unit, hashes }] of table) {
      expect([read.get(name)!.uid, read.get(name)!.unit]).toEqual([uid, unit]);
      expect(Buffer.from(read.get(name)!.hashes)).toEqual(hashes);
    }
    expect(decodePages(encodePages(new Map(), key, context), key, context)).toEqual(new Map());
  });

  test('is none with another key, or of another set', () => {
    const bytes = encodePages(table, key, context);
    expect(decodePages(bytes, Buffer.from('other'), context)).toBeUndefined();
    expect(decodePages(bytes, key, 'repository/other/contents')).toBeUndefined();
    // What is told of the context ends where it ends.
    expect(decodePages(bytes, key, `${context} `)).toBeUndefined();
  });

  test('is none when a bit of it is another one, or it is longer or shorter', () => {
    const bytes = encodePages(table, key, context);
    for (let at = 0; at < bytes.length; at++) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1 << (at & 7);
      expect(decodePages(other, key, context)).toBeUndefined();
      expect(decodePages(bytes.subarray(0, at), key, context)).toBeUndefined();
    }
    expect(decodePages(Buffer.concat([bytes, Buffer.alloc(1)]), key, context)).toBeUndefined();
  });

  test('has hashes that tell pages apart, by length, too, and say nothing without the key', () => {
    const hasher = new PageHasher(key);
    const pages = [
      noise(1, 4096),
      noise(2, 4096),
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.alloc(512),
      Buffer.alloc(65536),
    ];
    const hashes = pages.map((page) => Buffer.from(hasher.hash(page)).toString('hex'));
    expect(new Set(hashes).size).toBe(pages.length);
    expect(hashes.every((hash) => hash.length === 2 * hashSize)).toBe(true);
    expect(pages.map((page) => Buffer.from(new PageHasher(key).hash(page)).toString('hex'))).toEqual(hashes);
    const others = pages.map((page) => Buffer.from(new PageHasher(Buffer.from('other')).hash(page)).toString('hex'));
    expect(others.filter((hash) => hashes.includes(hash))).toEqual([]);
  });
});
