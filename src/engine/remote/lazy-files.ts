/**
 * Files and directories of a mirror that are not on its disk before somebody asks for what is in them. The bytes of files come from a store,
 * each once; names, sizes and times are known without.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { bytesAsFile } from '../files/bytes-as-file.ts';
import { removeIfPossible } from '../files/durable.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileOwner, type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { type StoredObject } from '../store/store.ts';
import { type SyncReader } from '../store/sync-reader.ts';
import { FetchedBlocks, type Elsewhere } from './fetched-blocks.ts';
import { ObjectBytes } from './object-bytes.ts';
import { passingFile } from './passing-file.ts';
import { type Expected, type StandIn } from './stand-in.ts';
import { Stubs, type Stub } from './stubs.ts';

/** As large as the largest file of Berkeley DB, in bytes: all pages that have a number, of the largest size. */
const mostBytes = 2 ** 48;

/** A file that was made, and is as long as its object. */
interface LazyFile {
  readonly stub: Stub;
  readonly object: ObjectBytes;
  readonly blocks: FetchedBlocks;
}

/** Stands between the engine and its disk for as long as a mirror is used. */
export class LazyFiles {
  readonly files: Files;
  readonly #disk: Files;
  readonly #reader: SyncReader;
  readonly #standIn: StandIn | undefined;
  readonly #stubs = new Stubs();
  /** By path. */
  readonly #lazy = new Map<string, LazyFile>();
  /** Whose everything here is. */
  #owner: Pick<FileOwner, 'uid' | 'gid'> | undefined;

  constructor(disk: Files, reader: SyncReader, standIn?: StandIn) {
    this.#disk = disk;
    this.#reader = reader;
    this.#standIn = standIn;
    const look = (stat: (file: string) => FileStat | undefined) => (file: string) => {
      const stub = this.#stubOf(file);
      return stub ? this.#statOf(file, stub) : this.#unchanged(file, stat(file));
    };
    const made =
      <A extends unknown[], T>(operation: (file: string, ...more: A) => T) =>
      (file: string, ...more: A): T => {
        this.#make(file);
        return operation(file, ...more);
      };
    const madeAbove = <A extends unknown[], T>(operation: (file: string, ...more: A) => T) =>
      made((file: string, ...more: A): T => {
        this.#make(path.dirname(file));
        return operation(file, ...more);
      });
    this.files = filesWith(disk, {
      openIfThere: (file) => this.#open(file) ?? disk.openIfThere(file),
      openOwnIfThere: (file) => this.#open(file) ?? disk.openOwnIfThere(file),
      openOnceIfThere: (file) => this.#openOnce(file) ?? this.files.openIfThere(file),
      create: madeAbove((file, mode?: number) => disk.create(file, mode)),
      openToWrite: made((file) => {
        this.#complete(file);
        return disk.openToWrite(file);
      }),
      append: made((file, bytes: Uint8Array) => {
        this.#complete(file);
        disk.append(file, bytes);
      }),
      statIfThere: look((file) => disk.statIfThere(file)),
      statThrough: look((file) => disk.statThrough(file)),
      showsWrites: made((file) => disk.showsWrites(file)),
      realPath: made((file) => disk.realPath(file)),
      listIfThere: (directory) => this.#list(directory),
      makeDirectory: madeAbove((file, mode?: number) => disk.makeDirectory(file, mode)),
      copy: made(async (from, to: string) => {
        this.#make(path.dirname(to));
        this.#make(to);
        this.#fill(from);
        await disk.copy(from, to);
      }),
      sync: made((file) => disk.sync(file)),
      syncAll: made((directory) => disk.syncAll?.(directory)),
      rename: made((from, to: string) => this.#rename(from, to)),
      link: made((file, name: string) => {
        this.#make(path.dirname(name));
        this.#make(name);
        this.#complete(file);
        return disk.link(file, name);
      }),
      remove: (file) => this.#remove(file),
      removeEmptyDirectory: (directory) => this.#removeEmptyDirectory(directory),
      setTimes: made((file, mtimeMs: number) => disk.setTimes(file, mtimeMs)),
      setOwner: made((file, owner: FileOwner) => disk.setOwner(file, owner)),
      syncDirectory: made((directory) => disk.syncDirectory(directory)),
      freeSpace: made((directory) => disk.freeSpace(directory)),
      hold: made((file) => disk.hold(file)),
      isHeld: made((file) => disk.isHeld(file)),
    });
  }

  /** Shows a directory in one that is there. */
  addDirectory(directory: string, name: string): void {
    this.#stubs.add(directory, name, { size: 0, changedMs: 0, mode: 0o750, contents: undefined });
  }

  /** Shows an object as a file of a directory that is there. */
  add(
    directory: string,
    file: string,
    { name, size, changedMs }: StoredObject,
    mode: number,
    expected?: Expected,
  ): void {
    // Blocks are written into it, whatever it is that the source could do with it.
    this.#stubs.add(directory, file, { size, changedMs, mode: mode | 0o600, contents: name, expected });
  }

  /** Shows bytes as a file of a directory that is there. */
  addBytes(directory: string, file: string, bytes: Uint8Array, changedMs: number): void {
    this.#stubs.add(directory, file, { size: bytes.length, changedMs, mode: 0o600, contents: bytes });
  }

  /** Forgets the bytes of a file that is an object now. */
  release(file: string, object: StoredObject, expected?: Expected): void {
    const { mode } = this.files.statIfThere(file)!;
    this.files.remove(file);
    this.add(path.dirname(file), path.basename(file), object, mode, expected);
  }

  /** What is known of what is not on disk; undefined for all else, and where its directory is gone. */
  #stubOf(file: string): Stub | undefined {
    const stub = this.#stubs.get(file);
    return stub && this.#isDirectory(path.dirname(file)) ? stub : undefined;
  }

