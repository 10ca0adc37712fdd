/** An environment as it lies in its directory: its files by kind, and what is not taken of it. */

import { type FileStat, type FileOwner } from '../files/files.ts';
import { type FileChoice } from './file-choice.ts';
import { type LeftOut } from './left-out.ts';
import { type Lsn } from '../../format/lsn.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { type LogPart, type LogParts } from '../log/log-parts.ts';
import { type DbConfig } from './db-config.ts';

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
  | {
      readonly kind: 'log';
      readonly logNumber: number;
      /** Offset in the log file of the first byte here: 0 for a whole file, else this is a tail of it. */
      readonly logFrom: number;
      readonly format?: undefined;
      readonly uid?: undefined;
    }
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

/** A file that belongs to an environment. */
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

/** What directories outside of an environment are called inside of its sets: by how it calls them itself. */
export type InsideNames = ReadonlyMap<string, string>;

/** What a directory holds of an environment, at one moment. */
export interface Environment {
  readonly home: string;
  readonly config: DbConfig;
  /** Everything a backup holds, in order of name. */
  readonly files: readonly EnvironmentFile[];
  readonly leftOut: readonly LeftOut[];
  readonly damaged: readonly DamagedFile[];
  /** Directories that exist, relative to home; `''` is home itself. */
  readonly directories: readonly string[];
  /** By directory: the names in it, as this look has listed them; undefined for what was put together otherwise. */
  readonly names?: ReadonlyMap<string, readonly string[]>;
  /** Whose directories are; of files, where a manifest says more than the files themselves. By name. */
  readonly owners: ReadonlyMap<string, FileOwner>;
  /** A user and group that a manifest names, and to whom nothing in the sets belongs: nothing is given to them. */
  readonly refusedOwner?: Pick<FileOwner, 'uid' | 'gid'>;
  /** A set of databases whose log is gone, taken as they are: their pages keep the LSNs of it. */
  readonly withoutLog?: true;
  /** Databases that were recovered to this place in the log before they were kept: no earlier moment can be had of them. */
  readonly stateAt?: Lsn;
  /** Of a copy: where the environment was when its log was written. */
  readonly originalHome?: string;
  /** What directories outside of it are called inside of its sets. */
  readonly insideNames?: InsideNames;
  /** What was passed over when it was copied, by paths inside of it: databases that the log is about may be missing. */
  readonly excludes?: FileChoice['excludes'];
}

/** Files of one kind. */
export function filesOfKind<Kind extends EnvironmentFileKind>(
  environment: Environment,
  kind: Kind,
): readonly FileOfKind<Kind>[] {
  return environment.files.filter((file): file is FileOfKind<Kind> => file.kind === kind);
}

/** Where the log files of an environment are, by number. */
export function logPaths(environment: Environment): Map<number, LogParts> {
  const found = new Map<number, LogPart[]>();
  for (const { logNumber, logFrom, path } of filesOfKind(environment, 'log')) {
    const parts = found.get(logNumber);
    if (parts) parts.push({ path, from: logFrom });
    else found.set(logNumber, [{ path, from: logFrom }]);
  }
  for (const parts of found.values()) parts.sort((a, b) => a.from - b.from);
  return found;
}
