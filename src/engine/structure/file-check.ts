/** What every part of the structural check needs: the pages of a file, whose each of them is, and what was found. */

import { isPageDamage, type ErrorCode } from '../../errors.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { isBlank, type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';

/** Pages that follow each other; `end` is not among them. */
export interface PageRun {
  readonly start: number;
  readonly end: number;
}

/** A database file as the check reads it. Pages stay as they are while it runs. */
export interface CheckedFile {
  /** Inside the environment. */
  readonly name: string;
  readonly format: DatabaseFormat;
  /** Pages of the file itself; queues with extents have more elsewhere. */
  readonly pageCount: number;
  /** A page that is sound by itself, or undefined when it is not there. Throws `page-checksum` or `page-type`. */
  pageIfThere(pgno: number): Page | undefined;
  /** The pages of a queue that are in files. */
  queuePages(): readonly PageRun[];
}

/** Something wrong with the structure of a file. */
export interface StructureFinding {
  /** The file, inside the environment. */
  readonly path: string;
  readonly pgno: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A finding in place of an error about a damaged page. Other errors are thrown on. */
export function findingOf(path: string, pgno: number, error: unknown): StructureFinding {
  if (!isPageDamage(error)) throw error;
  return { path, pgno, code: error.code, message: error.message };
}

/** More than these of one file say nothing new. */
const maxFindings = 100;

/** The order of keys or of duplicates; undefined where it is not known. */
export type Order = ((a: Uint8Array, b: Uint8Array) => number) | undefined;

/** A piece of the check; it yields after every page, so that others have their turn. */
export type Steps<T = void> = Generator<undefined, T>;

/** What is known of a page while a file is checked. */
const owned = 1;
const overflowHead = 2;

const none = new Uint16Array(0);

/**
 * The state of checking one file: a few bytes a page. A page that is claimed twice is a finding and is not looked at
 * again, so that the check ends whatever the links are.
 */
export class FileCheck {
  readonly file: CheckedFile;
  /** The first ones. */
  readonly findings: StructureFinding[] = [];
  /** All of them. */
  total = 0;
  /** What could not be checked. */
  readonly notes: string[] = [];
  /** Pages in use: 0 up to this number. */
  end: number;
  readonly #owners: Uint8Array;
  /** Of the first pages of overflow chains: how many items should refer to them, and how many do. */
  #expectedReferences = none;
  #references = none;

  constructor(file: CheckedFile) {
    this.file = file;
    this.end = file.pageCount;
    this.#owners = new Uint8Array(this.end);
  }

  find(pgno: number, problem: string, code: ErrorCode = 'page-type'): void {
    const { name } = this.file;
    this.#add({ path: name, pgno, code, message: `${name}: page ${pgno}: ${problem}` });
  }

  note(text: string): void {
    if (this.notes.length < maxFindings) this.notes.push(`${this.file.name}: ${text}`);
  }

  #add(finding: StructureFinding): void {
    this.total += 1;
    if (this.findings.length < maxFindings) this.findings.push(finding);
  }

  /** The page, whoever owns it. What is wrong with it by itself is a finding; then there is no page. */
  look(pgno: number): Page | undefined {
    try {
      return this.file.pageIfThere(pgno);
    } catch (error) {
      this.#add(findingOf(this.file.name, pgno, error));
      return undefined;
    }
  }

  isOwned(pgno: number): boolean {
    return this.#owners[pgno] !== 0;
  }

  /**
   * Takes a page for the one place that may refer to it. Returns undefined, with a finding, when it is outside of the
   * file, taken already, or damaged by itself.
   *
   * @param from the page that refers to it
   */
  claim(pgno: number, from: number): Page | undefined {
    if (pgno >= this.end || (pgno === 0 && from !== 0)) {
      this.find(from, `it refers to page ${pgno}, but pages in use end at ${this.end - 1}`);
      return undefined;
    }
    if (this.#owners[pgno] !== 0) {
      this.find(pgno, `page ${from} refers to it, but it is in use elsewhere already`);
      return undefined;
    }
    this.#owners[pgno] = owned;
    return this.look(pgno);
  }

  /** Takes a page that may be there without ever having been written. */
  claimUnwritten(pgno: number): void {
    this.#owners[pgno] = owned;
  }

  /** Takes the first page of an overflow chain. True when another item has taken it and it allows for more. */
  shareOverflow(pgno: number): boolean {
    if (this.#owners[pgno] !== overflowHead) return false;
    this.#references[pgno]! += 1;
    return this.#references[pgno]! <= this.#expectedReferences[pgno]!;
  }

  /** Notes that a claimed page begins an overflow chain that so many items refer to. */
  beginOverflow(page: Page): void {
    this.#owners[page.pgno] = overflowHead;
    // Most files have no such page, and there may be thousands.
    if (this.#references === none) {
      this.#expectedReferences = new Uint16Array(this.#owners.length);
      this.#references = new Uint16Array(this.#owners.length);
    }
    this.#expectedReferences[page.pgno] = page.entries;
    this.#references[page.pgno] = 1;
  }

  /** To be called last: overflow chains with other numbers of references, and pages that are nobody's. */
  *finish(): Steps {
    for (let pgno = 0; pgno < this.end; pgno++) {
      if (this.#owners[pgno] === overflowHead) {
        const expected = this.#expectedReferences[pgno]!;
        const found = this.#references[pgno]!;
        if (found < expected) {
          this.find(pgno, `${found} items refer to this overflow page, but it says ${expected}`);
        }
      }
      if (this.#owners[pgno] !== 0) continue;
      yield;
      const page = this.look(pgno);
      // A page that was never written belongs to nobody (format document, 7.4).
      if (!page || isBlank(page.bytes) || (page.type === pageType.hash && page.entries === 0)) continue;
      this.find(pgno, 'nothing refers to it');
    }
  }
}
