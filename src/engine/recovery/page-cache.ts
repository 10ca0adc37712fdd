import { Page } from '../../format/page/page.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';

/** The file that a page in the cache belongs to. */
export interface CachedFile {
  readonly format: DatabaseFormat;
  /** Puts a changed page into storage. */
  writeBack(page: CachedPage): void;
  /** The page is in the cache no more. */
  forget(page: CachedPage): void;
}

/** A page in the cache. Whoever changes it sets `dirty`. */
export class CachedPage extends Page {
  readonly file: CachedFile;
  readonly number: number;
  dirty = false;
  /** It is no page of its file any more: whatever somebody who still holds it does, it is never written. */
  isDropped = false;
  /** The round in which it was last handed out; a page of the current round is not evicted. */
  lastUse = 0;

  constructor(bytes: Uint8Array, file: CachedFile, number: number) {
    super(bytes, file.format);
    this.file = file;
    this.number = number;
  }
}

/**
 * Database pages in memory, over pieces of storage: a write-back cache with an upper bound. Pages of the record being
 * worked on stay in memory whatever the bound.
 */
export class PageCache {
  readonly #capacity: number;
  readonly #pages: CachedPage[] = [];
  #hand = 0;
  #bytes = 0;
  #round = 1;
  pagesRead = 0;
  pagesWritten = 0;

  /** @param capacityBytes upper bound of the memory for pages */
  constructor(capacityBytes: number) {
    this.#capacity = capacityBytes;
  }

  /** Starts the work on another record: pages handed out before may be evicted. */
  nextRound(): void {
    this.#round += 1;
  }

  used(page: CachedPage): void {
    page.lastUse = this.#round;
  }

  add(page: CachedPage): void {
    page.lastUse = this.#round;
    this.#pages.push(page);
    this.#bytes += page.size;
    if (this.#bytes > this.#capacity) this.#evict();
  }

  /** Forgets pages without writing them. */
  drop(pages: Iterable<CachedPage>): void {
    for (const page of pages) {
      page.isDropped = true;
      // Far in the past: the clock takes it next time round.
      page.lastUse = -1;
    }
  }

  /** A clock: pages not used since the hand last came by go first. */
  #evict(): void {
    const target = this.#capacity * 0.9;
    let looked = 0;
    while (this.#bytes > target && looked < 2 * this.#pages.length) {
      if (this.#hand >= this.#pages.length) this.#hand = 0;
      const page = this.#pages[this.#hand]!;
      looked += 1;
      if (page.lastUse === this.#round) {
        this.#hand += 1;
      } else if (page.lastUse > 0) {
        page.lastUse = 0;
        this.#hand += 1;
      } else {
        if (page.dirty && !page.isDropped) page.file.writeBack(page);
        page.file.forget(page);
        this.#bytes -= page.size;
        const last = this.#pages.pop()!;
        if (last !== page) this.#pages[this.#hand] = last;
      }
    }
  }
}
