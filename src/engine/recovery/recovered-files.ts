/** Files as a recovery has them in memory, to be read as those on a disk are. */

import path from 'node:path';
import { normalDirectory, standardExternalDirectory } from '../../format/names.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { externalBlock } from './external-files.ts';
import { type Piece } from './piece.ts';
import { recoveredPieces } from './recovered-pieces.ts';
import { type RecoveredState } from './rehearse.ts';

interface Shown {
  readonly piece: Piece;
  readonly read: (target: Uint8Array, position: number) => void;
}

/**
 * A disk that has the recovered files and no others, by their names inside the environment. External files are where a database
 * has them without a `DB_CONFIG`.
 */
export function recoveredFiles(files: Files, state: RecoveredState): Files {
  const pieces = new Map<string, Shown>();
  // What is in the cache is not in storage.
  for (const file of state.recovered) file.flush();
  const external = normalDirectory(state.table.environment.config.externalFileDirectory);
  for (const { kind, name, piece } of recoveredPieces(state)) {
    if (kind === 'external-file') {
      const place = path.join(standardExternalDirectory, path.posix.relative(external, name));
      // It is read whole, and was written in blocks.
      const read: Shown['read'] = (target, position) => piece.readRun(target, position, externalBlock);
      pieces.set(path.resolve(place), { piece, read });
    } else {
      pieces.set(path.resolve(name), { piece, read: (target, position) => piece.read(target, position) });
    }
  }
  const statIfThere = (file: string): FileStat | undefined => {
    const shown = pieces.get(path.resolve(file));
    return shown && statOf(shown.piece);
  };
  return filesWith(files, {
    statIfThere,
    statThrough: statIfThere,
    openIfThere(file) {
      const shown = pieces.get(path.resolve(file));
      return shown && openedPiece(file, shown);
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

function openedPiece(file: string, { piece, read }: Shown): OpenFile {
  const refuse = (): never => {
    throw new Error(`${file} is only read`);
  };
  return {
    path: file,
    stat: () => statOf(piece),
    readAt(target, position) {
      const length = Math.max(0, Math.min(target.length, piece.size - position));
      read(target.subarray(0, length), position);
      return length;
    },
    writeAt: refuse,
    truncate: refuse,
    sync: refuse,
    close() {},
  };
}
