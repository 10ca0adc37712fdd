import { type DatabaseFile } from './database-file.ts';

/**
 * Pages met on the way through a database. Each page has one place in it, so that whoever meets more than the file has
 * runs in a circle, or through a damaged file again and again.
 */
export class PageCount {
  readonly #file: DatabaseFile;
  #pages = 0;

  constructor(file: DatabaseFile) {
    this.#file = file;
  }

  /** Throws `page-type` when there cannot be that many. */
  add(pgno: number): void {
    this.#pages += 1;
    if (this.#pages > this.#file.pageCount) throw this.#file.broken(pgno, 'pages lead to each other in a circle');
  }
}
