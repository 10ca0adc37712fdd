/**
 * The file operations the engine may use. Everything the engine does to a disk goes through a `Files`, so that tests
 * can make any operation fail, fill the disk or lose power at any point.
 *
 * The operations are synchronous: an operation that returned has happened, and a forgotten `await` cannot turn a
 * sync into a hope. Long loops give way to signals and progress between pieces of work (`pause.ts`).
 *
 * Failures are `FigaroError`s: `no-space`, `not-permitted`, otherwise `io`, with path and operation.
 */

import { type Cipher } from '../../format/crypto.ts';

export type FileKind = 'file' | 'directory' | 'link' | 'other';

/** What the system says of a file. Times in ms since 1970. */
export interface FileStat {
  readonly kind: FileKind;
  /** In bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** When anything of it last changed, its times included: by the clock of the file system, which nobody can set. */
  readonly changedMs: number;
  readonly device: number;
  readonly inode: number;
}

/** Whose a file is, and who may do what with it. */
export type FileOwner = Pick<FileStat, 'mode' | 'uid' | 'gid'>;

/** A file that is open, until it is closed. Positions and sizes are in bytes. */
export interface OpenFile {
  readonly path: string;
  stat(): FileStat;
  /** As it was when it was opened, where that is known without a look. */
  statAtOpening?(): FileStat;
  /** Reads at `position` until `target` is full or the file ends; returns the number of bytes read. */
  readAt(target: Uint8Array, position: number): number;
  /** Writes all of `source` at `position`. */
  writeAt(source: Uint8Array, position: number): void;
  truncate(size: number): void;
  /** Returns when the contents are on stable storage. */
  sync(): void;
  /** As `sync`, beside the caller's work: await it. */
  syncBeside(): Promise<void>;
  close(): void;
}

/** A disk. Failures of its operations are `FigaroError`s: `no-space`, `not-permitted`, otherwise `io`. */
export interface Disk {
  /** Opens read-only; undefined when there is no such file. What is there and no file, such as a pipe, is an error. */
  openIfThere(file: string): OpenFile | undefined;
  /** As `openIfThere`, for files that this program made: a link is an error, too. */
  openOwnIfThere(file: string): OpenFile | undefined;
  /**
   * As `openIfThere`, for whoever reads a file once, from its beginning to its end: what of it is not on this disk does not get there. Absent
   * where all of it always is.
   */
  openOnceIfThere?(file: string): OpenFile | undefined;
  /** Creates a new file for reading and writing; fails when the name is taken. */
  create(file: string, mode?: number): OpenFile;
  /** Opens an existing file for reading and writing, one that this program made: neither a link nor anything but a file. */
  openToWrite(file: string): OpenFile;
  /**
   * Adds to the end of a file, in one write that no other one comes between, and makes the file where there is none. As with
   * `openToWrite`, it is neither a link nor anything but a file.
   */
  append(file: string, bytes: Uint8Array): void;
  /** What is at the name itself: a link is not followed. Undefined when nothing is. */
  statIfThere(file: string): FileStat | undefined;
  /** What a name leads to: links are followed. Undefined when nothing is there, or links lead in a circle. */
  statThrough(file: string): FileStat | undefined;
  /**
   * True where every write to a file is one of this machine, and changes the times of the file before it changes a byte: on
   * local file systems of Linux (recovery document, G.5).
   */
  showsWrites(file: string): boolean;
  /** The path of what is there, without links. */
  realPath(file: string): string;
  /** Where what has this name really is, when it is only shown there. */
  locate?(file: string): string;
  /** Names in a directory, sorted; undefined when there is no such directory. */
  listIfThere(directory: string): readonly string[] | undefined;
  /** Creates one directory; false when it is there already. */
  makeDirectory(directory: string, mode?: number): boolean;
  /**
   * Copies a file that nobody writes to, with its mode, owner and times, to a name that is not taken, and syncs the copy. Unlike nearly
   * everything else here it goes on beside the caller's work: await it.
   */
  copy(from: string, to: string): Promise<void>;
  /** As `OpenFile.sync`, of a file of ours that is not open. As `copy`, it goes on beside the caller's work: await it. */
  sync(file: string): Promise<void>;
  /**
   * Syncs all that was written to the file system of a directory by then, whoever wrote it: thousands of small files last sooner so than one
   * after the other. As `copy`, it goes on beside the caller's work: await it. Undefined, or absent, where that cannot be done, or errors would
   * not be told.
   */
  syncAll?(directory: string): Promise<void> | undefined;
  rename(from: string, to: string): void;
  /** Gives a file a second name, all at once; false when the name is taken. */
  link(file: string, name: string): boolean;
  /** Removes a file; nothing to do is fine. */
  remove(file: string): void;
  removeEmptyDirectory(directory: string): void;
  setTimes(file: string, mtimeMs: number): void;
  /**
   * Gives a file or directory its permission bits, and its owner and group where this user may; false where not. A link is
   * an error.
   */
  setOwner(file: string, owner: FileOwner): boolean;
  /** Makes creations, renamings and removals in a directory last. */
  syncDirectory(directory: string): void;
  /** Bytes that can still be written to the file system of `directory`. */
  freeSpace(directory: string): number;
  /**
   * Holds a file or directory of ours with a lock of the kernel, which ends with this process, however that ends, and not while it
   * stands still. Undefined where the system has none to give.
   */
  hold(file: string): Hold | undefined;
  /** True when a process holds it, whatever container of this machine it is in. False proves nothing. */
  isHeld(file: string): boolean;
  /**
   * True when a process has it open, this one included, as only Windows tells. Nobody else can open it while that is asked: not to be
   * asked of what may be in use.
   */
  isOpen(file: string): boolean;
}

/** What the engine works on: a disk, and the key to what is encrypted on it. */
export interface Files extends Disk {
  /** Undefined when no password was given. */
  readonly cipher?: Cipher | undefined;
}

export interface Hold {
  release(): void;
}

/** Where a file is on disk: what people are told, and other programs. */
export function placeOf(files: Files, file: string): string {
  return files.locate?.(file) ?? file;
}

/** What a file is that was opened just now. */
export function statAtOpening(opened: OpenFile): FileStat {
  return opened.statAtOpening ? opened.statAtOpening() : opened.stat();
}

/** As `Disk.openOnceIfThere`, of any disk. */
export function openOnceIfThere(files: Files, file: string): OpenFile | undefined {
  return files.openOnceIfThere ? files.openOnceIfThere(file) : files.openIfThere(file);
}
