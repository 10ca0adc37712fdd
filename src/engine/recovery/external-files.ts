/** The external files of databases during recovery: large values in files of their own (format document, 1.6). */

import { FigaroError } from '../../errors.ts';
import { formatLsn, type Lsn } from '../../format/lsn.ts';
import { type Environment } from '../environment/environment.ts';
import { type Piece } from './piece.ts';
import { type Storage } from './storage.ts';

/** Contents are written in parts that begin at multiples of this, as storage wants it. */
export const externalBlock = 4096;

/** Flags of the record that writes one (format document, 3.8). */
const writeFileFlag = { append: 1, create: 2, redo: 8 } as const;

/**
 * External files by their path in the environment. Their ids are used once, so that a file is created, written and
 * removed once, whatever became of its transaction; its contents are in the log only if the application wants it so.
 */
export class ExternalFiles {
  readonly #storage: Storage;
  readonly #files = new Map<string, Piece>();
  /** Files that a committed transaction wrote, and whose contents are neither in a copy nor in the log. */
  readonly #lost = new Map<string, Lsn>();
  /** Files that are there at the restore point, and were removed after it and before they could be copied. */
  readonly #removedLater = new Map<string, Lsn>();

  constructor(environment: Environment, storage: Storage, pathOf: (name: string) => string) {
    this.#storage = storage;
    for (const { kind, name } of environment.files) {
      if (kind === 'external-file') this.#files.set(name, storage.existing(pathOf(name)));
    }
  }

  [Symbol.iterator](): Iterator<[string, Piece]> {
    return this.#files.entries();
  }

  create(name: string, mode: number): void {
    this.#removedLater.delete(name);
    if (!this.#files.has(name)) this.#files.set(name, this.#storage.create(mode));
  }

  /** Redo of a write; `flags` are those of the record. */
  write(name: string, offset: number, data: Uint8Array, flags: number, lsn: Lsn): void {
    const file = this.#files.get(name);
    // Removed again later in the log, and gone from the copy.
    if (!file) return;
    if ((flags & writeFileFlag.redo) !== 0) overwrite(file, offset, data);
    else if (file.size === 0) this.#lost.set(name, lsn);
  }

  /** Undo of a write. What a transaction created goes with the undo of its creation. */
  takeBack(name: string, offset: number, oldData: Uint8Array, flags: number): void {
    const file = this.#files.get(name);
    if (!file || (flags & writeFileFlag.create) !== 0) return;
    if ((flags & writeFileFlag.append) !== 0) file.shorten(offset);
    else overwrite(file, offset, oldData);
  }

  remove(name: string): void {
    this.#files.delete(name);
    this.#lost.delete(name);
    this.#removedLater.delete(name);
  }

  /** Undo of a removal. What was made before the file was copied cannot be undone. */
  takeBackRemoval(name: string, lsn: Lsn): void {
    if (!this.#files.has(name)) this.#removedLater.set(name, lsn);
  }

  /** Throws `container-missing` when there is a file whose contents nobody has. */
  requireContents(): void {
    for (const [name, lsn] of this.#removedLater) throw removedLater(name, lsn);
    for (const [name, lsn] of this.#lost) {
      throw new FigaroError(
        'container-missing',
        `${name} is missing: log record ${formatLsn(lsn)} says that it was written, but not what`,
        {
          path: name,
          lsn: formatLsn(lsn),
          hint: 'the log holds no contents of external files here. Add their directory from a copy that this log continues.',
        },
      );
    }
  }
}

/** What was there at the restore point, and nobody has any more. */
export function removedLater(name: string, lsn: Lsn): FigaroError {
  return new FigaroError(
    'container-missing',
    `${name} is missing: log record ${formatLsn(lsn)} removes it, after the restore point, and it was gone when its environment was copied`,
    {
      path: name,
      lsn: formatLsn(lsn),
      hint: 'recover from the chain before, whose full set is older than that, or to a moment after it.',
    },
  );
}

function overwrite(piece: Piece, offset: number, data: Uint8Array): void {
  const end = offset + data.length;
  const size = Math.max(piece.size, end);
  for (let at = offset - (offset % externalBlock); at < end; at += externalBlock) {
    const part = new Uint8Array(Math.min(externalBlock, size - at));
    piece.read(part, at);
    const from = Math.max(at, offset);
    part.set(data.subarray(from - offset, Math.min(at + externalBlock, end) - offset), from - at);
    piece.write(part, at);
  }
}
