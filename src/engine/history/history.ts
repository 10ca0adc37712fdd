/** What a log tells of transactions, for people: when how much was committed, and by which. */

import { txnOpcode, child, commit } from '../../format/log/records/txn.ts';
import { FigaroError } from '../../errors.ts';
import { compareLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { FileBindings } from '../recovery/bindings.ts';
import { type Commit } from '../recovery/restore-point.ts';
import { forEachBatch } from '../log/each-batch.ts';
import { type Log } from '../log/log-files.ts';
import { type LogEnd, type RecordBatch } from '../log/scan.ts';
import { bodyAs } from '../log/scanned-record.ts';

/** Changes of one database by one transaction. */
export interface DatabaseChanges {
  /** The database’s file, or a number in brackets where the log does not tell. */
  readonly name: string;
  readonly records: number;
}

/** A transaction that committed. */
export interface CommittedTransaction extends Commit {
  readonly id: number;
  /** Its records, and those of its children. */
  readonly records: number;
  readonly bytes: number;
  /** The most changed first. */
  readonly databases: readonly DatabaseChanges[];
  /** The commit before it: recovery to there leaves this transaction out. Undefined for the first of the log. */
  readonly previous: Commit | undefined;
}

/** What was committed in one second. */
export interface Second {
  /** Seconds since 1970. */
  readonly time: number;
  commits: number;
  records: number;
  bytes: number;
}

export interface History {
  /** Seconds in which something was committed, in order. */
  readonly seconds: readonly Second[];
  /** The largest transactions, largest first. */
  readonly largest: readonly CommittedTransaction[];
  readonly commits: number;
  /** Transactions that were taken back, or were not finished: an abort leaves no record. */
  readonly uncommitted: number;
  readonly end: LogEnd;
}

export interface HistoryOptions {
  /** Seconds since 1970; commits before are left out. */
  readonly since?: number;
  /** Seconds since 1970; commits after are left out. */
  readonly until?: number;
  /** Only transactions that changed a file of this name. */
  readonly container?: string;
  /** Names of the databases that are there: the log may say nothing of one. */
  readonly databases?: readonly string[];
  /** How many of the largest transactions to tell of. */
  readonly largest: number;
}

/** A transaction that is going on. */
interface Running {
  records: number;
  bytes: number;
  /** By file id: how many records, and where the last one is. */
  readonly files: Map<number, { records: number; lsn: Lsn }>;
}

/** A committed transaction whose files have no names yet: a log names them at the next checkpoint at the latest. */
type Unnamed = Omit<CommittedTransaction, 'databases'> & Pick<Running, 'files'>;

const isNoted: ReadonlySet<number> = new Set(FileBindings.notedCodes);

/** Reads a log once. Throws what `scanLog` throws, and `container-missing` for a container that nobody knows. */
export async function readHistory(files: Files, log: Log, options: HistoryOptions, watch: Watch): Promise<History> {
  const { container, databases = [] } = options;
  // Which ids mean the container has to be known before.
  const bindings = container === undefined ? new FileBindings() : await readBindings(files, log, watch);
  if (container !== undefined) requireContainer(bindings, container, databases);
  const reader = new HistoryReader(options, bindings, container === undefined);
  const end = await readLog(files, log, watch, (batch) => reader.see(batch));
  return reader.result(end);
}

/** What file ids mean, everywhere in a log. */
export async function readBindings(files: Files, log: Log, watch: Watch): Promise<FileBindings> {
  const bindings = new FileBindings();
  await readLog(files, log, watch, (batch) => {
    for (let i = 0; i < batch.count; i++) if (isNoted.has(batch.code(i))) bindings.see(batch.record(i));
  });
  return bindings;
}

async function readLog(files: Files, log: Log, watch: Watch, see: (batch: RecordBatch) => void): Promise<LogEnd> {
  const total = log.files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  return await forEachBatch(files, log, {}, async (batch) => {
    see(batch);
    done += batch.byteCount;
    await pause(watch, { phase: 'read the log', done, total });
  });
}

/** True when `name`, as a log has it, is meant by what a person gave: with or without its directory. */
export function isNamed(name: string, given: string): boolean {
  return name === given || name.endsWith(`/${given}`);
}

/** Throws `container-missing` for a name that neither the log nor the databases beside it have. */
export function requireContainer(bindings: FileBindings, given: string, databases: readonly string[]): void {
  const logged = [...bindings.all()].filter(({ inMemory }) => !inMemory).map(({ name }) => name);
  const names = [...new Set([...databases, ...logged])].sort();
  if (names.some((name) => isNamed(name, given))) return;
  throw new FigaroError('container-missing', `${given} is neither in this log nor beside it`, {
    path: given,
    hint: names.length === 0 ? 'the log names no container at all.' : `there is ${names.join(', ')}.`,
  });
}

class HistoryReader {
  readonly #options: HistoryOptions;
  readonly #bindings: FileBindings;
  /** The bindings are not known yet, and gathered on the way. */
  readonly #gathers: boolean;
  readonly #running = new Map<number, Running>();
  readonly #seconds = new Map<number, Second>();
  #largest: Unnamed[] = [];
  #previous: Commit | undefined;
  #commits = 0;
  #uncommitted = 0;

  constructor(options: HistoryOptions, bindings: FileBindings, gathers: boolean) {
    this.#options = options;
    this.#bindings = bindings;
    this.#gathers = gathers;
  }

  see(batch: RecordBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const record = batch.record(i);
      const { txnId, code } = record;
      if (this.#gathers && isNoted.has(code)) this.#bindings.see(record);
      if (txnId === 0) continue;
      const running = this.#runningOf(txnId, batch.beginsTransaction(i));
      running.records++;
      running.bytes += record.length;
      const ending = bodyAs(record, commit);
      if (ending) {
        this.#running.delete(txnId);
        if (ending.opcode === txnOpcode.commit) this.#commit(txnId, record.lsn, ending.timestamp, running);
        else this.#uncommitted++;
        continue;
      }
      const joined = bodyAs(record, child);
      if (joined) {
        this.#join(running, joined.child);
        continue;
      }
      if (record.isDebug || !record.layout) continue;
      const { fileId } = record.body as { readonly fileId?: number };
      if (fileId === undefined) continue;
      const known = running.files.get(fileId);
      running.files.set(fileId, { records: (known?.records ?? 0) + 1, lsn: record.lsn });
    }
  }

  #runningOf(txnId: number, begins: boolean): Running {
    let running = begins ? undefined : this.#running.get(txnId);
    // Ids are used again.
    if (begins && this.#running.has(txnId)) this.#uncommitted++;
    if (!running) this.#running.set(txnId, (running = { records: 0, bytes: 0, files: new Map() }));
    return running;
  }

  #join(parent: Running, childId: number): void {
    const joined = this.#running.get(childId);
    if (!joined) return;
    this.#running.delete(childId);
    parent.records += joined.records;
    parent.bytes += joined.bytes;
    for (const [fileId, { records, lsn }] of joined.files) {
      parent.files.set(fileId, { records: (parent.files.get(fileId)?.records ?? 0) + records, lsn });
    }
  }

  #commit(id: number, lsn: Lsn, time: number, { records, bytes, files }: Running): void {
    const previous = this.#previous;
    this.#previous = { lsn, time };
    const { since = 0, until = Infinity, container, largest } = this.#options;
    if (time < since || time > until) return;
    if (container !== undefined && !this.#touches(files, container)) return;
    this.#commits++;
    let second = this.#seconds.get(time);
    if (!second) this.#seconds.set(time, (second = { time, commits: 0, records: 0, bytes: 0 }));
    second.commits++;
    second.records += records;
    second.bytes += bytes;
    if (largest === 0) return;
    if (this.#largest.length >= largest && bytes <= this.#largest.at(-1)!.bytes) return;
    this.#largest.push({ id, lsn, time, records, bytes, files, previous });
    this.#largest.sort((a, b) => b.bytes - a.bytes || compareLsn(a.lsn, b.lsn));
    this.#largest = this.#largest.slice(0, largest);
  }

  #touches(files: Running['files'], container: string): boolean {
    for (const [fileId, { lsn }] of files) {
      const name = this.#bindings.at(fileId, lsn)?.name;
      if (name !== undefined && isNamed(name, container)) return true;
    }
    return false;
  }

  result(end: LogEnd): History {
    const seconds = [...this.#seconds.values()].sort((a, b) => a.time - b.time);
    const largest = this.#largest.map(({ files, ...transaction }) => ({
      ...transaction,
      databases: this.#namesOf(files),
    }));
    return { seconds, largest, commits: this.#commits, uncommitted: this.#uncommitted + this.#running.size, end };
  }

  #namesOf(files: Running['files']): DatabaseChanges[] {
    const byName = new Map<string, number>();
    for (const [fileId, { records, lsn }] of files) {
      const name = this.#bindings.at(fileId, lsn)?.name ?? `[${fileId}]`;
      byName.set(name, (byName.get(name) ?? 0) + records);
    }
    return [...byName].map(([name, records]) => ({ name, records })).sort((a, b) => b.records - a.records);
  }
}

/** The place in a log where what happened in a span of time begins and ends: behind the last commit before it, at its last. */
export async function findSpan(
  files: Files,
  log: Log,
  { since = 0, until = Infinity }: { readonly since?: number | undefined; readonly until?: number | undefined },
  watch: Watch,
): Promise<{ readonly after: Lsn; readonly last: Lsn | undefined }> {
  let after = noLsn;
  let last: Lsn | undefined;
  await readLog(files, log, watch, (batch) => {
    for (let i = 0; i < batch.count; i++) {
      if (batch.code(i) !== commit.code) continue;
      const record = batch.record(i);
      const body = bodyAs(record, commit);
      if (!body) continue;
      if (body.timestamp < since) after = record.lsn;
      if (body.timestamp <= until) last = record.lsn;
    }
  });
  return { after, last: until === Infinity ? undefined : (last ?? noLsn) };
}
