/** What an environment directory holds, told by content and not by name (format document, 1.3 to 1.5). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { readIfThere } from '../files/read.ts';
import { type Files, type FileOwner, type FileStat } from '../files/files.ts';
import { normalDirectory, parseDbConfig, type DbConfig } from './db-config.ts';
import { type FileChoice } from './file-choice.ts';
import { type LeftOut } from './left-out.ts';
import { Search } from './search.ts';

interface FilePlace {
  /** Path inside the environment, with `/`. */
  readonly name: string;
  /** Where it is. */
  readonly path: string;
  /**
   * The name log records use: relative to the data directory the file is in. The same as `name` in the home directory.
   */
  readonly logName: string;
  /** The data directory as DB_CONFIG writes it; empty for the home directory. */
  readonly dataDirectory: string;
  readonly stat: FileStat;
}

/** What is known of a file beside its place, by its kind. What one of another kind has is undefined. */
export type FileContent =
  /** A database file, that is, a container, with its unique id. */
  | { readonly kind: 'database'; readonly format: DatabaseFormat; readonly uid: string; readonly logNumber?: undefined }
  /** A stand-in of 512 bytes for a file that an open transaction removes or renames, with the unique id of that. */
  | { readonly kind: 'placeholder'; readonly uid: string; readonly format?: undefined; readonly logNumber?: undefined }
  | { readonly kind: 'log'; readonly logNumber: number; readonly format?: undefined; readonly uid?: undefined }
  | {
      readonly kind:
        /** An extent of a queue. */
        | 'queue-extent'
        | 'external-file'
        /** A file of the application's own, taken because somebody asked for it, or a copy of a database that the log does not mean. */
        | 'plain'
        | 'config';
      readonly format?: undefined;
      readonly uid?: undefined;
      readonly logNumber?: undefined;
    };

export type EnvironmentFile = FilePlace & FileContent;

export type EnvironmentFileKind = FileContent['kind'];

export type FileOfKind<Kind extends EnvironmentFileKind> = EnvironmentFile & { readonly kind: Kind };

/** A file that is evidently a database, but not one that can be read. */
export interface DamagedFile {
  readonly name: string;
  readonly path: string;
  readonly problem: string;
  /** `format-unsupported` for one of another release, `page-type` for damage. */
  readonly code: 'page-type' | 'format-unsupported';
}

export interface Environment {
  readonly home: string;
  readonly config: DbConfig;
  /** Everything a backup holds, in order of name. */
  readonly files: readonly EnvironmentFile[];
  readonly leftOut: readonly LeftOut[];
  readonly damaged: readonly DamagedFile[];
  /** Directories that exist, relative to home; `''` is home itself. */
  readonly directories: readonly string[];
  /** Whose directories are; of files, where a manifest says more than the files themselves. By name. */
  readonly owners: ReadonlyMap<string, FileOwner>;
  /** A user and group that a manifest names, and to whom nothing in the sets belongs: nothing is given to them. */
  readonly refusedOwner?: Pick<FileOwner, 'uid' | 'gid'>;
  /** A set of databases whose log is gone, taken as they are: their pages keep the LSNs of it. */
  readonly withoutLog?: true;
  /** What was passed over when it was copied, by paths inside of it: databases that the log is about may be missing. */
  readonly excludes?: FileChoice['excludes'];
}

export interface DiscoverOptions {
  /** The settings of a directory without DB_CONFIG, when it is not an environment of its own. */
  readonly inherited?: DbConfig | undefined;
  /** List what is inside, even when it is not all of the environment: see `outsideOf`. */
  readonly insideOnly?: boolean;
  /** Which of the application's own files are taken, and what is passed over. */
  readonly choice?: FileChoice | undefined;
  /** Look once more: what this run has seen to be the application's own, by its name, is taken to be that still. */
  readonly isGlance?: boolean | undefined;
}

/**
 * Lists an environment. Throws `environment-missing` when the directory does not exist, `format-unsupported` for
 * directories outside of it and for slices. Finding nothing of an environment is not an error here.
 */
export function discoverEnvironment(
  files: Files,
  home: string,
  { inherited, insideOnly = false, choice, isGlance = false }: DiscoverOptions = {},
): Environment {
  requireDirectory(files, home);
  const config = configIfThere(files, home) ?? inherited ?? parseDbConfig('');
  if (!insideOnly) requireInside(home, config);
  const search = new Search(files, home, config, choice, isGlance);
  search.begin();
  return search.result();
}

/** The settings of an environment, whether or not it is one. */
export function configOf(files: Files, home: string): DbConfig {
  return configIfThere(files, home) ?? parseDbConfig('');
}

function configIfThere(files: Files, home: string): DbConfig | undefined {
  const bytes = readIfThere(files, path.join(home, 'DB_CONFIG'));
  return bytes && parseDbConfig(Buffer.from(bytes).toString('utf8'));
}

/** Throws `environment-missing` where there is no directory, or none behind a link. */
function requireDirectory(files: Files, home: string): void {
  const full = path.resolve(home);
  const stat = files.statThrough(full);
  if (stat?.kind === 'directory') return;
  const hint = 'give the directory that holds the containers and log files.';
  if (stat) throw new FigaroError('environment-missing', `${home} is a file, not a directory`, { path: home, hint });
  if (files.statIfThere(full)?.kind === 'link') {
    throw new FigaroError('environment-missing', `${home} is a link that leads nowhere`, {
      path: home,
      hint: 'is the disk mounted that it leads to?',
    });
  }
  throw new FigaroError('environment-missing', `${home}: no such directory`, { path: home, hint });
}

/** Files of one kind. */
export function filesOfKind<Kind extends EnvironmentFileKind>(
  environment: Environment,
  kind: Kind,
): readonly FileOfKind<Kind>[] {
  return environment.files.filter((file): file is FileOfKind<Kind> => file.kind === kind);
}

/** The log files of an environment by number. */
export function logPaths(environment: Environment): Map<number, string> {
  return new Map(filesOfKind(environment, 'log').map((file) => [file.logNumber, file.path]));
}

/** The directories of DB_CONFIG that are outside of the environment, as written there. */
export function outsideOf(config: DbConfig): string[] {
  const { dataDirectories, logDirectory, createDirectory, externalFileDirectory } = config;
  const named = [...dataDirectories, logDirectory, createDirectory, externalFileDirectory];
  return [...new Set(named.filter((directory) => directory !== undefined && isOutside(directory)))] as string[];
}

/** True for a directory of DB_CONFIG that is not inside of the environment. */
export function isOutside(directory: string): boolean {
  const normal = normalDirectory(directory);
  const leadsOut = normal === '..' || normal.startsWith('../');
  return path.isAbsolute(directory) || path.win32.isAbsolute(directory) || leadsOut;
}

function requireInside(home: string, config: DbConfig): void {
  if (config.sliced) {
    throw new FigaroError('format-unsupported', `${home}: a sliced environment can not be backed up as a whole`, {
      path: home,
      hint: 'back up each directory __db.sliceNNN as an environment of its own.',
    });
  }
  const [directory] = outsideOf(config);
  if (directory === undefined) return;
  throw new FigaroError(
    'format-unsupported',
    `${home}: DB_CONFIG names the directory ${directory}, outside of the environment`,
    {
      path: path.join(home, 'DB_CONFIG'),
      hint: 'a recovered copy would share that directory with the original. Put a link to it into the environment, and name the link in DB_CONFIG.',
    },
  );
}
