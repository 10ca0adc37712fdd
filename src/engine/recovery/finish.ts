/** What makes a recovered environment complete: pages and log on disk, every file under its name. */

import path from 'node:path';
import { frameSize } from '../../format/log/frame.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { makeDirectories } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { logFile } from '../log/log-files.ts';
import { withLogFile, type LogParts } from '../log/log-parts.ts';
import { logFileName } from '../../format/names.ts';
import { pause, type Watch } from '../pause.ts';
import { appendRecords, finishingRecords, registeredAtEnd } from './finish-log.ts';
import { recoveredPieces } from './recovered-pieces.ts';
import { type RecoveredState } from './rehearse.ts';
import { type Stage } from './stage.ts';
import { type StagedPiece } from './storage.ts';

/** Writes the pages, gives the databases their names, and ends the log as native recovery does. */
export async function finishRecovery(files: Files, stage: Stage, state: RecoveredState, watch: Watch): Promise<void> {
  await placeDatabases(files, stage, state, watch);
  finishLog(files, stage, state);
}

/** A file that recovery worked on, by the name that it gets. */
interface PlacedFile {
  /** Inside the environment, with `/`. */
  readonly name: string;
  /** Where it was on the stage. */
  readonly from: string;
}

/** Writes the pages, and gives the databases and what belongs to them their names. Nothing is synced. */
export async function placeDatabases(
  files: Files,
  stage: Stage,
  state: RecoveredState,
  watch: Watch,
): Promise<readonly PlacedFile[]> {
  for (const file of state.recovered) {
    file.flushToEnd();
    await pause(watch, { phase: `write ${file.label}` });
  }
  const placed = [...recoveredPieces(state)].map(({ name, piece }) => {
    return { name, from: (piece as StagedPiece).path, to: path.join(stage.home, name) };
  });
  // No name is in the way of another: what does not keep its own gives it up first.
  const kept = new Set(placed.flatMap(({ from, to }) => (from === to ? [to] : [])));
  const aside = new Map<string, string>();
  for (const file of stage.inPlace) {
    if (kept.has(file)) continue;
    const to = path.join(stage.pieces, `aside-${aside.size}`);
    files.rename(file, to);
    aside.set(file, to);
  }
  const directories = new Set<string>();
  for (const { from, to } of placed) {
    if (from === to) continue;
    const directory = path.dirname(to);
    // Of thousands of files in one directory, none but the first can find it missing.
    if (!directories.has(directory)) makeDirectories(files, directory);
    directories.add(directory);
    files.rename(aside.get(from) ?? from, to);
  }
  return placed;
}

/** Cuts the log off where the result ends, and appends the finishing records (recovery document, A.10). */
function finishLog(files: Files, stage: Stage, { log, analysis, table }: RecoveredState): void {
  const { limit, end, transactions, bindings } = analysis;
  const lastRecord = limit?.lsn ?? end.lastRecord;
  if (!lastRecord) return;
  const last = logFile(log, lastRecord.file)!;
  const cut: Lsn = limit ? afterRecord(files, last.parts, limit.lsn) : end.lsn;
  const directory = path.join(stage.home, stage.logDirectory);
  for (const { number } of log.files) {
    if (number > cut.file) files.remove(path.join(directory, logFileName(number)));
  }
  const open = registeredAtEnd(bindings, lastRecord, (uid) => table.byUid(uid)?.format);
  const lastCheckpoint = transactions.checkpoints.findLast(({ lsn }) => compareLsn(lsn, lastRecord) <= 0);
  const records = finishingRecords(
    { open, inDoubt: transactions.inDoubt(), lastRecord, lastCheckpoint: lastCheckpoint?.lsn },
    logFile(log, cut.file)!.version,
    new Date(),
  );
  appendRecords(files, directory, logFile(log, cut.file)!, cut, lastRecord, records);
}

/** Where the record after the one at `lsn` goes. */
function afterRecord(files: Files, parts: LogParts, lsn: Lsn): Lsn {
  return withLogFile(files, parts, (opened) => {
    const frame = new Uint8Array(frameSize);
    opened.readAt(frame, lsn.offset);
    const length = new DataView(frame.buffer).getUint32(4, true);
    return { file: lsn.file, offset: lsn.offset + length };
  });
}
