import { FigaroError } from '../../errors.ts';
import { normalDirectory } from '../../format/names.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { type Environment } from '../environment/environment.ts';
import { ExternalFiles } from './external-files.ts';
import { PageCache } from './page-cache.ts';
import { StoredFile, type HowStored } from './page-store.ts';
import { extentName, parseExtentName } from '../../format/names.ts';
import { type Piece } from './piece.ts';
import { type Storage } from './storage.ts';

/** An extent of a queue, and where it belongs. */
interface Extent {
  readonly file: StoredFile;
  /** As log records would name it. */
  readonly name: string;
  readonly piece: Piece;
}

/** An extent whose queue is not there, at least not under the name that the extent says. */
interface StrayExtent {
  readonly name: string;
  readonly dataDirectory: string;
  readonly piece: Piece;
}

/**
 * The files of an environment while recovery creates, renames and removes them. A database is known by the unique id
 * on its first page, whatever its name at the moment (recovery document, B.5); names are given out at the end.
 */
export class FileTable {
  readonly cache: PageCache;
  readonly #storage: Storage;
  readonly environment: Environment;
  readonly externalFiles: ExternalFiles;
  readonly #files = new Set<StoredFile>();
  readonly #byName = new Map<string, StoredFile>();
  readonly #byUid = new Map<string, StoredFile>();
  /** Uids of the files that were there before recovery. */
  readonly initialUids: ReadonlySet<string>;
  /** Extents that wait for a record that says whose they are, by name. */
  readonly #strayExtents = new Map<string, StrayExtent>();

  /** The same for all files: there may be thousands. */
  readonly #how: HowStored;
  readonly #create: () => Piece;

