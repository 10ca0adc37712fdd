/** Files as a recovery has them in memory, to be read as those on a disk are. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { headerSize, isBlank, Page } from '../../format/page/page.ts';
import { openToRead } from '../files/read.ts';
import { type Environment } from '../environment/environment.ts';
import { normalDirectory, parseExtentName, standardExternalDirectory } from '../../format/names.ts';
import { filesWith } from '../files/files-with.ts';
import { type FileStat, type Files, type OpenFile } from '../files/files.ts';
import { onlyRead } from '../files/only-read.ts';
import { externalBlock } from './external-files.ts';
import { type Piece } from './piece.ts';
import { recoveredPieces } from './recovered-pieces.ts';
import { type StoredFile } from './page-store.ts';
import { type RecoveredState } from './rehearse.ts';
import { isPiece, type PieceKind } from './stage.ts';

/** A file that is read as a recovery has it. */
export interface Shown {
  readonly piece: Pick<Piece, 'size'>;
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
  const { environment } = state.table;
  const { end } = state.analysis;
  for (const { kind, name, piece, file } of recoveredPieces(state)) {
    const first = firstPageOf(name, file);
    // An external file is read whole, and was written in blocks.
    const read: Shown['read'] =
      kind === 'external-file'
        ? (target, position) => piece.readRun(target, position, externalBlock)
        : (target, position) => {
            piece.read(target, position);
            requireLogged(target, first + position / file!.format.pageSize, file!, end.lsn);
          };
    pieces.set(path.resolve(shownName(environment, kind, name)), { piece, read });
  }
  return filesOfPieces(files, pieces);
}

/** The number of the first page of a file: those of a queue go on in its extents. */
function firstPageOf(name: string, file: StoredFile | undefined): number {
  const extent = parseExtentName(name)?.number;
  return extent === undefined || !file?.extents ? 0 : 1 + extent * file.extents.pagesPerExtent;
}

/**
 * Throws `not-recoverable` for a page whose last change is not in the log (recovery document, A.15): nobody knows what it would be at the
 * moment that is shown. Parts of pages are passed over, unless they are the first of theirs.
 */
export function requireLogged(
  bytes: Uint8Array,
  pgno: number,
  { label, format }: Pick<StoredFile, 'label' | 'format'>,
  end: Lsn,
): void {
  if (bytes.length < headerSize || !Number.isInteger(pgno) || isBlank(bytes.subarray(0, headerSize))) return;
  const { lsn, pgno: said } = new Page(bytes, format);
  if (said !== pgno || !isLogged(lsn) || compareLsn(lsn, end) < 0) return;
  throw new FigaroError(
    'not-recoverable',
    `${label}: page ${pgno} was last changed at ${formatLsn(lsn)}, but the log ends at ${formatLsn(end)}`,
    {
      path: label,
      pgno,
      lsn: formatLsn(lsn),
      hint: 'log files are missing, or the file belongs to another environment.',
    },
  );
}

/** A disk with some files, by their names inside the environment. */
export function filesOf(files: Files, shown: ReadonlyMap<string, Shown>): Files {
  return filesOfPieces(files, new Map([...shown].map(([name, one]) => [path.resolve(name), one])));
}

/** @param pieces by their resolved names */
function filesOfPieces(files: Files, pieces: ReadonlyMap<string, Shown>): Files {
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
    listIfThere: (directory) => namesIn(pieces.keys(), directory),
  });
}

/** External files are where a database has them without a `DB_CONFIG`. */
function shownName({ config }: Environment, kind: PieceKind, name: string): string {
  if (kind !== 'external-file') return name;
  return path.join(standardExternalDirectory, path.posix.relative(normalDirectory(config.externalFileDirectory), name));
}

function namesIn(names: Iterable<string>, directory: string): string[] {
  const at = path.resolve(directory);
  return [...names].filter((name) => path.dirname(name) === at).map((name) => path.basename(name));
}

/** The files of an environment as they are on disk, by the same names. */
export function filesAsTheyAre(files: Files, environment: Environment): Files {
  const paths = new Map<string, string>();
  for (const { kind, name, path: file } of environment.files.filter(isPiece)) {
    paths.set(path.resolve(shownName(environment, kind, name)), file);
  }
  const statIfThere = (file: string): FileStat | undefined => {
    const shown = paths.get(path.resolve(file));
    return shown === undefined ? undefined : files.statThrough(shown);
  };
  return filesWith(files, {
    statIfThere,
    statThrough: statIfThere,
    openIfThere(file) {
      const shown = paths.get(path.resolve(file));
      return shown === undefined ? undefined : onlyRead(file, openToRead(files, shown));
    },
    listIfThere: (directory) => namesIn(paths.keys(), directory),
  });
}

function statOf({ size }: Shown['piece']): FileStat {
  return { kind: 'file', size, mode: 0o400, uid: 0, gid: 0, mtimeMs: 0, changedMs: 0, device: 0, inode: 0 };
}

function openedPiece(file: string, { piece, read }: Shown): OpenFile {
  return onlyRead(file, {
    stat: () => statOf(piece),
    readAt(target, position) {
      const length = Math.max(0, Math.min(target.length, piece.size - position));
      read(target.subarray(0, length), position);
      return length;
    },
    close() {},
  });
}
