/** Looking through the directories of an environment: what each file is, told by content (format document, 1.3 to 1.5). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { regionMagic } from '../../format/magic.ts';
import { recognizeFile } from '../../format/page/meta.ts';
import { type Files, type FileOwner, type FileStat, placeOf } from '../files/files.ts';
import { lockedFile } from '../locked.ts';
import { logFileNumber, isRegionName, parseExtentName, parseLogTailName, fileOfLibrary } from '../../format/names.ts';
import { normalDirectory } from '../../format/names.ts';
import { placesIn, type DbConfig } from './db-config.ts';
import { type DamagedFile, type Environment, type EnvironmentFile, type FileContent } from './environment.ts';
import { noChoice, type FileChoice } from './file-choice.ts';
import { lookInto, readHead } from './file-head.ts';
import { LeftOutList, looksLikeData, type LeftOut } from './left-out.ts';
import { OwnFiles } from './own-files.ts';

interface SearchOptions {
  readonly choice?: FileChoice | undefined;
  readonly isGlance?: boolean;
  /** Not the environment of an application: tails of log files are part of its log. */
  readonly isCopy?: boolean;
}

/** One look through the directories of an environment. */
export class Search {
  readonly #files: Files;
  readonly #home: string;
  /** What paths in it begin with. */
  readonly #prefix: string;
  readonly #config: DbConfig;
  readonly #logDirectory: string;
  readonly #externalDirectory: string;
  readonly #placeOf: ReturnType<typeof placesIn>;
  /** Directories that DB_CONFIG names, and those that lead to them. */
  readonly #configured = new Set<string>();
  readonly #choice: FileChoice;
  readonly #found: EnvironmentFile[] = [];
  readonly #leftOut = new LeftOutList();
  readonly #isGlance: boolean;
  readonly #isCopy: boolean;
  readonly #damaged: DamagedFile[] = [];
  /** Databases that the password does not open. */
  readonly #locked: { readonly name: string; readonly path: string }[] = [];
  readonly #owners = new Map<string, FileOwner>();
  /** By directory. */
  readonly #names = new Map<string, readonly string[]>();
  /** The directories that the search is in, by device and inode. */
  readonly #open = new Set<string>();

  constructor(
    files: Files,
    home: string,
    config: DbConfig,
    { choice = noChoice, isGlance = false, isCopy = false }: SearchOptions,
  ) {
    this.#isGlance = isGlance;
    this.#isCopy = isCopy;
    this.#files = files;
    this.#home = home;
    this.#prefix = path.join(home, '-').slice(0, -1);
    this.#config = config;
    this.#logDirectory = normalDirectory(config.logDirectory ?? '.');
    this.#externalDirectory = normalDirectory(config.externalFileDirectory);
    this.#choice = choice;
    this.#placeOf = placesIn(config);
    const create = config.createDirectory === undefined ? [] : [normalDirectory(config.createDirectory)];
    for (const named of [
      ...config.dataDirectories.map(normalDirectory),
      ...create,
      this.#logDirectory,
      this.#externalDirectory,
    ]) {
      for (
        let leading = named;
        leading !== '' && leading !== '.' && leading !== '/';
        leading = path.posix.dirname(leading)
      ) {
        if (this.#configured.has(leading)) break;
        this.#configured.add(leading);
      }
    }
  }

  /** Of what was found by its name: to put thousands of paths in their normal form takes as long as to look at the files. */
  #at(inside: string): string {
    return placeOf(this.#files, path.sep === '/' ? this.#prefix + inside : path.join(this.#home, inside));
  }

  result(): Environment {
    // A password that opens one database is right: what is wrong with another is damage.
    const isRight = this.#found.some(({ format }) => format?.cipher);
    for (const locked of this.#locked) {
      if (!isRight) throw lockedFile(locked.path);
      this.#damaged.push({ ...locked, problem: 'its first page cannot be decrypted', code: 'page-type' });
    }
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    return {
      home: this.#home,
      config: this.#config,
      files: this.#found.sort(byName),
      leftOut: this.#leftOut.all(),
      damaged: this.#damaged.sort(byName),
      directories: [...this.#owners.keys()].sort(),
      names: this.#names,
      owners: this.#owners,
    };
  }

  begin(): void {
    this.#enter('', this.#home, this.#files.statThrough(this.#home)!);
  }

  #walk(directory: string, stat: FileStat): void {
    const own = new OwnFiles(this.#files, path.join(this.#home, directory));
    const names = this.#namesIn(directory, own, stat);
    // A directory may vanish between its listing and ours.
    if (!names) return;
    const foreign = this.#whoseElse(directory, names);
    if (foreign !== undefined) return this.#leave(directory, this.#at(directory), foreign);
    const { mode, uid, gid } = stat;
    this.#owners.set(directory, { mode, uid, gid });
    this.#names.set(directory, names);
    for (const name of names) {
      const inside = directory === '' ? name : `${directory}/${name}`;
      if (this.#isGlance && own.was(name) && !this.#choice.includes(inside) && !this.#choice.excludes(inside)) {
        this.#leaveFile(directory, name, 'other');
        continue;
      }
      const full = this.#at(inside);
      if (this.#choice.excludes(inside) && !this.#isEssential(directory, name)) {
        this.#exclude(directory, name);
        continue;
      }
      // The library follows links, too.
      const found = this.#files.statThrough(full);
      if (!found) this.#unseen(inside, full);
      else if (found.kind === 'directory') this.#enter(inside, full, found);
      else if (found.kind === 'file') this.#classify(directory, name, own, full, found);
      else this.#leave(inside, full, 'other');
    }
  }

  #namesIn(directory: string, own: OwnFiles, stat: FileStat): readonly string[] | undefined {
    const known = this.#isGlance ? own.namesIn(stat) : undefined;
    if (known) return known;
    const lookedAt = Date.now();
    const names = this.#files.listIfThere(path.join(this.#home, directory));
    if (names) own.list(names, stat, lookedAt);
    return names;
  }

  /** What nobody can ask to be passed over: nothing could be recovered without it. */
  #isEssential(directory: string, name: string): boolean {
    if (directory === '' && name === 'DB_CONFIG') return true;
    return directory === this.#logDirectory && logFileNumber(name) !== undefined;
  }

