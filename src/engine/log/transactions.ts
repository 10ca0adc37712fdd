import { recordAt } from '../../format/log/frame.ts';
import { checkpoint, child, commit, commitAt, prepare, recycle, txnOpcode } from '../../format/log/records/txn.ts';
import { copyOf } from '../../format/byte-range.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { IdIndex } from './id-index.ts';
import { type LogObserver } from './log-observer.ts';
import { OpenTransactions, type Prepared } from './open-transactions.ts';
import { type RecordBatch } from './scan.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** What recovery does with the records of a transaction. */
export type Fate =
  /** Redo them. */
  | 'committed'
  /** Undo them. */
  | 'undone'
  /** Neither: it began before the log and did not commit in it, so it was over when the pages were copied. */
  | 'ignored';

export interface Checkpoint {
  readonly lsn: Lsn;
  /** Redo may start here. */
  readonly redoFrom: Lsn;
  readonly lastCheckpoint: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
}

/** A transaction that is prepared, and has no outcome. */
export interface TransactionInDoubt {
  readonly id: number;
  readonly prepared: Prepared;
}

/** A transaction that has not committed. */
interface Unfinished {
  readonly id: number;
  readonly fate: Fate;
  readonly firstLsn: Lsn;
  /** The last record of each of its chains; that of the chain which begins last is the first. */
  readonly chainEnds: readonly Lsn[];
}

/** A commit of a transaction that is nobody's child. */
export interface CommitOf {
  readonly id: number;
  readonly lsn: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Is told what can be recovered to while a log is followed. */
export interface CommitWatch {
  /** Returns true for a commit that recovery has to leave out: it leaves out everything behind, too. */
  seeCommit(commit: CommitOf): boolean;
  seeCheckpoint(checkpoint: Checkpoint): void;
}

const fates: readonly Fate[] = ['committed', 'undone', 'ignored'];
const committed = 0;
const undone = 1;
const ignored = 2;

/**
 * Follows a log from its first record to its last, and says how each transaction in it ended (recovery document, A.3).
 * What has committed is forgotten at once: a log has any number of transactions, and few are open at one time. From the
 * first commit on that recovery has to leave out, everything is to be undone, so that this need not be remembered either.
 * Nested transactions are transactions of their own.
 */
export class Transactions implements LogObserver {
  readonly checkpoints: Checkpoint[] = [];
  readonly #commits: CommitWatch;
  #open = new OpenTransactions();
  /** By id, where records of that id still mean what they did. */
  readonly #current = new IdIndex();
  /** The one the record before belonged to: mostly this one belongs to it, too. */
  #latestId = 0;
  #latest = -1;
  /** The first commit to be left out, and what was open there. */
  #cut: { readonly lsn: Lsn; readonly open: OpenTransactions } | undefined;
  #begunSinceCut = 0;
  /** A transaction that is to be undone, and of which the log does not have the beginning. */
  #notUndoable: CommitOf | undefined;
  /** By number: the fate of what is open, once it is decided. */
  #fates = new Uint8Array(0);
  /** By id: the latest number; by number: an earlier one of the same id. */
  readonly #byId = new IdIndex();
  #sameId = new Int32Array(0);
  /** By id: what is behind the cut and not to be undone. */
  readonly #notUndone = new Map<number, { readonly slot: number; readonly fate: Fate }[]>();
  #limit: Lsn | undefined;
  /** Of those that begin in the log. */
  #lowestId = Infinity;
  #highestId = -Infinity;
  /** Those that began before the log: how many there are, and the ids of those that have committed. */
  #begunBefore = 0;
  readonly #committedOfBefore = new Set<number>();
  /** What was found out of the files from one on, apart from those before. */
  #rest: { readonly from: number; readonly transactions: Transactions } | undefined;

  constructor(commits: CommitWatch) {
    this.#commits = commits;
  }

