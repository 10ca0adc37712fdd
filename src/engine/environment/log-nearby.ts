/**
 * Log files that an application keeps where DB_CONFIG does not say: in a directory below the environment, beside it, or above.
 * Whose they are is told by the unique ids of the databases that they name, not by where they are.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { recognizeFile, type FileRecognition } from '../../format/page/meta.ts';
import { shellWord } from '../../shell-words.ts';
import { readIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { DatabaseNames } from '../log/database-names.ts';
import { logFileNumber } from '../../format/names.ts';
import { openLog } from '../log/log-files.ts';
import { wholeLogFile } from '../log/log-parts.ts';
import { isAtOrBelow, ownPlaceAbove } from '../places.ts';
import { scanBatches } from '../log/scan.ts';
import { parseDbConfig } from './db-config.ts';
import { filesOfKind, type Environment, type FileOfKind } from './environment.ts';
import { readHead } from './file-head.ts';
import { identityOf } from './twins.ts';

export interface LogNearby {
  /** Where the log files are. */
  readonly path: string;
  /** False where nobody can say whose they are: they cannot be read, or there is no database to tell them by. */
  readonly isCertain: boolean;
  /** Other directories of which the same can be said. */
  readonly others: readonly string[];
  /** The environment that the log belongs to: the directory that was looked at, or one above it. */
  readonly home: string;
  /** What to do, as a sentence. */
  readonly advice: string;
}

/** Directories around an environment that are looked into. */
const mostNeighbours = 500;
/** So much of a log is read to find out whose it is, its newest files first. In bytes. */
const mostLog = 1 << 30;

/** Where the log of an environment without one is; where several directories have one, the one that goes furthest. */
export function findLogNearby(files: Files, environment: Environment): LogNearby | undefined {
  const search = new NearbySearch(files, environment);
  const found = search.places().flatMap((place) => search.judge(place) ?? []);
  const isCertain = found.some(({ names }) => names);
  const [best, ...others] = found
    .filter(({ names }) => (names !== undefined) === isCertain)
    .sort((a, b) => b.lastFile - a.lastFile);
  if (!best) return undefined;
  const { place } = best;
  return { path: place, isCertain, others: others.map((other) => other.place), ...search.whatToDo(best) };
}

/**
 * What is to be said of an environment without log files, by every command that needs to know.
 *
 * @param logged a database of it that was written through a log; of no matter where it is certain that `nearby` is its log
 */
export function whyNoLog(
  { home }: Environment,
  logged: string | undefined,
  nearby: LogNearby | undefined,
): { readonly message: string; readonly advice: string } {
  const without =
    logged === undefined
      ? {
          message: `${home} holds no log files: it has no transactions, or its log is elsewhere`,
          advice:
            'stop the application, and back it up with `figaro-backup offline`; what is changed after that cannot be recovered.',
        }
      : {
          message: `${home} holds no log files, but ${logged} was written through a log`,
          advice:
            'bring the log files back. Where there are none any more, or the log is kept in memory only, stop the application, and take the databases as they are with `figaro-backup offline --without-log`.',
        };
  if (!nearby) return without;
  const message = `${home} holds no log files, but ${whereIsLog(nearby)}`;
  return { message, advice: nearby.isCertain ? nearby.advice : `${nearby.advice} If it is not, ${without.advice}` };
}

/**
 * Databases are to be taken as they are, without their log: throws `log-missing` when it is nearby. Returns a warning about
 * one of which that cannot be told.
 *
 * @param adviceFor what to do, for the hint
 */
export function requireLogGone(
  files: Files,
  environment: Environment,
  adviceFor: (nearby: LogNearby) => string,
): string[] {
  const nearby = findLogNearby(files, environment);
  if (!nearby) return [];
  const { home } = environment;
  if (!nearby.isCertain) {
    return [`${nearby.path} holds log files, and whether they are of ${home} is not known: they cannot be read`];
  }
  throw new FigaroError('log-missing', `the log is not gone: ${home} holds no log files, but ${whereIsLog(nearby)}`, {
    path: nearby.path,
    hint: `${adviceFor(nearby)} To do without it all the same, copy the databases alone to a directory elsewhere.`,
  });
}

/** What is said of log files that were found: where they are, as the end of a sentence. */
export function whereIsLog({ path: place, others }: LogNearby): string {
  if (others.length === 0) return `${place} does`;
  return `${place} does, and so ${others.length === 1 ? 'does' : 'do'} ${others.join(', ')}`;
}

