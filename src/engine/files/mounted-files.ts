/** A directory that is in several places, shown as one. */

import path from 'node:path';
import { bytesAsFile } from './bytes-as-file.ts';
import { writeNew } from './durable.ts';
import { filesWith } from './files-with.ts';
import { type Files, type FileStat, type OpenFile } from './files.ts';

/** A directory elsewhere that is shown inside of another one. */
export interface Mount {
  /** Its name there, without a `/`. */
  readonly name: string;
  /** Where it is. */
  readonly path: string;
  /** Which of the names in it are shown. */
  readonly shows: (name: string) => boolean;
}

/** A file that is shown with other contents than it has, or that is not there. */
interface Replacement {
  readonly name: string;
  readonly contents: Uint8Array;
}

/**
 * The disk, with one directory that shows others inside of it, and one of its files with other contents. Nothing is made for that,
 * and what is shown under one name is not shown under another.
 */
export function mountedFiles(files: Files, home: string, mounts: readonly Mount[], replacement: Replacement): Files {
  const replaced = path.join(home, replacement.name);
  const contents = replacement.contents;
  const shown = new Set([home, ...mounts.map(({ path: at }) => at)].map((at) => files.realPath(at)));

  const mountOf = (file: string): Mount | undefined =>
    mounts.find(({ name }) => {
      const at = path.join(home, name);
      return file === at || file.startsWith(at + path.sep);
    });
  const locate = (file: string): string => {
    if (!file.startsWith(home)) return file;
    const mount = mountOf(file);
    return mount ? path.join(mount.path, path.relative(path.join(home, mount.name), file)) : file;
  };

  /** Of the file that is there; where there is none, as one that its directory's owner made. */
  const statReplaced = (): FileStat => {
    const there = files.statThrough(replaced);
    if (there?.kind === 'file') return { ...there, size: contents.length };
    const { uid, gid, device } = files.statThrough(home)!;
    const never = { mtimeMs: 0, changedMs: 0, inode: 0 };
    return { kind: 'file', size: contents.length, mode: 0o640, uid, gid, device, ...never };
  };
  const openReplaced = (): OpenFile => bytesAsFile(replaced, contents, statReplaced);

  return filesWith(files, {
    locate,
    openIfThere: (file) => (file === replaced ? openReplaced() : files.openIfThere(locate(file))),
    openOwnIfThere: (file) => (file === replaced ? openReplaced() : files.openOwnIfThere(locate(file))),
    statIfThere: (file) => (file === replaced ? statReplaced() : files.statIfThere(locate(file))),
    statThrough: (file) => (file === replaced ? statReplaced() : files.statThrough(locate(file))),
    listIfThere(directory) {
      const place = locate(directory);
      const names = files.listIfThere(place);
      if (!names) return undefined;
      if (directory === home) {
        return [...new Set([...names, replacement.name, ...mounts.map(({ name }) => name)])].sort();
      }
      const mount = mountOf(directory);
      if (!mount) return names;
      const shows = place === mount.path ? mount.shows : () => true;
      const real = files.realPath(place);
      return names.filter((name) => shows(name) && !shown.has(path.join(real, name)));
    },
    async copy(from, to) {
      if (from !== replaced) return await files.copy(locate(from), to);
      writeNew(files, to, contents);
      files.setOwner(to, statReplaced());
    },
    showsWrites: (file) => files.showsWrites(locate(file)),
    isOpen: (file) => files.isOpen(locate(file)),
    realPath: (file) => files.realPath(locate(file)),
    create: (file, mode) => files.create(locate(file), mode),
    openToWrite: (file) => files.openToWrite(locate(file)),
    sync: (file) => files.sync(locate(file)),
    syncAll: (directory) => files.syncAll?.(locate(directory)),
    append: (file, bytes) => files.append(locate(file), bytes),
    remove: (file) => files.remove(locate(file)),
    rename: (from, to) => files.rename(locate(from), locate(to)),
    setOwner: (file, owner) => files.setOwner(locate(file), owner),
    syncDirectory: (directory) => files.syncDirectory(locate(directory)),
  });
}
