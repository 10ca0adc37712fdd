/** The log files that are left of a broken environment, added to what a chain or copies hold (design, section 6). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { normalDirectory } from '../../format/names.ts';
import { discoverEnvironment, logPlace } from '../environment/discover.ts';
import { logPaths, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { requireNotInUse } from '../environment/in-use.ts';
import { type Files } from '../files/files.ts';
import { Continuation, type ChainEnd } from '../log/continuation.ts';
import { logFileName, logFileNumber } from '../../format/names.ts';
import { forEachBatch, readToEnd } from '../log/each-batch.ts';
import { openLog, type Log } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { pause, type Watch } from '../pause.ts';
import { wholeEnvironment } from '../environment/outside.ts';

const hints = {
  gap: 'look for the missing log files, or recover without --surviving-logs to the end of the chain.',
  mismatch:
    'these are the log files of another environment, or of one that was recovered to an earlier point. Recover without --surviving-logs.',
};

const stopHint = 'stop it first: what it goes on to commit would be lost.';

/**
 * An environment with the log files of `directory` in place of its own, from its last one on. Throws `chain-gap` and
 * `chain-mismatch` when they do not continue its log: nothing is taken on trust.
 */
export async function withSurvivingLogs(
  files: Files,
  environment: Environment,
  given: string,
  watch: Watch,
): Promise<Environment> {
  const directory = whereLogIs(files, given);
  const chainLog = logPaths(environment);
  if (chainLog.size === 0) {
    throw new FigaroError('usage', 'there is no log that --surviving-logs could continue', {
      hint: `sets of environments without logs are restored as they are. If ${directory} is where plain copies have their log, give it with --from as well.`,
    });
  }
  const { files: shown, home } = wholeEnvironment(files, given, { logAlone: true, asFarAsThere: true });
  requireNotInUse(shown, discoverEnvironment(shown, home, { insideOnly: true }), () => stopHint);
  const parent = endOf(files, openLog(files, chainLog));
  const continuation = new Continuation(files, { subject: directory, from: directory, chainLog, parent, hints });
  const first = continuation.firstFile();
  const numbers = (files.listIfThere(directory) ?? [])
    .map(logFileNumber)
    .filter((number) => number !== undefined && number >= first) as number[];
  const pathOf = (number: number): string => path.join(directory, logFileName(number));
  const log = openLog(files, new Map(numbers.map((number) => [number, wholeLogFile(pathOf(number))])));
  const end = await forEachBatch(files, log, {}, async (batch) => {
    for (let i = 0; i < batch.count; i++) continuation.see(batch.record(i));
    await pause(watch, { phase: 'read the surviving log' });
  });
  continuation.requireProof(log.files[0]!, end.lsn);

  const logDirectory = normalDirectory(environment.config.logDirectory ?? '.');
  const survivors = numbers.map((number): EnvironmentFile => {
    const name = path.posix.join(logDirectory, logFileName(number));
    const from = pathOf(number);
    const stat = files.statThrough(from)!;
    return { kind: 'log', name, path: from, logName: name, dataDirectory: '', stat, logNumber: number, logFrom: 0 };
  });
  const kept = environment.files.filter(({ kind, logNumber }) => kind !== 'log' || logNumber < first);
  return { ...environment, files: [...kept, ...survivors] };
}

/** The directory itself, where log files are in it, or else where its DB_CONFIG says that they are. */
function whereLogIs(files: Files, directory: string): string {
  const isHere = files.listIfThere(directory)?.some((name) => logFileNumber(name) !== undefined);
  return isHere ? directory : logPlace(files, directory);
}

/** Where the log of the copies ends: a scan of its last file. */
function endOf(files: Files, log: Log): ChainEnd {
  const last = log.files.at(-1)!;
  const { lsn, lastRecord } = readToEnd(files, { files: [last], incomplete: [] });
  // A file without records yet: the header names the last one of the file before.
  const before = last.prev > 0 ? { file: last.number - 1, offset: last.prev } : undefined;
  return { firstFile: log.files[0]!.number, end: lsn, lastRecord: lastRecord ?? before };
}
