import { Page } from '../../format/page/page.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';

/** The file that a page in the cache belongs to. */
export interface CachedFile {
  readonly format: DatabaseFormat;
  /** Puts changed pages, which it has not forgotten, into storage, in order of their numbers. */
  writeAll(pages: readonly CachedPage[]): void;
  /** The page is in the cache no more. */
  forget(page: CachedPage): void;
}

/** A page in the cache. Whoever changes it sets `dirty`. */
export class CachedPage extends Page {
  file: CachedFile;
  number: number;
  dirty = false;
  /** It is no page of its file any more: whatever somebody who still holds it does, it is never written. */
  isDropped = false;
  /** It has been looked at, and nobody needs it before a record changes it. */
  isPassed = false;
  /** It was looked at before, and let go. */
  isReadAgain = false;
  /** The round in which it was last handed out; a page of the current round is not evicted. */
  lastUse = 0;

  constructor(bytes: Uint8Array, file: CachedFile, number: number) {
    super(bytes, file.format);
    this.file = file;
    this.number = number;
  }

  /** It was evicted, and its memory goes to another page of the same size. */
  become(file: CachedFile, number: number): void {
    this.setFormat(file.format);
    this.file = file;
    this.number = number;
    this.dirty = false;
    this.isPassed = false;
    this.isReadAgain = false;
    this.lastUse = 0;
  }
}

/** The part of the memory that pages may take which were only looked at. */
const passedPart = 1 / 32;

/** The part of the memory that goes to records that wait: the fewer times all of their pages are read, the better. */
const givenPart = 3 / 4;

/** So many pages say which of them were not used for long. */
const sampleSize = 500;

/**
 * Database pages in memory, over pieces of storage: a write-back cache with an upper bound. Pages of the record being
 * worked on stay in memory whatever the bound.
 */
export class PageCache {
  #capacity: number;
  /** More than this, in bytes, and pages are evicted. */
  #limit: number;
  #pages: CachedPage[] = [];
  #bytes = 0;
  /** Of pages that were passed by since such pages went last. */
  #passedBytes = 0;
  #round = 1;
  /** Pages had to go for others. */
  isFull = false;
  /** Evicted pages, by size: the next ones take their places, so that nothing is left to the garbage collector. */
  readonly #spare = new Map<number, CachedPage[]>();
  pagesRead = 0;
  pagesWritten = 0;

  /** @param capacityBytes upper bound of the memory for pages */
  constructor(capacityBytes: number) {
    this.#capacity = capacityBytes;
    this.#limit = capacityBytes;
  }

  /** Gives most of the memory for pages to who needs fewer pages with it, up to `most` bytes. Returns how much that is, in bytes. */
  giveAway(most: number): number {
    const given = Math.min(most, Math.floor(this.#capacity * givenPart));
    this.#capacity -= given;
    this.#limit = this.#capacity;
    if (this.#bytes > this.#limit) this.#evict();
    this.#spare.clear();
    return given;
  }

  /** Starts the work on another record: pages handed out before may be evicted. */
  nextRound(): void {
    this.#round += 1;
  }

  used(page: CachedPage): void {
    page.lastUse = this.#round;
    page.isPassed = false;
  }

  /**
   * To be called for a page that nobody needs before a record changes it, if ever: it soon goes, so that a recovery which has little to
   * change takes little memory, however many pages the log names.
   */
  passBy(page: CachedPage): void {
    if (page.dirty) return;
    page.isPassed = true;
    this.#passedBytes += page.size;
    if (this.#passedBytes > this.#capacity * passedPart) this.#letPassedGo();
  }

  /** A page that is to be filled, and then added: anything may be in it. */
  take(file: CachedFile, number: number): CachedPage {
    const { pageSize } = file.format;
    const page = this.#spare.get(pageSize)?.pop();
    if (!page) return new CachedPage(new Uint8Array(pageSize), file, number);
    page.become(file, number);
    return page;
  }

  add(page: CachedPage): void {
    page.lastUse = this.#round;
    this.#pages.push(page);
    this.#bytes += page.size;
    if (this.#bytes > this.#limit) this.#evict();
  }

  /** Forgets pages without writing them. */
  drop(pages: Iterable<CachedPage>): void {
    for (const page of pages) {
      page.isDropped = true;
      // Far in the past: they are the first to go.
      page.lastUse = -1;
    }
  }

  /** A tenth of the pages goes, those that were not used for longest, as far as a sample tells. */
  #evict(): void {
    this.isFull = true;
    const tenth = this.#capacity / 10;
    const most = this.#bytes - (this.#capacity - tenth);
    const evicted = this.#takeOut(this.#lastUseOf(most / this.#bytes), most);
    writeInOrder(evicted.filter(({ dirty, isDropped }) => dirty && !isDropped));
    this.#letGo(evicted);
    // What is in use now stays: to look at it again for every page would be in vain.
    this.#limit = Math.max(this.#capacity, this.#bytes + tenth);
  }

  #letPassedGo(): void {
    const passed: CachedPage[] = [];
    const pages = this.#pages;
    let kept = 0;
    for (const page of pages) {
      if (page.isPassed && !page.dirty && page.lastUse < this.#round) passed.push(page);
      else pages[kept++] = page;
    }
    pages.length = kept;
    for (const { size } of passed) this.#bytes -= size;
    this.#passedBytes = 0;
    this.#letGo(passed);
  }

  /** Pages that were taken out, and written where they were changed. */
  #letGo(pages: readonly CachedPage[]): void {
    for (const page of pages) {
      page.file.forget(page);
      // Whoever dropped it may still hold it.
      if (!page.isDropped) this.#spareOf(page.size).push(page);
    }
  }

  /** The round before which about this part of the pages was last used. */
  #lastUseOf(part: number): number {
    const step = Math.max(1, Math.floor(this.#pages.length / sampleSize));
    const uses: number[] = [];
    for (let i = 0; i < this.#pages.length; i += step) uses.push(this.#pages[i]!.lastUse);
    uses.sort((a, b) => a - b);
    return uses[Math.min(uses.length - 1, Math.ceil(part * uses.length))]!;
  }

  /** Takes pages out that were last used up to a round, and if these are not enough, others; `most` bytes of them. */
  #takeOut(lastUse: number, most: number): CachedPage[] {
    const evicted: CachedPage[] = [];
    let left = most;
    for (const limit of [Math.min(lastUse, this.#round - 1), this.#round - 1]) {
      if (left <= 0) break;
      const pages = this.#pages;
      let kept = 0;
      for (const page of pages) {
        if (left > 0 && page.lastUse <= limit) {
          evicted.push(page);
          left -= page.size;
        } else {
          pages[kept++] = page;
        }
      }
      pages.length = kept;
    }
    this.#bytes -= most - left;
    return evicted;
  }

  #spareOf(size: number): CachedPage[] {
    let spare = this.#spare.get(size);
    if (!spare) this.#spare.set(size, (spare = []));
    return spare;
  }
}

/** Writes changed pages file by file, from the first to the last. */
function writeInOrder(pages: readonly CachedPage[]): void {
  const byFile = new Map<CachedFile, CachedPage[]>();
  for (const page of pages) {
    const others = byFile.get(page.file);
    if (others) others.push(page);
    else byFile.set(page.file, [page]);
  }
  for (const [file, changed] of byFile) file.writeAll(changed);
}
