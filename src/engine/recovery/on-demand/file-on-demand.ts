/** A file as of a restore point, of which each page is recovered when it is read for the first time. */

import { closeAll } from '../../files/close-all.ts';
import { filesOfKind, type Environment, type FileOfKind } from '../../environment/environment.ts';
import { type Files } from '../../files/files.ts';
import { type Watch } from '../../pause.ts';
import { firstDifferent } from '../first-different.ts';
import { type StoredFile } from '../page-store.ts';
import { type Piece } from '../piece.ts';
import { requireLogged, type Shown } from '../recovered-files.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { type FilesAtTheEnd } from '../rehearse.ts';
import { Scratch } from '../scratch.ts';
import { NotOnDemand } from './not-on-demand.ts';
import { type CopiedFile } from './one-page.ts';
import { PageByPage } from './page-by-page.ts';
import { indexPages, type PageIndexOptions } from './page-index.ts';
import { bytesPerRecord } from './page-records.ts';

export interface OnDemandOptions {
  /** Memory for records and pages, in bytes. */
  readonly cacheBytes: number;
  readonly watch: Watch;
}

export class FileOnDemand implements Shown {
  readonly piece: Shown['piece'];
  readonly #copied: FileOfKind<'database'>;
  readonly #file: CopiedFile;
  readonly #pages: PageByPage;
  readonly #prepared: PreparedRecovery;
  readonly #mostPages: number;
  readonly #kept = new Map<number, Uint8Array>();
  /** Where pages are that the log has changed, and that have no room in memory: nothing is done to a page twice. */
  readonly #places = new Map<number, number>();
  readonly #scratch: Scratch;

  private constructor(
    files: Files,
    copied: FileOfKind<'database'>,
    file: CopiedFile,
    pages: PageByPage,
    prepared: PreparedRecovery,
    cacheBytes: number,
  ) {
    const { pageSize } = file.format;
    this.piece = { size: pages.pageCount * pageSize };
    this.#copied = copied;
    this.#file = file;
    this.#pages = pages;
    this.#prepared = prepared;
    this.#mostPages = Math.max(1, Math.floor(cacheBytes / pageSize));
    this.#scratch = new Scratch(files);
  }

  /** Reads the log for a file. Throws `NotOnDemand` where its pages cannot be had one by one, as far as that is known before they are read. */
  static async open(
    files: Files,
    environment: Environment,
    prepared: PreparedRecovery,
    found: FilesAtTheEnd,
    file: StoredFile,
    options: OnDemandOptions,
  ): Promise<FileOnDemand> {
    const copied = requireSimple(environment, found, file);
    const pages = await follow(files, prepared, copied, file, options);
    return new FileOnDemand(files, copied, file, pages, prepared, options.cacheBytes / 2);
  }

  /**
   * The same file as of a later restore point in the same log, as `open` would have it: what the log has in between is done to the pages that
   * this one has. Closed by whoever asks for it, before this one.
   */
  async openLater(
    files: Files,
    environment: Environment,
    prepared: PreparedRecovery,
    found: FilesAtTheEnd,
    file: StoredFile,
    options: OnDemandOptions,
  ): Promise<FileOnDemand> {
    const copied = requireSimple(environment, found, file);
    if (copied.path !== this.#copied.path) throw new NotOnDemand(`${file.label} is another copy`);
    const pages = await this.followOn(files, prepared, options);
    return new FileOnDemand(files, copied, this.#shown, pages, prepared, options.cacheBytes / 2);
  }

  /** What the log does to the pages of this file until a later restore point. Closed by whoever asks for it, before this one. */
  async followOn(
    files: Files,
    prepared: PreparedRecovery,
    options: OnDemandOptions & Pick<PageIndexOptions, 'onEnd'>,
  ): Promise<PageByPage> {
    const log = { ...prepared.log, start: firstDifferent(this.#prepared.analysis, prepared.analysis) };
    return await follow(files, { ...prepared, log }, this.#copied, this.#shown, { ...options, isOnlyRedone: true });
  }

  /** As others begin with it. */
  get #shown(): CopiedFile {
    const { label, dataDirectory, format } = this.#file;
    return { piece: readOnly(this), label, dataDirectory, format };
  }

  /** In bytes. */
  get pageSize(): number {
    return this.#file.format.pageSize;
  }

  close(): void {
    closeAll([this.#pages, this.#scratch]);
  }

  /** As bytes are read from a file. */
  readonly read = (target: Uint8Array, position: number): void => {
    const { pageSize } = this.#file.format;
    for (let done = 0; done < target.length;) {
      const at = (position + done) % pageSize;
      const part = this.#pageAt((position + done - at) / pageSize).subarray(at, at + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  };

  #pageAt(pgno: number): Uint8Array {
    const known = this.#kept.get(pgno);
    if (known) return known;
    const bytes = this.#fromScratch(pgno) ?? this.#pages.recover(pgno);
    requireLogged(bytes, pgno, this.#file, this.#prepared.analysis.end.lsn);
    if (this.#kept.size >= this.#mostPages) this.#evict();
    this.#kept.set(pgno, bytes);
    return bytes;
  }

  #fromScratch(pgno: number): Uint8Array | undefined {
    const place = this.#places.get(pgno);
    if (place === undefined) return undefined;
    const bytes = new Uint8Array(this.#file.format.pageSize);
    this.#scratch.read(place, bytes);
    return bytes;
  }

  #evict(): void {
    const [pgno, bytes] = this.#kept.entries().next().value!;
    this.#kept.delete(pgno);
    if (this.#places.has(pgno) || !this.#pages.isInLog(pgno)) return;
    this.#places.set(pgno, this.#scratch.keep(bytes, undefined));
  }
}

async function follow(
  files: Files,
  prepared: PreparedRecovery,
  copied: FileOfKind<'database'>,
  file: CopiedFile,
  { cacheBytes, ...options }: OnDemandOptions & Omit<PageIndexOptions, 'mostRecords'>,
): Promise<PageByPage> {
  const mostRecords = Math.floor(cacheBytes / 2 / bytesPerRecord);
  const index = await indexPages(files, prepared, copied, { mostRecords, ...options });
  const pages = new PageByPage(files, prepared, index, file);
  try {
    await pages.followLength(options.watch);
    return pages;
  } catch (error) {
    pages.close();
    throw error;
  }
}

/** The bytes of a file as others begin with them. */
function readOnly({ piece, read }: Shown): Piece {
  const refuse = (): never => {
    throw new Error('nothing is written to it');
  };
  return {
    size: piece.size,
    isInPlace: false,
    read,
    readRun: read,
    write: refuse,
    writePages: refuse,
    shorten: refuse,
  };
}

/** Its copy. Throws for a file that is more than btrees in whole pages, or that the log has made, or written to as a file. */
function requireSimple(environment: Environment, { initial }: FilesAtTheEnd, file: StoredFile): FileOfKind<'database'> {
  const copied = filesOfKind(environment, 'database').find(({ uid }) => uid === file.uid);
  if (!copied || !initial.has(file)) throw new NotOnDemand(`${file.label} is not in the copy`);
  if (!file.isDatabase || file.isRewritten) throw new NotOnDemand('not only its pages change');
  const { method, pageSize } = file.format;
  if (method !== 'btree') throw new NotOnDemand(`a file of method ${method}`);
  if (file.piece.size % pageSize !== 0) throw new NotOnDemand('it ends in the middle of a page');
  return copied;
}
