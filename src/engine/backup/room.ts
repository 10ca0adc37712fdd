/** Whether a set will fit, looked at before any of it is copied. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { formatBytes } from '../../measures.ts';
import { type EnvironmentFile } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { isOpaqueLog, openLog } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';

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
  /** The directory of the log, and the number of the file to begin with; undefined where there is no log. */
  readonly log: { readonly from: string; readonly first: number } | undefined;
}

/** Throws `no-space` for a set that cannot fit. */
export function requireRoomFor(
  files: Files,
  directory: string,
  { others, log }: ToBeCopied,
  onRoom?: (room: Room) => void,
): void {
  const bytesNeeded = others.reduce((sum, { stat }) => sum + stat.size, 0) + (log ? logBytes(files, log) : 0);
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

function logBytes(files: Files, { from, first }: NonNullable<ToBeCopied['log']>): number {
  const numbers = (files.listIfThere(from) ?? []).map(logFileNumber).filter((number) => number !== undefined);
  const last = Math.max(...numbers);
  return numbers
    .filter((number) => number >= first)
    .map((number) => {
      const file = path.join(from, logFileName(number));
      return number === last ? bytesWritten(files, number, file) : (files.statThrough(file)?.size ?? 0);
    })
    .reduce((sum, size) => sum + size, 0);
}

/** A log file may have its full size from the start: what is written is what counts. 0 where that cannot be told. */
function bytesWritten(files: Files, number: number, file: string): number {
  try {
    if (isOpaqueLog(files, [file])) return files.statThrough(file)?.size ?? 0;
    const scan = scanLog(files, openLog(files, new Map([[number, file]])));
    let step = scan.next();
    while (!step.done) step = scan.next();
    return step.value.lsn.offset;
  } catch (error) {
    // What is wrong with it is told when it is copied.
    if (error instanceof FigaroError) return 0;
    throw error;
  }
}