  #isDirectory(directory: string): boolean {
    const stub = this.#stubs.get(directory);
    if (!stub) return this.#disk.statIfThere(directory)?.kind === 'directory';
    return stub.contents === undefined && this.#isDirectory(path.dirname(directory));
  }

  #statOf(file: string, { size, mode, changedMs, contents, number }: Stub): FileStat {
    const { uid, gid } = (this.#owner ??= this.files.statIfThere(path.dirname(file))!);
    const kind = contents === undefined ? 'directory' : 'file';
    return { kind, size, mode, uid, gid, mtimeMs: changedMs, changedMs, device: -1, inode: number };
  }

  /** That it is made, and that its blocks come, is no change of a file. */
  #unchanged<T extends FileStat | undefined>(file: string, stat: T): T {
    const lazy = stat && this.#lazy.get(file);
    if (!lazy) return stat;
    const { changedMs, number } = lazy.stub;
    return { ...stat, mtimeMs: changedMs, changedMs, device: -1, inode: number };
  }

  #list(directory: string): readonly string[] | undefined {
    const stub = this.#stubOf(directory);
    if (stub && stub.contents !== undefined) return undefined;
    const names = stub ? [] : this.#disk.listIfThere(directory);
    return names && [...names, ...this.#stubs.namesIn(directory)].sort();
  }

  #open(file: string): OpenFile | undefined {
    const stub = this.#stubOf(file);
    if (stub?.contents instanceof Uint8Array) return bytesAsFile(file, stub.contents, () => this.#statOf(file, stub));
    this.#make(file);
    const lazy = this.#lazy.get(file);
    // It may have been removed since.
    if (!lazy || this.#disk.statIfThere(file)?.kind !== 'file') return undefined;
    const opened = this.#disk.openToWrite(file);
    return {
      path: file,
      stat: () => this.#unchanged(file, opened.stat()),
      readAt: (target, position) => {
        lazy.blocks.fetch(opened, position, position + target.length);
        return opened.readAt(target, position);
      },
      writeAt: (source, position) => opened.writeAt(source, position),
      truncate: (size) => opened.truncate(size),
      sync: () => opened.sync(),
      syncBeside: () => opened.syncBeside(),
      close: () => opened.close(),
    };
  }

  /** What is not on disk stays in the store. Undefined for all else. */
  #openOnce(file: string): OpenFile | undefined {
    const stub = this.#stubOf(file);
    if (typeof stub?.contents === 'string') {
      const object = this.#objectOf(file, stub, stub.contents);
      return passingFile(file, object, () => this.#statOf(file, stub));
    }
    const lazy = this.#lazy.get(file);
    if (!lazy || lazy.blocks.areAll || this.#disk.statIfThere(file)?.kind !== 'file') return undefined;
    return passingFile(file, lazy.object, () => this.files.statIfThere(file)!);
  }

  /** Makes what was only told of, a file as long as it is, where there is such a one. */
  #make(file: string): void {
    const stub = this.#stubOf(file);
    if (!stub) return;
    this.#make(path.dirname(file));
    if (stub.contents === undefined) this.#disk.makeDirectory(file, stub.mode);
    else this.#makeFile(file, stub, stub.contents);
    this.#stubs.remove(file);
  }

  #makeFile(file: string, stub: Stub, contents: Uint8Array | string): void {
    const object = typeof contents === 'string' ? this.#objectOf(file, stub, contents) : undefined;
    const opened = this.#disk.create(file, stub.mode);
    try {
      try {
        if (typeof contents === 'string') opened.truncate(stub.size);
        else opened.writeAt(contents, 0);
      } finally {
        opened.close();
      }
    } catch (error) {
      removeIfPossible(this.#disk, file);
      throw error;
    }
    if (object) this.#lazy.set(file, { stub, object, blocks: this.#blocksOf(stub, object) });
  }

  #objectOf(file: string, { size }: Stub, name: string): ObjectBytes {
    if (size > mostBytes) throw tooLarge(file, size);
    return new ObjectBytes(name, size, this.#reader);
  }

  #blocksOf({ expected }: Stub, object: ObjectBytes): FetchedBlocks {
    const standIn = this.#standIn;
    const elsewhere: Elsewhere | undefined =
      standIn && expected ? (target) => standIn.fill(target, expected) : undefined;
    return new FetchedBlocks(object, elsewhere);
  }

  #remove(file: string): void {
    const isFile = this.#stubOf(file)?.contents !== undefined;
    // The system does not take a directory for a file.
    if (!isFile) this.#make(file);
    if (!isFile) this.#disk.remove(file);
    this.#forget(file);
  }

  #removeEmptyDirectory(directory: string): void {
    const stub = this.#stubOf(directory);
    const isEmpty = this.#stubs.namesIn(directory).length === 0;
    if (stub && stub.contents === undefined && isEmpty) return this.#forget(directory);
    this.#makeFilled(directory);
    this.#disk.removeEmptyDirectory(directory);
  }

  /** Makes what is empty on disk only, so that the system does not take it for empty. */
  #makeFilled(directory: string): void {
    this.#make(directory);
    const [name] = this.#stubs.namesIn(directory);
    if (name !== undefined) this.#make(path.join(directory, name));
  }

  #forget(file: string): void {
    this.#stubs.remove(file);
    this.#lazy.delete(file);
  }

  #rename(from: string, to: string): void {
    this.#make(path.dirname(from));
    this.#make(path.dirname(to));
    this.#makeFilled(to);
    const isDirectory = this.#disk.statIfThere(from)?.kind === 'directory';
    this.#disk.rename(from, to);
    if (from === to) return;
    this.#forget(to);
    if (isDirectory) this.#stubs.renameDirectory(from, to);
    const moved = isDirectory ? [...this.#lazy.keys()].filter((file) => file.startsWith(from + path.sep)) : [from];
    for (const file of moved) {
      const lazy = this.#lazy.get(file);
      if (!lazy) continue;
      this.#lazy.delete(file);
      this.#lazy.set(to + file.slice(from.length), lazy);
    }
  }

  #fill(file: string): void {
    const lazy = this.#lazy.get(file);
    if (!lazy) return;
    const opened = this.#disk.openToWrite(file);
    try {
      lazy.blocks.fetch(opened, 0, lazy.stub.size);
    } finally {
      opened.close();
    }
  }

  /** Makes a file one as all others, which may be changed. */
  #complete(file: string): void {
    this.#fill(file);
    this.#lazy.delete(file);
  }
}

function tooLarge(file: string, size: number): FigaroError {
  return new FigaroError('io', `${file} cannot have ${formatBytes(size)}, as its store says`, {
    path: file,
    hint: 'something else may have written there. Is it the right repository?',
  });
}