/** A directory with log files. */
interface Candidate {
  readonly place: string;
  /** What the log calls a database of the environment, and where that is; undefined when the log could not be read. */
  readonly names: readonly { readonly name: string; readonly path: string }[] | undefined;
  readonly lastFile: number;
}

class NearbySearch {
  readonly #files: Files;
  readonly #environment: Environment;
  readonly #home: string;
  readonly #databases: readonly FileOfKind<'database'>[];

  constructor(files: Files, environment: Environment) {
    this.#files = files;
    this.#environment = environment;
    this.#home = path.resolve(environment.home);
    this.#databases = filesOfKind(environment, 'database');
  }

  /** Every directory with log files that is not the log directory of the environment, in and around it. */
  places(): readonly string[] {
    const inside = this.#environment.leftOut.flatMap(({ path: file, name, reason }) => {
      if (reason === 'log-directory' || reason === 'environment') return [file];
      return reason === 'other' && logFileNumber(path.posix.basename(name)) !== undefined ? [path.dirname(file)] : [];
    });
    const around = this.#around();
    const places = [...inside.map((place) => path.resolve(place)), ...around];
    const configured = places.flatMap((place) => this.#configOf(place)?.logDirectory ?? []);
    return [...new Set([...places, ...configured])].filter(
      (place) => this.#logFilesOf(place).size > 0 && !this.#isCopyOfOurs(place),
    );
  }

  /** The log of a backup set or a standby is of that. */
  #isCopyOfOurs(place: string): boolean {
    const above = this.#quietly(() => ownPlaceAbove(this.#files, place), undefined);
    return above !== undefined && !isAtOrBelow(this.#home, above.path);
  }

  /** The directories above, what is in them, and what is in that; not the environment itself. */
  #around(): string[] {
    const parent = path.dirname(this.#home);
    const grandparent = path.dirname(parent);
    const children = this.#directoriesOf(parent, mostNeighbours);
    const found = [parent, ...children];
    for (const child of children) found.push(...this.#directoriesOf(child, mostNeighbours - found.length));
    found.push(grandparent, ...this.#directoriesOf(grandparent, mostNeighbours - found.length));
    return found.filter((place) => !isAtOrBelow(place, this.#home));
  }

  #directoriesOf(directory: string, most: number): string[] {
    if (directory === this.#home) return [];
    const found: string[] = [];
    for (const name of this.#list(directory)) {
      if (found.length >= most) break;
      const place = path.join(directory, name);
      if (this.#isA('directory', place)) found.push(place);
    }
    return found;
  }

  /** What is around belongs to others: that it cannot be read is no failure. */
  #quietly<T>(look: () => T, otherwise: T): T {
    try {
      return look();
    } catch (error) {
      if (error instanceof FigaroError) return otherwise;
      throw error;
    }
  }

  #list(directory: string): readonly string[] {
    return this.#quietly(() => this.#files.listIfThere(directory) ?? [], []);
  }

  #isA(kind: 'file' | 'directory', name: string): boolean {
    return this.#quietly(() => this.#files.statThrough(name)?.kind === kind, false);
  }

  #logFilesOf(directory: string): Map<number, string> {
    const found = new Map<number, string>();
    for (const name of this.#list(directory)) {
      const number = logFileNumber(name);
      const file = path.join(directory, name);
      if (number !== undefined && this.#isA('file', file)) found.set(number, file);
    }
    return found;
  }

  /** What the DB_CONFIG of a directory names, as whole paths. */
  #configOf(directory: string): { readonly logDirectory: string; readonly data: readonly string[] } | undefined {
    const bytes = this.#quietly(() => readIfThere(this.#files, path.join(directory, 'DB_CONFIG')), undefined);
    if (!bytes) return undefined;
    const { logDirectory = '.', dataDirectories } = parseDbConfig(Buffer.from(bytes).toString('utf8'));
    return {
      logDirectory: path.resolve(directory, logDirectory),
      data: dataDirectories.map((data) => path.resolve(directory, data)),
    };
  }

  /** Undefined for the log of other databases: of another environment, or of the copy that it lies beside. */
  judge(place: string): Candidate | undefined {
    const logFiles = this.#logFilesOf(place);
    const lastFile = Math.max(...logFiles.keys());
    const known = this.#databases.length > 0 ? this.#namesIn(logFiles) : undefined;
    if (!known) return this.#holdsDatabase(place) ? undefined : { place, names: undefined, lastFile };
    const names = this.#databases.flatMap(({ path: file, uid }) =>
      known.of(uid).map((name) => ({ name, path: path.resolve(file) })),
    );
    const isOfCopy = this.#databases.some((file) =>
      known.of(file.uid).some((name) => this.#isThere(place, name, identityOf(file))),
    );
    return names.length === 0 || isOfCopy ? undefined : { place, names, lastFile };
  }

  /** The names that a log has for databases; undefined when not enough of it can be read to find one of ours. */
  #namesIn(logFiles: ReadonlyMap<number, string>): DatabaseNames | undefined {
    const names = new DatabaseNames();
    const ours = this.#databases.map(({ uid }) => uid);
    const codes = new Set(DatabaseNames.notedCodes);
    let left = mostLog;
    try {
      for (const number of [...logFiles.keys()].sort((a, b) => b - a)) {
        const log = openLog(this.#files, new Map([[number, wholeLogFile(logFiles.get(number)!)]]));
        if ((left -= log.files[0]!.size) < 0) return undefined;
        for (const batch of scanBatches(this.#files, log)) {
          for (let i = 0; i < batch.count; i++) if (codes.has(batch.code(i))) names.see(batch.record(i));
        }
        if (ours.some((uid) => names.of(uid).length > 0)) break;
      }
      return names;
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      return ours.some((uid) => names.of(uid).length > 0) ? names : undefined;
    }
  }

  /** The directory of a log, or the one above, has the database itself: its copies elsewhere have no part in that log. */
  #isThere(place: string, name: string, identity: string): boolean {
    return [place, path.dirname(place)].some((root) => {
      const file = path.resolve(root, name);
      if (this.#databases.some((own) => path.resolve(own.path) === file) || !this.#isA('file', file)) return false;
      const found = this.#recognize(file);
      return found?.kind === 'database' && found.format.uid.startsWith(identity);
    });
  }

  #holdsDatabase(place: string): boolean {
    if (place === this.#home) return false;
    return this.#list(place).some((name) => {
      const file = path.join(place, name);
      if (logFileNumber(name) !== undefined || !this.#isA('file', file)) return false;
      return (this.#recognize(file)?.kind ?? 'other') !== 'other';
    });
  }

  #recognize(file: string): FileRecognition | undefined {
    const head = this.#quietly(() => readHead(this.#files, file), undefined);
    return head && recognizeFile(head, this.#files.cipher);
  }

  whatToDo({ place, names }: Candidate): Pick<LogNearby, 'home' | 'advice'> {
    const full = this.#homeOf(place, names ?? []);
    const home = full === this.#home ? this.#environment.home : full;
    const isInConfig = this.#configOf(full)?.logDirectory === place || (full === place && !this.#configOf(full));
    const backUp = `back it up with \`figaro-backup hot --home ${shellWord(home)}\`, or with \`offline\` while nobody writes`;
    const whose = names ? 'it is the log of this environment' : 'if it is the log of this environment';
    const say = names ? `${whose}: say so` : `${whose}, say so`;
    const config = path.join(home, 'DB_CONFIG');
    const inside = path.relative(full, place);
    if (isInConfig) return { home, advice: `the environment is ${home}: ${backUp}.` };
    if (inside === '') {
      return { home, advice: `${whose}, but ${config} names another directory for it: take that line out.` };
    }
    if (isAtOrBelow(place, full)) {
      return {
        home,
        advice: `${say} in ${config} with the line \`set_lg_dir ${inside.replaceAll(path.sep, '/')}\`, which changes nothing for an application that sets it by itself, and ${backUp}.`,
      };
    }
    return {
      home,
      advice: `${whose}${names ? ':' : ','} name it with \`--log-dir ${shellWord(place)}\`, or in ${config} with the line \`set_lg_dir ${place}\`, which changes nothing for an application that sets it by itself, and ${backUp}.`,
    };
  }

  /**
   * The directory that a log belongs to: the one whose DB_CONFIG names both, or else the one from which the names in the log
   * lead to the databases.
   */
  #homeOf(place: string, names: NonNullable<Candidate['names']>): string {
    for (const directory of [place, path.dirname(place), path.dirname(this.#home)]) {
      const config = this.#configOf(directory);
      const isAbove = isAtOrBelow(this.#home, directory);
      if (isAbove && config?.logDirectory === place && config.data.includes(this.#home)) return directory;
    }
    const roots = names.flatMap(({ name, path: file }) => {
      const end = path.sep + path.normalize(name);
      return file.endsWith(end) ? [file.slice(0, -end.length)] : [];
    });
    return roots.find((root) => isAtOrBelow(this.#home, root)) ?? this.#home;
  }
}
