import path from 'node:path';
import { normalDirectory } from '../../format/names.ts';
import { type StoredFile } from './page-store.ts';
import { type Piece } from './piece.ts';
import { type RecoveredState } from './rehearse.ts';
import { type PieceKind } from './stage.ts';

/** A file that recovery worked on. */
interface RecoveredPiece {
  readonly kind: PieceKind;
  /** Inside the environment, with `/`. */
  readonly name: string;
  readonly logName: string;
  readonly dataDirectory: string;
  readonly piece: Piece;
  /** The database that it is, or is an extent of. */
  readonly file?: StoredFile;
}

/** Everything that is part of the result and was recovered: databases, extents of queues, external files. */
export function* recoveredPieces({
  recovered,
  table,
}: Pick<RecoveredState, 'recovered' | 'table'>): Generator<RecoveredPiece> {
  for (const file of recovered) yield recoveredPiece('database', file.name!, file.dataDirectory, file.piece, file);
  const isRecovered = new Set(recovered);
  for (const { file, name, piece } of table.extents()) {
    if (isRecovered.has(file)) yield recoveredPiece('queue-extent', name, file.dataDirectory, piece, file);
  }
  for (const [name, piece] of table.externalFiles) yield recoveredPiece('external-file', name, '', piece);
}

/** One of them, with its name inside the environment. */
export function recoveredPiece(
  kind: PieceKind,
  logName: string,
  dataDirectory: string,
  piece: Piece,
  file?: StoredFile,
): RecoveredPiece {
  const name = path.posix.join(normalDirectory(dataDirectory), logName);
  return { kind, name, logName, dataDirectory, piece, ...(file ? { file } : {}) };
}
