/**
 * Whether what is to be backed up is the environment that a repository is of. Unique ids of databases and the log are the
 * evidence; where it lies, and on which machine, is a hint only: the same place may have an environment that was made anew.
 */

import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Lsn } from '../../format/lsn.ts';
import { logFileNumber } from '../../format/names.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind, logPaths, type Environment } from '../environment/environment.ts';
import { firstDifference } from '../files/compare.ts';
import { withFile } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { wholeLogFile, type LogPart } from '../log/log-parts.ts';
import { differenceInHistory } from '../log/same-history.ts';
import { databasesTold, placeOf, plainId, type Manifest } from '../repository/manifest.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { environmentOf } from '../repository/repository.ts';

/** What the log of a source has to do with that of sets. */
type LogRelation =
  /** It has all that the newest of the sets have of it. */
  | 'goes-on'
  /** They have a stretch in common. */
  | 'shares'
  | 'differs'
  /** No file is left to compare. */
  | 'unknown';

/** True for a set after which the repository is of another environment than before, as somebody asked for. */
const isNewSource = ({ manifest }: BackupSet): boolean => manifest.newSource === true;

/** The sets of the environment that the repository is of by now, the oldest first. */
function setsOfSource(sets: readonly BackupSet[]): readonly BackupSet[] {
  return sets.slice(Math.max(0, sets.findLastIndex(isNewSource)));
}

/**
 * Throws `chain-mismatch` for an environment that has neither a database nor log in common with the sets of a repository, unless
 * it is in its place and nothing speaks against it. Returns what the operator has to know of one that goes on.
 *
 * @param all the sets of the repository, the oldest first
 */
export function requireBelongs(
  files: Files,
  environment: Environment,
  repository: string,
  all: readonly BackupSet[],
): readonly string[] {
  const sets = setsOfSource(all);
  const newest = sets.at(-1);
  if (!newest) return [];
  const { home } = environment;
  const notes = notesOnRelated(new Evidence(files, environment, sets), home, newest);
  if (notes) return notes;
  throw new FigaroError('chain-mismatch', strangerTo(home, repository, newest, sets.length), {
    path: home,
    hint: `each environment needs a repository of its own: choose another --repo. If ${home} is the same environment, rebuilt or migrated, or takes its place from now on, add --new-source once.`,
  });
}

/** Of an environment that sets are of, what the operator has to know; undefined for another one. */
function notesOnRelated(evidence: Evidence, home: string, newest: BackupSet): readonly string[] | undefined {
  const { id, manifest } = newest;
  const isInPlace = path.resolve(home) === manifest.source;
  const isSame = isInPlace && hostname() === manifest.host;
  const hasCommonDatabase = evidence.hasCommonDatabase();
  if (hasCommonDatabase && isSame) return [];
  const relation = evidence.relation();
  // Where there is no log to compare, nobody can say that it does not go on.
  if (hasCommonDatabase) return relation === 'shares' || relation === 'differs' ? [elsewhere(home, manifest)] : [];
  if (relation === 'goes-on' || relation === 'shares') return [];
  if (relation === 'differs' || !isInPlace) return undefined;
  const since = isSame ? id : `${id}, which was taken on ${manifest.host}`;
  if (evidence.isBare && !evidence.endsBefore(manifest)) {
    return isSame ? [] : [`${home} has neither a container nor log that could be compared with ${since}`];
  }
  const anew = `every container of ${home} has been made anew since ${since}`;
  if (evidence.isRebuiltWithoutLog()) return [anew];
  // The name of a host is no evidence where there is no log; one in use has to be on the machine that it was on.
  return isSame && evidence.beginsAfter(manifest) ? [`${anew}, and no log file of that time is left`] : undefined;
}

function strangerTo(home: string, repository: string, { id, manifest }: BackupSet, count: number): string {
  const sets = count === 1 ? `${id}` : `${count} sets, the newest ${id},`;
  return `${home} on ${hostname()} is not the environment that ${repository} is of: that holds ${sets} of ${placeOf(manifest)}, which have neither a container nor log in common with it`;
}

function elsewhere(home: string, manifest: Manifest): string {
  return `${home} on ${hostname()} holds containers of ${placeOf(manifest)}, which the sets here are of so far, but its log does not go on from theirs: a copy that goes its own way needs a repository of its own`;
}

/** The error of an incremental that does not continue its chain, with whose chain that is. */
export function withOwnerOf(
  files: Files,
  error: FigaroError,
  environment: Environment,
  chain: { readonly id: string; readonly sets: readonly BackupSet[] },
): FigaroError {
  const { home } = environment;
  const { hint = '' } = error.details;
  const whose = `the chain, ${chain.id}, is of ${placeOf(chain.sets.at(-1)!.manifest)}`;
  const advice = isRelated(files, environment, chain.sets)
    ? `${whose}: ${hint}`
    : `${whose}, and ${home} on ${hostname()} has neither a container nor log in common with it: give it a repository of its own, or, if it was rebuilt or migrated, begin a new chain with \`figaro-backup hot --new-source\`.`;
  return new FigaroError(error.code, error.message, { ...error.details, hint: advice, cause: error });
}

