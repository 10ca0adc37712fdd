/** Whether a database file, as it is on disk, lacks what the log of its environment has to tell. */

import { FigaroError } from '../../errors.ts';
import { recordAt } from '../../format/log/frame.ts';
import { child, commit, txnOpcode } from '../../format/log/records/txn.ts';
import { compareLsn, equalLsn, isNoLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { DatabaseFile } from '../database/database-file.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { findLastCheckpoint, type LastCheckpoint } from '../log/find-checkpoint.ts';
import { openLog, type Log } from '../log/log-files.ts';
import { scanBatches, type RecordBatch } from '../log/scan.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';
import { FileBindings } from './bindings.ts';
import { holdsPlace, placeOfBefore, type PagePlaceInRecord } from './page-change.ts';
import { operationsFor } from './record-operations/table.ts';

/** Damage is taken for the end of the log: others judge it. */
const toTheEnd = { acceptDamageAfter: { file: 0, offset: 0 } } as const;

/**
 * True when a transaction has committed a change of one page of the file, since the last checkpoint, which is not on the page: of what a
 * transaction puts, something always is. What cannot be read says nothing: it is only about advice.
 *
 * @param path of the file, which is one of the environment
 */
export async function isBehindLog(
  files: Files,
  environment: Environment,
  path: string,
  watch: Watch,
): Promise<boolean> {
  try {
    const log = openLog(files, logPaths(environment));
    const file = new DatabaseFile(files, path);
    try {
      return await lacksChanges(files, log, await lastCheckpointOf(files, log, watch), file, watch);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof FigaroError && error.code !== 'interrupted') return false;
    throw error;
  }
}

/** Of pages that were written without the log, or new, or reset. */
const notLogged: Lsn = { file: 0, offset: 1 };

const progress = { phase: 'look at the log beside it' };

/** As `findLastCheckpoint`, in a log that may be large, and have none. */
async function lastCheckpointOf(files: Files, log: Log, watch: Watch): Promise<LastCheckpoint | undefined> {
  for (const file of log.files.toReversed()) {
    const found = findLastCheckpoint(files, { files: [file], incomplete: [] });
    if (found) return found;
    await pause(watch, progress);
  }
  return undefined;
}

async function lacksChanges(
  files: Files,
  log: Log,
  checkpoint: LastCheckpoint | undefined,
  file: DatabaseFile,
  watch: Watch,
): Promise<boolean> {
  const bindings = new FileBindings();
  const onDisk = new Map<number, Lsn | undefined>();
  const isLacking = (batch: RecordBatch, i: number): boolean => {
    const place = operationsFor(batch.file.version)[batch.code(i)]?.onePage;
    if (!place || batch.isDebug(i) || !holdsPlace(batch, i, place)) return false;
    const fields = batch.starts[i]! + recordAt.fields;
    const lsn = batch.lsn(i);
    if (bindings.at(batch.view.getInt32(fields + place.fileId, true), lsn)?.uid !== file.format.uid) return false;
    const pgno = batch.view.getUint32(fields + place.pgno, true);
    if (!onDisk.has(pgno)) onDisk.set(pgno, lsnOf(file, pgno));
    const there = onDisk.get(pgno);
    if (there === undefined || compareLsn(there, lsn) >= 0) return false;
    // Where the LSNs were reset, what was logged before is on the page; a new page has such an LSN, too.
    return !equalLsn(there, notLogged) || isFirstChange(batch.view, fields, place);
  };
  /** The transactions that have made such changes, and have not ended. */
  const open = new Set<number>();
  const isCommitOfOne = (batch: RecordBatch, i: number): boolean => {
    const txnId = batch.txnId(i);
    const code = batch.code(i);
    // One of that id before was lost in a crash.
    if (batch.beginsTransaction(i)) open.delete(txnId);
    if (code === child.code) {
      const nested = bodyAs(batch.record(i), child);
      if (nested && open.delete(nested.child)) open.add(txnId);
    } else if (code === commit.code) {
      return open.delete(txnId) && bodyAs(batch.record(i), commit)?.opcode === txnOpcode.commit;
    } else if (txnId !== 0 && !open.has(txnId) && isLacking(batch, i)) {
      open.add(txnId);
    }
    return false;
  };
  // What came before is on the pages (recovery document, F.1). What is open then is registered anew until the checkpoint is made.
  const isWhole =
    checkpoint &&
    checkpoint.redoFrom.file >= log.files[0]!.number &&
    compareLsn(checkpoint.redoFrom, checkpoint.lsn) <= 0;
  const start = isWhole ? { ...log, start: checkpoint.redoFrom } : log;
  const until = isWhole ? checkpoint.lsn : noLsn;
  await learnBindings(files, start, until, bindings, watch);
  for (const batch of scanBatches(files, start, toTheEnd)) {
    for (let i = 0; i < batch.count; i++) {
      if (isNoted.has(batch.code(i)) && compareLsn(batch.lsn(i), until) > 0) bindings.see(batch.record(i));
      if (isCommitOfOne(batch, i)) return true;
    }
    await pause(watch, progress);
  }
  return false;
}

/** True for a record that names no other as the last one of its page. */
function isFirstChange(view: DataView, fields: number, place: PagePlaceInRecord): boolean {
  const before = placeOfBefore(view, fields, place);
  return before !== undefined && view.getUint32(before, true) === 0;
}

const isNoted = new Set(FileBindings.notedCodes);

/** Learns what ids stand for from the records up to a place. */
async function learnBindings(files: Files, log: Log, until: Lsn, bindings: FileBindings, watch: Watch): Promise<void> {
  if (isNoLsn(until)) return;
  for (const batch of scanBatches(files, log, toTheEnd)) {
    for (let i = 0; i < batch.count; i++) {
      if (compareLsn(batch.lsn(i), until) > 0) return;
      if (isNoted.has(batch.code(i))) bindings.see(batch.record(i));
    }
    await pause(watch, progress);
  }
}

/** Undefined behind the end of the file: whoever makes it longer changes another page of it, too. */
function lsnOf(file: DatabaseFile, pgno: number): Lsn | undefined {
  const head = file.contentsOf(pgno);
  if (head.length < 8) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, 8);
  const { littleEndian } = file.format;
  return { file: view.getUint32(0, littleEndian), offset: view.getUint32(4, littleEndian) };
}
