/** The pages of a file that is being recovered, as they lie in its storage. */
import { Page } from '../../format/page/page.ts';
import { type PageRun, type CheckedFile } from '../structure/file-check.ts';
import { type StoredFile } from './page-store.ts';
import { checkPage } from '../../format/page/check.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { fromStored } from '../../format/page/checksum.ts';
import { FigaroError } from '../../errors.ts';

export class StoredPages implements CheckedFile {
  readonly name: string;
  readonly format: DatabaseFormat;
  readonly pageCount: number;
  readonly #file: StoredFile;

  constructor(file: StoredFile) {
    this.#file = file;
    this.name = file.label;
    this.format = file.format;
    this.pageCount = file.extents ? 1 : file.pageCount;
  }

  pageIfThere(pgno: number): Page | undefined {
    const { pageSize } = this.format;
    const { extents, piece } = this.#file;
    const place =
      extents && pgno > 0
        ? extents.find(pgno)
        : pgno < this.pageCount
          ? { piece, position: pgno * pageSize }
          : undefined;
    if (!place) return undefined;
    const bytes = new Uint8Array(pageSize);
    place.piece.read(bytes, place.position);
    const finding = checkPage(bytes, pgno, this.format);
    if (!finding) return new Page(fromStored(bytes, this.format), this.format);
    throw new FigaroError(finding.code, `${this.name}: page ${pgno} is damaged: ${finding.problem}`, {
      path: this.name,
      pgno,
    });
  }

  queuePages(): readonly PageRun[] {
    const { extents } = this.#file;
    if (!extents) return [{ start: 1, end: this.pageCount }];
    const { pagesPerExtent } = extents;
    return [...extents]
      .map(([number, { size }]) => {
        const start = 1 + number * pagesPerExtent;
        return { start, end: start + Math.min(pagesPerExtent, Math.floor(size / this.format.pageSize)) };
      })
      .sort((a, b) => a.start - b.start);
  }
}
