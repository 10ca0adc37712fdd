import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { formatCommit, formatLocalTime, formatTime } from '../../measures.ts';
import { type Log } from '../log/log-files.ts';
import { type Checkpoint, type Transactions } from '../log/transactions.ts';

/** What recovery is asked to bring an environment to. */
export type RestorePoint =
  | { readonly kind: 'end' }
  /** Everything committed up to and including this second, as the commit records tell it. `zone` when none was given. */
  | { readonly kind: 'time'; readonly time: Date; readonly zone?: 'local' }
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

/** True when the log begins with the environment: nothing came before it. */
function startsAtTheBeginning(log: Log): boolean {
  const first = log.files[0]!;
  return first.number === 1 && first.prev === 0;
}

/** The first checkpoint whose redo point the log holds. */
export function firstUsableCheckpoint(log: Log, { checkpoints }: Transactions): Checkpoint | undefined {
  const start: Lsn = { file: log.files[0]!.number, offset: 0 };
  return checkpoints.find(({ redoFrom }) => compareLsn(redoFrom, start) >= 0);
}

/**
 * Throws `not-recoverable` when a log begins in the middle and holds no checkpoint to start from: transactions may have
 * begun before it whose changes are on the pages, and others may be missing (recovery document, F.2).
 */
export function requireStart(log: Log, transactions: Transactions): void {
  if (startsAtTheBeginning(log) || firstUsableCheckpoint(log, transactions)) return;
  const first = log.files[0]!;
  throw new FigaroError(
    'not-recoverable',
    `the log begins with ${first.path}, and no checkpoint in it says that recovery can start there`,
    { path: first.path, hint: 'add the log files before it.' },
  );
}

/**
 * The commits a log can bring its files to. Before the first checkpoint whose redo point the log holds, transactions
 * may have begun that the log can not undo (recovery document, F.1, A.9); a log from the very beginning has none.
 */
export function restoreWindow(log: Log, transactions: Transactions): RestoreWindow {
  const { commits } = transactions;
  const start: Lsn = { file: log.files[0]!.number, offset: 0 };
  const earliest = startsAtTheBeginning(log) ? start : firstUsableCheckpoint(log, transactions)?.lsn;
  const reachable = earliest ? commits.filter(({ lsn }) => compareLsn(lsn, earliest) >= 0) : commits.slice(-1);
  // With a checkpoint and no commit after it, the state at the checkpoint is the last commit before it.
  const last = commits.at(-1);
  return { first: reachable[0] ?? last, last };
}

/**
 * The commit that recovery to `point` ends with; undefined for the end of the log. Throws
 * `restore-point-unreachable`, naming the window.
 */
export function findLimit(point: RestorePoint, log: Log, transactions: Transactions, end: Lsn): Commit | undefined {
  if (point.kind === 'end') return undefined;
  if (point.kind === 'time' && Number.isNaN(point.time.getTime())) {
    throw new FigaroError('usage', 'the time to recover to is no time');
  }
  const window = restoreWindow(log, transactions);
  const { commits } = transactions;
  let limit: Commit | undefined;
  if (point.kind === 'transaction') {
    limit = commitOf(point.id, transactions);
  } else if (point.kind === 'time') {
    const seconds = Math.floor(point.time.getTime() / 1000);
    // In log order: a clock set back must not let a later commit in while an earlier one stays out (A.9).
    const beyond = commits.findIndex(({ time }) => time > seconds);
    limit = beyond === -1 ? commits.at(-1) : commits[beyond - 1];
  } else {
    if (compareLsn(point.lsn, end) >= 0) throw unreachable(point, window);
    limit = commits.findLast(({ lsn }) => compareLsn(lsn, point.lsn) <= 0);
  }
  if (!limit || !window.first || compareLsn(limit.lsn, window.first.lsn) < 0) throw unreachable(point, window);
  return limit;
}

/** Where a transaction committed. Throws `restore-point-unreachable` when it did not, or when its id was used again. */
function commitOf(id: number, transactions: Transactions): Commit {
  const name = formatTxnId(id);
  const commits = transactions.commitsOf(id);
  const [commit] = commits;
  const fail = (message: string, hint: string): FigaroError =>
    new FigaroError('restore-point-unreachable', message, { hint });
  if (!commit) throw fail(`transaction ${name} does not commit in this log`, 'ids are those that db_printlog prints.');
  if (commits.length > 1) {
    const places = commits.map(formatCommit).join(', ');
    throw fail(
      `${commits.length} transactions had the id ${name}; they committed at ${places}`,
      'choose one with --to-lsn.',
    );
  }
  return commit;
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

function describePoint(point: RestorePoint): string {
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
