/**
 * The file operations the engine may use. Everything the engine does to a disk goes through a `Files`, so that tests
 * can make any operation fail, fill the disk or lose power at any point.
 *
 * The operations are synchronous: an operation that returned has happened, and a forgotten `await` can not turn a
 * sync into a hope. Long loops give way to signals and progress between pieces of work (`pause.ts`).
 *
 * Failures are `FigaroError`s: `no-space`, `not-permitted`, otherwise `io`, with path and operation.
 */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import fs from 'fs-extra';
import { FigaroError, isSystemError, type ErrorCode } from '../errors.ts';
import { type Cipher } from '../format/crypto.ts';

export type FileKind = 'file' | 'directory' | 'link' | 'other';

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

export interface OpenFile {
  readonly path: string;
  stat(): FileStat;
  /** Reads at `position` until `target` is full or the file ends; returns the number of bytes read. */
  readAt(target: Uint8Array, position: number): number;
  /** Writes all of `source` at `position`. */
  writeAt(source: Uint8Array, position: number): void;
  truncate(size: number): void;
  /** Returns when the contents are on stable storage. */
  sync(): void;
  close(): void;
}

/** For errors about what can not be read without its password. */
export const passwordHint = 'give the file that holds the password: --password-file, or $FIGARO_BACKUP_PASSWORD_FILE.';

export interface Files {
  /** The key to what is encrypted; undefined when no password was given. */
  readonly cipher?: Cipher | undefined;
  /** Opens read-only; undefined when there is no such file. What is there and no file, such as a pipe, is an error. */
  openIfThere(file: string): OpenFile | undefined;
  /** As `openIfThere`, for files that this program made: a link is an error, too. */
  openOwnIfThere(file: string): OpenFile | undefined;
  /** Creates a new file for reading and writing; fails when the name is taken. */
  create(file: string, mode?: number): OpenFile;
  /** Opens an existing file for reading and writing, one that this program made: neither a link nor anything but a file. */
  openToWrite(file: string): OpenFile;
  /** What is at the name itself: a link is not followed. Undefined when nothing is. */
  statIfThere(file: string): FileStat | undefined;
  /** What a name leads to: links are followed. Undefined when nothing is there, or links lead in a circle. */
  statThrough(file: string): FileStat | undefined;
  /** The path of what is there, without links. */
  realPath(file: string): string;
  /** Names in a directory, sorted; undefined when there is no such directory. */
  listIfThere(directory: string): readonly string[] | undefined;
  /** Creates one directory; false when it is there already. */
  makeDirectory(directory: string, mode?: number): boolean;
  /**
   * Copies a file that nobody writes to, with its mode, owner and times, to a name that is not taken, and syncs the copy. Unlike everything
   * else here it goes on beside the caller's work: await it.
   */
  copy(from: string, to: string): Promise<void>;
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
}

export interface Hold {
  release(): void;
}

const errorCodes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EROFS: 'not-permitted',
};

/** What this process, or the whole machine, has run out of. */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'allow this user more open files (`ulimit -n`), then run the same command again.',
  ENFILE: 'this machine has too many open files: close some, then run the same command again.',
  ENOMEM: 'this machine is short of memory: make some free, then run the same command again.',
};

const hints: Partial<Record<ErrorCode, string>> = {
  'no-space': 'make room on that file system, then run the same command again.',
  'not-permitted': 'check who owns it and as which user this runs.',
};

/** Runs one operation on `file` and turns a failure into a `FigaroError`. */
function attempt<T>(operation: string, file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw failure(operation, file, error);
  }
}

