import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, isNoLsn, type Lsn } from '../../format/lsn.ts';
import { startOf } from '../log/log-files.ts';
import { type LogReader } from '../log/log-reader.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';
import { type PreparedRecovery } from './recovery.ts';

/** So many records of unfinished transactions are gone through before others have their turn. */
export const undoStride = 1024;

/**
 * Shows the records of what has not committed, as far as it goes up to the cut of a restore point, the last one first. They are reached
 * through each transaction's own chain, so that the rest of the log is not read again.
 *
 * @param visit `check` for what began before the log: it is only made sure that nothing of it is on the pages (F.6)
 */
export async function followUndoChains(
  { log, analysis }: PreparedRecovery,
  reader: LogReader,
  watch: Watch,
  visit: (record: ScannedRecord, check: boolean) => void,
): Promise<void> {
  const first = startOf(log);
  const chains = new UndoChains();
  for (const { fate, chainEnds } of analysis.transactions.unfinished()) {
    for (const lsn of chainEnds) chains.push({ lsn, check: fate === 'ignored' });
  }
  let done = 0;
  for (let chain = chains.pop(); chain; chain = chains.pop()) {
    const record = reader.read(chain.lsn);
    visit(record, chain.check);
    const { prevLsn } = record;
    if (!isNoLsn(prevLsn) && compareLsn(prevLsn, first) >= 0) {
      if (compareLsn(prevLsn, record.lsn) >= 0) throw loop(record, prevLsn);
      chains.push({ lsn: prevLsn, check: chain.check });
    }
    if (++done % undoStride === 0) await pause(watch, { phase: 'undo', done });
  }
}

/** For a record that names one behind it as the one before. */
export function loop(record: ScannedRecord, before: Lsn): FigaroError {
  return new FigaroError(
    'log-corrupt',
    `log record ${formatLsn(record.lsn)} names ${formatLsn(before)} as the record before it`,
    { lsn: formatLsn(record.lsn) },
  );
}

interface UndoChain {
  readonly lsn: Lsn;
  /** Only make sure that the pages hold nothing of it. */
  readonly check: boolean;
}

/**
 * Chains of records to be followed back, the latest LSN first: a binary heap, in columns, since there can be millions of
 * aborted transactions.
 */
export class UndoChains {
  #files = new Uint32Array(64);
  #offsets = new Uint32Array(64);
  #checks = new Uint8Array(64);
  #length = 0;

  push({ lsn, check }: UndoChain): void {
    if (this.#length === this.#files.length) this.#grow();
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isEarlier(parent, lsn.file, lsn.offset)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#files[at] = lsn.file;
    this.#offsets[at] = lsn.offset;
    this.#checks[at] = check ? 1 : 0;
  }

  pop(): UndoChain | undefined {
    if (this.#length === 0) return undefined;
    const top = { lsn: { file: this.#files[0]!, offset: this.#offsets[0]! }, check: this.#checks[0] === 1 };
    const last = --this.#length;
    const file = this.#files[last]!;
    const offset = this.#offsets[last]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isEarlier(child, this.#files[child + 1]!, this.#offsets[child + 1]!)) child += 1;
      if (this.#isEarlier(child, file, offset)) break;
      this.#move(child, at);
      at = child;
    }
    this.#move(last, at);
    return top;
  }

  #isEarlier(at: number, file: number, offset: number): boolean {
    return this.#files[at] === file ? this.#offsets[at]! < offset : this.#files[at]! < file;
  }

  #move(from: number, to: number): void {
    this.#files[to] = this.#files[from]!;
    this.#offsets[to] = this.#offsets[from]!;
    this.#checks[to] = this.#checks[from]!;
  }

  #grow(): void {
    const length = 2 * this.#length;
    const files = new Uint32Array(length);
    const offsets = new Uint32Array(length);
    const checks = new Uint8Array(length);
    files.set(this.#files);
    offsets.set(this.#offsets);
    checks.set(this.#checks);
    this.#files = files;
    this.#offsets = offsets;
    this.#checks = checks;
  }
}
