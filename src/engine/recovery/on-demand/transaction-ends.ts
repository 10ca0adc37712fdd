/** When transactions of a log committed, by the records that they wrote. */

import { child, commit } from '../../../format/log/records/txn.ts';
import { type Lsn } from '../../../format/lsn.ts';
import { IdIndex } from '../../log/id-index.ts';
import { type RecordBatch } from '../../log/scan.ts';
import { bodyAs } from '../../log/scanned-record.ts';
import { NotOnDemand } from './not-on-demand.ts';

/** How often an end is passed over on average because its id was used again: ids are used up before that. */
const mostTimes = 20;

const none = -1;

/** The ends of transactions in the order of the log, a number for each. In columns, since there can be millions. */
export class TransactionEnds {
  readonly #most: number;
  #files = new Uint32Array(1024);
  #offsets = new Uint32Array(1024);
  /** Of a child, the id of its parent; 0 for a transaction that is nobody's child. */
  #parents = new Uint32Array(1024);
  /** The end before it of a transaction with the same id. */
  #before = new Int32Array(1024);
  readonly #last = new IdIndex();
  #count = 0;
  #passed = 0;

  /** @param most so many ends are kept; one more throws `NotOnDemand` */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes note of a record that may end a transaction; to be called in the order of the log. */
  see(batch: RecordBatch, i: number): void {
    const code = batch.code(i);
    if (code === commit.code) this.#add(batch.txnId(i), 0, batch.lsn(i));
    if (code !== child.code) return;
    const ended = bodyAs(batch.record(i), child);
    if (ended) this.#add(ended.child, batch.txnId(i), batch.lsn(i));
  }

  #add(id: number, parent: number, { file, offset }: Lsn): void {
    const at = this.#count;
    if (at === this.#most) throw new NotOnDemand('the log has more transactions than there is memory for');
    if (id === 0) throw new NotOnDemand('a transaction without an id');
    if (at === this.#files.length) this.#grow();
    this.#files[at] = file;
    this.#offsets[at] = offset;
    this.#parents[at] = parent;
    this.#before[at] = this.#last.get(id);
    this.#last.set(id, at);
    this.#count += 1;
  }

  #grow(): void {
    const grown = <Column extends Uint32Array | Int32Array>(column: Column, to: Column): Column => {
      to.set(column);
      return to;
    };
    const length = 2 * this.#count;
    this.#files = grown(this.#files, new Uint32Array(length));
    this.#offsets = grown(this.#offsets, new Uint32Array(length));
    this.#parents = grown(this.#parents, new Uint32Array(length));
    this.#before = grown(this.#before, new Int32Array(length));
  }

  /** Of a commit. */
  lsn(end: number): Lsn {
    return { file: this.#files[end]!, offset: this.#offsets[end]! };
  }

  /** Where a record commits that a transaction wrote, be it with those that it is a child of. Throws `NotOnDemand` for one that does not. */
  commitOf(txnId: number, lsn: Lsn): number {
    let id = txnId;
    let from = lsn;
    for (;;) {
      const end = this.#firstBehind(id, from);
      const parent = this.#parents[end]!;
      if (parent === 0) return end;
      id = parent;
      from = this.lsn(end);
    }
  }

  #firstBehind(id: number, { file, offset }: Lsn): number {
    let found = none;
    for (let end = this.#last.get(id); end !== none; end = this.#before[end]!) {
      if ((this.#files[end]! - file || this.#offsets[end]! - offset) <= 0) break;
      if (found !== none && ++this.#passed > mostTimes * (this.#count + 1024)) {
        throw new NotOnDemand('an id of transactions is used again and again');
      }
      found = end;
    }
    if (found === none) throw new NotOnDemand('a record whose transaction does not end');
    return found;
  }
}
