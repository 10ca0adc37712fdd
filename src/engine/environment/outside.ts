/**
 * Directories of an environment that are outside of its home (format document, 1.1): a set keeps each under a name of its own inside,
 * and so does what is recovered of it. An application may name some in its code alone.
 */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { hasDrive, logFileNumber, parseLogTailName } from '../../format/names.ts';
import { type Files } from '../files/files.ts';
import { mountedFiles, type Mount } from '../files/mounted-files.ts';
import { readIfThere, readIn } from '../files/read.ts';
import { moveInConfig, parseDbConfig, type DbConfig } from './db-config.ts';
import { normalDirectory, isOutside } from '../../format/names.ts';
import { type InsideNames } from './environment.ts';

/** What is known of the directories of an environment beside its `DB_CONFIG`. */
export interface Directories {
  /** Data directories and the log directory that the application's code names, absolute or relative to home. */
  readonly dataDirectories?: readonly string[] | undefined;
  readonly logDirectory?: string | undefined;
  /** Nothing but the log is asked for: the other directories may be gone. */
  readonly logAlone?: true;
  /** A directory that is not there is left out: somebody only wants to look. */
  readonly asFarAsThere?: true | undefined;
  /** Of a copy: where the copy is of a directory that is called so. */
  readonly copies?: ReadonlyMap<string, string> | undefined;
}

interface WholeEnvironment {
  /** Shows the environment as if all of its directories were inside. */
  readonly files: Files;
  /** What to call it by through these files. */
  readonly home: string;
  readonly insideNames: InsideNames;
}

/**
 * The files of this machine with an environment shown as one directory: directories outside of `home` have names inside of it, and
 * DB_CONFIG says so. Throws `container-missing` and `log-missing` for a directory that is not there.
 */
export function wholeEnvironment(files: Files, given: string, known: Directories = {}): WholeEnvironment {
  const home = path.resolve(given);
  const bytes = readIn(files, home, 'DB_CONFIG', readIfThere);
  const text = bytes ? Buffer.from(bytes).toString('utf8') : '';
  const config = parseDbConfig(text);
  const { added, directories } = withKnown(config, known);
  const logDirectory = config.logDirectory ?? known.logDirectory;
  const placeOfOne = (written: string): string => {
    const copy = known.copies?.get(written);
    return copy === undefined ? directoryOf(files, home, written) : path.resolve(copy);
  };
  const isShown = (written: string): boolean =>
    isOutside(written) &&
    isOfThisSystem(written) &&
    (!known.copies || known.copies.has(written)) &&
    (!known.logAlone || written === logDirectory) &&
    (!known.asFarAsThere || files.statThrough(placeOfOne(written))?.kind === 'directory');
  if (!known.copies && !known.logAlone && !known.asFarAsThere) {
    const needed = directories.filter((written) => written !== config.externalFileDirectory);
    requireDrivesThere(files, home, needed, logDirectory);
  }
  const outside = directories.filter(isShown);
  const insideNames = new Map(originalsOf(files, home, known).map((original) => [original, '.']));
  if (outside.length + added.length === 0 || files.statThrough(home)?.kind !== 'directory')
    return { files, home: given, insideNames };

  const mounts: Mount[] = [];
  for (const written of outside) {
    const at = placeOfOne(written);
    // The library makes it when there is something to put into it.
    const isMissing = written === config.externalFileDirectory && !files.statThrough(at);
    if (!isMissing) {
      const option = config.directories.includes(written) ? undefined : written === logDirectory ? 'log' : 'data';
      requireThere(files, { home, written, at, isLog: written === logDirectory, option });
    }
    const shown = isMissing
      ? undefined
      : (insideName(files, home, at) ??
        mounts.find((mount) => files.realPath(mount.path) === files.realPath(at))?.name);
    const name = shown ?? nameOf(written);
    insideNames.set(written, name);
    if (isMissing || shown !== undefined) continue;
    requireFree(files, home, name, written);
    const isOnlyLog = written === logDirectory && !isDataDirectory(config, known, written);
    mounts.push({ name, path: at, shows: isOnlyLog ? isOfLog : () => true });
  }
  const lines = [text.replace(/\n?$/, text === '' ? '' : '\n'), ...added.map((line) => `${line}\n`)].join('');
  const contents = Buffer.from(moveInConfig(lines, insideNames));
  return { files: mountedFiles(files, home, mounts, { name: 'DB_CONFIG', contents }), home, insideNames };
}

/**
 * Where a directory is that an environment names: relative to home, as the system follows it. Where home is a link, `..` leads
 * out of what it leads to.
 */
export function directoryOf(files: Files, home: string, written: string): string {
  if (path.isAbsolute(written)) return path.resolve(written);
  let at = files.statThrough(home) ? files.realPath(home) : path.resolve(home);
  for (const part of written.replaceAll('\\', '/').split('/')) {
    const next = path.resolve(at, part === '' ? '.' : part);
    at = files.statThrough(next) ? files.realPath(next) : next;
  }
  return at;
}

