/** What an environment directory holds, told by content and not by name (format document, 1.3 to 1.5). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { regionMagic } from '../../format/magic.ts';
import { metaSize, recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { readIfThere, type Files, type FileOwner, type FileStat } from '../files.ts';
import { lockedFile } from '../locked.ts';
import { logFileNumber } from '../log/log-files.ts';
import { normalDirectory, parseDbConfig, type DbConfig } from './db-config.ts';

export type EnvironmentFileKind =
  /** A database file, that is, a container. */
  | 'database'
  /** A stand-in of 512 bytes for a file that an open transaction removes or renames. */
  | 'placeholder'
  /** An extent of a queue. */
  | 'queue-extent'
  | 'external-file'
  | 'log'
  | 'config';

export interface EnvironmentFile {
  readonly kind: EnvironmentFileKind;
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
  /** Databases only. */
  readonly format?: DatabaseFormat;
  /** Databases and placeholders: unique id of the file. */
  readonly uid?: string;
  /** Log files only. */
  readonly logNumber?: number;
}

/** A file that does not belong into a backup, and why. */
export interface LeftOut {
  readonly name: string;
  readonly path: string;
  readonly reason: 'region' | 'temporary' | 'replication' | 'registry' | 'other' | 'link' | 'empty';
}

/** A file with the magic number of a database that can not be one. */
export interface DamagedFile {
  readonly name: string;
  readonly path: string;
  readonly problem: string;
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
}

export interface DiscoverOptions {
  /** The settings of a directory without DB_CONFIG, when it is not an environment of its own. */
  readonly inherited?: DbConfig | undefined;
  /** List what is inside, even when it is not all of the environment: see `outsideOf`. */
  readonly insideOnly?: boolean;
}

/**
 * Lists an environment. Throws `environment-missing` when the directory does not exist, `format-unsupported` for
 * directories outside of it and for slices. Finding nothing of an environment is not an error here.
 */
export function discoverEnvironment(
  files: Files,
  home: string,
  { inherited, insideOnly = false }: DiscoverOptions = {},
): Environment {
  if (files.statIfThere(path.resolve(home, '.'))?.kind === undefined) {
    throw new FigaroError('environment-missing', `${home}: no such directory`, {
      path: home,
      hint: 'give the directory that holds the containers and log files.',
    });
  }
  const configBytes = readIfThere(files, path.join(home, 'DB_CONFIG'));
  const config =
    configBytes || !inherited ? parseDbConfig(configBytes ? Buffer.from(configBytes).toString('utf8') : '') : inherited;
  if (!insideOnly) requireInside(home, config);
  const search = new Search(files, home, config);
  search.begin();
  return search.result();
}

/** Files of one kind. */
export function filesOfKind(environment: Environment, kind: EnvironmentFileKind): readonly EnvironmentFile[] {
  return environment.files.filter((file) => file.kind === kind);
}

/** The log files of an environment by number. */
export function logPaths(environment: Environment): Map<number, string> {
  return new Map(filesOfKind(environment, 'log').map((file) => [file.logNumber!, file.path]));
}

/** The directories of DB_CONFIG that are outside of the environment, as written there. */
export function outsideOf(config: DbConfig): string[] {
  const { dataDirectories, logDirectory, createDirectory, externalFileDirectory } = config;
  const named = [...dataDirectories, logDirectory, createDirectory, externalFileDirectory];
  return [...new Set(named.filter((directory) => directory !== undefined && isOutside(directory)))] as string[];
}