function failure(operation: string, file: string, cause: unknown): unknown {
  if (!isSystemError(cause)) return cause;
  const code = errorCodes[cause.code!] ?? 'io';
  const hint = shortages[cause.code!] ?? hints[code];
  return new FigaroError(code, `${file}: cannot ${operation}: ${reason(cause)}`, {
    path: file,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** True for a failure that says nothing of the file it happened on: too many are open, or the memory is full. */
export function isShortage({ details: { cause } }: FigaroError): boolean {
  return isSystemError(cause) && cause.code! in shortages;
}

/** `EIO: i/o error, read` becomes `i/o error (EIO)`. */
function reason(error: NodeJS.ErrnoException): string {
  const text = /^[A-Z0-9]+: ([^,]*)/.exec(error.message)?.[1] ?? error.message;
  return `${text} (${error.code})`;
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return isSystemError(error) && codes.includes(error.code!);
}

function statOf(stat: fs.Stats): FileStat {
  return {
    kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'other',
    size: stat.size,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtimeMs: stat.mtimeMs,
    changedMs: stat.ctimeMs,
    device: stat.dev,
    inode: stat.ino,
  };
}

class NodeFile implements OpenFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(file: string, descriptor: number) {
    this.path = file;
    this.#descriptor = descriptor;
  }

  stat(): FileStat {
    return attempt('look at', this.path, () => statOf(fs.fstatSync(this.#descriptor)));
  }

  readAt(target: Uint8Array, position: number): number {
    return attempt('read', this.path, () => {
      let done = 0;
      while (done < target.length) {
        const n = fs.readSync(this.#descriptor, target, done, target.length - done, position + done);
        if (n === 0) break;
        done += n;
      }
      return done;
    });
  }

  writeAt(source: Uint8Array, position: number): void {
    attempt('write', this.path, () => {
      for (let done = 0; done < source.length;) {
        done += fs.writeSync(this.#descriptor, source, done, source.length - done, position + done);
      }
    });
  }

  truncate(size: number): void {
    attempt('set the size of', this.path, () => fs.ftruncateSync(this.#descriptor, size));
  }

  sync(): void {
    attempt('sync', this.path, () => fs.fsyncSync(this.#descriptor));
  }

  close(): void {
    attempt('close', this.path, () => fs.closeSync(this.#descriptor));
  }
}

/** The real thing. */
export const nodeFiles: Files = {
  openIfThere(file) {
    return attempt('open', file, () => {
      try {
        return openRegular(file);
      } catch (error) {
        if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
        throw error;
      }
    });
  },
  openOwnIfThere(file) {
    return attempt('open', file, () => {
      try {
        return openRegular(file, withoutWaiting | withoutLinks);
      } catch (error) {
        if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
        throw error;
      }
    });
  },
  create(file, mode = 0o640) {
    return attempt('create', file, () => new NodeFile(file, fs.openSync(file, 'wx+', mode)));
  },
  openToWrite(file) {
    return attempt('open', file, () => openRegular(file, toWriteWithoutWaiting | withoutLinks));
  },
  statIfThere(file) {
    return attempt('look at', file, () => {
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      return stat && statOf(stat);
    });
  },
  statThrough(file) {
    return attempt('look at', file, () => {
      try {
        return statOf(fs.statSync(file));
      } catch (error) {
        if (isCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
        throw error;
      }
    });
  },
  realPath(file) {
    return attempt('follow links to', file, () => fs.realpathSync(file));
  },
  listIfThere(directory) {
    return attempt('list', directory, () => {
      try {
        return fs.readdirSync(directory).sort();
      } catch (error) {
        if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
        throw error;
      }
    });
  },
  makeDirectory(directory, mode = 0o750) {
    return attempt('create', directory, () => {
      try {
        fs.mkdirSync(directory, { mode });
        return true;
      } catch (error) {
        if (isCode(error, 'EEXIST') && fs.statSync(directory).isDirectory()) return false;
        throw error;
      }
    });
  },
  async copy(from, to) {
    try {
      await fs.promises.copyFile(from, to, fs.constants.COPYFILE_EXCL);
      const stat = statOf(await fs.promises.stat(from));
      nodeFiles.setOwner(to, stat);
      nodeFiles.setTimes(to, stat.mtimeMs);
      const handle = await fs.promises.open(to, 'r+');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw failure(`copy ${from}`, to, error);
    }
  },
  rename(from, to) {
    attempt(`rename to ${to}`, from, () => fs.renameSync(from, to));
  },
  link(file, name) {
    return attempt(`link to ${name}`, file, () => {
      try {
        fs.linkSync(file, name);
      } catch (error) {
        if (isCode(error, 'EEXIST')) return false;
        // Some file systems know no second names. A copy comes nearest, though not all at once.
        if (!isCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
        fs.copyFileSync(file, name, fs.constants.COPYFILE_EXCL);
      }
      return true;
    });
  },
  remove(file) {
    attempt('remove', file, () => fs.rmSync(file, { force: true }));
  },
  removeEmptyDirectory(directory) {
    attempt('remove', directory, () => fs.rmdirSync(directory));
  },
  setTimes(file, mtimeMs) {
    attempt('set the times of', file, () => fs.utimesSync(file, mtimeMs / 1000, mtimeMs / 1000));
  },
  setOwner(file, { mode, uid, gid }) {
    return attempt('set the owner of', file, () => {
      if (fs.lstatSync(file).isSymbolicLink()) throw isALink(file);
      const isKept = changeOwner(file, uid, gid);
      // Neither owner nor umask has a say in what the source had.
      fs.chmodSync(file, mode);
      return isKept;
    });
  },
  syncDirectory(directory) {
    // Windows has no way to sync a directory, and does not need one.
    if (process.platform === 'win32') return;
    attempt('sync', directory, () => {
      const descriptor = fs.openSync(directory, 'r');
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  },
  freeSpace(directory) {
    return attempt('look at', directory, () => {
      const { bavail, bsize } = fs.statfsSync(directory);
      return bavail * bsize;
    });
  },
  hold(file) {
    const descriptor = openToHold(file);
    if (descriptor === undefined) return undefined;
    if (lockOpened(descriptor, ['-x', '-w', String(longestLook)]) === 'locked') {
      return { release: () => closeQuietly(descriptor) };
    }
    closeQuietly(descriptor);
    return undefined;
  },
  isHeld(file) {
    const descriptor = openToHold(file);
    if (descriptor === undefined) return false;
    try {
      // Several may look at once.
      return lockOpened(descriptor, ['-s', '-n']) === 'held';
    } finally {
      closeQuietly(descriptor);
    }
  },
};

/** How `flock` ends when another process has the lock; of all other ways to fail it has its own codes. */
const conflict = 75;
/** Looks by others take a moment. In s. */
const longestLook = 2;

/**
 * Locks what is open as `descriptor`, for all processes that have it from us: the lock stays when `flock` has ended. Undefined
 * where there is no such program, or no lock on this file system.
 */
function lockOpened(descriptor: number, options: readonly string[]): 'locked' | 'held' | undefined {
  if (process.platform !== 'linux') return undefined;
  const { status } = spawnSync('flock', ['-E', String(conflict), ...options, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
    timeout: (longestLook + 3) * 1000,
    killSignal: 'SIGKILL',
  });
  return status === 0 ? 'locked' : status === conflict ? 'held' : undefined;
}

/** Nothing was written to it. */
function closeQuietly(descriptor: number): void {
  try {
    fs.closeSync(descriptor);
  } catch {
    // It is gone either way.
  }
}

function openToHold(file: string): number | undefined {
  try {
    return fs.openSync(file, withoutWaiting | withoutLinks);
  } catch {
    return undefined;
  }
}

/** Opening a pipe would wait for somebody to write to it. */
const withoutWaiting = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
const toWriteWithoutWaiting = fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0);
/** Windows knows no such flag. */
const withoutLinks = fs.constants.O_NOFOLLOW ?? 0;

function openRegular(file: string, flags = withoutWaiting): NodeFile {
  const descriptor = openDescriptor(file, flags);
  try {
    if (fs.fstatSync(descriptor).isFile()) return new NodeFile(file, descriptor);
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  fs.closeSync(descriptor);
  throw new FigaroError('io', `${file}: is no file`, {
    path: file,
    hint: 'a directory, pipe, socket or device is where a file has to be. Move it away.',
  });
}

function openDescriptor(file: string, flags: number): number {
  try {
    return fs.openSync(file, flags);
  } catch (error) {
    if (!isCode(error, 'ELOOP', 'EMLINK')) throw error;
    throw isALink(file);
  }
}

function isALink(file: string): FigaroError {
  return new FigaroError('io', `${file}: is a link`, {
    path: file,
    hint: 'nothing here is meant to be one. Find out who put it there, and remove it.',
  });
}

/** False when this user may not. */
function changeOwner(file: string, uid: number, gid: number): boolean {
  if (process.platform === 'win32') return true;
  const isTheirs = (): boolean => {
    const now = fs.statSync(file);
    return now.uid === uid && now.gid === gid;
  };
  if (isTheirs()) return true;
  try {
    fs.chownSync(file, uid, gid);
  } catch (error) {
    if (!isCode(error, 'EPERM', 'EINVAL', 'ENOTSUP')) throw error;
  }
  // The library keeps a refusal to itself.
  return isTheirs();
}

/** A file of the operating system, such as those in /proc; empty where there is none. */
export function readSystemFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Where a link of the operating system leads; empty where there is none. */
export function readSystemLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

/** Opens a file that has to be there. */
export function openToRead(files: Files, file: string): OpenFile {
  const opened = files.openIfThere(file);
  if (!opened) throw new FigaroError('io', `${file}: no such file`, { path: file });
  return opened;
}

/** Runs `use` on a file opened for reading, and closes it whatever happens. */
export function withFile<T>(files: Files, file: string, use: (opened: OpenFile) => T): T {
  const opened = openToRead(files, file);
  try {
    return use(opened);
  } finally {
    opened.close();
  }
}

/** More than any small file of ours or of the library has, in bytes. */
const smallFileLimit = 16 << 20;

/** The whole contents of a small file; undefined when it is not there. Throws `io` for one that is not small. */
export function readIfThere(files: Files, file: string): Uint8Array | undefined {
  return readWhole(files.openIfThere(file), smallFileLimit);
}

/**
 * As `readIfThere`, for files that this program made: links are not followed.
 *
 * @param limit in bytes
 */
export function readOwnIfThere(files: Files, file: string, limit = smallFileLimit): Uint8Array | undefined {
  return readWhole(files.openOwnIfThere(file), limit);
}

/**
 * As `readOwnIfThere`, of a file that only grows: its end, where there is more than `most`.
 *
 * @param most in bytes
 */
export function readEndIfThere(files: Files, file: string, most: number): Uint8Array | undefined {
  const opened = files.openOwnIfThere(file);
  if (!opened) return undefined;
  try {
    const { size } = opened.stat();
    const bytes = new Uint8Array(Math.min(size, most));
    return bytes.subarray(0, opened.readAt(bytes, size - bytes.length));
  } finally {
    opened.close();
  }
}

function readWhole(opened: OpenFile | undefined, limit: number): Uint8Array | undefined {
  if (!opened) return undefined;
  try {
    const { size } = opened.stat();
    if (size > limit) {
      throw new FigaroError(
        'io',
        `${opened.path}: has ${size} bytes, more than the ${limit} that such a file can have`,
        {
          path: opened.path,
          hint: 'this is not what it was written as: find out what overwrote it.',
        },
      );
    }
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, opened.readAt(bytes, 0));
  } finally {
    opened.close();
  }
}

/** Creates a directory and those above it that are missing, each synced into its parent. */
export function makeDirectories(files: Files, directory: string): void {
  const stat = files.statIfThere(directory);
  if (stat?.kind === 'link' && !files.statThrough(directory)) {
    throw new FigaroError('io', `${directory} is a link that leads nowhere`, {
      path: directory,
      hint: 'is the disk mounted that it leads to?',
    });
  }
  if (stat) return;
  const parent = path.dirname(directory);
  makeDirectories(files, parent);
  if (files.makeDirectory(directory)) files.syncDirectory(parent);
}

/** Removes a directory and everything in it; links are removed, not followed, and one in the place of the directory, too. */
export function removeTree(files: Files, directory: string): void {
  const kind = files.statIfThere(directory)?.kind;
  if (kind === undefined) return;
  if (kind !== 'directory') {
    files.remove(directory);
    return;
  }
  for (const name of files.listIfThere(directory) ?? []) removeTree(files, path.join(directory, name));
  files.removeEmptyDirectory(directory);
}

/**
 * Writes a small file so that it is there whole or not at all: temporary name, sync, rename, sync of the directory. A
 * temporary file that can not become the file is removed.
 */
export function writeDurably(files: Files, file: string, contents: Uint8Array | string): void {
  const temporary = `${file}.tmp`;
  files.remove(temporary);
  try {
    writeDraft(files, temporary, contents);
    files.rename(temporary, file);
  } catch (error) {
    removeIfPossible(files, temporary);
    throw error;
  }
  files.syncDirectory(path.dirname(file));
}

/**
 * As `writeDurably`, for a file that is made once, however many try at the same time: false when it is there. What a
 * killed run leaves is called `file.new-…`, and is in nobody's way.
 */
export function createDurably(files: Files, file: string, contents: Uint8Array | string): boolean {
  if (files.statIfThere(file)) return false;
  const draft = `${file}.new-${randomBytes(6).toString('hex')}`;
  try {
    writeDraft(files, draft, contents);
    if (!files.link(draft, file)) return false;
  } catch (error) {
    // Another run was faster, and has swept.
    if (files.statIfThere(file)) return false;
    throw error;
  } finally {
    removeIfPossible(files, draft);
  }
  files.syncDirectory(path.dirname(file));
  return true;
}

function writeDraft(files: Files, file: string, contents: Uint8Array | string): void {
  const opened = files.create(file);
  try {
    opened.writeAt(typeof contents === 'string' ? Buffer.from(contents) : contents, 0);
    opened.sync();
  } finally {
    opened.close();
  }
}

/** Where something else went wrong before, that is what has to be told. */
function removeIfPossible(files: Files, file: string): void {
  try {
    files.remove(file);
  } catch {
    // Temporary files are in nobody's way.
  }
}
