import { describe, expect, test } from 'vitest';
import { CachedPage, PageCache, type CachedFile } from '../../../src/engine/recovery/page-cache.ts';
import { type DatabaseFormat } from '../../../src/format/page/meta.ts';

const pageSize = 512;
const format: DatabaseFormat = {
  method: 'btree',
  version: 9,
  pageSize,
  littleEndian: true,
  checksums: false,
  encrypted: false,
  cipher: undefined,
  indexStart: 26,
  uid: '00'.repeat(20),
};

/** A file that notes what becomes of its pages in the cache. */
class NotingFile implements CachedFile {
  readonly format = format;
  readonly written: number[] = [];
  readonly forgotten: number[] = [];

  writeAll(pages: readonly CachedPage[]): void {
    for (const { number } of pages) this.written.push(number);
  }

  forget({ number }: CachedPage): void {
    this.forgotten.push(number);
  }
}

describe('a cache of ten pages', () => {
  const file = (): NotingFile => new NotingFile();

  /** Adds pages, each in a round of its own. */
  function fill(cache: PageCache, owner: CachedFile, numbers: readonly number[], dirty = false): CachedPage[] {
    return numbers.map((number) => {
      cache.nextRound();
      const page = new CachedPage(new Uint8Array(pageSize), owner, number);
      page.dirty = dirty;
      cache.add(page);
      return page;
    });
  }

  const ten = Array.from({ length: 10 }, (_, i) => i);

  test('keeps ten, and makes room for the eleventh', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    fill(cache, owner, ten);
    expect(owner.forgotten).toEqual([]);
    fill(cache, owner, [10]);
    expect(owner.forgotten.length).toBeGreaterThan(0);
    expect(owner.forgotten).not.toContain(10);
  });

  test('never holds more than its bound, whatever goes through it', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    for (let number = 0; number < 200; number++) {
      fill(cache, owner, [number]);
      expect(number + 1 - owner.forgotten.length).toBeLessThanOrEqual(10);
    }
    expect(new Set(owner.forgotten).size).toBe(owner.forgotten.length);
  });

  test('writes pages that were changed, once and before they are forgotten, and no others', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    fill(cache, owner, [0, 1, 2, 3, 4], true);
    fill(cache, owner, [5, 6, 7, 8, 9]);
    fill(
      cache,
      owner,
      Array.from({ length: 40 }, (_, i) => 10 + i),
    );
    expect(owner.forgotten).toEqual(expect.arrayContaining(ten));
    expect(owner.written.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  });

  test('keeps the pages of the record that is worked on, also beyond its bound', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    cache.nextRound();
    for (let number = 0; number < 30; number++) {
      cache.add(new CachedPage(new Uint8Array(pageSize), owner, number));
    }
    expect(owner.forgotten).toEqual([]);
    fill(
      cache,
      owner,
      Array.from({ length: 10 }, (_, i) => 30 + i),
    );
    expect(40 - owner.forgotten.length).toBeLessThanOrEqual(10);
  });

  test('keeps a page that is used again and again longer than those that are not', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    const [first] = fill(cache, owner, ten);
    for (let number = 10; number < 60; number++) {
      cache.nextRound();
      cache.used(first!);
      cache.add(new CachedPage(new Uint8Array(pageSize), owner, number));
    }
    expect(owner.forgotten).not.toContain(0);
    expect(owner.forgotten).toEqual(expect.arrayContaining(ten.slice(1)));
  });

  test('never writes a page that its file does not have any more', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    const pages = fill(cache, owner, ten, true);
    cache.drop(pages.slice(0, 3));
    fill(
      cache,
      owner,
      Array.from({ length: 20 }, (_, i) => 10 + i),
    );
    expect(owner.forgotten).toEqual(expect.arrayContaining([0, 1, 2]));
    expect(owner.written.filter((number) => number < 3)).toEqual([]);
  });

  test('gives the memory of what it has evicted to the next pages, and not that of a page somebody may still hold', () => {
    const owner = file();
    const cache = new PageCache(10 * pageSize);
    const pages = fill(cache, owner, ten, true);
    cache.drop(pages.slice(0, 1));
    fill(
      cache,
      owner,
      Array.from({ length: 20 }, (_, i) => 10 + i),
    );
    const other = file();
    const taken = new Set(Array.from({ length: 30 }, (_, number) => cache.take(other, number)));
    expect(taken.size).toBe(30);
    expect(pages.slice(1).every((page) => taken.has(page))).toBe(true);
    expect(taken.has(pages[0]!)).toBe(false);
    for (const page of taken) expect(page).toMatchObject({ file: other, dirty: false, isDropped: false });
    expect([...taken].map(({ number }) => number)).toEqual([...taken.keys()].map((_, i) => i));
  });

  describe('of which some are passed by', () => {
    const passed = [0, 1, 2, 3, 4];

    test('forgets these before it is full, and no others', () => {
      const owner = file();
      const cache = new PageCache(10 * pageSize);
      const pages = fill(cache, owner, ten);
      for (const number of passed) cache.passBy(pages[number]!);
      expect(owner.forgotten).toEqual(passed);
      // There is room for as many now.
      fill(cache, owner, [10, 11, 12, 13, 14]);
      expect(owner.forgotten).toEqual(passed);
      expect(owner.written).toEqual([]);
    });

    test('keeps those that are used or changed since, and those of the record that is worked on', () => {
      const owner = file();
      const cache = new PageCache(320 * pageSize);
      const pages = fill(cache, owner, ten);
      for (const page of pages) cache.passBy(page);
      cache.used(pages[0]!);
      pages[1]!.dirty = true;
      cache.passBy(pages[2]!);
      expect(owner.forgotten).toEqual([2, 3, 4, 5, 6, 7, 8]);
      cache.nextRound();
      const others = fill(
        cache,
        owner,
        Array.from({ length: 11 }, (_, i) => 10 + i),
      );
      for (const page of others) cache.passBy(page);
      expect(owner.forgotten).toContain(9);
      expect(owner.forgotten).not.toContain(0);
      expect(owner.forgotten).not.toContain(1);
    });

    test('never gives the memory of one away that somebody may still hold', () => {
      const owner = file();
      const cache = new PageCache(10 * pageSize);
      const pages = fill(cache, owner, ten);
      cache.drop(pages.slice(0, 1));
      for (const number of passed) cache.passBy(pages[number]!);
      const taken = new Set(Array.from({ length: 30 }, (_, number) => cache.take(owner, number)));
      expect(pages.map((page) => taken.has(page))).toEqual(ten.map((number) => number > 0 && number < 5));
    });
  });
});
