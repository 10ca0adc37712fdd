/**
 * Objects as files in a directory of this machine. A file is synced before it gets its name, and the directories that it is in afterwards.
 * No link below the root is followed: what is neither a file nor a directory is no object.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { isInside } from '../fields.ts';
import { removeIfPossible } from '../files/durable.ts';
import { isCode } from '../files/failures.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { pause } from '../pause.ts';
import { isPart, isUnfinished, longestName, newUnfinished } from './file-names.ts';
import { bytesAsSource, wrongLength } from './object-source.ts';
import { byName, type ObjectSource, type Range, type Store, type StoredObject } from './store.ts';

/** How much is read at a time, in bytes, while everything else waits. */
const unit = 1 << 20;
/** How often a directory is made again that another run has removed because it was empty. */
const mostTries = 10;
/** What file systems keep in their own root, and only root may look into. */
const ofFileSystem = 'lost+found';

/** Opens a directory as a store. It has to be there when it is used; whoever makes a repository makes it. */
export function openLocalStore(files: Files, directory: string): Store {
  return new LocalStore(files, path.resolve(directory));
}

class LocalStore implements Store {
  readonly place: string;
  readonly #files: Files;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.place = directory;
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    this.#requireRoot();
    const objects = await this.#walk(prefix);
    return objects.filter(({ name }) => !isUnfinished(name)).sort(byName);
  }

  async read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    const file = this.#pathOf(name);
    this.#requireRoot();
    const opened = this.#isReachable(name) ? this.#files.openOwnIfThere(file) : undefined;
    if (!opened) return undefined;
    try {
      const { start, length } = range ?? { start: 0, length: Infinity };
      return await readBytes(opened, start, Math.max(0, Math.min(length, opened.stat().size - start)));
    } finally {
      opened.close();
    }
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    const file = this.#pathOf(name);
    await this.#writeUnfinished(name, source, (temporary) => this.#files.rename(temporary, file));
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const file = this.#pathOf(name);
    this.#requireRoot();
    if (this.#isReachable(name) && this.#files.statIfThere(file)) return false;
    return await this.#writeUnfinished(name, bytesAsSource(bytes), (temporary) => {
      const isOurs = this.#files.link(temporary, file);
      // Where files have one name only, it is a copy.
      if (isOurs) this.#sync(file);
      this.#files.remove(temporary);
      return isOurs;
    });
  }

  async remove(names: readonly string[]): Promise<void> {
    const files = names.map((name) => this.#pathOf(name));
    this.#requireRoot();
    await this.#remove(files.filter((_, i) => this.#isReachable(names[i]!)));
  }

  async sweep(olderThanMs: number): Promise<number> {
    this.#requireRoot();
    const left = (await this.#walk('')).filter(({ name }) => isUnfinished(name));
    if (left.length === 0) return 0;
    const before = this.#now() - olderThanMs;
    const old = left.filter(({ changedMs }) => changedMs <= before);
    await this.#remove(old.map(({ name }) => path.join(this.place, name)));
    return old.length;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The files below the root whose names begin with `prefix`, in no order. */
  async #walk(prefix: string): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const parts = top.split('/').slice(0, -1);
    // What no name has may not lead out of the root.
    if (!parts.every(isOwnPart)) return found;
    if (!this.#above(top).every((directory) => this.#files.statIfThere(directory)?.kind === 'directory')) return found;
    const left = [parts.join('/')];
    for (let directory = left.pop(); directory !== undefined; directory = left.pop()) {
      for (const part of this.#namesIn(directory)) {
        const name = path.posix.join(directory, part);
        if (!isOwnPart(part) || name.length > longestName || !name.startsWith(prefix)) continue;
        const stat = this.#files.statIfThere(path.join(this.place, name));
        if (stat?.kind === 'directory') left.push(name);
        if (stat?.kind === 'file') found.push({ name, size: stat.size, changedMs: stat.changedMs });
        await pause({});
      }
    }
    return found;
  }

  /** None where another run has just removed it. */
  #namesIn(directory: string): readonly string[] {
    try {
      return this.#files.listIfThere(path.join(this.place, directory)) ?? [];
    } catch (error) {
      const isRefused = error instanceof FigaroError && error.code === 'not-permitted';
      if (isRefused && directory === ofFileSystem) return [];
      throw error;
    }
  }

  /** Writes a file under a passing name, and has it get its own by `publish`. All of it lasts when this returns. */
  async #writeUnfinished<T>(name: string, source: ObjectSource, publish: (temporary: string) => T): Promise<T> {
    const opened = this.#createUnfinished(name);
    try {
      try {
        await writeBytes(opened, source, name);
        opened.sync();
      } finally {
        opened.close();
      }
      const result = publish(opened.path);
      // Another run may have made the directories, and not have synced them yet.
      for (const directory of [this.place, ...this.#above(name)].reverse()) this.#syncDirectory(directory);
      return result;
    } catch (error) {
      removeIfPossible(this.#files, opened.path);
      throw error;
    }
  }

  #createUnfinished(name: string): OpenFile {
    const above = this.#above(name);
    for (let tries = 1; ; tries++) {
      this.#requireRoot();
      try {
        if (!this.#isReachable(name)) for (const directory of above) this.#files.makeDirectory(directory);
        return this.#files.create(path.join(above.at(-1) ?? this.place, newUnfinished()));
      } catch (error) {
        if (!isCausedBy(error, 'ENOENT') || tries === mostTries) throw error;
      }
    }
  }

  /** Removes files, and the directories that are empty then. */
  async #remove(files: readonly string[]): Promise<void> {
    for (const file of files) {
      if (this.#files.statIfThere(file)?.kind === 'file') this.#files.remove(file);
      await pause({});
    }
    for (const directory of new Set(files.map((file) => path.dirname(file)))) this.#settle(directory);
  }

  /** Removes a directory, and those above it, as far as they are empty, and syncs the first one that stays. */
  #settle(directory: string): void {
    for (let at = directory; at !== this.place; at = path.dirname(at)) {
      try {
        this.#files.removeEmptyDirectory(at);
      } catch (error) {
        if (isCausedBy(error, 'ENOENT')) continue;
        // One that is empty is in nobody's way.
        if (!isCausedBy(error, 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EACCES', 'EPERM')) throw error;
        this.#syncDirectory(at);
        return;
      }
    }
    this.#syncDirectory(this.place);
  }

  /** What another run has removed need not last. */
  #syncDirectory(directory: string): void {
    try {
      this.#files.syncDirectory(directory);
    } catch (error) {
      if (!isCausedBy(error, 'ENOENT')) throw error;
    }
  }

  #sync(file: string): void {
    const opened = this.#files.openToWrite(file);
    try {
      opened.sync();
    } finally {
      opened.close();
    }
  }

  /** What time it is for the file system, in ms since 1970. */
  #now(): number {
    const opened = this.#files.create(path.join(this.place, newUnfinished()));
    try {
      return opened.stat().changedMs;
    } finally {
      opened.close();
      removeIfPossible(this.#files, opened.path);
    }
  }

  #requireRoot(): void {
    const kind = this.#files.statThrough(this.place)?.kind;
    if (kind === 'directory') return;
    const problem = kind === undefined ? 'there is no such directory' : 'is not a directory';
    throw new FigaroError('repository-missing', `${this.place}: ${problem}`, {
      path: this.place,
      hint: 'is the disk of the backups mounted? Otherwise name the directory of the repository.',
    });
  }

  /** Whether the directories that an object is in are there. Throws `io` where something else is in the place of one: nobody knows where it leads to. */
  #isReachable(name: string): boolean {
    for (const directory of this.#above(name)) {
      const kind = this.#files.statIfThere(directory)?.kind;
      if (kind === undefined || kind === 'file') return false;
      if (kind === 'directory') continue;
      throw new FigaroError('io', `${directory} is ${kind === 'link' ? 'a link' : 'neither a file nor a directory'}`, {
        path: directory,
        hint: 'nothing here is meant to be one. Find out who put it there, and remove it.',
      });
    }
    return true;
  }

  /** The directories below the root that an object is in, the outermost first. */
  #above(name: string): readonly string[] {
    const parts = name.split('/').slice(0, -1);
    return parts.map((_, i) => path.join(this.place, ...parts.slice(0, i + 1)));
  }

  /** Names come from manifests, which are files that anybody may have written. */
  #pathOf(name: string): string {
    if (!name.split('/').every(isOwnPart) || name.length > longestName || isUnfinished(name)) {
      throw new FigaroError('io', `${this.place}: ${JSON.stringify(name)} cannot be the name of an object`);
    }
    return path.join(this.place, name);
  }
}

/** True for what is one name to the system as well, and the same one when it is listed. */
function isOwnPart(part: string): boolean {
  return isPart(part) && isInside(part) && !/\p{Surrogate}/u.test(part);
}

async function readBytes(opened: OpenFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const wanted = bytes.subarray(done, done + unit);
    const read = opened.readAt(wanted, start + done);
    done += read;
    if (read < wanted.length) return bytes.subarray(0, done);
    await pause({});
  }
  return bytes;
}

/** Throws `io` where the source is longer or shorter than it says. */
async function writeBytes(opened: OpenFile, source: ObjectSource, name: string): Promise<void> {
  let done = 0;
  for await (const piece of source.open(0, source.size)) {
    if (done + piece.length > source.size) throw wrongLength(name, source, `more than ${source.size}`);
    opened.writeAt(piece, done);
    done += piece.length;
    await pause({});
  }
  if (done < source.size) throw wrongLength(name, source, `${done}`);
}

function isCausedBy(error: unknown, ...codes: string[]): boolean {
  return error instanceof FigaroError && isCode(error.details.cause, ...codes);
}
