import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { KnownLsns } from './known-lsns.ts';

/** Of a file with more pages, the LSNs of the first ones are remembered. */
const mostLsns = 4096;

/** What a rehearsal has seen of the pages of a file, for one that goes through the log before it as well. */
export class SeenPages {
  /** Of pages as they were read in order, whole and checked. */
  readonly lsns = new KnownLsns();
  /** By page: the earliest LSN that redo, as long as it had met no change of the page, found named as that of the change before. */
  readonly before = new KnownLsns();
  /** From here on, pages were cut off or overwritten: what came before is no matter of theirs. */
  #end = Infinity;

  noteLsn(pgno: number, page: Page): void {
    // Those of 6.0 are stored in another way than recovery sees them.
    if (page.type === pageType.heapData) return;
    if (pgno < mostLsns) this.lsns.note(pgno, page.lsnFile, page.lsnOffset);
  }

  noteBefore(pgno: number, file: number, offset: number): void {
    if (pgno >= this.#end) return;
    if (!this.before.has(pgno) || this.before.isLater(pgno, file, offset)) this.before.note(pgno, file, offset);
  }

  /** As `KnownLsns.forget`, while redo goes on. */
  forget(pgno: number): void {
    this.#end = Math.min(this.#end, pgno);
  }
}
