import path from 'node:path';
import { takeBackup } from '../engine/backup/backup.ts';
import { type BackupOptions, type BackupResult } from '../engine/backup/backup-options.ts';
import { discoverEnvironment } from '../engine/environment/discover.ts';
import { requireDirectory } from '../engine/what-is.ts';
import { type Environment } from '../engine/environment/environment.ts';
import { wholeEnvironment } from '../engine/environment/outside.ts';
import { type Recovered, type RecoverFromOptions } from '../engine/recovery/recover-from.ts';
import { type BackupSet } from '../engine/repository/backup-set.ts';
import { openFiles, type OpenOptions } from './open-options.ts';
import { recover } from './recover.ts';

/** Where a set of an environment in use goes, and what is in it. */
export type HotOptions = Omit<BackupOptions, 'home' | 'chain' | 'withoutLog' | 'smallBytes'>;
/** As `HotOptions`, and `withoutLog`. */
export type OfflineOptions = Omit<BackupOptions, 'home' | 'chain' | 'smallBytes'>;
/** Which chain in which repository is continued; the newest by default. */
export type IncrementalOptions = Omit<
  BackupOptions,
  'home' | 'keepDamaged' | 'acceptMissing' | 'newSource' | 'withoutLog' | 'smallBytes' | 'onCreated'
>;

/** Directories that the application's code names, and DB_CONFIG does not: as the code names them. */
export type ContentsOptions = Pick<BackupOptions, 'dataDirectories' | 'logDirectory'>;

/** What a copy is recovered with, and to. */
export interface RecoverCopyOptions extends Omit<RecoverFromOptions, 'trustOwners' | 'acceptMissing'> {
  /** Copies made later, such as one of the log: in this order they are laid over the first one. */
  readonly later?: readonly string[];
  /**
   * Where the copies have what was outside of the environment: by the name that DB_CONFIG has for that directory. A name may also be
   * the home that the copy is a copy of. Paths are absolute or relative to the working directory.
   */
  readonly directoriesAt?: ReadonlyMap<string, string>;
}

/** A directory with containers and log files: an application's, or a plain copy. It is only read. */
export interface OpenEnvironment {
  readonly home: string;
  /**
   * What is there now, what would be left out of a set and why, and what is damaged. Files in directories outside have the paths here
   * that a set would give them; `insideNames` says what those directories are called. Throws `format-unsupported`, and
   * `container-missing` or `log-missing` where such a directory is not there.
   */
  contents(options?: ContentsOptions): Environment;
  /**
   * Takes a full set while other processes write. The set that comes back is complete, synced and was recovered once, in
   * memory; on failure nothing of it stays. Look at `manifest.warnings`, and with `keepDamaged` at `manifest.unsound`.
   *
   * Throws what keeps the source from being copied (`environment-missing`, `log-missing`, `format-unsupported`,
   * `page-unstable`), damage (`page-checksum`, `page-type`, `log-corrupt`, `not-recoverable`, `chain-mismatch`), and `busy` where
   * another run holds the repository.
   */
  hot(options: HotOptions): Promise<BackupSet>;
  /** As `hot`, of an environment that nobody writes to: `environment-in-use` and `environment-changed` where somebody does. */
  offline(options: OfflineOptions): Promise<BackupSet>;
  /** Adds the log that is new to the newest chain, or to that of the set `chain`. Throws as `hot`, and `chain-gap` where log files are gone. */
  incremental(options: IncrementalOptions): Promise<BackupResult>;
  /**
   * Takes this directory for a plain copy, and makes a recovered environment of it in `target`, which appears complete and
   * synced, or not at all. Nobody vouches for a copy: it is recovered as far as its own log and pages prove it. Throws as
   * `OpenRepository.recover`, `environment-in-use` where somebody has the copy open, and `format-unsupported` where DB_CONFIG
   * names a directory outside that `directoriesAt` has not.
   */
  recover(options: RecoverCopyOptions): Promise<Recovered>;
}

/** Opens an environment. Throws `environment-missing` where there is no such directory. */
export function openEnvironment(home: string, options: OpenOptions = {}): OpenEnvironment {
  const files = openFiles(options);
  const directory = path.resolve(home);
  requireDirectory(files, directory, 'environment');
  return {
    home: directory,
    contents: ({ dataDirectories, logDirectory } = {}) => {
      const whole = wholeEnvironment(files, directory, { dataDirectories, logDirectory });
      return { ...discoverEnvironment(whole.files, whole.home), insideNames: whole.insideNames };
    },
    hot: (backup) => takeBackup(files, 'hot', { ...backup, home: directory }),
    offline: (backup) => takeBackup(files, 'offline', { ...backup, home: directory }),
    incremental: (backup) => takeBackup(files, 'incremental', { ...backup, home: directory }),
    recover: ({ later = [], directoriesAt, ...recovery }) =>
      recover(files, { copies: [directory, ...later], ...(directoriesAt ? { directoriesAt } : {}) }, recovery),
  };
}
