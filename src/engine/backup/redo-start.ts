import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatLsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { findLastCheckpoint } from '../log/find-checkpoint.ts';
import { isOpaqueLog, openLog } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';

const attempts = 3;

/**
 * Number of the first log file that recovery of a copy begun now can need: the one that the last complete checkpoint's
 * redo point is in (recovery document, F.2). Throws `log-missing` when it is not there.
 */
export function findFirstLogFile(files: Files, directory: string): number {
  for (let i = 1; ; i++) {
    try {
      return lookFromTheEnd(files, directory);
    } catch (error) {
      // A file may be removed while we look; there is a newer checkpoint then.
      if (i === attempts || !(error instanceof FigaroError) || error.code !== 'io') throw error;
    }
  }
}

/** An opaque log does not show its checkpoints: all of it that hangs together is needed. */
function firstOfOpaque(numbers: readonly number[]): number {
  const falling = [...numbers].sort((a, b) => b - a);
  const there = new Set(numbers);
  return falling.find((number) => !there.has(number - 1))!;
}

function lookFromTheEnd(files: Files, directory: string): number {
  const names = files.listIfThere(directory) ?? [];
  const numbers = names.map(logFileNumber).filter((number) => number !== undefined);
  const paths = numbers.map((number) => wholeLogFile(path.join(directory, logFileName(number))));
  if (isOpaqueLog(files, paths)) return firstOfOpaque(numbers);
  const hint = 'let the application take a checkpoint, then run the same command again.';
  let previous: number | undefined;
  for (const number of numbers.sort((a, b) => b - a)) {
    const file = path.join(directory, logFileName(number));
    if (previous !== undefined && number !== previous - 1) {
      const missing = path.join(directory, logFileName(previous - 1));
      throw new FigaroError('log-missing', `${missing} is missing, and no later log file holds a checkpoint`, {
        path: missing,
        hint,
      });
    }
    const log = openSingle(files, number, file);
    if (!log) continue;
    previous = number;
    // This file is copied, whatever its checkpoint says, and each record of it is verified then.
    const checkpoint = findLastCheckpoint(files, log, true);
    if (checkpoint) {
      const { redoFrom, lsn } = checkpoint;
      // Redo from the very beginning is written as [0][0] or [1][n].
      const first = Math.max(redoFrom.file, 1);
      const needed = path.join(directory, logFileName(first));
      if (numbers.includes(first)) return first;
      throw new FigaroError(
        'log-missing',
        `${needed} is missing: the last checkpoint, at ${formatLsn(lsn)}, needs the log from ${formatLsn(redoFrom)} on`,
        { path: needed, hint },
      );
    }
    if (number === 1 && log.files[0]!.prev === 0) return 1;
  }
  throw new FigaroError(
    'log-missing',
    previous === undefined
      ? `${directory} holds no log file with records`
      : `${path.join(directory, logFileName(previous))} is the first log file, and the log holds no checkpoint`,
    { path: directory, hint },
  );
}

/** One file as a log of its own; undefined when nothing was written to it yet. */
function openSingle(files: Files, number: number, file: string): ReturnType<typeof openLog> | undefined {
  try {
    return openLog(files, new Map([[number, wholeLogFile(file)]]));
  } catch (error) {
    if (error instanceof FigaroError && error.code === 'log-missing') return undefined;
    throw error;
  }
}
