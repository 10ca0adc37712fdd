import path from 'node:path';
import { type FileStat, type Files, type OpenFile } from '../../src/engine/files/files.ts';

export type Operation = keyof Files | Exclude<keyof OpenFile, 'path'>;

/** What a test does around file operations. */
export interface Hooks {
  /** Before an operation; may throw in its place, or change the disk first. */
  readonly before?: (operation: Operation, path: string) => void;
  /** After a read; may change what was read. */
  readonly afterRead?: (path: string, bytes: Uint8Array, position: number) => void;
  readonly afterWrite?: (path: string, bytes: Uint8Array) => void;
  /** After a look at a file; what comes back is seen instead. */
  readonly afterStat?: (path: string, stat: FileStat) => FileStat;
  /** Whether times tell of writes: what the disk says by default, but not where reads can be changed. */
  readonly showsWrites?: boolean;
}

const longAgoMs = 10_000;

/**
 * Makes what is in a directory seem to have been changed that long before: what has been at rest for long is listed once, while no name in its
 * directory changes.
 */
export function longAtRest(directory: string): Pick<Hooks, 'showsWrites' | 'afterStat'> {
  return {
    showsWrites: true,
    afterStat(file, stat) {
      if (file !== directory && !file.startsWith(directory + path.sep)) return stat;
      return { ...stat, changedMs: stat.changedMs - longAgoMs, mtimeMs: stat.mtimeMs - longAgoMs };
    },
  };
}

/** File operations with a test looking on. */
export function watchedFiles(inner: Files, { before, afterRead, afterWrite, afterStat, showsWrites }: Hooks): Files {
  const see = (operation: Operation, path: string): void => before?.(operation, path);
  const seen = (path: string, stat: FileStat): FileStat => afterStat?.(path, stat) ?? stat;
  const wrap = (opened: OpenFile): OpenFile => ({
    path: opened.path,
    stat() {
      see('stat', opened.path);
      return seen(opened.path, opened.stat());
    },
    readAt(target, position) {
      see('readAt', opened.path);
      const length = opened.readAt(target, position);
      afterRead?.(opened.path, target.subarray(0, length), position);
      return length;
    },
    writeAt(source, position) {
      see('writeAt', opened.path);
      opened.writeAt(source, position);
      afterWrite?.(opened.path, source);
    },
    truncate(size) {
      see('truncate', opened.path);
      opened.truncate(size);
    },
    sync() {
      see('sync', opened.path);
      opened.sync();
    },
    async syncBeside() {
      see('sync', opened.path);
      await opened.syncBeside();
    },
    close() {
      // Whatever fails, the descriptor goes.
      opened.close();
      see('close', opened.path);
    },
  });
  return {
    cipher: inner.cipher,
    openIfThere(file) {
      see('openIfThere', file);
      const opened = inner.openIfThere(file);
      return opened && wrap(opened);
    },
    openOwnIfThere(file) {
      see('openOwnIfThere', file);
      const opened = inner.openOwnIfThere(file);
      return opened && wrap(opened);
    },
    create(file, mode) {
      see('create', file);
      return wrap(inner.create(file, mode));
    },
    openToWrite(file) {
      see('openToWrite', file);
      return wrap(inner.openToWrite(file));
    },
    append(file, bytes) {
      see('append', file);
      inner.append(file, bytes);
    },
    statIfThere(file) {
      see('statIfThere', file);
      const stat = inner.statIfThere(file);
      return stat && seen(file, stat);
    },
    statThrough(file) {
      see('statThrough', file);
      const stat = inner.statThrough(file);
      return stat && seen(file, stat);
    },
    showsWrites(file) {
      return showsWrites ?? (!afterRead && inner.showsWrites(file));
    },
    realPath(file) {
      see('realPath', file);
      return inner.realPath(file);
    },
    listIfThere(directory) {
      see('listIfThere', directory);
      return inner.listIfThere(directory);
    },
    makeDirectory(directory, mode) {
      see('makeDirectory', directory);
      return inner.makeDirectory(directory, mode);
    },
    async copy(from, to) {
      see('copy', to);
      await inner.copy(from, to);
    },
    async sync(file) {
      see('sync', file);
      await inner.sync(file);
    },
    syncAll(directory) {
      see('syncAll', directory);
      return inner.syncAll?.(directory);
    },
    rename(from, to) {
      see('rename', from);
      inner.rename(from, to);
    },
    link(file, name) {
      see('link', name);
      return inner.link(file, name);
    },
    remove(file) {
      see('remove', file);
      inner.remove(file);
    },
    removeEmptyDirectory(directory) {
      see('removeEmptyDirectory', directory);
      inner.removeEmptyDirectory(directory);
    },
    setTimes(file, mtimeMs) {
      see('setTimes', file);
      inner.setTimes(file, mtimeMs);
    },
    setOwner(file, owner) {
      see('setOwner', file);
      return inner.setOwner(file, owner);
    },
    syncDirectory(directory) {
      see('syncDirectory', directory);
      inner.syncDirectory(directory);
    },
    freeSpace(directory) {
      see('freeSpace', directory);
      return inner.freeSpace(directory);
    },
    hold(file) {
      see('hold', file);
      return inner.hold(file);
    },
    isHeld(file) {
      see('isHeld', file);
      return inner.isHeld(file);
    },
    // Only Windows is asked.
    isOpen: (file) => inner.isOpen(file),
  };
}
