/** A database file in two states, and which of its pages are not the same. */

import { closeAll } from '../files/close-all.ts';
import { isTreeInternal, isTreeLeaf } from '../../format/page/btree.ts';
import { isHashPage } from '../../format/page/hash.ts';
import { overflowData } from '../../format/page/overflow.ts';
import { Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { DatabaseFile } from '../database/database-file.ts';
import { hasLaterPieces } from '../database/heap.ts';
import { type PageChoice } from '../database/page-choice.ts';
import { pause, type Watch } from '../pause.ts';
import { type TwoStates } from './two-states.ts';
import { PageSet } from './page-set.ts';

export type SideName = 'from' | 'to';
export const sideNames: readonly SideName[] = ['from', 'to'];

/** Where a file is in each state; undefined where it is not. */
export type PairNames = { readonly [side in SideName]: string | undefined };

/** Pages to be read of both states: those that are not the same. */
class ChangedPages implements PageChoice {
  readonly pages: PageSet;
  isThorough = false;

  constructor(pages: PageSet) {
    this.pages = pages;
  }

  has(pgno: number): boolean {
    return this.pages.has(pgno);
  }

  [Symbol.iterator](): Iterator<number> {
    return this.pages[Symbol.iterator]();
  }
}

export class FilePair {
  readonly from: DatabaseFile | undefined;
  readonly to: DatabaseFile | undefined;
  /** Undefined where everything has to be read. */
  #changed: ChangedPages | undefined;
  readonly #read = { from: new PageSet(), to: new PageSet() };

  /** Opens both. Throws what `DatabaseFile` throws. */
  private constructor(states: TwoStates, names: PairNames) {
    const open = (side: SideName): DatabaseFile | undefined => {
      const name = names[side];
      return name === undefined
        ? undefined
        : new DatabaseFile(states[side].files, name, (pgno) => this.#read[side].add(pgno));
    };
    this.from = open('from');
    try {
      this.to = open('to');
    } catch (error) {
      this.from?.close();
      throw error;
    }
  }

  /** Opens a file in both states, to be read and not compared. */
  static uncompared(states: TwoStates, names: PairNames): FilePair {
    return new FilePair(states, names);
  }

  /** Opens a file in both states, and compares its pages as far as they can differ. */
  static async open(states: TwoStates, names: PairNames, watch: Watch): Promise<FilePair> {
    const pair = new FilePair(states, names);
    try {
      await pair.#compare(states, names, watch);
      return pair;
    } catch (error) {
      pair.close();
      throw error;
    }
  }

  close(): void {
    closeAll(this.files);
  }

  get files(): readonly DatabaseFile[] {
    return [this.from, this.to].filter((file) => file !== undefined);
  }

  /** True where nothing is different. */
  get isSame(): boolean {
    return this.#changed?.pages.size === 0;
  }

  /** Which pages have to be read: all of them where it is undefined. */
  get choice(): PageChoice | undefined {
    return this.#changed;
  }

  async #compare({ from, to, mayDiffer }: TwoStates, names: PairNames, watch: Watch): Promise<void> {
    if (!this.from || !this.to) return;
    const uid = from.databases.get(names.from!);
    if (uid === undefined || uid !== to.databases.get(names.to!)) return;
    const changed = new PageSet();
    const one = this.from;
    const other = this.to;
    for (const pgno of candidates(one, other, mayDiffer(uid))) {
      if (Buffer.compare(one.contentsOf(pgno), other.contentsOf(pgno)) !== 0) changed.add(pgno);
      await pause(watch, { phase: `compare ${names.to!}` });
    }
    this.#changed = new ChangedPages(changed);
    this.#changed.isThorough = this.#hasSplitRecords(changed);
  }

  /** Of a heap: records that begin on pages which are the same may go on where something changed. */
  #hasSplitRecords(changed: PageSet): boolean {
    return this.files.some((file) => {
      if (file.format.method !== 'heap') return false;
      for (const pgno of changed) if (pgno > 0 && pgno < file.pageCount && hasLaterPieces(file, pgno)) return true;
      return false;
    });
  }

  /**
   * To be asked when all changed pages were read that are reached from others: where one was not, more is read from now on. What hangs on
   * a page that did not change is found by looking at all of them; what is not found then, by reading everything. True when
   * it has to be read again.
   */
  widen(): boolean {
    if (!this.#changed || !sideNames.some((side) => this.#hasUnread(side))) return false;
    if (this.#changed.isThorough) this.#changed = undefined;
    else this.#changed.isThorough = true;
    return true;
  }

  #hasUnread(side: SideName): boolean {
    const file = this[side]!;
    const other = this[side === 'from' ? 'to' : 'from']!;
    for (const pgno of this.#changed!.pages) {
      if (this.#read[side].has(pgno)) continue;
      const page = pageOf(file, pgno);
      if (page && holdsRecords(page) && !isSameOverflow(page, pageOf(other, pgno))) return true;
    }
    return false;
  }
}

function pageOf(file: DatabaseFile, pgno: number): Page | undefined {
  const bytes = file.contentsOf(pgno);
  return bytes.length < file.format.pageSize ? undefined : new Page(bytes, file.format);
}

function holdsRecords(page: Page): boolean {
  const { type, entries } = page;
  if (type === pageType.overflow) return true;
  return entries > 0 && (isTreeLeaf(type) || isTreeInternal(type) || isHashPage(type));
}

/** How many refer to an overflow page is counted on it: that says nothing of what it holds. */
function isSameOverflow(page: Page, other: Page | undefined): boolean {
  if (page.type !== pageType.overflow || other?.type !== pageType.overflow) return false;
  return page.nextPgno === other.nextPgno && Buffer.compare(overflowData(page), overflowData(other)) === 0;
}

/** The pages of a file that can be different, where it is in both states. */
function* candidates(one: DatabaseFile, other: DatabaseFile, may: PageSet | 'none' | 'any'): Generator<number> {
  if (may === 'none') return;
  const files = [one, other];
  const counts = files.map(({ pageCount }) => pageCount);
  if (may !== 'any') {
    yield* may;
    // What a file grew or shrank by; of a queue, whose pages are in extents, nothing.
    for (let pgno = Math.min(...counts); pgno < Math.max(...counts); pgno++) yield pgno;
    return;
  }
  for (let pgno = 0; pgno < Math.max(...counts); pgno++) yield pgno;
  if (one.format.method !== 'queue') return;
  for (const file of files) {
    for (const { start, end } of file.queuePages()) for (let pgno = start; pgno < end; pgno++) yield pgno;
  }
}
