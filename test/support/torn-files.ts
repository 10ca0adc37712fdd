/** File operations whose reads of containers are torn: as they are when the page is written during the read. */

import { type Files, type FileStat } from '../../src/engine/files/files.ts';
import { isBlank } from '../../src/format/page/page.ts';
import { Chance } from '../fuzz/mutate.ts';
import { watchedFiles } from './watched-files.ts';

/** A container as it was at some moment, in all the bytes that it had then. */
export interface Version {
  readonly pageSize: number;
  readonly bytes: Uint8Array;
}

export interface TearOptions {
  readonly seed: number;
  /** Older versions of each container, by path; the log from the oldest on is there. */
  readonly versions: ReadonlyMap<string, readonly Version[]>;
  /** How many of a hundred pages are read torn. */
  readonly percent: number;
  /** Some pages are torn in each and every read; otherwise in a few. */
  readonly forever?: boolean;
  /** Torn in the same way each time: a writer that was stopped between two halves. */
  readonly stuck?: boolean;
  /** The times of containers tell of every page that was not served as it is; they are of long ago otherwise. */
  readonly showsWrites?: boolean;
}

/** What happens to the reads of one page. */
interface Affliction {
  /** The first read that gives something else, counted from 1. */
  readonly from: number;
  /** The first one that does not any more. */
  readonly to: number;
  /** Whole old pages, not torn ones. */
  readonly stale: boolean;
  /** The same tear each time. */
  readonly tear: number;
  reads: number;
  /** What was served last, when it was torn. */
  torn: Uint8Array | undefined;
}

const sector = 512;
const longAgoMs = Date.UTC(2020, 0);

/** Serves pages of containers that are half old and half new, partly zero, or old, at random places. */
export class TornFiles {
  readonly files: Files;
  /** Torn pages served, whole old pages served, torn pages read again, and pages afflicted. */
  readonly counts = { torn: 0, stale: 0, readAgain: 0, pages: 0 };
  readonly #options: TearOptions;
  readonly #chance: Chance;
  readonly #pages = new Map<string, Affliction | undefined>();
  /** By file: how many pages were not served as they are. */
  readonly #served = new Map<string, number>();

  constructor(inner: Files, options: TearOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed);
    const { versions, showsWrites = false } = options;
    this.files = watchedFiles(inner, {
      showsWrites,
      afterRead: (file, bytes, position) => this.#afterRead(file, bytes, position),
      afterStat: (file, stat) => (showsWrites && versions.has(file) ? this.#withTimes(file, stat) : stat),
    });
  }

  #withTimes(file: string, stat: FileStat): FileStat {
    const at = longAgoMs + (this.#served.get(file) ?? 0);
    return { ...stat, mtimeMs: at, changedMs: at };
  }

  #afterRead(file: string, bytes: Uint8Array, position: number): void {
    const versions = this.#options.versions.get(file);
    if (!versions) return;
    const { pageSize } = versions[0]!;
    // Less than a page is read of the first one only, to see what the file is.
    for (let at = (pageSize - (position % pageSize)) % pageSize; at + pageSize <= bytes.length; at += pageSize) {
      this.#serve(file, bytes.subarray(at, at + pageSize), position + at, versions);
    }
  }

  #serve(file: string, page: Uint8Array, position: number, versions: readonly Version[]): void {
    const key = `${file}:${position}`;
    if (!this.#pages.has(key)) this.#pages.set(key, this.#afflict());
    const affliction = this.#pages.get(key);
    if (!affliction) return;
    affliction.reads += 1;
    if (affliction.torn) this.counts.readAgain += 1;
    const last = affliction.torn;
    affliction.torn = undefined;
    if (affliction.reads < affliction.from || affliction.reads >= affliction.to) return;
    const { stuck = false } = this.#options;
    const chance = stuck ? new Chance(affliction.tear) : this.#chance;
    const old = oldPage(chance.oneOf(versions), position, page.length);
    if (Buffer.compare(old, page) === 0) return;
    const note = (): unknown => this.#served.set(file, (this.#served.get(file) ?? 0) + 1);
    if (affliction.stale) {
      note();
      page.set(old);
      this.counts.stale += 1;
      return;
    }
    const torn = tear(page, old, chance);
    // No tear: it ends up as a whole page, or as one that was never written. None that could be told: it looks the same
    // twice, which takes two writes interrupted at one place.
    const isWhole = isBlank(torn) || [page, old].some((whole) => Buffer.compare(torn, whole) === 0);
    if (isWhole || (!stuck && last && Buffer.compare(torn, last) === 0)) return;
    note();
    page.set(torn);
    affliction.torn = torn;
    this.counts.torn += 1;
  }

  #afflict(): Affliction | undefined {
    const chance = this.#chance;
    if (chance.below(100) >= this.#options.percent) return undefined;
    this.counts.pages += 1;
    const from = 1 + chance.below(2);
    const forever = this.#options.forever === true && chance.below(8) === 0;
    const to = forever ? Infinity : from + (chance.below(2) === 0 ? 1 : 1 + chance.below(3));
    return { from, to, stale: chance.below(4) === 0, tear: chance.below(1 << 30), reads: 0, torn: undefined };
  }
}

/** Pages that were not there yet are blank. */
function oldPage({ bytes }: Version, position: number, pageSize: number): Uint8Array {
  const page = new Uint8Array(pageSize);
  page.set(bytes.subarray(position, position + pageSize));
  return page;
}

/** A page with one part of each: cut in the middle or at a sector; the new part before or behind; perhaps zeros. */
function tear(page: Uint8Array, old: Uint8Array, chance: Chance): Uint8Array {
  const half = page.length / 2;
  const cut =
    page.length === sector || chance.below(3) === 0 ? half : sector * (1 + chance.below(page.length / sector - 1));
  const other = chance.below(4) === 0 ? new Uint8Array(page.length) : old;
  const torn = page.slice();
  if (chance.below(2) === 0) torn.set(other.subarray(cut), cut);
  else torn.set(other.subarray(0, cut));
  return torn;
}
