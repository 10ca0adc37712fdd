/** A file as of each commit behind a restore point. */

import { closeAll } from '../../files/close-all.ts';
import { type Lsn } from '../../../format/lsn.ts';
import { type Files } from '../../files/files.ts';
import { LogReader, reaches } from '../../log/log-reader.ts';
import { type Watch } from '../../pause.ts';
import { type Shown } from '../recovered-files.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { type FileOnDemand } from './file-on-demand.ts';
import { type PageByPage } from './page-by-page.ts';
import { TransactionEnds } from './transaction-ends.ts';

/** In bytes: of one in `TransactionEnds`. */
const bytesPerEnd = 24;

/** Where each record on a page commits, by the numbers of the ends. */
interface CommitsOnPage {
  /** In the order of the records. */
  readonly all: Int32Array;
  readonly sorted: Int32Array;
}

interface KeptPage {
  /** How many of the records on the page it has. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface ThroughTimeOptions {
  /** Memory for records and pages, in bytes. */
  readonly cacheBytes: number;
  readonly watch: Watch;
}

export class FileThroughTime {
  readonly piece: Shown['piece'];
  readonly #earlier: FileOnDemand;
  readonly #pages: PageByPage;
  readonly #ends: TransactionEnds;
  readonly #reader: LogReader;
  readonly #mostPages: number;
  readonly #commits = new Map<number, CommitsOnPage>();
  /** By the LSN of records that have cut the file off: where they commit. */
  readonly #cuts = new Map<string, number>();
  readonly #kept = new Map<number, KeptPage>();

  private constructor(
    files: Files,
    { log }: PreparedRecovery,
    earlier: FileOnDemand,
    pages: PageByPage,
    ends: TransactionEnds,
    cacheBytes: number,
  ) {
    this.piece = { size: pages.mostPages * earlier.pageSize };
    this.#earlier = earlier;
    this.#pages = pages;
    this.#ends = ends;
    this.#reader = new LogReader(files, log, reaches.scattered);
    this.#mostPages = Math.max(1, Math.floor(cacheBytes / earlier.pageSize));
  }

  /**
   * Reads the log from a restore point on. Throws `NotOnDemand` where pages cannot be had one by one.
   *
   * @param earlier the file as of that restore point
   * @param prepared the log to its end
   */
  static async open(
    files: Files,
    earlier: FileOnDemand,
    prepared: PreparedRecovery,
    { cacheBytes, watch }: ThroughTimeOptions,
  ): Promise<FileThroughTime> {
    const ends = new TransactionEnds(Math.floor(cacheBytes / 4 / bytesPerEnd));
    const pages = await earlier.followOn(files, prepared, {
      cacheBytes: cacheBytes / 2,
      onEnd: (batch, i) => ends.see(batch, i),
      watch,
    });
    return new FileThroughTime(files, prepared, earlier, pages, ends, cacheBytes / 4);
  }

  close(): void {
    closeAll([this.#reader, this.#pages]);
  }

  /** How bytes are read from the file as of a commit. */
  readerAt(commit: Lsn): Shown['read'] {
    return (target, position) => {
      const { pageSize } = this.#earlier;
      for (let done = 0; done < target.length;) {
        const at = (position + done) % pageSize;
        const part = this.#pageAt((position + done - at) / pageSize, commit).subarray(at, at + target.length - done);
        target.set(part, done);
        done += part.length;
      }
    };
  }

  #pageAt(pgno: number, commit: Lsn): Uint8Array {
    const { all, sorted } = this.#commitsOn(pgno);
    const count = this.#countUpTo(sorted, commit);
    const kept = this.#kept.get(pgno);
    if (kept?.count === count) return kept.bytes;
    const bytes = this.#pages.recoverWith(
      pgno,
      (i) => this.#isUpTo(all[i]!, commit),
      (lsn) => this.#isUpTo(this.#commitOfCut(lsn), commit),
    );
    this.#kept.delete(pgno);
    if (this.#kept.size >= this.#mostPages) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(pgno, { count, bytes });
    return bytes;
  }

  #isUpTo(end: number, { file, offset }: Lsn): boolean {
    const lsn = this.#ends.lsn(end);
    return (lsn.file - file || lsn.offset - offset) <= 0;
  }

  #commitOfCut(lsn: Lsn): number {
    const key = `${lsn.file}/${lsn.offset}`;
    let end = this.#cuts.get(key);
    if (end === undefined) this.#cuts.set(key, (end = this.#ends.commitOf(this.#reader.read(lsn).txnId, lsn)));
    return end;
  }

  #countUpTo(sorted: Int32Array, commit: Lsn): number {
    let low = 0;
    for (let high = sorted.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#isUpTo(sorted[middle]!, commit)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #commitsOn(pgno: number): CommitsOnPage {
    let commits = this.#commits.get(pgno);
    if (!commits) {
      const records = this.#pages.redoneOn(pgno);
      const all = new Int32Array(records.length);
      for (let i = 0; i < records.length; i++) {
        const at = records.at(i);
        all[i] = this.#ends.commitOf(this.#reader.read(at).txnId, at);
      }
      this.#commits.set(pgno, (commits = { all, sorted: all.slice().sort() }));
    }
    return commits;
  }

  /** The first commit behind another one that changes one of some pages; undefined where none does. */
  nextCommit(pgnos: Iterable<number>, after: Lsn): Lsn | undefined {
    let next = Infinity;
    for (const pgno of pgnos) {
      const { sorted } = this.#commitsOn(pgno);
      next = Math.min(next, sorted[this.#countUpTo(sorted, after)] ?? Infinity);
    }
    return next === Infinity ? undefined : this.#ends.lsn(next);
  }
}
