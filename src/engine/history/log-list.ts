/** The files of a log: what is in each, and what it is needed for. */

import { checkpoint, commit } from '../../format/log/records/txn.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { forEachBatch } from '../log/each-batch.ts';
import { firstRecordOf, type Log, type LogFile } from '../log/log-files.ts';
import { type LogEnd, type RecordBatch } from '../log/scan.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';

export interface ListedLogFile {
  readonly number: number;
  readonly path: string;
  /** Log version: tells the library. */
  readonly version: number;
  /** In bytes. */
  readonly size: number;
  records: number;
  readonly first: Lsn;
  last: Lsn | undefined;
  /** Commits in it, and their times in seconds since 1970. */
  commits: number;
  firstTime: number | undefined;
  lastTime: number | undefined;
  /** Recovery of the environment as it is reads it. */
  neededForRecovery: boolean;
}

export interface LogList {
  readonly files: readonly ListedLogFile[];
  readonly end: LogEnd;
  /** Where recovery of the environment as it is begins; undefined without a checkpoint: at the first record. */
  readonly redoFrom: Lsn | undefined;
}

/** Reads a log once. Throws what `scanLog` throws. */
export async function listLogFiles(files: Files, log: Log, watch: Watch): Promise<LogList> {
  const listed = new Map(log.files.map((file) => [file.number, emptyEntry(file)]));
  let redoFrom: Lsn | undefined;
  const total = log.files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const end = await forEachBatch(files, log, {}, async (batch) => {
    redoFrom = note(listed.get(batch.file.number)!, batch) ?? redoFrom;
    done += batch.byteCount;
    await pause(watch, { phase: 'read the log', done, total });
  });
  const entries = [...listed.values()];
  const needed = redoFrom;
  for (const entry of entries) {
    entry.neededForRecovery = needed === undefined || entry.number >= needed.file;
  }
  return { files: entries, end, redoFrom };
}

function emptyEntry(file: LogFile): ListedLogFile {
  const { number, path, version, size } = file;
  return {
    number,
    path,
    version,
    size,
    records: 0,
    first: { file: number, offset: firstRecordOf(file) },
    last: undefined,
    commits: 0,
    firstTime: undefined,
    lastTime: undefined,
    neededForRecovery: true,
  };
}

/** Notes the records of a batch; returns the redo point of the last checkpoint in it. */
function note(entry: ListedLogFile, batch: RecordBatch): Lsn | undefined {
  let redoFrom: Lsn | undefined;
  entry.records += batch.count;
  entry.last = { file: entry.number, offset: batch.offsetOf(batch.count - 1) };
  for (let i = 0; i < batch.count; i++) {
    const code = batch.code(i);
    if (code === commit.code) {
      const time = bodyAs(batch.record(i), commit)?.timestamp;
      if (time === undefined) continue;
      entry.commits++;
      entry.firstTime ??= time;
      entry.lastTime = time;
    } else if (code === checkpoint.code) {
      const taken = bodyAs(batch.record(i), checkpoint);
      if (taken && (!redoFrom || compareLsn(taken.redoFrom, redoFrom) > 0)) ({ redoFrom } = taken);
    }
  }
  return redoFrom;
}
