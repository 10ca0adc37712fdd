/** What is said of a database file that is read alone while the log of its environment lies beside it. */

import { environmentOfFile, type PlaceInEnvironment } from '../engine/environment/environment-of-file.ts';
import { type Files } from '../engine/files/files.ts';
import { type Watch } from '../engine/pause.ts';
import { isBehindLog } from '../engine/recovery/behind-log.ts';
import { FigaroError, type ErrorCode } from '../errors.ts';
import { shellWord } from '../output/text.ts';

/** What a file may say that lacks its last changes. */
const looksDamaged: ReadonlySet<ErrorCode> = new Set(['page-type', 'page-checksum']);
const looksIncomplete: ReadonlySet<ErrorCode> = new Set(['container-missing', 'document-missing', 'usage']);

/** An error about a file that was read alone; where a log lies beside it, with the way to see what is in both. */
export function withLogBeside<Failure>(error: Failure, files: Files, file: string): Failure | FigaroError {
  if (!(error instanceof FigaroError)) return error;
  const { code, message, details } = error;
  if (!looksDamaged.has(code) && !looksIncomplete.has(code)) return error;
  const place = environmentOfFile(files, file);
  if (!place) return error;
  const advice = `${mayBeInLog}: ${howToSee(place)}.`;
  const otherwise = looksDamaged.has(code) || details.hint === undefined ? '' : ` Otherwise, ${details.hint}`;
  return new FigaroError(code, message, { ...details, hint: `${advice}${otherwise}`, cause: error });
}

/** The end of a sentence about findings in a file; empty where no log lies beside it. */
export function noteOfLogBeside(files: Files, file: string): string {
  return environmentOfFile(files, file) ? `; ${mayBeInLog}` : '';
}

/** For a file that was read alone, and is sound: where the log beside it has what it lacks, with the way to see what is in both. */
export async function warningOfLogBeside(files: Files, file: string, watch: Watch): Promise<string | undefined> {
  const place = environmentOfFile(files, file);
  if (!place || !(await isBehindLog(files, place.environment, file, watch))) return undefined;
  return `${file} lacks changes that are in the log beside it: ${howToSee(place)}`;
}

function howToSee({ home, name }: PlaceInEnvironment): string {
  return `to see it with these, name it ${shellWord(name)}, with --home ${shellWord(home)}`;
}

const mayBeInLog = 'its last changes may be in the log beside it only';
