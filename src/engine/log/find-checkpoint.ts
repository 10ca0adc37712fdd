import { type Lsn } from '../../format/lsn.ts';
import { checkpoint } from '../../format/log/records/txn.ts';
import { isSound } from '../../format/log/framing.ts';
import { type Files } from '../files/files.ts';
import { type Log } from './log-files.ts';
import { scanBatches } from './scan.ts';
import { bodyAs } from './scanned-record.ts';

/** The last checkpoint record that is completely in a log, and where redo from it starts. */
export interface LastCheckpoint {
  readonly lsn: Lsn;
  readonly redoFrom: Lsn;
}

/**
 * Looks for the last checkpoint of a log, from its last file backwards; undefined when it has none.
 *
 * @param isVerifiedLater all records of the file that it is found in are verified by the caller: damage does not end the search, then
 */
export function findLastCheckpoint(files: Files, log: Log, isVerifiedLater = false): LastCheckpoint | undefined {
  for (const file of log.files.toReversed()) {
    let found: LastCheckpoint | undefined;
    const { framing } = file;
    // Most of the time of a scan goes into checksums.
    const verify = !isVerifiedLater || framing.cipher !== undefined;
    // One file at a time is scanned as if it were the last: what lies behind its records is not judged here.
    const acceptDamageAfter = { file: 0, offset: 0 };
    for (const batch of scanBatches(files, { files: [file], incomplete: [] }, { verify, acceptDamageAfter })) {
      for (let i = 0; i < batch.count; i++) {
        if (batch.code(i) !== checkpoint.code) continue;
        if (!verify && !isSound(batch.bytes, batch.starts[i]!, batch.lengthOf(i), framing)) continue;
        const record = batch.record(i);
        const body = bodyAs(record, checkpoint);
        if (body) found = { lsn: record.lsn, redoFrom: body.redoFrom };
      }
    }
    if (found) return found;
  }
  return undefined;
}