function isOutside(directory: string): boolean {
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

class Search {
  readonly #files: Files;
  readonly #home: string;
  readonly #config: DbConfig;
  readonly #logDirectory: string;
  readonly #externalDirectory: string;
  /** Longest first, so that the most specific one is found. */
  readonly #dataDirectories: readonly { readonly written: string; readonly normal: string }[];
  readonly #found: EnvironmentFile[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #damaged: DamagedFile[] = [];
  /** Databases that the password does not open. */
  readonly #locked: { readonly name: string; readonly path: string }[] = [];
  readonly #owners = new Map<string, FileOwner>();
  /** The directories that the search is in, by device and inode. */
  readonly #open = new Set<string>();

  constructor(files: Files, home: string, config: DbConfig) {
    this.#files = files;
    this.#home = home;
    this.#config = config;
    this.#logDirectory = normalDirectory(config.logDirectory ?? '.');
    this.#externalDirectory = normalDirectory(config.externalFileDirectory);
    this.#dataDirectories = config.dataDirectories
      .map((written) => ({ written, normal: normalDirectory(written) }))
      .sort((a, b) => b.normal.length - a.normal.length);
  }

  result(): Environment {
    // A password that opens one database is right: what is wrong with another is damage.
    const isRight = this.#found.some(({ format }) => format?.cipher);
    for (const locked of this.#locked) {
      if (!isRight) throw lockedFile(locked.path);
      this.#damaged.push({ ...locked, problem: 'its first page can not be decrypted' });
    }
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    return {
      home: this.#home,
      config: this.#config,
      files: this.#found.sort(byName),
      leftOut: this.#leftOut.sort(byName),
      damaged: this.#damaged.sort(byName),
      directories: [...this.#owners.keys()].sort(),
      owners: this.#owners,
    };
  }

  begin(): void {
    this.#enter('', this.#home, this.#files.statThrough(this.#home)!);
  }

  #walk(directory: string, { mode, uid, gid }: FileStat): void {
    const names = this.#files.listIfThere(path.join(this.#home, directory));
    // A directory may vanish between its listing and ours.
    if (!names) return;
    this.#owners.set(directory, { mode, uid, gid });
    for (const name of names) {
      const inside = directory === '' ? name : `${directory}/${name}`;
      const full = path.join(this.#home, inside);
      // The library follows links, too.
      const stat = this.#files.statThrough(full);
      if (!stat) this.#unseen(inside, full);
      else if (stat.kind === 'directory') this.#enter(inside, full, stat);
      else if (stat.kind === 'file') this.#classify(directory, name, inside, full, stat);
      else this.#leave(inside, full, 'other');
    }
  }

  /** Nothing is behind the name: it is gone by now, or a link that leads nowhere, or not a name we can say. */
  #unseen(name: string, full: string): void {
    if (this.#files.statIfThere(full)) {
      this.#requireNotNeeded(name, full);
      this.#leave(name, full, 'link');
    } else if (name.includes('\uFFFD')) {
      throw new FigaroError('format-unsupported', `${full}: this name is not UTF-8, and can not be backed up`, {
        path: full,
        hint: 'rename the file, or move it out of the environment if it does not belong there.',
      });
    }
  }

  /** A link whose end is not there, as when a disk is not mounted, may stand for what must not be missing in a set. */
  #requireNotNeeded(name: string, full: string): void {
    const { createDirectory } = this.#config;
    const inLogDirectory = path.posix.join(this.#logDirectory, path.posix.basename(name)) === name;
    const isLog = inLogDirectory && logFileNumber(path.posix.basename(name)) !== undefined;
    const leadsTo = (directory: string): boolean => `${directory}/`.startsWith(`${name}/`);
    const data = [this.#externalDirectory, ...this.#dataDirectories.map(({ normal }) => normal)];
    if (createDirectory !== undefined) data.push(normalDirectory(createDirectory));
    const isData = name === 'DB_CONFIG' || /\.(db|dbxml)$|(^|\/)__dbq\.[^/]+$/.test(name) || data.some(leadsTo);
    if (!isLog && !isData && !leadsTo(this.#logDirectory)) return;
    const code = isData ? 'container-missing' : 'log-missing';
    throw new FigaroError(code, `${full} is a link that leads nowhere`, {
      path: full,
      hint: 'is the disk mounted that it leads to? If the link does not belong here, remove it.',
    });
  }

  #enter(name: string, full: string, stat: FileStat): void {
    const id = `${stat.device} ${stat.inode}`;
    // A link back to where it came from.
    if (this.#open.has(id)) return this.#leave(name, full, 'link');
    this.#open.add(id);
    this.#walk(name, stat);
    this.#open.delete(id);
  }

  #leave(name: string, full: string, reason: LeftOut['reason']): void {
    this.#leftOut.push({ name, path: full, reason });
  }

  #classify(directory: string, name: string, inside: string, full: string, stat: FileStat): void {
    const add = (kind: EnvironmentFileKind, more: Partial<EnvironmentFile> = {}): void => {
      this.#found.push({ kind, name: inside, path: full, stat, ...this.#place(inside), ...more });
    };
    if (inside === 'DB_CONFIG') return add('config');
    const logNumber = directory === this.#logDirectory ? logFileNumber(name) : undefined;
    if (logNumber !== undefined) return add('log', { logNumber });
    const byName = leftOutByName(name);
    if (byName !== undefined) return this.#leave(inside, full, byName);
    if (/^__dbq\..+\.\d+$/.test(name)) return add('queue-extent');
    const head = this.#head(full);
    if (!head) return;
    if (isRegion(name, head)) return this.#leave(inside, full, 'region');
    const recognition = recognizeFile(head, this.#files.cipher);
    switch (recognition.kind) {
      case 'database':
        return add('database', { format: recognition.format, uid: recognition.format.uid });
      case 'locked':
        this.#locked.push({ name: inside, path: full });
        return;
      case 'placeholder':
        return add('placeholder', { uid: recognition.uid });
      case 'damaged':
        this.#damaged.push({ name: inside, path: full, problem: recognition.problem });
        return;
      case 'other':
        if (inside.startsWith(`${this.#externalDirectory}/`)) return add('external-file');
        this.#leave(inside, full, stat.size === 0 ? 'empty' : 'other');
    }
  }

  #place(inside: string): { logName: string; dataDirectory: string } {
    for (const { written, normal } of this.#dataDirectories) {
      if (normal !== '' && inside.startsWith(`${normal}/`)) {
        return { logName: inside.slice(normal.length + 1), dataDirectory: written };
      }
    }
    return { logName: inside, dataDirectory: '' };
  }

  #head(full: string): Uint8Array | undefined {
    const opened = this.#files.openIfThere(full);
    if (!opened) return undefined;
    try {
      const head = new Uint8Array(metaSize);
      return head.subarray(0, opened.readAt(head, 0));
    } finally {
      opened.close();
    }
  }
}

/** Files of the library that are never part of a backup, whatever they hold. */
function leftOutByName(name: string): LeftOut['reason'] | undefined {
  if (name === '__db.register') return 'registry';
  if (name === '__db.rep.system') return undefined;
  if (/^__db\.rep(pg)?\./.test(name)) return 'replication';
  if (/^BDB\d{5,}(_\d+)?$/.test(name) || name.startsWith('__db.freezer.')) return 'temporary';
  return undefined;
}

function isRegion(name: string, head: Uint8Array): boolean {
  if (!/^__db\.\d{3,}$/.test(name)) return false;
  if (head.length < 4) return true;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === regionMagic || view.getUint32(0, false) === regionMagic || isZero(head);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