  /** Takes note of a record that belongs to a transaction; to be called for every one in order of the log. */
  follow(txnId: number, file: number, offset: number, begins: boolean): void {
    const slot = txnId === this.#latestId ? this.#latest : this.#current.get(txnId);
    if (slot >= 0 && !(begins && this.#open.isTakenBack(slot))) {
      // A second chain under an id that has not ended: both are its work.
      if (begins) this.#open.beginChain(slot);
      this.#open.setLast(slot, file, offset);
      this.#latest = slot;
    } else {
      this.#latest = this.#add(txnId, file, offset, begins);
    }
    this.#latestId = txnId;
  }

  static readonly notedCodes: readonly number[] = [commit, checkpoint, child, prepare, recycle].map(({ code }) => code);

  /** Takes note of what a record says about transactions; to be called after `follow`. */
  see(record: ScannedRecord): void {
    switch (record.code) {
      case commit.code: {
        const { opcode, timestamp } = bodyAs(record, commit)!;
        this.#end(opcode, { id: record.txnId, lsn: record.lsn, time: timestamp });
        break;
      }
      case checkpoint.code: {
        const { redoFrom, lastCheckpoint, timestamp } = bodyAs(record, checkpoint)!;
        const seen: Checkpoint = { lsn: record.lsn, redoFrom, lastCheckpoint, time: timestamp };
        this.checkpoints.push(seen);
        this.#commits.seeCheckpoint(seen);
        break;
      }
      case child.code:
        this.#childCommit(record);
        break;
      case prepare.code: {
        const { opcode, beginLsn, gid } = bodyAs(record, prepare)!;
        const slot = this.#current.get(record.txnId);
        if (opcode === txnOpcode.abort || slot < 0) break;
        this.#open.prepare(slot, { lsn: record.lsn, beginLsn, gid: copyOf(gid), isOver: false });
        break;
      }
      case recycle.code:
        this.#recycle(bodyAs(record, recycle)!);
        break;
    }
  }

  #add(id: number, file: number, offset: number, began: boolean): number {
    const slot = this.#open.add(id, file, offset, began);
    this.#current.set(id, slot);
    if (began) {
      if (id < this.#lowestId) this.#lowestId = id;
      if (id > this.#highestId) this.#highestId = id;
    } else {
      this.#begunBefore += 1;
    }
    if (this.#cut && began) this.#begunSinceCut += 1;
    return slot;
  }

  /**
   * As `see`, for a commit in a batch, of which every transaction has one: it is not decoded. False where that has to be done to tell what
   * is wrong with it.
   */
  seeCommitIn(batch: RecordBatch, i: number): boolean {
    const fields = batch.starts[i]! + recordAt.fields;
    const { view } = batch;
    if (batch.lengthOf(i) < recordAt.fields + commitAt.locks) return false;
    const locksLength = view.getUint32(fields + commitAt.locksLength, true);
    if (batch.lengthOf(i) !== recordAt.fields + commitAt.locks + locksLength) return false;
    const time = view.getUint32(fields + commitAt.timestamp, true);
    this.#end(view.getUint32(fields + commitAt.opcode, true), { id: batch.txnId(i), lsn: batch.lsn(i), time });
    return true;
  }

  #end(opcode: number, seen: CommitOf): void {
    const { id, lsn } = seen;
    const slot = this.#current.get(id);
    if (slot < 0) return;
    if (opcode !== txnOpcode.commit) {
      this.#open.takeBack(slot);
      return;
    }
    const isLeftOut = this.#commits.seeCommit(seen);
    if (isLeftOut && !this.#cut) this.#cut = { lsn, open: new OpenTransactions(this.#open) };
    if (this.#cut && !this.#open.began(slot)) this.#notUndoable ??= seen;
    this.#current.delete(id);
    if (this.#committedOfBefore.size < this.#begunBefore) this.#noteBegunBefore(slot);
    this.#open.release(slot, this.#cut !== undefined);
    this.#latestId = 0;
  }

  #noteBegunBefore(slot: number): void {
    this.#open.visitFamily(slot, (member) => {
      if (!this.#open.began(member)) this.#committedOfBefore.add(this.#open.id(member));
    });
  }

  #childCommit(record: ScannedRecord): void {
    const parent = this.#current.get(record.txnId);
    const id = bodyAs(record, child)!.child;
    if (parent < 0 || id === record.txnId) return;
    const { file, offset } = record.lsn;
    let nested = this.#current.get(id);
    if (nested < 0) nested = this.#add(id, file, offset, false);
    this.#current.delete(id);
    this.#open.join(parent, nested);
    this.#latestId = 0;
  }

  /** From here on, ids of the range are new transactions. */
  #recycle({ min, max }: { readonly min: number; readonly max: number }): void {
    this.#current.deleteWhere((id) => (min <= max ? id >= min && id <= max : id >= min || id <= max));
    this.#latestId = 0;
  }

  /**
   * Settles the fate of every transaction for recovery to `limit`: what committed up to there is redone, everything
   * else is undone (recovery document, A.9). Without a limit, to the end of the log.
   */
  decide(limit?: Lsn): void {
    this.#limit = limit;
    const open = this.#openAtEnd;
    this.#fates = new Uint8Array(open.count);
    this.#sameId = new Int32Array(open.count);
    for (let root = 0; root < open.count; root++) {
      if (!open.isTaken(root) || open.isJoined(root)) continue;
      const isInDoubt = this.#isInDoubt(open, root);
      // What is a part of it shares its fate.
      open.visitFamily(root, (slot) => {
        this.#fates[slot] = isInDoubt ? committed : open.began(slot) ? undone : ignored;
      });
    }
    for (let slot = 0; slot < open.count; slot++) {
      if (!open.isTaken(slot)) continue;
      this.#sameId[slot] = this.#byId.get(open.id(slot));
      this.#byId.set(open.id(slot), slot);
    }
    if (this.#cut) this.#findNotUndone();
  }

  /**
   * To be called when all has been seen up to a file, from which on others have been shown everything, in a log that began there. Returns
   * false where a transaction may go on there that has not ended: then the fates of neither part can be told without the other.
   */
  goOnWith(transactions: Transactions, from: number): boolean {
    if (this.#cut || transactions.#cut) return false;
    const open = transactions.#open;
    for (let slot = 0; slot < open.count; slot++) {
      if (open.isTaken(slot) && !open.began(slot) && this.#current.get(open.id(slot)) >= 0) return false;
    }
    for (const id of transactions.#committedOfBefore) {
      const slot = this.#current.get(id);
      if (slot < 0) continue;
      this.#current.delete(id);
      this.#open.release(slot, false);
    }
    this.#latestId = 0;
    if (this.#current.some((id) => id >= transactions.#lowestId && id <= transactions.#highestId)) return false;
    this.#rest = { from, transactions };
    return true;
  }

  /** What is open where recovery ends. */
  get #openAtEnd(): OpenTransactions {
    return this.#cut?.open ?? this.#open;
  }

  /** Native recovery redoes what is prepared and keeps it prepared, and so do we. */
  #isInDoubt(open: OpenTransactions, slot: number): boolean {
    const prepared = open.prepared(slot);
    if (!prepared || prepared.isOver) return false;
    return this.#limit === undefined || compareLsn(prepared.lsn, this.#limit) <= 0;
  }

  #findNotUndone(): void {
    const open = this.#open;
    for (let slot = 0; slot < open.count; slot++) {
      if (!open.isTaken(slot)) continue;
      const isInDoubt = this.#isInDoubt(open, slot);
      if (!isInDoubt && open.began(slot)) continue;
      const entry = { slot, fate: isInDoubt ? 'committed' : 'ignored' } as const;
      const others = this.#notUndone.get(open.id(slot));
      if (others) others.push(entry);
      else this.#notUndone.set(open.id(slot), [entry]);
    }
  }

  /** The fate of the transaction that a record up to the limit belongs to; to be asked after `decide`. */
  fateOf(id: number, file: number, offset: number): Fate {
    const rest = this.#rest;
    if (rest && file >= rest.from) return rest.transactions.fateOf(id, file, offset);
    if (this.#byId.size === 0) return 'committed';
    const open = this.#openAtEnd;
    for (let slot = this.#byId.get(id); slot >= 0; slot = this.#sameId[slot]!) {
      if (open.spans(slot, file, offset)) return fates[this.#fates[slot]!]!;
    }
    return 'committed';
  }

  /** The first commit that recovery leaves out: everything behind it is undone, but what `fateBehindCut` spares. */
  get cut(): Lsn | undefined {
    return this.#cut?.lsn;
  }

  fateBehindCut(id: number, file: number, offset: number): Fate {
    const found = this.#notUndone.get(id)?.find(({ slot }) => this.#open.spans(slot, file, offset));
    return found?.fate ?? 'undone';
  }

  /** What has not committed, as far as it goes up to the cut; of a log that others have gone on with, what they were not shown. */
  *unfinished(): Generator<Unfinished> {
    const open = this.#openAtEnd;
    for (let slot = 0; slot < open.count; slot++) {
      const fate = this.#fates[slot]!;
      if (!open.isTaken(slot) || fate === committed) continue;
      yield { id: open.id(slot), fate: fates[fate]!, firstLsn: open.firstLsn(slot), chainEnds: open.chainEnds(slot) };
    }
  }

  /** Transactions that are taken back, nested ones among them. */
  get undoneCount(): number {
    return this.#fates.reduce((sum, fate) => sum + (fate === undone ? 1 : 0), this.#begunSinceCut);
  }

  /** One that would have to be taken back for this, and of which the log does not have the beginning. */
  get notUndoable(): CommitOf | undefined {
    return this.#notUndoable;
  }

  /** The first records of prepared transactions without an outcome, and of what is a part of them. */
  beginningsInDoubt(): Lsn[] {
    const open = this.#openAtEnd;
    const found: Lsn[] = [];
    for (let slot = 0; slot < open.count; slot++) {
      if (!open.isTaken(slot) || !this.#isInDoubt(open, slot)) continue;
      open.visitFamily(slot, (member) => found.push(open.firstLsn(member)));
    }
    return found;
  }

  /** Prepared transactions without an outcome up to the limit. */
  inDoubt(): TransactionInDoubt[] {
    const open = this.#openAtEnd;
    const found: TransactionInDoubt[] = [];
    for (let slot = 0; slot < open.count; slot++) {
      if (open.isTaken(slot) && this.#isInDoubt(open, slot)) {
        found.push({ id: open.id(slot), prepared: open.prepared(slot)! });
      }
    }
    return found;
  }
}
