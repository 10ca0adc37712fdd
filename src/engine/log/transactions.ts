import { checkpoint, child, commit, prepare, recycle, txnOpcode } from '../../format/log/records/txn.ts';
import { copyOf } from '../../format/byte-range.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { type LogObserver } from './log-observer.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** What recovery does with the records of a transaction. */
export type Fate =
  /** Redo them. */
  | 'committed'
  /** Undo them. */
  | 'undone'
  /** Neither: it began before the log and did not commit in it, so it was over when the pages were copied. */
  | 'ignored';

/** A transaction as the log shows it; nested ones are transactions of their own. */
export interface Transaction {
  readonly id: number;
  /** The first of its records in the log. */
  readonly firstLsn: Lsn;
  /** False when its first record lies before the log. */
  readonly began: boolean;
  /** Its last record. Of its own: it moves. */
  readonly lastLsn: { file: number; offset: number };
  /** Last records of further chains under the same id. */
  otherChains?: Lsn[];
  /** Where it ended: its commit, or the abort of a prepared transaction. */
  ended?: { readonly lsn: Lsn; readonly committed: boolean; readonly time: number };
  prepared?: { readonly lsn: Lsn; readonly beginLsn: Lsn; readonly gid: Uint8Array };
  fate: Fate | undefined;
}

export interface Checkpoint {
  readonly lsn: Lsn;
  /** Redo may start here. */
  readonly redoFrom: Lsn;
  readonly lastCheckpoint: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
}

interface ChildCommit {
  readonly parent: Transaction;
  readonly child: Transaction;
  readonly lsn: Lsn;
}

/** Follows a log from its first record to its last, and says how each transaction in it ended (recovery document, A.3). */
export class Transactions implements LogObserver {
  readonly checkpoints: Checkpoint[] = [];
  /** Commits of transactions that are nobody's child, in order of the log. */
  readonly commits: { readonly lsn: Lsn; readonly time: number }[] = [];
  readonly #byId = new Map<number, Transaction | Transaction[]>();
  readonly #current = new Map<number, Transaction>();
  /** The one the record before belonged to: mostly this one belongs to it, too. */
  #latest: Transaction | undefined;
  readonly #childCommits: ChildCommit[] = [];
  #maxId = 0;

  /** Highest id seen, 0 when there was none. */
  get maxId(): number {
    return this.#maxId;
  }

  /** Takes note of a record that belongs to a transaction; to be called for every one in order of the log. */
  follow(txnId: number, file: number, offset: number, begins: boolean): void {
    const known = this.#latest?.id === txnId ? this.#latest : this.#current.get(txnId);
    if (known && !(known.ended && begins)) {
      this.#latest = known;
      const { lastLsn } = known;
      // A second chain under an id that has not ended: both are its work.
      if (begins) (known.otherChains ??= []).push({ ...lastLsn });
      lastLsn.file = file;
      lastLsn.offset = offset;
    } else {
      this.#latest = this.#add(txnId, { file, offset }, begins);
    }
  }

  static readonly notedCodes: readonly number[] = [commit, checkpoint, child, prepare, recycle].map(({ code }) => code);

  /** Takes note of what a record says about transactions; to be called after `follow`. */
  see(record: ScannedRecord): void {
    switch (record.code) {
      case commit.code:
        this.#end(record);
        break;
      case checkpoint.code: {
        const body = bodyAs(record, checkpoint)!;
        const { redoFrom, lastCheckpoint, timestamp } = body;
        this.checkpoints.push({ lsn: record.lsn, redoFrom, lastCheckpoint, time: timestamp });
        break;
      }
      case child.code:
        this.#childCommit(record);
        break;
      case prepare.code: {
        const body = bodyAs(record, prepare)!;
        const transaction = this.#current.get(record.txnId)!;
        if (body.opcode === txnOpcode.abort) break;
        transaction.prepared = { lsn: record.lsn, beginLsn: body.beginLsn, gid: copyOf(body.gid) };
        break;
      }
      case recycle.code:
        this.#recycle(bodyAs(record, recycle)!);
        break;
    }
  }

