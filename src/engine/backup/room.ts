/** Whether a set will fit, looked at before any of it is copied. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { formatBytes } from '../../measures.ts';
import { type EnvironmentFile } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { readToEnd } from '../log/each-batch.ts';
import { isOpaqueLog, openLog } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { type LogStart } from './copy-log.ts';

/**
 * So much is read of a log file behind what is known of it, at a time, and so far behind its end good records are looked for. A log
 * file has its full size from the start, and incrementals are many: they do not read all that is not written yet. Full sets do. In bytes.
 */
export const tailReach = 1 << 20;

/** What a set will take, and what there is. */
export interface Room {
  /** The directory of the set. */
  readonly directory: string;
  /** As the source is now: what is written meanwhile comes on top. */
  readonly bytesNeeded: number;
  readonly bytesFree: number;
}

interface ToBeCopied {
  /** Files but those of the log. */
  readonly others: readonly EnvironmentFile[];
  /** Undefined where there is no log. */
  readonly log: LogStart | undefined;
}

/** Throws `no-space` for a set that cannot fit. */
export function requireRoomFor(
  files: Files,
  directory: string,
  { others, log }: ToBeCopied,
  onRoom?: (room: Room) => void,
): void {
  const bytesNeeded = others.reduce((sum, { stat }) => sum + stat.size, 0) + (log ? logBytes(files, log) : 0);
  requireBytes(files, directory, bytesNeeded, onRoom);
}

/** Throws `no-space` where a set of so many bytes cannot fit. */
export function requireBytes(
  files: Files,
  directory: string,
  bytesNeeded: number,
  onRoom?: (room: Room) => void,
): void {
  const bytesFree = files.freeSpace(directory);
  onRoom?.({ directory, bytesNeeded, bytesFree });
  if (bytesFree >= bytesNeeded) return;
  const place = path.dirname(directory);
  throw new FigaroError(
    'no-space',
    `${place} has ${formatBytes(bytesFree)} free, and this set needs about ${formatBytes(bytesNeeded)}`,
    {
      path: place,
      hint: 'nothing was copied. Make room there, with `figaro-backup expire` for one, or choose a repository on another disk.',
    },
  );
}

function logBytes(files: Files, { from, first, known }: LogStart): number {
  const numbers = (files.listIfThere(from) ?? []).map(logFileNumber).filter((number) => number !== undefined);
  const last = Math.max(...numbers);
  return numbers
    .filter((number) => number >= first)
    .map((number) => {
      const file = path.join(from, logFileName(number));
      const beginning = number === first ? known : undefined;
      const end = number === last ? endOfRecords(files, number, file, beginning) : (files.statThrough(file)?.size ?? 0);
      return Math.max(0, end - (beginning?.end ?? 0));
    })
    .reduce((sum, size) => sum + size, 0);
}

/** A log file may have its full size from the start: what is written is what counts. 0 where that cannot be told. */
function endOfRecords(files: Files, number: number, file: string, known: LogStart['known']): number {
  try {
    if (isOpaqueLog(files, [wholeLogFile(file)])) return files.statThrough(file)?.size ?? 0;
    const from = { file: number, offset: known?.lastRecord ?? 0 };
    const log = openLog(files, new Map([[number, wholeLogFile(file)]]));
    // Whether it is sound is looked at when it is copied.
    return readToEnd(files, log, known ? { from, verify: false, reach: tailReach } : { from }).lsn.offset;
  } catch (error) {
    // What is wrong with it is told when it is copied.
    if (error instanceof FigaroError) return 0;
    throw error;
  }
}
