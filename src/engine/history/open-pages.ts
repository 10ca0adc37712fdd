/**
 * Pages that open transactions have changed, as they were before. What a transaction writes is locked until it ends, page by page: so
 * what has committed is on these pages as they were, and on all others as they are.
 */

import { toStored } from '../../format/page/checksum.ts';
import { type Files } from '../files/files.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { Scratch } from '../recovery/scratch.ts';

interface OpenPage {
  readonly owners: Set<number>;
  /** As it was stored; undefined where it was not there, or another transaction has committed a change of it meanwhile. */
  before: number | undefined;
  /** It was not there. */
  isNew: boolean;
}

/** Pages of a file, by their numbers. */
type OpenPages = Map<number, OpenPage>;

/** What a transaction has changed. */
export type TouchedBy = ReadonlyMap<StoredFile, ReadonlySet<number>>;

const nothing: TouchedBy = new Map();

export class PagesOfOpenTransactions {
  readonly #scratch: Scratch;
  readonly #pages = new Map<StoredFile, OpenPages>();
  readonly #touched = new Map<number, Map<StoredFile, Set<number>>>();

  constructor(files: Files) {
    this.#scratch = new Scratch(files);
  }

  close(): void {
    this.#scratch.close();
  }

  /** A transaction is about to change a page. */
  touch(txnId: number, file: StoredFile, pgno: number): void {
    let touched = this.#touched.get(txnId);
    if (!touched) this.#touched.set(txnId, (touched = new Map()));
    let own = touched.get(file);
    if (!own) touched.set(file, (own = new Set()));
    if (own.has(pgno)) return;
    own.add(pgno);
    let pages = this.#pages.get(file);
    if (!pages) this.#pages.set(file, (pages = new Map()));
    const open = pages.get(pgno);
    if (open) open.owners.add(txnId);
    else pages.set(pgno, { owners: new Set([txnId]), ...this.#keep(file, pgno) });
  }

  #keep(file: StoredFile, pgno: number): Pick<OpenPage, 'before' | 'isNew'> {
    const page = file.isDatabase ? file.page(pgno) : undefined;
    if (!page) return { before: undefined, isNew: true };
    const stored = toStored(page.bytes.slice(), file.format);
    return { before: this.#scratch.keep(stored, undefined), isNew: false };
  }

  /** A child is a part of its parent from now on. */
  join(parent: number, child: number): void {
    const joined = this.#touched.get(child);
    if (!joined) return;
    this.#touched.delete(child);
    for (const [file, pgnos] of joined) {
      for (const pgno of pgnos) {
        this.touch(parent, file, pgno);
        this.#pages.get(file)!.get(pgno)!.owners.delete(child);
      }
    }
  }

  /** What a transaction that commits now has changed. */
  touchedBy(txnId: number): TouchedBy {
    return this.#touched.get(txnId) ?? nothing;
  }

  /** A transaction has committed. */
  release(txnId: number): void {
    for (const [file, pgnos] of this.touchedBy(txnId)) {
      const pages = this.#pages.get(file)!;
      for (const pgno of pgnos) {
        const open = pages.get(pgno)!;
        open.owners.delete(txnId);
        if (open.before !== undefined) this.#scratch.release(open.before);
        // Others go on with it: what this one has made of it counts.
        open.before = undefined;
        open.isNew = false;
        if (open.owners.size === 0) pages.delete(pgno);
      }
    }
    this.#touched.delete(txnId);
  }

  /** Fills `target` with a page that others than this transaction have changed, as it was before. False where none has. */
  readBefore(txnId: number, file: StoredFile, pgno: number, target: Uint8Array): boolean {
    const open = this.#pages.get(file)?.get(pgno);
    if (!open || open.owners.has(txnId) || (open.before === undefined && !open.isNew)) return false;
    const length = open.before === undefined ? 0 : this.#scratch.read(open.before, target);
    target.fill(0, length);
    return true;
  }
}
