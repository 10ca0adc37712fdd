/** Names that Berkeley DB gives to files (format document, 1.3 to 1.6, 2.1, 4.9, 4.12). Names are with `/`. */

import path from 'node:path';
import { whyNotOnWindows } from './windows-names.ts';

const largest = 0xffffffff;

/** The name of log file `number`. */
export function logFileName(number: number): string {
  return `log.${String(number).padStart(10, '0')}`;
}

/** The number in the name of a log file; undefined for other names (format document, 2.1). */
export function logFileNumber(name: string): number | undefined {
  const digits = /^log\.(\d{1,10})$/.exec(name)?.[1];
  const number = Number(digits);
  return digits !== undefined && number >= 1 && number <= largest ? number : undefined;
}

/**
 * What a set calls the tail of log file `number`: its bytes from `offset` on, which the sets before do not have. Sorted by name, tails
 * come in order, and behind the file itself. The library passes over such names (format document, 2.1).
 */
export function logTailName(number: number, offset: number): string {
  return `${logFileName(number)}.from-${String(offset).padStart(10, '0')}`;
}

/** Of which log file the name of a tail says that it is one, and from which byte on; undefined for other names. */
export function parseLogTailName(name: string): { readonly number: number; readonly from: number } | undefined {
  const [, file, offset] = /^(log\.\d{10})\.from-(\d{10})$/.exec(name) ?? [];
  const number = file === undefined ? undefined : logFileNumber(file);
  const from = Number(offset);
  return number !== undefined && from >= 1 && from <= largest ? { number, from } : undefined;
}

/** An extent file by its name: which queue it belongs to, and its number. */
interface ExtentName {
  /** Name of the queue, with the directory of the extent. */
  readonly queue: string;
  readonly number: number;
}

/** Takes the name of an extent file apart; undefined when it is none (format document, 4.9). */
export function parseExtentName(name: string): ExtentName | undefined {
  const match = /^(.*\/)?__dbq\.([^/]+)\.(\d+)$/.exec(name);
  if (!match) return undefined;
  const number = Number(match[3]);
  return number <= largest ? { queue: (match[1] ?? '') + match[2]!, number } : undefined;
}

/** What extent `number` of a queue is called: it lies beside it. */
export function extentName(queue: string, number: number): string {
  return beside(queue, (name) => `__dbq.${name}.${number}`);
}

/** What partition `number` of a database is called: it lies beside it (format document, 4.12). */
export function partitionName(database: string, number: number): string {
  return beside(database, (name) => `__dbp.${name}.${String(number).padStart(3, '0')}`);
}

/** The database that a file with this name is a partition of; undefined for other names. */
export function databaseOfPartition(name: string): string | undefined {
  const match = /^(.*\/)?__dbp\.(.+)\.\d{3,}$/.exec(name);
  return match ? (match[1] ?? '') + match[2]! : undefined;
}

function beside(file: string, make: (name: string) => string): string {
  const start = Math.max(file.lastIndexOf('/'), file.lastIndexOf(path.sep)) + 1;
  return file.slice(0, start) + make(file.slice(start));
}

/** Names that a file has only during a transaction: in the middle of being created, renamed or removed (format document, 1.5). */
export function isPassing(name: string): boolean {
  return /(^|\/)(__db\.)?[0-9a-f]+\.[0-9a-f]+$/.test(name);
}

/** True for a file that holds a value, and not one of the databases beside them (format document, 1.6). */
export function isExternalFileName(name: string): boolean {
  return /(^|[/\\])__db\.bl\d+$/.test(name);
}

/** Where external files are unless `DB_CONFIG` says otherwise (format document, 1.6). */
export const standardExternalDirectory = '__db_bl';

/** True for the name of a region: memory that processes share (format document, 1.3). */
export function isRegionName(name: string): boolean {
  return /^__db\.\d{3,}$/.test(name);
}

/** What a file of the library that holds no database is for, by its name (format document, 1.3). */
export function fileOfLibrary(name: string): 'registry' | 'replication' | 'temporary' | undefined {
  if (name === '__db.register') return 'registry';
  if (/^__db\.rep(pg)?\./.test(name)) return 'replication';
  if (/^BDB\d{5,}(_\d+)?$/.test(name) || name.startsWith('__db.freezer.')) return 'temporary';
  return undefined;
}

/** A directory of DB_CONFIG relative to home, with `/` and without `.`; `''` is home. */
export function normalDirectory(directory: string): string {
  // Asked for each file, and mostly this.
  if (directory === '') return '';
  const normal = path.posix.normalize(directory.replaceAll('\\', '/')).replace(/\/+$/, '');
  return normal === '.' ? '' : normal.replace(/^\.\//, '');
}

/** True for a directory of DB_CONFIG that is not inside of the environment, or that Windows takes for another one. */
export function isOutside(directory: string): boolean {
  const normal = normalDirectory(directory);
  const leadsOut = normal === '..' || normal.startsWith('../');
  if (leadsOut || path.isAbsolute(directory) || path.win32.isAbsolute(directory)) return true;
  return process.platform === 'win32' && normal !== '' && whyNotOnWindows(normal) !== undefined;
}

/** True for a path on a drive of Windows, relative to a directory that only the process knows as well. Elsewhere it is a name like others. */
export function hasDrive(name: string): boolean {
  return /^[a-z]:/i.test(name);
}
