import { type Cipher } from '../../format/crypto.ts';
import { openOnceIfThere, placeOf, type Disk, type Files } from './files.ts';

/** A disk with the key to what is encrypted on it. */
export function withCipher(disk: Disk, cipher: Cipher): Files {
  return filesWith(disk, { cipher });
}

/** The same files, but for some of their operations. They may be of a class, whose methods a spread would lose. */
export function filesWith(files: Files, changed: Partial<Files>): Files {
  return {
    cipher: files.cipher,
    openIfThere: (file) => files.openIfThere(file),
    openOwnIfThere: (file) => files.openOwnIfThere(file),
    // What is opened otherwise is so for everybody.
    openOnceIfThere: changed.openIfThere ?? ((file) => openOnceIfThere(files, file)),
    create: (file, mode) => files.create(file, mode),
    openToWrite: (file) => files.openToWrite(file),
    append: (file, bytes) => files.append(file, bytes),
    statIfThere: (file) => files.statIfThere(file),
    statThrough: (file) => files.statThrough(file),
    showsWrites: (file) => files.showsWrites(file),
    realPath: (file) => files.realPath(file),
    locate: (file) => placeOf(files, file),
    listIfThere: (directory) => files.listIfThere(directory),
    makeDirectory: (directory, mode) => files.makeDirectory(directory, mode),
    copy: (from, to) => files.copy(from, to),
    sync: (file) => files.sync(file),
    syncAll: (directory) => files.syncAll?.(directory),
    rename: (from, to) => files.rename(from, to),
    link: (file, name) => files.link(file, name),
    remove: (file) => files.remove(file),
    removeEmptyDirectory: (directory) => files.removeEmptyDirectory(directory),
    setTimes: (file, mtimeMs) => files.setTimes(file, mtimeMs),
    setOwner: (file, owner) => files.setOwner(file, owner),
    syncDirectory: (directory) => files.syncDirectory(directory),
    hold: (file) => files.hold(file),
    isHeld: (file) => files.isHeld(file),
    isOpen: (file) => files.isOpen(file),
    freeSpace: (directory) => files.freeSpace(directory),
    ...changed,
  };
}