  /**
   * A directory with a log, a DB_CONFIG or regions of its own that DB_CONFIG does not name is another environment: its
   * containers go with its log, not with ours. With log files alone it may be where an application keeps the log.
   */
  #whoseElse(directory: string, names: readonly string[]): LeftOut['reason'] | undefined {
    if (directory === '' || this.#configured.has(directory)) return undefined;
    const hasRegions = names.some((name) => {
      const head = isRegionName(name) ? readHead(this.#files, this.#at(path.join(directory, name))) : undefined;
      return head !== undefined && isRegion(name, head);
    });
    if (hasRegions || names.includes('DB_CONFIG')) return 'environment';
    if (!names.some((name) => logFileNumber(name) !== undefined)) return undefined;
    const holdsDatabase = names.some((name) => {
      if (logFileNumber(name) !== undefined) return false;
      const file = this.#at(path.join(directory, name));
      const head = this.#files.statThrough(file)?.kind === 'file' ? readHead(this.#files, file) : undefined;
      return head !== undefined && recognizeFile(head).kind !== 'other';
    });
    return holdsDatabase ? 'environment' : 'log-directory';
  }

  /** Nothing is behind the name: it is gone by now, or a link that leads nowhere, or not a name we can say. */
  #unseen(name: string, full: string): void {
    // Only a link is a link: a file that was removed and made again since was just not there when it was looked at.
    const now = this.#files.statIfThere(full);
    if (now?.kind === 'link') {
      this.#requireNotNeeded(name, full);
      this.#leave(name, full, 'link');
    } else if (name.includes('\uFFFD')) {
      throw new FigaroError('format-unsupported', `${full}: this name is not UTF-8, and cannot be backed up`, {
        path: full,
        hint: 'rename the file, or move it out of the environment if it does not belong there.',
      });
    }
  }

  /** A link whose end is not there, as when a disk is not mounted, may stand for what must not be missing in a set. */
  #requireNotNeeded(name: string, full: string): void {
    const inLogDirectory = path.posix.join(this.#logDirectory, path.posix.basename(name)) === name;
    const isLog = inLogDirectory && logFileNumber(path.posix.basename(name)) !== undefined;
    const leadsTo = (directory: string): boolean => `${directory}/`.startsWith(`${name}/`);
    const isLogDirectory = leadsTo(this.#logDirectory);
    const isDirectory = this.#configured.has(name) && !isLogDirectory;
    const isData = name === 'DB_CONFIG' || looksLikeData(name) || parseExtentName(name) !== undefined || isDirectory;
    if (!isLog && !isData && !isLogDirectory) return;
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
    this.#leftOut.add({ name, path: full, reason });
  }

  /** One of the many files that may be beside an environment. Log files are looked for later on. */
  #leaveFile(directory: string, name: string, reason: LeftOut['reason']): void {
    const inside = directory === '' ? name : `${directory}/${name}`;
    if (logFileNumber(name) !== undefined) this.#leave(inside, this.#at(inside), reason);
    else this.#leftOut.addFile(directory, name, reason, () => this.#at(inside));
  }