  #add(id: number, lsn: Lsn, began: boolean): Transaction {
    const transaction: Transaction = { id, firstLsn: lsn, began, lastLsn: { ...lsn }, fate: undefined };
    if (id > this.#maxId) this.#maxId = id;
    this.#current.set(id, transaction);
    const others = this.#byId.get(id);
    if (others === undefined) this.#byId.set(id, transaction);
    else if (Array.isArray(others)) others.push(transaction);
    else this.#byId.set(id, [others, transaction]);
    return transaction;
  }

  #end(record: ScannedRecord): void {
    const { opcode, timestamp } = bodyAs(record, commit)!;
    const transaction = this.#current.get(record.txnId);
    if (!transaction) return;
    const committed = opcode === txnOpcode.commit;
    transaction.ended = { lsn: record.lsn, committed, time: timestamp };
    if (committed) this.commits.push({ lsn: record.lsn, time: timestamp });
  }

  #childCommit(record: ScannedRecord): void {
    const id = bodyAs(record, child)!.child;
    const nested = this.#current.get(id) ?? this.#add(id, record.lsn, false);
    this.#childCommits.push({
      parent: this.#current.get(record.txnId)!,
      child: nested,
      lsn: record.lsn,
    });
  }

  /** From here on, ids of the range are new transactions. */
  #recycle({ min, max }: { readonly min: number; readonly max: number }): void {
    for (const id of this.#current.keys()) {
      const inside = min <= max ? id >= min && id <= max : id >= min || id <= max;
      if (inside) this.#current.delete(id);
    }
    this.#latest = undefined;
  }

  /** The fate of the transaction that a record belongs to; to be asked after `decide`. */
  fateOf(id: number, file: number, offset: number): Fate | undefined {
    if (this.#latest?.id === id) return this.#latest.fate;
    const found = this.#byId.get(id);
    if (Array.isArray(found)) {
      return found.findLast(
        ({ firstLsn }) => firstLsn.file < file || (firstLsn.file === file && firstLsn.offset <= offset),
      )?.fate;
    }
    this.#latest = found;
    return found?.fate;
  }

  /** Where transactions of this id committed; nested ones do not by themselves. */
  commitsOf(id: number): { readonly lsn: Lsn; readonly time: number }[] {
    const found = this.#byId.get(id) ?? [];
    const all = Array.isArray(found) ? found : [found];
    return all.flatMap(({ ended }) => (ended?.committed ? [ended] : []));
  }

  *all(): Generator<Transaction> {
    for (const found of this.#byId.values()) {
      if (Array.isArray(found)) yield* found;
      else yield found;
    }
  }

  /**
   * Settles the fate of every transaction for recovery to `limit`: what committed up to there is redone, everything
   * else is undone (recovery document, A.9). Without a limit, to the end of the log.
   */
  decide(limit?: Lsn): void {
    this.#latest = undefined;
    const within = (lsn: Lsn): boolean => limit === undefined || compareLsn(lsn, limit) <= 0;
    for (const transaction of this.all()) {
      const { ended, prepared, began } = transaction;
      if (ended && within(ended.lsn)) {
        transaction.fate = ended.committed ? 'committed' : began ? 'undone' : 'ignored';
      } else if (prepared && !ended && within(prepared.lsn)) {
        // In doubt: native recovery redoes it and keeps it prepared, and so do we.
        transaction.fate = 'committed';
      } else {
        transaction.fate = began ? 'undone' : 'ignored';
      }
    }
    // From the last to the first, so that a parent is decided before its children.
    for (const { parent, child: nested } of this.#childCommits.toReversed()) {
      nested.fate = parent.fate === 'committed' ? 'committed' : nested.began ? 'undone' : 'ignored';
    }
  }

  /** Prepared transactions without an outcome up to `limit`. */
  inDoubt(limit?: Lsn): Transaction[] {
    const within = (lsn: Lsn): boolean => limit === undefined || compareLsn(lsn, limit) <= 0;
    return [...this.all()].filter(({ prepared, ended }) => prepared !== undefined && !ended && within(prepared.lsn));
  }
}
