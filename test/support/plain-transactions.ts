/**
 * Who committed in a log, found out in the plainest way: everything is remembered. What the program does with less memory
 * has to come to the same.
 */

import { checkpoint, child, commit, prepare, recycle, txnOpcode } from '../../src/format/log/records/txn.ts';
import { copyOf } from '../../src/format/byte-range.ts';
import { compareLsn, type Lsn } from '../../src/format/lsn.ts';
import { type Fate } from '../../src/engine/log/transactions.ts';
import { type Log } from '../../src/engine/log/log-files.ts';
import { type Commit, type RestorePoint, type RestoreWindow } from '../../src/engine/recovery/restore-point.ts';
import { bodyAs, type ScannedRecord } from '../../src/engine/log/scanned-record.ts';

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

interface ChildCommit {
  readonly parent: Transaction;
  readonly child: Transaction;
  readonly lsn: Lsn;
}

export class PlainTransactions {
  readonly #checkpoints: { readonly lsn: Lsn; readonly redoFrom: Lsn; readonly time: number }[] = [];
  /** Commits of transactions that are nobody's child, in order of the log. */
  readonly commits: { readonly lsn: Lsn; readonly time: number }[] = [];
  readonly #byId = new Map<number, Transaction | Transaction[]>();
  readonly #current = new Map<number, Transaction>();
  /** The one the record before belonged to: mostly this one belongs to it, too. */
  #latest: Transaction | undefined;
  readonly #childCommits: ChildCommit[] = [];
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

  /** Takes note of what a record says about transactions. */
  see(record: ScannedRecord): void {
    switch (record.code) {
      case commit.code:
        this.#end(record);
        break;
      case checkpoint.code: {
        const { redoFrom, timestamp: time } = bodyAs(record, checkpoint)!;
        this.#checkpoints.push({ lsn: record.lsn, redoFrom, time });
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

  /** The latest time that the log tells of, in seconds since 1970. */
  get latestTime(): number {
    return Math.max(0, ...[...this.commits, ...this.#checkpoints].map(({ time }) => time));
  }

  /** The commits that recovery can end with: the first and the last. */
  window(log: Log): RestoreWindow {
    const { number, prev } = log.files[0]!;
    const start: Lsn = { file: number, offset: 0 };
    const usable = this.#checkpoints.find(({ redoFrom }) => compareLsn(redoFrom, start) >= 0);
    const isFromTheBeginning = number === 1 && prev === 0;
    const before = this.commits.findLast(({ lsn }) => usable && compareLsn(lsn, usable.lsn) < 0);
    const after = this.commits.find(({ lsn }) => usable && compareLsn(lsn, usable.lsn) > 0);
    // At the checkpoint everything is as at the last commit before it.
    const first = isFromTheBeginning ? this.commits[0] : (before ?? after);
    const last = this.commits.at(-1);
    return { first: first ?? last, last };
  }

  /** The commit that recovery to a point ends with, wherever that is. */
  limitOf(point: RestorePoint): Commit | undefined {
    switch (point.kind) {
      case 'end':
        return undefined;
      case 'lsn':
        return this.commits.findLast(({ lsn }) => compareLsn(lsn, point.lsn) <= 0);
      case 'time': {
        const beyond = this.commits.findIndex(({ time }) => time * 1000 > point.time.getTime());
        return beyond === -1 ? this.commits.at(-1) : this.commits[beyond - 1];
      }
      case 'transaction': {
        const commits = this.commitsOf(point.id);
        return commits.length === 1 ? commits[0] : undefined;
      }
    }
  }
}