/**
 * Plain copies of an environment, each shown as one directory as far as it is said where the copies are of the directories outside of
 * it. The others stay outside: nobody can say whether the one that is there belongs to the copy.
 */
export function wholeCopies(
  files: Files,
  homes: readonly string[],
  copies: ReadonlyMap<string, string> = new Map(),
): Omit<WholeEnvironment, 'home'> & { readonly homes: readonly string[] } {
  const found: WholeEnvironment[] = [];
  for (const home of homes) found.push(wholeEnvironment(found.at(-1)?.files ?? files, home, { copies }));
  return {
    files: found.at(-1)?.files ?? files,
    homes: found.map(({ home }) => home),
    insideNames: new Map(found.flatMap(({ insideNames }) => [...insideNames])),
  };
}

/** What a copy is said to be a copy of. */
function originalsOf(files: Files, home: string, { copies = new Map<string, string>() }: Directories): string[] {
  const real = (place: string): string => (files.statThrough(place) ? files.realPath(place) : path.resolve(place));
  return [...copies].filter(([, copy]) => real(copy) === real(home)).map(([original]) => original);
}

/** What DB_CONFIG would have to say beside what it says, and all directories that are named then. */
function withKnown(
  config: DbConfig,
  { dataDirectories = [], logDirectory }: Directories,
): { readonly added: readonly string[]; readonly directories: readonly string[] } {
  const isNamed = new Set(config.dataDirectories.map(normalDirectory));
  const data = [...new Set(dataDirectories)].filter((directory) => !isNamed.has(normalDirectory(directory)));
  // What DB_CONFIG says counts more than what the application says.
  const log = config.logDirectory === undefined && logDirectory !== undefined ? [logDirectory] : [];
  return {
    added: [
      ...data.map((directory) => `add_data_dir ${directory}`),
      ...log.map((directory) => `set_lg_dir ${directory}`),
    ],
    directories: [...new Set([...config.directories, ...data, ...log])],
  };
}

function isOfLog(name: string): boolean {
  return logFileNumber(name) !== undefined || parseLogTailName(name) !== undefined;
}

function isDataDirectory(config: DbConfig, { dataDirectories = [] }: Directories, written: string): boolean {
  return [...config.dataDirectories, config.createDirectory, ...dataDirectories].includes(written);
}

/**
 * False for `C:\data` where there are no drives, and for `C:data`, which is relative to a directory that nobody knows: nothing can be
 * looked at there, and it is refused by name.
 */
function isOfThisSystem(directory: string): boolean {
  return path.isAbsolute(directory) || !(path.win32.isAbsolute(directory) || hasDrive(directory));
}

/** `C:data` is a name like others where there are no drives; in an environment that was brought from Windows, it is elsewhere. */
function requireDrivesThere(
  files: Files,
  home: string,
  directories: readonly string[],
  logDirectory: string | undefined,
): void {
  for (const written of directories) {
    if (isOutside(written) || !hasDrive(written)) continue;
    const at = directoryOf(files, home, written);
    requireThere(files, { home, written, at, isLog: written === logDirectory, option: undefined });
  }
}

interface NamedDirectory {
  readonly home: string;
  readonly written: string;
  readonly at: string;
  readonly isLog: boolean;
  /** Who names it, where DB_CONFIG does not. */
  readonly option: 'log' | 'data' | undefined;
}

function requireThere(files: Files, { home, written, at, isLog, option }: NamedDirectory): void {
  if (files.statThrough(at)?.kind === 'directory') return;
  const where = option === undefined ? `take ${written} out of DB_CONFIG` : `leave out --${option}-dir ${written}`;
  throw new FigaroError(
    isLog ? 'log-missing' : 'container-missing',
    `there is no directory ${at}, but ${home} has ${isLog ? 'its log' : 'files'} in it`,
    {
      path: at,
      hint: `is the disk mounted that holds it? If the environment has no use for it any more, ${where}.`,
    },
  );
}

/** What a directory is called that is named in full, and inside of home all the same. */
function insideName(files: Files, home: string, at: string): string | undefined {
  const inside = path.relative(files.realPath(home), files.realPath(at));
  if (inside === '') return '.';
  return isOutside(inside) ? undefined : inside.split(path.sep).join('/');
}

/** Depends on nothing but how the directory is named: it is the same in every set, whatever else DB_CONFIG says. */
function nameOf(written: string): string {
  const normal = normalDirectory(written);
  const base = path.posix.basename(normal).replaceAll(/[^\w.-]/g, '_');
  const hash = createHash('sha256').update(normal).digest('hex').slice(0, 6);
  return `outside-${base === '' || /^\.+$/.test(base) ? 'directory' : base}-${hash}`;
}

function requireFree(files: Files, home: string, name: string, written: string): void {
  if (!files.statIfThere(path.join(home, name))) return;
  throw new FigaroError('format-unsupported', `${path.join(home, name)} has the name that ${written} gets in a set`, {
    path: path.join(home, name),
    hint: 'give it another name, or move it out of the environment.',
  });
}