/** True when sets and an environment have a database or log in common, and where that cannot be told. */
function isRelated(files: Files, environment: Environment, sets: readonly BackupSet[]): boolean {
  try {
    const evidence = new Evidence(files, environment, sets);
    return evidence.isBare || notesOnRelated(evidence, environment.home, sets.at(-1)!) !== undefined;
  } catch (error) {
    if (error instanceof FigaroError) return true;
    throw error;
  }
}

/** Less than this in common is what the logs of all new environments begin with. In bytes. */
const leastInCommon = 256;

class Evidence {
  readonly #files: Files;
  readonly #environment: Environment;
  readonly #sets: readonly BackupSet[];

  constructor(files: Files, environment: Environment, sets: readonly BackupSet[]) {
    this.#files = files;
    this.#environment = environment;
    this.#sets = sets;
  }

  hasCommonDatabase(): boolean {
    const ids = this.#idsOfSource();
    return this.#sets.some((set) => this.#idsIn(set).some((id) => ids.has(id)));
  }

  /** One side has no database that could be compared. */
  get isBare(): boolean {
    return this.#idsOfSource().size === 0 || this.#sets.every((set) => this.#idsIn(set).length === 0);
  }

  #idsOfSource(): ReadonlySet<string> {
    const uids = this.#environment.files.map(({ uid }) => uid).filter((uid) => uid !== undefined);
    return new Set(uids.map(plainId));
  }

  #idsIn(set: BackupSet): readonly string[] {
    const told = databasesTold(set.manifest).map(({ databaseId }) => databaseId);
    const ids = told.length > 0 ? told : this.#idsOfEarlierSet(set);
    return ids.map(plainId);
  }

  /** Manifests of the first version of this program do not tell ids. What cannot be read any more says nothing. */
  #idsOfEarlierSet({ directory, manifest }: BackupSet): readonly string[] {
    if (manifest.format > 1 || !manifest.files.some(({ kind }) => kind === 'database')) return [];
    try {
      const { files } = discoverEnvironment(this.#files, environmentOf(directory), { insideOnly: true });
      return files.flatMap(({ uid }) => uid ?? []);
    } catch (error) {
      if (error instanceof FigaroError) return [];
      throw error;
    }
  }

  /**
   * The log of the source begins where that of a set ends, or later, as after older files were removed. That of an environment that
   * was made anew begins with file 1.
   */
  beginsAfter({ log }: Manifest): boolean {
    const first = Math.min(...logPaths(this.#environment).keys());
    return log !== undefined && Number.isFinite(first) && first > 1 && first >= log.end.file;
  }

  /** The log of the source ends in a file before that in which a set ends: it is not the same log, which only grows. */
  endsBefore({ log }: Manifest): boolean {
    const numbers = [...logPaths(this.#environment).keys()];
    return log !== undefined && numbers.length > 0 && Math.max(...numbers) < log.end.file;
  }

  /**
   * The newest sets are asked first. The log of an environment only grows, so of one file the shorter has to be the beginning
   * of the longer.
   */
  relation(): LogRelation {
    const source = logPaths(this.#environment);
    let result: LogRelation = 'unknown';
    for (const { directory, manifest } of this.#sets.toReversed()) {
      const end = manifest.log?.end;
      for (const { path: name, kind, size, tailOf } of manifest.files.toReversed()) {
        const number = kind === 'log' ? logFileNumber(path.posix.basename(tailOf?.path ?? name)) : undefined;
        const [file] = (number === undefined ? undefined : source.get(number)) ?? [];
        if (file === undefined) continue;
        const from = tailOf?.from ?? 0;
        const has = (this.#files.statThrough(file.path)?.size ?? 0) - from;
        const common = Math.min(has, size);
        if (common < leastInCommon) continue;
        const copy = path.join(environmentOf(directory), name);
        const lastRecord =
          end && number === end.file && from + common === end.offset ? manifest.log?.lastRecord : undefined;
        const known = { end: { file: number!, offset: from + common }, lastRecord };
        if (!this.#agree(file.path, { path: copy, from }, known)) result = 'differs';
        else return result === 'unknown' && has >= size && number === end?.file ? 'goes-on' : 'shares';
      }
    }
    return result;
  }

  #agree(source: string, copy: LogPart, known: { readonly end: Lsn; readonly lastRecord: Lsn | undefined }): boolean {
    try {
      if (copy.from === 0) return differenceInHistory(this.#files, wholeLogFile(source), [copy], known) === undefined;
      const length = known.end.offset - copy.from;
      return withFile(this.#files, source, (file) =>
        withFile(this.#files, copy.path, (tail) => firstDifference(file, tail, length, copy.from) === undefined),
      );
    } catch (error) {
      // The application removes log files, and a set may lack one: then this pair tells nothing.
      if (error instanceof FigaroError && error.details.cause === undefined) return false;
      throw error;
    }
  }

  /** Containers without a log are often made anew: then their names are all there is. */
  isRebuiltWithoutLog(): boolean {
    if (logPaths(this.#environment).size > 0 || this.#sets.some(({ manifest }) => manifest.log)) return false;
    const names = new Set(filesOfKind(this.#environment, 'database').map(({ name }) => name));
    return this.#sets.some(({ manifest }) => manifest.files.some((file) => names.has(file.path)));
  }
}