  /**
   * Throws `not-recoverable` when two files carry the same unique id.
   *
   * @param logVersion tells the release that wrote the files
   * @param isAsListed nobody has written to the files since the environment was listed: what their first pages say is known
   */
  constructor(
    environment: Environment,
    storage: Storage,
    pathOf: (name: string) => string,
    cacheBytes: number,
    logVersion: number,
    isAsListed = false,
  ) {
    this.#storage = storage;
    this.#how = { cipher: storage.cipher, heapsAsIn60: logVersion === 20 || logVersion === 21 };
    this.#create = () => storage.create();
    this.environment = environment;
    this.externalFiles = new ExternalFiles(environment, storage, pathOf);
    this.cache = new PageCache(cacheBytes);
    for (const { kind, name, logName, dataDirectory, format } of environment.files) {
      if (kind !== 'database' && kind !== 'placeholder') continue;
      // A data directory searched earlier hides a later one.
      const hidden = this.#byName.get(logName);
      if (hidden) throw sameName(name, logName);
      // Of a queue, more has to be read.
      const known = isAsListed && format?.method !== 'queue' ? format : undefined;
      const file = this.#stored(storage.existing(pathOf(name)), logName, dataDirectory, known);
      if (file.isDatabase && file.pageCount === 0) throw cutOff(name);
      this.#files.add(file);
      this.#byName.set(logName, file);
      if (file.uid === undefined) continue;
      const twin = this.#byUid.get(file.uid);
      if (twin) throw sameUid(name, twin.label, file.uid);
      this.#byUid.set(file.uid, file);
    }
    this.initialUids = new Set(this.#byUid.keys());
    for (const { kind, name, logName, dataDirectory } of environment.files) {
      if (kind !== 'queue-extent') continue;
      this.#strayExtents.set(logName, { name: logName, dataDirectory, piece: storage.existing(pathOf(name)) });
    }
    for (const file of this.#files) this.#adoptExtents(file);
  }

  #stored(piece: Piece, name: string, dataDirectory: string, known?: DatabaseFormat): StoredFile {
    return new StoredFile(piece, this.cache, name, dataDirectory, this.#create, this.#how, known);
  }

  [Symbol.iterator](): Iterator<StoredFile> {
    return this.#files.values();
  }

  byUid(uid: string): StoredFile | undefined {
    return this.#byUid.get(uid);
  }

  /** True for a file that was there before recovery. */
  isInitial({ uid }: StoredFile): boolean {
    return uid !== undefined && this.initialUids.has(uid);
  }

  byName(name: string): StoredFile | undefined {
    return this.#byName.get(name);
  }

  /** The file of a name, created empty when there is none. `dataDirectory` is where the log says it was. */
  create(name: string, dataDirectory: string, mode: number): StoredFile {
    return this.createAt(name, this.#place(dataDirectory), mode);
  }

  /** As `create`, in a data directory that is known. */
  createAt(name: string, dataDirectory: string, mode: number): StoredFile {
    const there = this.#byName.get(name);
    if (there) return there;
    const file = this.#stored(this.#storage.create(mode), name, dataDirectory);
    this.#files.add(file);
    this.#byName.set(name, file);
    return file;
  }

  /** Where a new file goes (recovery document, E.4): the logged directory, the create directory, or home. */
  #place(logged: string): string {
    const { config, directories, insideNames } = this.environment;
    const exists = (directory: string): boolean => directories.includes(normalDirectory(directory));
    const inside = insideNames?.get(logged) ?? logged;
    if (inside !== '' && config.dataDirectories.includes(inside) && exists(inside)) return inside;
    if (config.createDirectory !== undefined) return config.createDirectory;
    return '';
  }

  /** To be called after bytes were written to a file outside of its pages: it may have got its identity. */
  identify(file: StoredFile, before: string | undefined): void {
    if (file.uid === before) return;
    if (before !== undefined && this.#byUid.get(before) === file) this.#byUid.delete(before);
    if (file.uid !== undefined) this.#byUid.set(file.uid, file);
  }

  /** Gives a file a name. A file that has the name loses it, and waits for a record that names it anew. */
  rename(file: StoredFile, name: string): void {
    if (file.name === name) return;
    const displaced = this.#byName.get(name);
    if (displaced) displaced.name = undefined;
    if (file.name !== undefined) this.#byName.delete(file.name);
    file.name = name;
    this.#byName.set(name, file);
    this.#adoptExtents(file);
  }

  /** Gives a queue the extents that have been waiting for its name. Those it has move along with it from then on. */
  #adoptExtents(file: StoredFile): void {
    if (!file.extents || this.#strayExtents.size === 0) return;
    for (const name of [...this.#strayExtents.keys()]) {
      if (parseExtentName(name)?.queue === file.name) this.#adoptExtent(file, name);
    }
  }

  #adoptExtent(file: StoredFile, name: string): void {
    const stray = this.#strayExtents.get(name);
    const number = parseExtentName(name)?.number;
    if (!stray || number === undefined || stray.dataDirectory !== file.dataDirectory) return;
    // A queue that the log creates gets its pages from the log; an extent of its name is another one's.
    if (!file.extents || file.extents.has(number) || !this.isInitial(file)) return;
    file.extents.add(number, stray.piece);
    this.#strayExtents.delete(name);
  }

  /**
   * To be called for each file operation on an extent. The extents of a queue come and go with it, but a copy can hold
   * one under a name the queue has no more, or not yet.
   *
   * @param uid of the extent: that of its queue, apart from the first eight bytes
   */
  noteExtent(uid: string, names: readonly string[]): void {
    if (this.#strayExtents.size === 0) return;
    for (const file of this.#files) {
      if (!file.extents || file.uid?.slice(16) !== uid.slice(16)) continue;
      for (const name of names) this.#adoptExtent(file, name);
    }
  }

  /** The extents of all queues. */
  *extents(): Generator<Extent> {
    for (const file of this.#files) {
      if (!file.extents || file.name === undefined) continue;
      for (const [number, piece] of file.extents) yield { file, name: extentName(file.name, number), piece };
    }
  }

  /** Extents that belong to no queue. */
  strays(): Iterable<StrayExtent> {
    return this.#strayExtents.values();
  }

  /** Names of extents that belong to no queue: they are not part of the result. */
  get strayExtents(): readonly string[] {
    return [...this.#strayExtents.keys()].sort();
  }

  /** Takes the name of a file away; it waits for a record that names it anew, and is gone at the end otherwise. */
  displace(file: StoredFile): void {
    if (file.name !== undefined) this.#byName.delete(file.name);
    file.name = undefined;
  }

  remove(file: StoredFile): void {
    this.displace(file);
    if (file.uid !== undefined && this.#byUid.get(file.uid) === file) this.#byUid.delete(file.uid);
    this.#files.delete(file);
    file.discard();
  }
}

function cutOff(name: string): FigaroError {
  return new FigaroError('page-type', `${name}: page 0 is damaged: the file ends before the page does`, {
    path: name,
    pgno: 0,
    hint: 'use another copy of this file.',
  });
}

function sameName(name: string, logName: string): FigaroError {
  return new FigaroError(
    'not-recoverable',
    `${name}: another data directory holds ${logName} as well, and the log does not say which one it means`,
    { path: name, hint: 'remove the one that does not belong to the environment from the copy.' },
  );
}

function sameUid(name: string, twin: string, uid: string): FigaroError {
  return new FigaroError('not-recoverable', `${name} and ${twin} carry the same unique id ${uid}`, {
    path: name,
    hint: 'one is a copy of the other. Remove the one that does not belong to the environment from the copy.',
  });
}
