import { type DatabaseFormat } from '../../format/page/meta.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { extentName } from '../../format/names.ts';

/** The pages of a database file as they lie on disk, unchecked; those of a queue may be in extents. */
export class PageReader {
  readonly #files: Files;
  readonly #opened: OpenFile;
  readonly #format: DatabaseFormat;
  /** Pages an extent of a queue has; 0 when it has no extents. */
  readonly #extentPages: number;

  constructor(files: Files, opened: OpenFile, format: DatabaseFormat, extentPages: number) {
    this.#files = files;
    this.#opened = opened;
    this.#format = format;
    this.#extentPages = extentPages;
  }

  /** Reads a page to the beginning of `target`. Returns how many of its bytes there are: less than a page at an end. */
  read(pgno: number, target: Uint8Array): number {
    const { pageSize } = this.#format;
    if (pgno === 0 || !this.#extentPages) return this.#opened.readAt(target, pgno * pageSize);
    const extent = Math.floor((pgno - 1) / this.#extentPages);
    const opened = this.#files.openIfThere(extentName(this.#opened.path, extent));
    if (!opened) return 0;
    try {
      return opened.readAt(target, ((pgno - 1) % this.#extentPages) * pageSize);
    } finally {
      opened.close();
    }
  }
}
