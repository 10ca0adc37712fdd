import { FigaroError } from '../../errors.ts';
import { cksum } from '../../format/log/records/db.ts';
import { child, commit } from '../../format/log/records/txn.ts';
import { formatLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { pause, type Watch } from '../pause.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { startOf, type Log } from '../log/log-files.ts';
import { DatabaseNames } from '../log/database-names.ts';
import { forEachBatch } from '../log/each-batch.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { NotedRecords } from '../log/noted-records.ts';
import { RecordLinks } from '../log/record-links.ts';
import { type LogEnd } from '../log/scan.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { Transactions } from '../log/transactions.ts';
import { Creations, RemovedUnseen } from './record-operations/creations.ts';
import { fileOperationCodes, isFileOperation } from './record-operations/fileops.ts';
import { FileBindings, type Binding } from './bindings.ts';
import { Commits, type Commit, type CommitsBefore, type RestorePoint } from './restore-point.ts';

/** What one pass over a log tells. */
export interface Analysis {
  readonly transactions: Transactions;
  readonly commits: Commits;
  readonly bindings: FileBindings;
  readonly creations: Creations;
  readonly names: DatabaseNames;
  /** The records that create, write, rename and remove files, whatever became of them, in order. */
  readonly fileOperations: readonly Lsn[];
  readonly end: LogEnd;
  readonly records: number;
  /** Bytes of the log up to its end. */
  readonly logBytes: number;
  /** The commit that recovery ends with; undefined for the end of the log. */
  readonly limit: Commit | undefined;
  /** What is recorded before this place was on the pages when they were copied (recovery document, F.1). */
  readonly onPagesBefore: Lsn;
  readonly warnings: readonly string[];
  /** The records that it was made of, but commits; where they were to be kept. */
  readonly noted?: NotedRecords | undefined;
}

/** What is known of the log before the place where it starts. */
export interface KnownBefore {
  readonly bindings: readonly Binding[];
  readonly commits: CommitsBefore;
}

interface AnalysisOptions {
  readonly known?: KnownBefore | undefined;
  /** Whose log it is, where earlier moments are asked for: what they need may not be in it. */
  readonly environment?: Environment;
  /** Not all of its databases are asked for. That others are lacking does not matter. */
  readonly isPart?: boolean | undefined;
  /** The log before this one is going to be read for what it says of the same files: see `rest`. */
  readonly keepsNoted?: boolean | undefined;
  /** The log from a file on was read before, as one that begins there: only what comes before that file is read. */
  readonly rest?: { readonly from: number; readonly analysis: Analysis };
}

/** Two parts of a log have to be read as one. */
export class NotApart extends Error {}

/** The records that analysis decodes: few among many. */
const isNoted = new Uint8Array(256);
for (const code of [
  ...Transactions.notedCodes,
  ...FileBindings.notedCodes,
  ...DatabaseNames.notedCodes,
  ...fileOperationCodes,
  cksum.code,
]) {
  isNoted[code] = 1;
}

/**
 * Reads a log once, from where it starts: who committed, which id means which database, where the log ends, and where recovery has to
 * stop (recovery document, A.14). Throws what `scanLog` and `Commits` throw; `NotApart` where more of the rest of the log has to be known
 * than was kept.
 */
export async function analyse(
  files: Files,
  log: Log,
  point: RestorePoint,
  watch: Watch,
  { known, environment, isPart = false, keepsNoted = false, rest }: AnalysisOptions = {},
): Promise<Analysis> {
  const commits = new Commits(log, point, known?.commits, environment?.stateAt);
  const transactions = new Transactions(commits);
  const bindings = new FileBindings(known?.bindings);
  const creations = new Creations();
  const names = new DatabaseNames();
  // What was known before is known of all files; of containers that were excluded, recovery says that they are lacking.
  const isAll = !isPart && known === undefined && environment?.excludes === undefined;
  const unseen = environment && isAll ? new RemovedUnseen(environment, creations) : undefined;
  const warnings: string[] = [];
  const noted = keepsNoted ? new NotedRecords() : undefined;
  const fileOperations: Lsn[] = [];
  const totalBytes = log.files.reduce((sum, { size }) => sum + size, -startOf(log).offset);
  const others: readonly LogObserver[] = [bindings, names, creations];
  const see = (record: ScannedRecord): void => {
    transactions.see(record);
    if (record.code === commit.code) return;
    noted?.keep(record);
    for (const observer of others) observer.see(record);
    if (isFileOperation(record.code)) fileOperations.push(record.lsn);
    const missed = unseen?.missedUntil(record);
    if (missed !== undefined) commits.missUntilCommit(record.txnId, missed);
    const nested = bodyAs(record, child);
    if (nested) commits.seeChild(nested.child, record.txnId);
    if (record.code === cksum.code) {
      warnings.push(
        `log record ${formatLsn(record.lsn)} says that the application met a page with a wrong checksum: verify the source`,
      );
    }
  };
  const accepted = point.kind === 'lsn' ? { acceptDamageAfter: point.lsn } : {};
  const scanned = { ...accepted, until: rest?.from };
  const links = new RecordLinks(startOf(log));
  let records = 0;
  let logBytes = 0;
  let end = await forEachBatch(files, log, scanned, async (batch) => {
    const { number, framing } = batch.file;
    if (framing.cipher) for (let i = 0; i < batch.count; i++) links.check(batch.record(i));
    for (let i = 0; i < batch.count; i++) {
      const txnId = batch.txnId(i);
      if (txnId !== 0) transactions.follow(txnId, number, batch.offsetOf(i), batch.beginsTransaction(i));
      const code = batch.code(i);
      // By far the most of them, and nobody else's.
      if (code === commit.code && transactions.seeCommitIn(batch, i)) continue;
      if (isNoted[code]) see(batch.record(i));
    }
    records += batch.count;
    logBytes += batch.byteCount;
    await pause(watch, { phase: 'read the log', done: logBytes, total: totalBytes, step: batch.byteCount });
  });
  if (rest) {
    const { from, analysis: later } = rest;
    if (!later.noted?.isComplete || !transactions.goOnWith(later.transactions, from)) throw new NotApart();
    for (const record of later.noted) see(record);
    records += later.records;
    logBytes += later.logBytes;
    ({ end } = later);
  }
  if (end.damage) warnings.push(`${end.damage.message}; what follows is left out, as asked`);
  for (const { lsn, name } of bindings.reopened) {
    warnings.push(
      `${name} was still open when another database took its id at ${formatLsn(lsn)}: the application was started again without recovery after a crash`,
    );
  }
  for (const { lsn, name, inUseFor } of bindings.takenForStale) {
    warnings.push(
      `log record ${formatLsn(lsn)} says that ${name} is open under the file id of ${inUseFor}: it is taken for one that Berkeley DB 5.0 repeats after a file was closed, and passed over`,
    );
  }
  commits.requireStart();
  const limit = commits.findLimit(end.lsn);
  const onPagesBefore = commits.usableCheckpoint?.redoFrom ?? noLsn;
  transactions.decide(limit?.lsn);
  requireUndoable(transactions);
  const found = { transactions, commits, bindings, creations, names, fileOperations };
  return { ...found, end, records, logBytes, limit, onPagesBefore, warnings, noted };
}

/** Throws when a transaction committed after the limit and began before the log: it cannot be undone. */
function requireUndoable({ notUndoable }: Transactions): void {
  if (!notUndoable) return;
  const { id, lsn } = notUndoable;
  throw new FigaroError(
    'restore-point-unreachable',
    `transaction ${id.toString(16)} committed at ${formatLsn(lsn)}, after the point asked for, and began before the log`,
    { lsn: formatLsn(lsn), hint: 'choose a later point, or add the earlier log files.' },
  );
}

/** The LSN after which records no longer count. */
export function lastLsn(analysis: Analysis): Lsn {
  return analysis.limit?.lsn ?? analysis.end.lastRecord ?? analysis.end.lsn;
}
