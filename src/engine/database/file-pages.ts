/** The pages of a file to be checked: of one on disk, and of one in the memory of a recovery. */

import { type DatabaseFormat } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { type DatabaseFile } from './database-file.ts';
import { type PageRun } from '../structure/file-check.ts';
import { type CheckedFile } from '../structure/file-check.ts';

/** The pages of a file on disk. */
export class FilePages implements CheckedFile {
  readonly name: string;
  readonly format: DatabaseFormat;
  readonly pageCount: number;
  readonly #file: DatabaseFile;

  constructor(file: DatabaseFile, name: string) {
    this.#file = file;
    this.name = name;
    this.format = file.format;
    this.pageCount = file.pageCount;
  }

  pageIfThere(pgno: number): Page | undefined {
    return this.#file.pageIfThere(pgno);
  }

  queuePages(): readonly PageRun[] {
    return this.#file.queuePages();
  }
}
