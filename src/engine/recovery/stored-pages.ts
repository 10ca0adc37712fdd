/** The pages of a file that is being recovered, as they lie in its storage. */
import { Page } from '../../format/page/page.ts';
import { type PageRun, type CheckedFile } from '../structure/file-check.ts';
import { type StoredFile } from './page-store.ts';
import { checkPage } from '../../format/page/check.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { fromStored } from '../../format/page/checksum.ts';
import { FigaroError } from '../../errors.ts';
import { SpareMemory } from '../files/spare-memory.ts';

/** How much is read at once where pages are asked for in order, in bytes. */
const runBytes = 128 << 10;

const nothing: Uint8Array = new Uint8Array(0);
/** For runs: files are mostly checked one after the other. */
const memory = new SpareMemory();

export class StoredPages implements CheckedFile {
  readonly name: string;
  readonly format: DatabaseFormat;
  readonly pageCount: number;
  readonly #file: StoredFile;
  /** The pages read last, and the number of the first one. */
  #run = nothing;
  #runStart = 0;
  #last = -1;

  constructor(file: StoredFile) {
    this.#file = file;
    this.name = file.label;
    this.format = file.format;
    this.pageCount = file.extents ? 1 : file.pageCount;
  }

  pageIfThere(pgno: number): Page | undefined {
    const bytes = this.#file.extents && pgno > 0 ? this.#pageOfExtent(pgno) : this.#pageOfFile(pgno);
    if (!bytes) return undefined;
    const finding = checkPage(bytes, pgno, this.format);
    if (!finding) {
      const page = new Page(fromStored(bytes, this.format), this.format);
      this.#file.seen?.noteLsn(pgno, page);
      return page;
    }
    throw new FigaroError(finding.code, `${this.name}: page ${pgno} is damaged: ${finding.problem}`, {
      path: this.name,
      pgno,
    });
  }

  #pageOfExtent(pgno: number): Uint8Array | undefined {
    const place = this.#file.extents!.find(pgno);
    if (!place) return undefined;
    const bytes = new Uint8Array(this.format.pageSize);
    place.piece.read(bytes, place.position);
    return bytes;
  }

  /** Whoever goes through a file in order gets many pages by one read. They are not changed by anybody. */
  #pageOfFile(pgno: number): Uint8Array | undefined {
    if (pgno >= this.pageCount) return undefined;
    const { pageSize } = this.format;
    const at = (): number => (pgno - this.#runStart) * pageSize;
    if (at() < 0 || at() >= this.#run.length) {
      const pages = pgno === this.#last + 1 ? Math.min(runBytes / pageSize, this.pageCount - pgno) : 1;
      this.#run = memory.take(pages * pageSize);
      this.#runStart = pgno;
      this.#file.piece.readRun(this.#run, pgno * pageSize, pageSize);
    }
    this.#last = pgno;
    return this.#run.subarray(at(), at() + pageSize);
  }

  /** To be called when none of its pages is needed any more: their memory goes to those of another file. */
  giveBack(): void {
    memory.giveBack(this.#run);
    this.#run = nothing;
    this.#last = -1;
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
