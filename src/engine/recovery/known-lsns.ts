import { type Lsn } from '../../format/lsn.ts';

/** Pages further on are not remembered: eight bytes each, so much at most per file. */
const maxPages = 4 << 20;
/** Of a file of which nothing is known: there may be many. */
const nothing = new Uint32Array(0);

/**
 * What redo has seen of the LSNs of a file's pages. They only grow while it goes on, so that a record at or before the LSN
 * known of its page is on it: most records after a checkpoint are passed by without a look at the page.
 */
export class KnownLsns {
  /** File and offset of each; zero when nothing is known. */
  #lsns = nothing;
  /** Nothing is known of pages from here on. */
  #end = 0;

  note(pgno: number, file: number, offset: number): void {
    if (pgno >= maxPages) return;
    if (pgno >= this.#end) this.#end = pgno + 1;
    if (2 * pgno >= this.#lsns.length) this.#grow(pgno);
    this.#lsns[2 * pgno] = file;
    this.#lsns[2 * pgno + 1] = offset;
  }

  #grow(pgno: number): void {
    // Of thousands of small files, each takes no memory of its own: the engine keeps up to 64 bytes where its objects are.
    const grown = new Uint32Array(Math.min(2 * maxPages, 4 * pgno + 8));
    grown.set(this.#lsns);
    this.#lsns = grown;
  }

  /** True when the page is known to hold the change of the record at this LSN. */
  reaches(pgno: number, file: number, offset: number): boolean {
    const lsns = this.#lsns;
    if (2 * pgno >= lsns.length) return false;
    const known = lsns[2 * pgno]!;
    return known === file ? lsns[2 * pgno + 1]! >= offset : known > file;
  }

  /** True when the LSN known of the page is later than this one. */
  isLater(pgno: number, file: number, offset: number): boolean {
    const lsns = this.#lsns;
    if (2 * pgno >= lsns.length) return false;
    const known = lsns[2 * pgno]!;
    return known === file ? lsns[2 * pgno + 1]! > offset : known > file;
  }

  /** True when an LSN is known of the page. */
  has(pgno: number): boolean {
    return 2 * pgno < this.#lsns.length && this.#lsns[2 * pgno] !== 0;
  }

  /** The LSN known of a page; undefined when nothing is. */
  of(pgno: number): Lsn | undefined {
    const file = this.#lsns[2 * pgno] ?? 0;
    return file === 0 ? undefined : { file, offset: this.#lsns[2 * pgno + 1]! };
  }

  /** The pages of which an LSN is known. */
  *pages(): Generator<number> {
    for (let pgno = 0; pgno < this.#end; pgno++) if (this.has(pgno)) yield pgno;
  }

  /** To be called when pages from `pgno` on are cut off or overwritten. */
  forget(pgno: number): void {
    if (pgno >= this.#end) return;
    this.#lsns.fill(0, 2 * pgno, 2 * this.#end);
    this.#end = pgno;
  }
}
