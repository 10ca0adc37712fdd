import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { formatCommit, formatLocalTime, formatTime } from '../../measures.ts';
import { startOf, type Log } from '../log/log-files.ts';
import { type Checkpoint, type CommitOf, type CommitWatch } from '../log/transactions.ts';

/** What recovery is asked to bring an environment to. */
export type RestorePoint =
  | { readonly kind: 'end' }
  /**
   * Everything committed up to and including this second, as the commit records tell it; `zone` when none was given. What is
   * newer than the log is out of reach, unless it is known that up to `coveredUntil` nothing else was committed.
   */
  | {
      readonly kind: 'time';
      readonly time: Date;
      readonly zone?: 'local';
      readonly coveredUntil?: Date | undefined;
    }
  /** Everything committed up to and including this LSN. */
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  /** Everything committed up to and including the commit of this transaction. */
  | { readonly kind: 'transaction'; readonly id: number };

/** A commit record: what recovery to a point ends with. */
export interface Commit {
  readonly lsn: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Commits that recovery can end with. */
export interface RestoreWindow {
  readonly first: Commit | undefined;
  readonly last: Commit | undefined;
}

/** Commits of a log up to a place. */
export interface CommitsBefore {
  /** The first one that recovery can end with. */
  readonly firstReachable: Commit | undefined;
  readonly last: Commit | undefined;
  readonly count: number;
  /** The place: what is read again before it does not count again. */
  readonly end: Lsn;
}

/** True when the log begins with the environment: nothing came before it. */
function startsAtTheBeginning(log: Log): boolean {
  const first = log.files[0]!;
  return first.number === 1 && first.prev === 0 && startOf(log).offset === 0;
}

/**
 * What a log can be recovered to, and which commit recovery to a point ends with. It is found while the log is read: there
 * can be too many commits to keep.
 */
export class Commits implements CommitWatch {
  readonly #log: Log;
  readonly #point: RestorePoint;
  /** The first commit that recovery can end with. */
  #firstReachable: Commit | undefined;
  #last: Commit | undefined;
  /** At the last one, a file is needed that nobody has any more. */
  #isLastMissed: boolean;
  /** Files that nobody has any more, by unique id, and the transactions that remove them and have not committed yet. */
  readonly #removedBy = new Map<string, number>();
  /** The last one that belongs to the point, until one does not. */
  #lastWithin: Commit | undefined;
  #isBeyond = false;
  #count = 0;
  /** Those of the transaction that is asked for. */
  readonly #asked: Commit[] = [];
  /** Of commits and checkpoints, in seconds since 1970. */
  #latestTime = 0;
  #usableCheckpoint: Checkpoint | undefined;
  /** What came before the log: it is on the files that the log is read for. */
  readonly #before: CommitsBefore | undefined;

  readonly #stateAt: Lsn | undefined;

  /**
   * @param before commits of the log before the place where it starts, when it has been read up to there
   * @param stateAt what the files were brought to before they were kept: see `Environment`
   */
  constructor(log: Log, point: RestorePoint, before?: CommitsBefore, stateAt?: Lsn) {
    this.#log = log;
    this.#point = point;
    this.#before = before;
    this.#stateAt = stateAt;
    this.#count = before?.count ?? 0;
    this.#firstReachable = before?.firstReachable;
    this.#last = before?.last;
    this.#isLastMissed = this.#last !== undefined && this.#firstReachable === undefined;
  }

