/** Files as a recovery has them in memory, to be read as those on a disk are. */

import path from 'node:path';
import { extentName, normalDirectory, standardExternalDirectory } from '../../format/names.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { type Piece } from './piece.ts';
import { type RecoveredState } from './rehearse.ts';

/**
 * A disk that has the recovered files and no others, by their names inside the environment. External files are where a database
 * has them without a `DB_CONFIG`.
 */
export function recoveredFiles(files: Files, { recovered, table }: RecoveredState): Files {
  const pieces = new Map<string, Piece>();
  const put = (name: string, piece: Piece): void => {
    pieces.set(path.resolve(name), piece);
  };
  for (const file of recovered) {
    // What is in the cache is not in storage.
    file.flush();
    const name = path.posix.join(normalDirectory(file.dataDirectory), file.name!);
    put(name, file.piece);
    for (const [number, piece] of file.extents ?? []) put(extentName(name, number), piece);
  }
  const external = normalDirectory(table.environment.config.externalFileDirectory);
  for (const [name, piece] of table.externalFiles) {
    put(path.posix.join(standardExternalDirectory, path.posix.relative(external, name)), piece);
  }
  const statIfThere = (file: string): FileStat | undefined => {
    const piece = pieces.get(path.resolve(file));
    return piece && statOf(piece);
  };
  return filesWith(files, {
    statIfThere,
    statThrough: statIfThere,
    openIfThere(file) {
      const piece = pieces.get(path.resolve(file));
      return piece && openedPiece(file, piece);
    },
    listIfThere(directory) {
      const at = path.resolve(directory);
      return [...pieces.keys()].filter((name) => path.dirname(name) === at).map((name) => path.basename(name));
    },
  });
}

function statOf({ size }: Piece): FileStat {
  return { kind: 'file', size, mode: 0o400, uid: 0, gid: 0, mtimeMs: 0, changedMs: 0, device: 0, inode: 0 };
}

function openedPiece(file: string, piece: Piece): OpenFile {
  const refuse = (): never => {
    throw new Error(`${file} is only read`);
  };
  return {
    path: file,
    stat: () => statOf(piece),
    readAt(target, position) {
      const length = Math.max(0, Math.min(target.length, piece.size - position));
      piece.read(target.subarray(0, length), position);
      return length;
    },
    writeAt: refuse,
    truncate: refuse,
    sync: refuse,
    close() {},
  };
}
