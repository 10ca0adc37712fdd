import { noLsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { type Log } from './log-files.ts';
import { scanBatches, type LogEnd, type RecordBatch, type ScanOptions } from './scan.ts';

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
    scan.return({ lsn: noLsn, lastRecord: undefined, torn: false });
  }
}
