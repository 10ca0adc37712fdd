import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { encodeCheckpoint, encodeRecycle, encodeRegister } from '../../format/log/encode.ts';
import { encodeFileHeader } from '../../format/log/file-header.ts';
import { registration } from '../../format/log/records/dbreg.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { earlierLsn, isNoLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { firstRecordOf, type LogFile } from '../log/log-files.ts';
import { logFileName } from '../../format/names.ts';
import { type TransactionInDoubt } from '../log/transactions.ts';
import { type Binding, type FileBindings } from './bindings.ts';

/** Transaction ids of the library (format document, 3.1). */
const firstTxnId = 0x8000_0000;
const lastTxnId = 0xffff_ffff;

/** Flags of registrations that open, from log version 17 on (format document, 3.6). */
const registrationFlag = { bigEndian: 0x1000, checksums: 0x2000, encrypted: 0x4000 } as const;

/** What the finishing records say. */
interface Finish {
  /** Databases still registered, the latest first, with what is known of their files. */
  readonly open: readonly (Binding & { readonly flags: number })[];
  /** Prepared transactions without an outcome. */
  readonly inDoubt: readonly TransactionInDoubt[];
  /** The last record that stays, and the last checkpoint up to there. */
  readonly lastRecord: Lsn;
  readonly lastCheckpoint: Lsn | undefined;
}

type Form = Pick<DatabaseFormat, 'littleEndian' | 'checksums' | 'encrypted'>;

function flagsOf(format: Form): number {
  return (
    (format.littleEndian ? 0 : registrationFlag.bigEndian) |
    (format.checksums ? registrationFlag.checksums : 0) |
    (format.encrypted ? registrationFlag.encrypted : 0)
  );
}

/**
 * Databases registered after the last record of a log. Named ones in memory are among them, because what comes later
 * takes their ids. Those without a name have no registration.
 */
export function registeredAtEnd(
  bindings: FileBindings,
  lastRecord: Lsn,
  formatOf: (uid: string) => Form | undefined,
): Finish['open'] {
  return bindings
    .openAt(lastRecord)
    .filter(({ name }) => name !== '')
    .map((binding) => {
      const format = formatOf(binding.uid);
      return { ...binding, flags: format ? flagsOf(format) : 0 };
    });
}

/** The records that native recovery leaves at the end of a log (recovery document, A.10). */
export function finishingRecords(finish: Finish, logVersion: number, now: Date): Uint8Array[] {
  const { open, inDoubt, lastRecord, lastCheckpoint } = finish;
  const keepOpen = inDoubt.length > 0;
  const records = open.map(({ flags, ...binding }) =>
    encodeRegister(
      {
        ...binding,
        opcode: keepOpen ? registration.checkpoint | (logVersion >= 17 ? flags : 0) : registration.recoveryClose,
      },
      logVersion,
    ),
  );
  // One without a change has begun nowhere.
  const begun = inDoubt.map(({ prepared }) => prepared.beginLsn).filter((lsn) => !isNoLsn(lsn));
  const redoFrom = begun.reduce((earliest, lsn) => earlierLsn(earliest, lsn), lastRecord);
  records.push(
    encodeCheckpoint({
      redoFrom,
      lastCheckpoint: lastCheckpoint ?? noLsn,
      timestamp: Math.floor(now.getTime() / 1000),
      environmentId: randomBytes(4).readUInt32LE(),
    }),
  );
  const [min, max] = freeIds(inDoubt.map(({ id }) => id));
  records.push(encodeRecycle(min, max));
  return records;
}

/** The largest range of transaction ids, perhaps around the end, that holds none of the ids in use. */
export function freeIds(inUse: readonly number[]): readonly [number, number] {
  if (inUse.length === 0) return [firstTxnId, lastTxnId];
  const ids = [...inUse].sort((a, b) => a - b);
  const next = (id: number): number => (id === lastTxnId ? firstTxnId : id + 1);
  const before = (id: number): number => (id === firstTxnId ? lastTxnId : id - 1);
  let best = { from: ids.at(-1)!, to: ids[0]!, length: ids[0]! - firstTxnId + lastTxnId - ids.at(-1)! };
  for (let i = 1; i < ids.length; i++) {
    const length = ids[i]! - ids[i - 1]! - 1;
    if (length > best.length) best = { from: ids[i - 1]!, to: ids[i]!, length };
  }
  return [next(best.from), before(best.to)];
}

/**
 * Appends records to a log whose last file is cut off at `end`. A record that does not fit begins a new file, as the
 * library does it. Returns the names of the files written; everything is synced but the directory.
 */
export function appendRecords(
  files: Files,
  directory: string,
  last: LogFile,
  end: Lsn,
  lastRecord: Lsn,
  records: readonly Uint8Array[],
): string[] {
  const written = [logFileName(end.file)];
  let file = files.openToWrite(path.join(directory, written[0]!));
  let number = end.file;
  let at = end.offset;
  let prev = lastRecord.file === end.file ? lastRecord.offset : 0;
  try {
    file.truncate(at);
    for (const record of records) {
      let sealed = last.framing.seal(record, prev);
      if (at + sealed.length > last.maxSize && at > firstRecordOf(last)) {
        file.sync();
        file.close();
        number += 1;
        const name = logFileName(number);
        file = files.create(path.join(directory, name));
        written.push(name);
        file.writeAt(encodeFileHeader({ ...last, prev }), 0);
        at = firstRecordOf(last);
        prev = 0;
        sealed = last.framing.seal(record, prev);
      }
      file.writeAt(sealed, at);
      prev = at;
      at += sealed.length;
    }
    file.sync();
  } finally {
    file.close();
  }
  return written;
}