  /** What those have to know who go on from the end of this log. */
  forNext(end: Lsn): CommitsBefore {
    return { firstReachable: this.#firstReachable, last: this.#last, count: this.#count, end };
  }

  /** Until this transaction commits, a file is needed that nobody has any more. */
  missUntilCommit(txnId: number, uid: string): void {
    this.#firstReachable = undefined;
    this.#isLastMissed = true;
    this.#removedBy.set(uid, txnId);
  }

  /** What a nested transaction has removed is removed when its parent commits. */
  seeChild(childId: number, parentId: number): void {
    for (const [uid, id] of this.#removedBy) if (id === childId) this.#removedBy.set(uid, parentId);
  }

  seeCheckpoint(checkpoint: Checkpoint): void {
    this.#latestTime = Math.max(this.#latestTime, checkpoint.time);
    if (this.#usableCheckpoint || compareLsn(checkpoint.redoFrom, startOf(this.#log)) < 0) return;
    this.#usableCheckpoint = checkpoint;
    // No transaction has committed since the last one, whose state is that at the checkpoint.
    if (!this.#isLastMissed) this.#firstReachable ??= this.#last;
  }

  seeCommit({ id, lsn, time }: CommitOf): boolean {
    const commit: Commit = { lsn, time };
    this.#isLastMissed = this.#isMissedAfter(id);
    // The last one before a state is the state itself.
    if (this.#isLastMissed) this.#firstReachable = undefined;
    else if (this.#stateAt && compareLsn(lsn, this.#stateAt) < 0) this.#firstReachable = commit;
    else if (this.#stateAt || this.#hasStart) this.#firstReachable ??= commit;
    this.#last = commit;
    this.#latestTime = Math.max(this.#latestTime, time);
    this.#isBeyond ||= !this.#belongs(commit);
    if (this.#point.kind === 'transaction' && id === this.#point.id) this.#asked.push(commit);
    if (this.#isBeyond) return true;
    this.#lastWithin = commit;
    if (!this.#before || compareLsn(lsn, this.#before.end) >= 0) this.#count += 1;
    return false;
  }

  /** True when a file is still needed that nobody has, after the commit of a transaction. */
  #isMissedAfter(id: number): boolean {
    if (this.#removedBy.size === 0) return false;
    for (const [uid, by] of this.#removedBy) if (by === id) this.#removedBy.delete(uid);
    return this.#removedBy.size > 0;
  }

  /**
   * Before the first checkpoint whose redo point the log holds, transactions may have begun that the log cannot undo
   * (recovery document, F.1, A.9); a log from the very beginning has none.
   */
  get #hasStart(): boolean {
    return this.#usableCheckpoint !== undefined || this.#before !== undefined || startsAtTheBeginning(this.#log);
  }

  #belongs({ lsn, time }: Commit): boolean {
    const point = this.#point;
    switch (point.kind) {
      case 'end':
        return true;
      case 'lsn':
        return compareLsn(lsn, point.lsn) <= 0;
      case 'time':
        // In log order: a clock set back must not let a later commit in while an earlier one stays out (A.9).
        return time <= Math.floor(point.time.getTime() / 1000);
      case 'transaction':
        return this.#asked.length === 0;
    }
  }

  /** How many there are up to the point. */
  get count(): number {
    return this.#count;
  }

  /** The last of the log. */
  get last(): Commit | undefined {
    return this.#last;
  }

  /** The first checkpoint whose redo point the log holds. */
  get usableCheckpoint(): Checkpoint | undefined {
    return this.#usableCheckpoint;
  }

  /** The commits that the log can bring its files to. */
  get window(): RestoreWindow {
    // The end of the log can always be had.
    return { first: this.#firstReachable ?? this.#last, last: this.#last };
  }

  /**
   * Throws `not-recoverable` when a log begins in the middle and holds no checkpoint to start from: transactions may have
   * begun before it whose changes are on the pages, and others may be missing (recovery document, F.2).
   */
  requireStart(): void {
    if (this.#hasStart) return;
    const first = this.#log.files[0]!;
    throw new FigaroError(
      'not-recoverable',
      `the log begins with ${first.path}, and no checkpoint in it says that recovery can start there`,
      { path: first.path, hint: 'add the log files before it.' },
    );
  }

  /**
   * The commit that recovery to the point ends with; undefined for the end of the log. To be asked when the whole log has
   * been seen. Throws `restore-point-unreachable`, naming the window.
   *
   * @param end of the log
   */
  findLimit(end: Lsn): Commit | undefined {
    const point = this.#point;
    if (point.kind === 'end') return undefined;
    requireMoment(point);
    if (point.kind === 'time') this.#requireCovered(point);
    if (point.kind === 'transaction') requireOne(point.id, this.#asked);
    const { window } = this;
    const limit = this.#lastWithin;
    const isPastEnd = point.kind === 'lsn' && compareLsn(point.lsn, end) >= 0;
    if (isPastEnd || !limit || !window.first || compareLsn(limit.lsn, window.first.lsn) < 0) {
      throw unreachable(point, window);
    }
    return limit;
  }

  /** Who asks for a moment that the log does not reach has to know what is missing. */
  #requireCovered({ time, coveredUntil }: RestorePoint & { readonly kind: 'time' }): void {
    const last = this.#last;
    const end = Math.max(this.#latestTime, Math.floor((coveredUntil?.getTime() ?? 0) / 1000));
    if (!last || Math.floor(time.getTime() / 1000) <= end) return;
    throw new FigaroError(
      'restore-point-unreachable',
      `${formatTime(time)} is after the end of what is covered, ${formatTime(end)}; the last commit is of ${formatCommit(last)}`,
      { hint: 'take an incremental first, or recover to the end: without --to-time.' },
    );
  }
}

/** Throws `usage` for a time that is none. */
export function requireMoment(point: RestorePoint): void {
  if (point.kind !== 'time' || !Number.isNaN(point.time.getTime())) return;
  throw new FigaroError('usage', 'the time to recover to is not a time');
}

/** Throws `restore-point-unreachable` when a transaction did not commit, or when its id was used again. */
function requireOne(id: number, commits: readonly Commit[]): void {
  const name = formatTxnId(id);
  const fail = (message: string, hint: string): FigaroError =>
    new FigaroError('restore-point-unreachable', message, { hint });
  if (commits.length === 0) {
    throw fail(`transaction ${name} does not commit in this log`, 'ids are those that db_printlog prints.');
  }
  if (commits.length > 1) {
    const places = commits.map(formatCommit).join(', ');
    throw fail(
      `${commits.length} transactions had the id ${name}; they committed at ${places}`,
      'choose one with --to-lsn.',
    );
  }
}

/** As db_printlog prints it. */
export function formatTxnId(id: number): string {
  return id.toString(16);
}

function unreachable(point: RestorePoint, { first, last }: RestoreWindow): FigaroError {
  const asked = describePoint(point);
  const window =
    first && last ? `from ${formatCommit(first)} to ${formatCommit(last)}` : 'nowhere: the log holds no commit';
  return new FigaroError('restore-point-unreachable', `${asked} is out of reach: recovery can go ${window}`, {
    hint: 'choose a point inside that window, or a chain that covers the one you want.',
  });
}

export function describePoint(point: RestorePoint): string {
  switch (point.kind) {
    case 'end':
      return 'the end';
    case 'time':
      return describeMoment(point);
    case 'lsn':
      return formatLsn(point.lsn);
    case 'transaction':
      return `the commit of transaction ${formatTxnId(point.id)}`;
  }
}

/** A moment that was asked for. Where it had no zone, people have to see what it was taken for. */
export function describeMoment({ time, zone }: { readonly time: Date; readonly zone?: 'local' }): string {
  const utc = formatTime(time);
  return zone ? `${utc} (no zone was given: taken for local time, ${formatLocalTime(time)})` : utc;
}
