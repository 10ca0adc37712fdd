/** The disk of this machine, through Node. */

import fs from 'fs-extra';
import { FigaroError } from '../../errors.ts';
import { attempt, failure, isCode } from './failures.ts';
import { type Disk, type FileStat, type OpenFile } from './files.ts';
import { asked, askedIfThere, statOf, type Looked } from './stat.ts';
import { isLocal } from './file-systems.ts';
import { isOpen, withPatience } from './held-by-others.ts';
import { hold, isHeld } from './kernel-lock.ts';
import { syncAll } from './whole-sync.ts';
import { toAppendWithoutWaiting, toWriteWithoutWaiting, withoutLinks, withoutWaiting } from './open-flags.ts';

class NodeFile implements OpenFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #atOpening: Looked | undefined;

  /** @param atOpening what was seen of it then */
  constructor(file: string, descriptor: number, atOpening?: Looked) {
    this.path = file;
    this.#descriptor = descriptor;
    this.#atOpening = atOpening;
  }

  statAtOpening(): FileStat {
    return this.#atOpening ? statOf(this.#atOpening) : this.stat();
  }

  stat(): FileStat {
    return attempt('read', this.path, () => statOf(fs.fstatSync(this.#descriptor, asked)));
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

  async syncBeside(): Promise<void> {
    try {
      await fs.fsync(this.#descriptor);
    } catch (error) {
      throw failure('sync', this.path, error);
    }
  }

  close(): void {
    attempt('close', this.path, () => fs.closeSync(this.#descriptor));
  }
}

/** The disk of this machine. */
export const nodeFiles: Disk = {
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
    return attempt(
      'create',
      file,
      () =>
        new NodeFile(
          file,
          withPatience('change', () => fs.openSync(file, 'wx+', mode)),
        ),
    );
  },
  openToWrite(file) {
    return attempt('open', file, () => openRegular(file, toWriteWithoutWaiting | withoutLinks));
  },
  append(file, bytes) {
    attempt('write', file, () => {
      const { descriptor } = openRegularDescriptor(file, toAppendWithoutWaiting | withoutLinks);
      try {
        // What did not fit is not written behind it: another one's could stand between the two by then.
        if (fs.writeSync(descriptor, bytes) === bytes.length) return;
      } finally {
        fs.closeSync(descriptor);
      }
      throw new FigaroError('no-space', `${file}: cannot write all of a line`, { path: file });
    });
  },
  statIfThere(file) {
    return attempt('read', file, () => {
      const stat = fs.lstatSync(file, askedIfThere);
      return stat && statOf(stat);
    });
  },
  statThrough(file) {
    return attempt('read', file, () => {
      try {
        const stat = fs.statSync(file, askedIfThere);
        return stat && statOf(stat);
      } catch (error) {
        if (isCode(error, 'ELOOP')) return undefined;
        throw error;
      }
    });
  },
  showsWrites(file) {
    return attempt('read', file, () => isLocal(file));
  },
  realPath(file) {
    return attempt('follow links to', file, () => realPath(file));
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
      const stat = nodeFiles.statThrough(from)!;
      nodeFiles.setOwner(to, stat);
      nodeFiles.setTimes(to, stat.mtimeMs);
      // It may be read-only by now.
      await nodeFiles.sync(to);
    } catch (error) {
      throw failure(`copy ${from}`, to, error);
    }
  },
  async sync(file) {
    try {
      if (process.platform === 'win32') await whileWritable(file, () => syncFile(file));
      else await syncFile(file);
    } catch (error) {
      throw failure('sync', file, error);
    }
  },
  syncAll(directory) {
    return attempt('read', directory, () => syncAll(directory));
  },
  rename(from, to) {
    attempt(`rename to ${to}`, from, () => withPatience('change', () => fs.renameSync(from, to)));
  },
  link(file, name) {
    return attempt(`link to ${name}`, file, () => {
      try {
        withPatience('open', () => fs.linkSync(file, name));
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
    attempt('remove', file, () => withPatience('change', () => fs.rmSync(file, { force: true })));
  },
  removeEmptyDirectory(directory) {
    attempt('remove', directory, () => withPatience('change', () => fs.rmdirSync(directory)));
  },
  setTimes(file, mtimeMs) {
    attempt('set the times of', file, () => fs.utimesSync(file, mtimeMs / 1000, mtimeMs / 1000));
  },
  setOwner(file, { mode, uid, gid }) {
    return attempt('set the owner of', file, () => {
      const before = statOf(fs.lstatSync(file, asked));
      if (before.kind === 'link') throw isALink(file);
      const isTheirs = process.platform === 'win32' || (before.uid === uid && before.gid === gid);
      const isKept = isTheirs || changeOwner(file, uid, gid);
      // Neither owner nor umask has a say in what the source had.
      if (!isTheirs || before.mode !== mode) fs.chmodSync(file, mode);
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
    return attempt('read', directory, () => {
      const { blocks, bavail, bsize } = fs.statfsSync(directory);
      // Some file systems, of networks and programs, tell no sizes: that is no full disk.
      return blocks === 0 ? Number.MAX_SAFE_INTEGER : bavail * bsize;
    });
  },
  hold,
  isHeld,
  isOpen: (file) => attempt('read', file, () => isOpen(file)),
};

async function syncFile(file: string): Promise<void> {
  const descriptor = openToSync(file);
  try {
    await fs.fsync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** To write, where that is permitted: some file systems of networks send the server no sync for what is only read. */
function openToSync(file: string): number {
  try {
    return openDescriptor(file, toWriteWithoutWaiting | withoutLinks);
  } catch (error) {
    if (!isCode(error, 'EACCES')) throw error;
    return openDescriptor(file, withoutWaiting | withoutLinks);
  }
}

/** Windows lets nobody sync a file who may not write to it, and nobody write to what is marked as read only. */
async function whileWritable(file: string, work: () => Promise<void>): Promise<void> {
  const { mode } = fs.lstatSync(file);
  if (mode & 0o200) return await work();
  fs.chmodSync(file, mode | 0o200);
  try {
    await work();
  } finally {
    fs.chmodSync(file, mode);
  }
}

function realPath(file: string): string {
  if (process.platform !== 'win32') return fs.realpathSync(file);
  try {
    // Names as they are written on disk, and one spelling of a drive: others lead to the same place.
    return fs.realpathSync.native(file);
  } catch {
    return fs.realpathSync(file);
  }
}

function openRegular(file: string, flags = withoutWaiting): NodeFile {
  const { descriptor, looked } = openRegularDescriptor(file, flags);
  return new NodeFile(file, descriptor, looked);
}

function openRegularDescriptor(file: string, flags: number): { readonly descriptor: number; readonly looked: Looked } {
  const descriptor = openDescriptor(file, flags);
  try {
    const looked = fs.fstatSync(descriptor, asked);
    if (looked.isFile()) return { descriptor, looked };
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  fs.closeSync(descriptor);
  throw new FigaroError('io', `${file}: is not a regular file`, {
    path: file,
    hint: 'a directory, pipe, socket or device is where a file has to be. Move it away.',
  });
}

function openDescriptor(file: string, flags: number): number {
  try {
    return withPatience('open', () => fs.openSync(file, flags, 0o640));
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
  try {
    fs.chownSync(file, uid, gid);
  } catch (error) {
    if (!isCode(error, 'EPERM', 'EINVAL', 'ENOTSUP')) throw error;
  }
  // The library keeps a refusal to itself.
  const now = fs.statSync(file);
  return now.uid === uid && now.gid === gid;
}
