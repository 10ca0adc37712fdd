/** The log written since the newest set of a chain (design, section 4; recovery document, section I). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import {
  filesOfKind,
  logPaths,
  normalDirectory,
  type Environment,
} from '../environment/discover.ts';
import { openToRead, type Files } from '../files.ts';
import { findLastCheckpoint } from '../log/find-checkpoint.ts';
import { logFile, logFileName, openLog } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { type Chain } from '../repository/chain.ts';
import { type ManifestLog } from '../repository/manifest.ts';
import { type NewSet } from '../repository/repository.ts';
import { copyPlain } from './copy-container.ts';
import { LogCopy } from './copy-log.ts';
import { requireSoundTail, type EnvironmentCopy } from './hot.ts';

/**
 * Copies the log files that are new or grew since the chain's newest set, after proving that they continue it. Throws
 * `chain-gap` when log files in between are gone, `chain-mismatch` when the source has another history.
 */
export async function copyIncremental(
  files: Files,
  environment: Environment,
  chain: Chain,
  chainFiles: Environment,
  set: NewSet,
  watch: Watch,
): Promise<EnvironmentCopy> {
  const { home, config } = environment;
  const log = requireLog(chain);
  const first = requireContinuation(files, environment, chainFiles, log);
  const logDirectory = normalDirectory(config.logDirectory ?? '.');
  const copy = new LogCopy(
    files,
    path.join(home, logDirectory),
    path.join(set.environment, logDirectory),
    first,
  );
  requireSameVersions(environment, chainFiles);
  const warnings = [...config.risks];
  try {
    const end = copy.follow();
    const { lastRecord } = copy;
    if (end.file < log.end.file || (end.file === log.end.file && end.offset < log.end.offset)) {
      throw mismatch(home, log.end, `its log ends at ${formatLsn(end)}`);
    }
    copy.close();
    await requireSoundTail(files, home, end);
    const others = filesOfKind(environment, 'config').filter((file) =>
      copyPlain(files, file, path.join(set.environment, file.name)),
    );
    watch.onProgress?.({ phase: 'copied the log' });
    return {
      containers: [],
      others,
      logFiles: copy.copied.map((name) => path.posix.join(logDirectory, name)),
      logVersion: copy.version,
      end,
      lastRecord: lastRecord ?? log.lastRecord,
      warnings,
    };
  } finally {
    copy.close();
  }
}

/** The log of the chain's newest set. Throws `usage` for a chain of an environment without logs. */
export function requireLog(chain: Chain): ManifestLog {
  const { log } = chain.sets.at(-1)!.manifest;
  if (log) return log;
  throw new FigaroError('usage', `${chain.id} is a set of an environment without logs: nothing can be added to it`, {
    hint: 'take another full set with `figaro-backup offline`.',
  });
}

/** Number of the file to copy from. */
function requireContinuation(
  files: Files,
  environment: Environment,
  chainFiles: Environment,
  log: ManifestLog,
): number {
  const { home } = environment;
  const source = openLog(files, logPaths(environment));
  const { end } = log;
  const first = source.files[0]!;
  if (first.number > end.file + 1) {
    throw new FigaroError(
      'chain-gap',
      `${home} starts at ${logFileName(first.number)} but the newest set ends in ${logFileName(end.file)} at ${formatLsn(end)}`,
      { path: first.path, hint: 'log files were removed since then. Take a full backup with `figaro-backup hot`.' },
    );
  }
  const chainLog = openLog(files, logPaths(chainFiles));
  if (source.files.at(-1)!.number < end.file) {
    throw mismatch(home, end, `its last log file is ${logFileName(source.files.at(-1)!.number)}`);
  }
  const common = logFile(source, end.file);
  if (common) {
    const offset = firstDifference(files, common.path, logFile(chainLog, end.file)!.path, end.offset);
    if (offset !== undefined) {
      throw mismatch(home, end, `${logFileName(end.file)} differs from the chain’s from byte ${offset} on`);
    }
    return end.file;
  }
  // No file in common: the links between the two must hit (I.2).
  const lastRecord = log.lastRecord;
  if (!lastRecord || first.prev !== lastRecord.offset) {
    throw mismatch(
      home,
      end,
      `${logFileName(first.number)} follows a record at ${first.prev}, but the chain’s last one is at ${lastRecord?.offset ?? 0}`,
    );
  }
  const before = findLastCheckpoint(files, chainLog);
  const after = findLastCheckpoint(files, source);
  const reaches = after && before && after.redoFrom.file >= before.lsn.file;
  if (!reaches) throw mismatch(home, end, 'no record in its log points back into the chain');
  return first.number;
}

/** Offset of the first byte in which two files differ, up to `length`; undefined when they agree. */
function firstDifference(files: Files, one: string, other: string, length: number): number | undefined {
  const a = openToRead(files, one);
  const b = openToRead(files, other);
  try {
    const size = 1 << 20;
    const left = new Uint8Array(size);
    const right = new Uint8Array(size);
    for (let at = 0; at < length; at += size) {
      const part = Math.min(size, length - at);
      const x = left.subarray(0, a.readAt(left.subarray(0, part), at));
      const y = right.subarray(0, b.readAt(right.subarray(0, part), at));
      if (Buffer.compare(x, y) === 0 && x.length === part) continue;
      let i = 0;
      while (i < x.length && i < y.length && x[i] === y[i]) i += 1;
      return at + i;
    }
    return undefined;
  } finally {
    a.close();
    b.close();
  }
}

function mismatch(home: string, end: Lsn, problem: string): FigaroError {
  return new FigaroError(
    'chain-mismatch',
    `${home} does not continue the chain, which ends at ${formatLsn(end)}: ${problem}`,
    {
      path: home,
      hint: 'it was restored, recovered to an earlier point, or is another environment. Begin a new chain with `figaro-backup hot`.',
    },
  );
}

/** Throws `chain-mismatch` when a container was upgraded since the chain began: that is not in the log (I.3). */
function requireSameVersions(environment: Environment, chainFiles: Environment): void {
  const known = new Map(filesOfKind(chainFiles, 'database').map((file) => [file.uid, file]));
  for (const file of filesOfKind(environment, 'database')) {
    const before = known.get(file.uid);
    if (before && before.format!.version !== file.format!.version) {
      throw new FigaroError(
        'chain-mismatch',
        `${file.path} was upgraded from ${file.format!.method} version ${before.format!.version} to ${file.format!.version} since the chain began`,
        { path: file.path, hint: 'an upgrade is not in the log. Take a full backup with `figaro-backup hot`.' },
      );
    }
  }
}