  /** Whatever it is, it stops nothing. But people have to know of the databases in it. */
  #exclude(directory: string, name: string): void {
    const inside = directory === '' ? name : `${directory}/${name}`;
    const full = this.#at(inside);
    const databaseId = this.#unlessItFails(() => this.#databaseAt(full));
    if (databaseId === undefined) this.#leftOut.addFile(directory, name, 'excluded', () => full);
    else this.#leftOut.add({ name: inside, path: full, reason: 'excluded', databaseId });
    this.#unlessItFails(() => this.#lookIntoExcluded(inside, full));
  }

  #databaseAt(full: string): LeftOut['databaseId'] {
    const stat = this.#files.statThrough(full);
    if (stat?.kind !== 'file' || stat.size === 0) return undefined;
    const head = readHead(this.#files, full);
    const found = head && recognizeFile(head, this.#files.cipher);
    // What is no longer a database is one for the log, or for the sets before.
    if (found?.kind === 'database') return found.format.uid;
    return found?.kind === 'locked' ? '' : undefined;
  }

  /** The databases in a directory that is excluded, as far as they are of this environment. */
  #lookIntoExcluded(directory: string, full: string): void {
    const stat = this.#files.statThrough(full);
    if (stat?.kind !== 'directory') return;
    const id = `${stat.device} ${stat.inode}`;
    if (this.#open.has(id)) return;
    this.#open.add(id);
    const names = this.#files.listIfThere(full) ?? [];
    if (this.#whoseElse(directory, names) === undefined) {
      for (const name of names) {
        const inside = `${directory}/${name}`;
        const file = path.join(full, name);
        const databaseId = this.#unlessItFails(() => this.#databaseAt(file));
        if (databaseId !== undefined) {
          this.#leftOut.add({ name: inside, path: file, reason: 'excluded', databaseId });
        }
        this.#unlessItFails(() => this.#lookIntoExcluded(inside, file));
      }
    }
    this.#open.delete(id);
  }

  #unlessItFails<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (error instanceof FigaroError) return undefined;
      throw error;
    }
  }

  #classify(directory: string, name: string, own: OwnFiles, full: string, stat: FileStat): void {
    const inside = directory === '' ? name : `${directory}/${name}`;
    const add = (content: FileContent): void => {
      const { logName, dataDirectory } = this.#placeOf(inside);
      // Spread, it would take longer to make than the file to look at.
      this.#found.push(Object.assign(content, { name: inside, path: full, stat, logName, dataDirectory }));
    };
    if (inside === 'DB_CONFIG') return add({ kind: 'config' });
    if (directory === this.#logDirectory) {
      const logNumber = logFileNumber(name);
      if (logNumber !== undefined) return add({ kind: 'log', logNumber, logFrom: 0 });
      const tail = parseLogTailName(name);
      if (tail && !this.#isCopy) return this.#leave(inside, full, 'log-tail');
      if (tail) return add({ kind: 'log', logNumber: tail.number, logFrom: tail.from });
    }
    if (own.is(name, stat) && !this.#choice.includes(inside)) return this.#leaveFile(directory, name, 'other');
    const lookedAt = Date.now();
    const look = own.databaseAt(name, stat) ?? lookInto(this.#files, full, stat.size);
    if (!look) return;
    const { recognition, problem } = look;
    switch (recognition.kind) {
      case 'database':
        own.noteDatabase(name, look, stat, lookedAt);
        return add({ kind: 'database', format: recognition.format, uid: recognition.format.uid });
      case 'locked':
        this.#locked.push({ name: inside, path: full });
        return;
      case 'placeholder':
        return add({ kind: 'placeholder', uid: recognition.uid });
      case 'unsupported':
        this.#damaged.push({ name: inside, path: full, problem: recognition.problem, code: 'format-unsupported' });
        return;
      case 'damaged':
        this.#damaged.push({ name: inside, path: full, problem: recognition.problem, code: 'page-type' });
        return;
      case 'other':
        if (this.#classifyOther(directory, name, full, problem, add)) return;
        this.#leaveFile(directory, name, stat.size === 0 ? 'empty' : 'other');
        if (stat.size > 0) own.note(name, stat, lookedAt);
        return;
    }
  }

  /** What does not begin as a database does; false for a file of the application's own that nobody asked for. */
  #classifyOther(
    directory: string,
    name: string,
    full: string,
    problem: string | undefined,
    add: (content: FileContent) => void,
  ): boolean {
    const inside = directory === '' ? name : `${directory}/${name}`;
    const ofLibrary = isRegionName(name) ? 'region' : fileOfLibrary(name);
    if (parseExtentName(name)) add({ kind: 'queue-extent' });
    else if (ofLibrary !== undefined) this.#leave(inside, full, ofLibrary);
    else if (inside.startsWith(`${this.#externalDirectory}/`)) add({ kind: 'external-file' });
    else if (this.#choice.includes(inside)) add({ kind: 'plain' });
    else if (problem !== undefined) this.#damaged.push({ name: inside, path: full, problem, code: 'page-type' });
    else return false;
    return true;
  }
}

function isRegion(name: string, head: Uint8Array): boolean {
  if (!isRegionName(name)) return false;
  if (head.length < 4) return true;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === regionMagic || view.getUint32(0, false) === regionMagic || isZero(head);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
