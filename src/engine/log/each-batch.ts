import { noLsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { type Log } from './log-files.ts';
import { scanBatches, type LogEnd, type RecordBatch, type ScanOptions } from './scan.ts';
import { type ScannedRecord } from './scanned-record.ts';

const unreached: LogEnd = { lsn: noLsn, lastRecord: undefined, torn: false };

/**
 * Looks at all records of a log, some megabytes at a time. Returns where it ends. Throws what `scanLog` and `see` throw; the file that
 * was read is closed by then.
 */
export async function forEachBatch(
  files: Files,
  log: Log,
  options: ScanOptions,
  see: (batch: RecordBatch) => void | Promise<void>,
): Promise<LogEnd> {
  const scan = scanBatches(files, log, options);
  try {
    let step = scan.next();
    for (; !step.done; step = scan.next()) await see(step.value);
    return step.value;
  } finally {
    scan.return(unreached);
  }
}

/** As `forEachBatch`, at once and record by record, for those who read a little of a log. */
export function readToEnd(
  files: Files,
  log: Log,
  options: ScanOptions = {},
  see: (record: ScannedRecord) => void = () => {},
): LogEnd {
  const scan = scanBatches(files, log, options);
  try {
    let step = scan.next();
    for (; !step.done; step = scan.next()) {
      for (let i = 0; i < step.value.count; i++) see(step.value.record(i));
    }
    return step.value;
  } finally {
    scan.return(unreached);
  }
}
