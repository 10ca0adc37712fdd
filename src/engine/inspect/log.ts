/** What a log is, and how far it is ahead of the containers. Only its end is read. */

import { FigaroError, isOfTheRun } from '../../errors.ts';
import { checkpoint } from '../../format/log/records/txn.ts';
import { compareLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { releaseOfLog } from '../../format/releases.ts';
import { LogNotes } from '../backup/log-notes.ts';
import { normalDirectory } from '../../format/names.ts';
import { filesOfKind, logPaths, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { forEachBatch } from '../log/each-batch.ts';
import { findLastCheckpoint } from '../log/find-checkpoint.ts';
import { firstRecordOf, openLog, type Log } from '../log/log-files.ts';
import { LogReader } from '../log/log-reader.ts';
import { type LogEnd } from '../log/scan.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';

/** Log files that follow each other and have one version. */
export interface LogVersion {
  readonly version: number;
  /** The releases that write it. */
  readonly release: string | undefined;
  readonly firstFile: number;
  readonly lastFile: number;
}

export interface InspectedCheckpoint {
  readonly lsn: Lsn;
  /** In seconds since 1970. */
  readonly time: number;
  /** Where recovery begins to read. */
  readonly redoFrom: Lsn;
}

export interface InspectedLog {
  /** As DB_CONFIG has it; empty for the environment itself. */
  readonly directory: string;
  readonly files: number;
  /** In bytes. */
  readonly size: number;
  readonly firstFile: number;
  readonly lastFile: number;
  readonly encrypted: boolean;
  /** Undefined when the log cannot be read; `problem` says why. */
  readonly contents: LogContents | undefined;
  readonly problem: FigaroError | undefined;
}

export interface LogContents {
  readonly versions: readonly LogVersion[];
  readonly first: Lsn;
  readonly end: LogEnd;
  /** The last complete one. */
  readonly checkpoint: InspectedCheckpoint | undefined;
  /** Of log, that recovery of the containers as they are has to read; undefined when part of it is missing. */
  readonly bytesToRedo: number | undefined;
  /** Time of the newest commit or checkpoint behind the last checkpoint, or of that; in seconds since 1970. */
  readonly newestTime: number | undefined;
  /** The containers are complete as they are. */
  readonly endsInCheckpoint: boolean;
}

/** Looks at the log of an environment; undefined when it has none. */
export async function inspectLog(
  files: Files,
  environment: Environment,
  watch: Watch,
): Promise<InspectedLog | undefined> {
  const paths = logPaths(environment);
  if (paths.size === 0) return undefined;
  const numbers = [...paths.keys()].sort((a, b) => a - b);
  const head = {
    directory: normalDirectory(environment.config.logDirectory ?? ''),
    files: numbers.length,
    size: filesOfKind(environment, 'log').reduce((sum, { stat }) => sum + stat.size, 0),
    firstFile: numbers[0]!,
    lastFile: numbers.at(-1)!,
  };
  try {
    const log = openLog(files, paths);
    const encrypted = log.files[0]!.framing.cipher !== undefined;
    return { ...head, encrypted, contents: await contentsOf(files, log, watch), problem: undefined };
  } catch (problem) {
    if (!(problem instanceof FigaroError) || isOfTheRun(problem)) throw problem;
    return { ...head, encrypted: problem.code === 'password', contents: undefined, problem };
  }
}

async function contentsOf(files: Files, log: Log, watch: Watch): Promise<LogContents> {
  const firstFile = log.files[0]!;
  const first = { file: firstFile.number, offset: firstRecordOf(firstFile) };
  const found = findLastCheckpoint(files, log);
  const redoFrom = found && compareLsn(found.redoFrom, first) >= 0 ? found.redoFrom : undefined;
  // Without its checkpoint, or the log from there on, only the last file is read: its end is what is looked for.
  const from = redoFrom ?? found?.lsn ?? { file: log.files.at(-1)!.number, offset: 0 };
  const notes = new LogNotes();
  // Damage is told, and what is before it is shown.
  const end = await forEachBatch(files, log, { from, acceptDamageAfter: noLsn }, async (batch) => {
    for (let i = 0; i < batch.count; i++) notes.see(batch.record(i));
    await pause(watch, { phase: 'read the log' });
  });
  const isWhole = found ? redoFrom !== undefined : firstFile.number === 1;
  return {
    versions: versionsOf(log),
    first,
    end,
    checkpoint: found && { ...found, time: timeOf(files, log, found.lsn) },
    bytesToRedo: isWhole ? bytesBetween(log, redoFrom ?? first, end.lsn) : undefined,
    newestTime: notes.newestTime === 0 ? undefined : notes.newestTime,
    endsInCheckpoint: notes.endsInCheckpoint,
  };
}

function versionsOf({ files }: Log): LogVersion[] {
  const versions: { version: number; release: string | undefined; firstFile: number; lastFile: number }[] = [];
  for (const { number, version } of files) {
    const last = versions.at(-1);
    if (last?.version === version) last.lastFile = number;
    else versions.push({ version, release: releaseOfLog(version), firstFile: number, lastFile: number });
  }
  return versions;
}

function timeOf(files: Files, log: Log, lsn: Lsn): number {
  const reader = new LogReader(files, log);
  try {
    return bodyAs(reader.read(lsn), checkpoint)?.timestamp ?? 0;
  } finally {
    reader.close();
  }
}

function bytesBetween({ files }: Log, from: Lsn, to: Lsn): number {
  let sum = 0;
  for (const { number, size } of files) {
    if (number < from.file || number > to.file) continue;
    sum += (number === to.file ? to.offset : size) - (number === from.file ? from.offset : 0);
  }
  return sum;
}
