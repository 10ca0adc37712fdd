/** The environment that is backed up, as it is found while others may be changing it. */

import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { requireReadable, unreadable } from '../environment/damaged.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { warningsOf, type LeftOut } from '../environment/left-out.ts';
import { OwnFiles } from '../environment/own-files.ts';
import { pagedFiles, type PagedFile } from '../environment/paged-files.ts';
import { separateTwins, twinsOf, warningsOfCopies, type NamesInLog, type Separated } from '../environment/twins.ts';
import { showsWrites } from '../environment/unchanged.ts';
import { type Files } from '../files/files.ts';
import { type SetFinding } from './damage.ts';

/** The files of an environment by how they have to be copied. Log files are not among them. */
export interface SourceFiles {
  readonly environment: Environment;
  readonly paged: readonly PagedFile[];
  readonly plain: readonly EnvironmentFile[];
  readonly copies: Separated['copies'];
  /** Databases that cannot be read; none unless they are to be kept. */
  readonly findings: readonly SetFinding[];
  /** What the operator has to know of files that are not what they look like, or left out. */
  readonly warnings: readonly string[];
}

interface SourceOptions {
  /** What the log that is copied calls databases; nothing by default. */
  readonly namesInLog?: NamesInLog;
  readonly choice?: FileChoice | undefined;
  /** Databases that cannot be read are taken as plain files, and told of. */
  readonly keepDamaged?: boolean | undefined;
  /** See `DiscoverOptions`. */
  readonly isGlance?: boolean | undefined;
  /** As it was listed just before: it is listed again only when something looks wrong with it. */
  readonly listed?: Environment | undefined;
}

const attempts = 4;
const waitMs = 50;

/** What stays what it is while its directory has the same names. */
const lasting: ReadonlySet<EnvironmentFile['kind'] | LeftOut['reason']> = new Set([
  'database',
  'queue-extent',
  'log',
  'config',
  'region',
  'registry',
  'replication',
] as const);

/**
 * True where another look would show the same files, whatever has been written to databases: no directory has got or lost a name, and nothing
 * else is there that could become another thing where it is.
 */
export function isAsListed(files: Files, { environment, copies, findings }: SourceFiles): boolean {
  const { home, directories, names, leftOut } = environment;
  if (copies.length + findings.length > 0 || leftOut.some(({ reason }) => !lasting.has(reason))) return false;
  if (environment.files.some(({ kind }) => !lasting.has(kind))) return false;
  return directories.every((directory) => isListedStill(files, path.join(home, directory), names?.get(directory)));
}

/** @param names those that it had. Another run of this process may have listed it since, with others */
function isListedStill(files: Files, directory: string, names: readonly string[] | undefined): boolean {
  const stat = files.statThrough(directory);
  if (!stat || !names || !showsWrites(files, directory, stat)) return false;
  return new OwnFiles(files, directory).namesIn(stat) === names;
}

/**
 * Lists an environment. What looks wrong is looked at again, since a file being created or renamed just then looks like
 * it. Throws `page-type` for a damaged database, `format-unsupported` for one of a release that is not read, and what
 * `separateTwins` throws.
 */
export async function listSource(files: Files, home: string, options: SourceOptions = {}): Promise<SourceFiles> {
  for (let i = 1; ; i++) {
    try {
      const listed = i === 1 ? options.listed : undefined;
      return sort(files, listed ?? discoverEnvironment(files, home, options), options);
    } catch (error) {
      if (i === attempts || !(error instanceof FigaroError)) throw error;
      await setTimeout(waitMs * i);
    }
  }
}

function sort(files: Files, all: Environment, { namesInLog = () => [], keepDamaged }: SourceOptions): SourceFiles {
  if (!keepDamaged) requireReadable(all);
  const found = keepDamaged ? damagedAsPlain(files, all) : all;
  const twins = twinsOf(found);
  const separated: Separated =
    twins.length === 0
      ? { environment: found, copies: [] }
      : separateTwins(withoutFormerNames(files, found, twins), namesInLog);
  const { environment } = separated;
  const paged = pagedFiles(files, environment);
  const isPaged = new Set(paged.map(({ file }) => file));
  const plain = environment.files.filter((file) => file.kind !== 'log' && !isPaged.has(file));
  const warnings = [...warningsOfCopies(separated), ...warningsOf(environment.leftOut)];
  const findings = all.damaged.map(({ name, problem, code }) => {
    const { message } = unreadable({ path: name, problem, code }, '');
    return { path: name, code, message, pgno: 0 };
  });
  return { environment, paged, plain, copies: separated.copies, findings, warnings };
}

function damagedAsPlain(files: Files, environment: Environment): Environment {
  const plain = environment.damaged.flatMap(({ name, path }): EnvironmentFile[] => {
    const stat = files.statThrough(path);
    return stat ? [{ kind: 'plain', name, path, logName: name, dataDirectory: '', stat }] : [];
  });
  return { ...environment, files: [...environment.files, ...plain], damaged: [] };
}

/** A file that is renamed while its directory is listed can be found under both names: one of them is gone by now. */
function withoutFormerNames(files: Files, environment: Environment, twins: ReturnType<typeof twinsOf>): Environment {
  const gone = new Set<EnvironmentFile>(twins.flat().filter(({ path }) => !files.statThrough(path)));
  return gone.size === 0 ? environment : { ...environment, files: environment.files.filter((file) => !gone.has(file)) };
}
