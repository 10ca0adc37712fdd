/** Whether rows on pages of a file may not be in its log (recovery document, G.3), as far as the log tells without its pages. */

import { viewOf } from '../../../format/byte-range.ts';
import { pgAlloc } from '../../../format/log/records/db.ts';
import { split } from '../../../format/log/records/btree.ts';
import { child, commit } from '../../../format/log/records/txn.ts';
import { type Lsn } from '../../../format/lsn.ts';
import { type DatabaseFormat } from '../../../format/page/meta.ts';
import { headerSize, Page } from '../../../format/page/page.ts';
import { firstBulkVersion } from '../../log/growth.ts';
import { type RecordBatch } from '../../log/scan.ts';
import { bodyAs, type ScannedRecord } from '../../log/scanned-record.ts';
import { type SplitSeen } from '../page-change.ts';
import { SparseMap } from '../sparse-map.ts';
import { UnloggedRows, type FileWithRows } from '../unlogged-rows.ts';
import { NotOnDemand } from './not-on-demand.ts';

/** A page that a transaction splits which has added it. */
interface OwnSplit {
  readonly pgno: number;
  readonly lsn: Lsn;
}

/**
 * Follows what is redone as `Passes` does, but takes each page for older than the log. So it marks all pages that a recovery would mark, and
 * perhaps others.
 */
export class RowsOfLog {
  readonly #format: DatabaseFormat;
  readonly #unlogged = new UnloggedRows();
  /** Stands for the file. */
  readonly #file: FileWithRows = { lacking: new SparseMap() };
  /** Splits that have to be compared with their pages for rows that are not in the log, in order. */
  readonly ownSplits: OwnSplit[] = [];

  constructor(format: DatabaseFormat) {
    this.#format = format;
  }

  seeRedone(batch: RecordBatch, i: number, pgnos: readonly number[]): void {
    if (batch.file.version < firstBulkVersion) return;
    if (batch.code(i) !== pgAlloc.code && !this.#unlogged.follows(batch.txnId(i))) return;
    const record = batch.record(i);
    const seen = this.#splitSeenIn(record);
    if (seen && this.#unlogged.hasAdded(record, this.#file, seen.from)) {
      this.ownSplits.push({ pgno: seen.from, lsn: record.lsn });
    }
    this.#unlogged.seeRedone(record, { file: this.#file, made: [...pgnos], split: seen });
  }

  /** A record that may end a transaction. */
  seeEnd(batch: RecordBatch, i: number): void {
    const code = batch.code(i);
    const mayEnd = code === commit.code ? this.#unlogged.follows(batch.txnId(i)) : code === child.code;
    if (mayEnd) this.#unlogged.seeEnd(batch.record(i));
  }

  /** To be called when all of the log has been seen. Throws `NotOnDemand` where pages may lack rows. */
  requireAll(): void {
    if (this.#file.lacking.size > 0) throw new NotOnDemand('rows may not be in the log');
  }

  /** What redo will see of a split, but for what is on the page. From 5.0 on, images are in the byte order of the database. */
  #splitSeenIn(record: ScannedRecord): SplitSeen | undefined {
    const body = bodyAs(record, split);
    if (!body) return undefined;
    if (body.page.length < headerSize) throw new NotOnDemand('the image of a split is shorter than a page');
    const image = new Page(viewOf(body.page), this.#format);
    const { left, right, parentPgno } = body;
    const from = parentPgno === image.pgno ? parentPgno : left;
    return { from, left, right, type: image.type, isGrown: false };
  }
}
