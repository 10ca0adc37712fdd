/** The records of a log one by one, for people and programs. */

import { compareLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { recordName } from '../../format/log/layouts.ts';
import { type Files } from '../files/files.ts';
import { type Log } from '../log/log-files.ts';
import { PageCollector } from '../log/page-collector.ts';
import { scanLog } from '../log/scan.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { type FileBindings } from '../recovery/bindings.ts';
import { isNamed } from './history.ts';

/** Which records; all of them when nothing is said. */
export interface RecordFilter {
  /** From this record on. */
  readonly from?: Lsn;
  /** Behind this LSN. */
  readonly after?: Lsn;
  /** Up to and including this LSN. */
  readonly last?: Lsn;
  readonly txnId?: number;
  /** Berkeley DB’s own name of the type, without underscores in front. */
  readonly type?: string;
  /** Only of files of this name. */
  readonly container?: string;
  /** Only what changes this page. */
  readonly pgno?: number;
}

/** A record with what it is about. Valid until the next one. */
export interface ShownRecord {
  readonly record: ScannedRecord;
  readonly type: string;
  /** The file of the database, where the log tells. */
  readonly file: string | undefined;
}

/** The records that a filter lets pass. */
export function* filterRecords(
  files: Files,
  log: Log,
  bindings: FileBindings,
  filter: RecordFilter,
): Generator<ShownRecord | undefined> {
  const { from, after = noLsn, last, txnId, type, container, pgno } = filter;
  const collector = new PageCollector();
  const start = laterOf(from, after, log);
  for (const record of scanLog(files, log, start ? { from: start } : {})) {
    // Nothing for this one: the caller can have a look at other things.
    yield undefined;
    if (last && compareLsn(record.lsn, last) > 0) return;
    if (compareLsn(record.lsn, after) <= 0 && after.file > 0) continue;
    if (txnId !== undefined && record.txnId !== txnId) continue;
    const name = record.layout?.name ?? recordName(record.code);
    if (type !== undefined && name !== type) continue;
    collector.reset();
    if (record.layout && !record.isDebug) record.decodeWith(collector);
    const { collectedFileId, pgnos } = collector;
    const file = collectedFileId === undefined ? undefined : bindings.at(collectedFileId, record.lsn)?.name;
    if (container !== undefined && (file === undefined || !isNamed(file, container))) continue;
    if (pgno !== undefined && !pgnos.includes(pgno)) continue;
    yield { record, type: name, file };
  }
}

/** Where to begin to read; undefined for the beginning of the log. */
function laterOf(from: Lsn | undefined, after: Lsn, log: Log): Lsn | undefined {
  const start = from && compareLsn(from, after) > 0 ? from : after;
  return start.file >= log.files[0]!.number ? start : undefined;
}
