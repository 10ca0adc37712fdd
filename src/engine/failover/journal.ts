/**
 * The journal of a round. What a round changes goes to this file first; when it is complete and synced, the changes are
 * made in place. So a standby is always as of the end of one round, whatever happens in between: a page of it that is torn
 * by a loss of power is written again from here.
 */

import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';
import { type FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { type Cipher } from '../../format/crypto.ts';
import { readFields } from '../fields.ts';
import { closeAll } from '../files/close-all.ts';
import { openToRead, withFile } from '../files/read.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { OpenFiles } from '../files/open-files.ts';
import { OverlayPiece, type Keeper, type ReadBelow } from '../recovery/overlay-piece.ts';
import { type Storage } from '../recovery/storage.ts';
import { damaged, partsOf, readPieceName, readState, writeStandby, type StandbyState } from './standby.ts';

/** Bytes of a piece: where they go, how many, and where they are in the journal. */
type Slot = readonly [position: number, length: number, journalOffset: number];

interface ChangedPiece {
  readonly piece: string;
  readonly size: number;
  readonly mode: number;
  readonly slots: readonly Slot[];
}

/** What follows the bytes of the pages in a journal. */
interface Contents {
  readonly state: StandbyState;
  readonly changed: readonly ChangedPiece[];
}

const magic = 'figaro-journal-1';
/** SHA-256 of all before it, then the offset of the contents, then `magic`. */
const footerSize = 32 + 8 + magic.length;
const chunkSize = 1 << 20;
/** For some hundred thousand files. In bytes. */
const contentsLimit = 256 << 20;

/** Where bytes of a piece are in the journal. */
interface JournalPlace {
  readonly length: number;
  readonly offset: number;
}

/** Storage for a round: files are read where they are, and written to the journal. */
export class JournalStorage implements Storage, Keeper<JournalPlace> {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #file: string;
  readonly #journal: OpenFile;
  readonly #opened: OpenFiles;
  #length = 0;
  #isClosed = false;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.cipher = files.cipher;
    this.#opened = new OpenFiles((file) => openToRead(files, file));
    this.#file = `${partsOf(directory).journal}.tmp`;
    files.remove(this.#file);
    this.#journal = files.create(this.#file);
  }

  existing(file: string): JournaledPiece {
    const size = this.#files.statIfThere(file)?.size ?? 0;
    const readBelow: ReadBelow = (target, position) => this.#opened.get(file).readAt(target, position);
    return new JournaledPiece(this, file, 0, size, readBelow);
  }

  create(mode = 0): JournaledPiece {
    return new JournaledPiece(this, undefined, mode, 0, () => 0);
  }

  keep(bytes: Uint8Array, before: JournalPlace | undefined): JournalPlace {
    const { length } = bytes;
    const offset = before?.length === length ? before.offset : this.#length;
    this.#write(bytes, offset);
    return { length, offset };
  }

  read(kept: JournalPlace, target: Uint8Array): number {
    const length = Math.min(kept.length, target.length);
    return this.#journal.readAt(target.subarray(0, length), kept.offset);
  }

  #write(bytes: Uint8Array, offset: number): void {
    this.#journal.writeAt(bytes, offset);
    this.#length = Math.max(this.#length, offset + bytes.length);
  }

  /** Makes the journal complete. From then on, the round has happened. */
  commit(contents: Contents): void {
    const start = this.#length;
    this.#write(Buffer.from(JSON.stringify(contents)), start);
    const footer = Buffer.alloc(footerSize);
    hashOf(this.#journal, start, this.#length).copy(footer, 0);
    footer.writeBigUInt64LE(BigInt(start), 32);
    footer.write(magic, 40, 'latin1');
    this.#write(footer, this.#length);
    this.#journal.sync();
    this.close();
    const final = this.#file.slice(0, -'.tmp'.length);
    this.#files.rename(this.#file, final);
    this.#files.syncDirectory(path.dirname(final));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeAll([this.#opened, this.#journal]);
  }
}

/** SHA-256 of a journal whose contents begin at `start` and end at `end`. */
function hashOf(journal: OpenFile, start: number, end: number): Buffer {
  const hash: Hash = createHash('sha256');
  const buffer = new Uint8Array(chunkSize);
  for (let at = 0; at < end;) {
    const done = journal.readAt(buffer.subarray(0, Math.min(chunkSize, end - at)), at);
    if (done === 0) break;
    hash.update(buffer.subarray(0, done));
    at += done;
  }
  return hash.update(String(start)).digest();
}

/** A file during a round. */
export class JournaledPiece extends OverlayPiece<JournalPlace> {
  /** Where it was before the round; undefined for a new one. */
  readonly base: string | undefined;
  readonly mode: number;
  readonly #sizeBefore: number;

  constructor(
    journal: Keeper<JournalPlace>,
    base: string | undefined,
    mode: number,
    size: number,
    readBelow: ReadBelow,
  ) {
    super(journal, size, readBelow);
    this.base = base;
    this.mode = mode;
    this.#sizeBefore = size;
  }

  /** True when the round changes it. */
  get isChanged(): boolean {
    return this.base === undefined || this.written.size > 0 || this.size !== this.#sizeBefore;
  }

  /** What the journal has to say of it. */
  toChanged(piece: string): ChangedPiece {
    const slots = [...this.written].map(([position, { length, offset }]): Slot => [position, length, offset]);
    return { piece, size: this.size, mode: this.mode, slots: slots.sort(([a], [b]) => a - b) };
  }
}

/**
 * Finishes what a round began: makes the changes of a complete journal, and removes it. Nothing is done without one. Doing
 * it twice does no harm. Throws `standby-corrupt` for a journal that is not as it was written.
 */
export function applyJournal(files: Files, directory: string): void {
  const { journal, pieces } = partsOf(directory);
  files.remove(`${journal}.tmp`);
  if (!files.statIfThere(journal)) return;
  const { state } = withFile(files, journal, (opened) => {
    const contents = readContents(opened, journal);
    for (const changed of contents.changed) applyTo(files, path.join(pieces, changed.piece), changed, opened);
    return contents;
  });
  files.syncDirectory(pieces);
  writeStandby(files, directory, state);
  const known = new Set(state.files.map(({ piece }) => piece));
  for (const name of files.listIfThere(pieces) ?? []) if (!known.has(name)) files.remove(path.join(pieces, name));
  files.remove(journal);
  files.syncDirectory(directory);
}

/** @param journalEnd where the bytes of pieces end */
function decodeContents(text: Uint8Array, journalEnd: number, problem: (text: string) => FigaroError): Contents {
  const fields = readFields(text, problem);
  const changed = fields.list('changed').map((piece) => ({
    piece: readPieceName(piece, 'piece'),
    size: piece.count('size'),
    mode: piece.mode('mode') & 0o777,
    slots: piece.triples('slots').map(([position, length, offset]): Slot => {
      if (offset + length > journalEnd) throw piece.problem('"slots" lead behind the end of the journal');
      return [position, length, offset];
    }),
  }));
  return { state: readState(fields.part('state')), changed };
}

function readContents(journal: OpenFile, file: string): Contents {
  const { size } = journal.stat();
  const footer = Buffer.alloc(footerSize);
  const end = size - footerSize;
  if (end >= 0 && journal.readAt(footer, end) === footerSize && footer.toString('latin1', 40) === magic) {
    const start = Number(footer.readBigUInt64LE(32));
    if (start <= end && hashOf(journal, start, end).equals(footer.subarray(0, 32))) {
      if (end - start > contentsLimit)
        throw damaged(file, `its contents have ${formatBytes(end - start)}, more than ${formatBytes(contentsLimit)}`);
      const text = Buffer.alloc(end - start);
      journal.readAt(text, start);
      return decodeContents(text, start, (problem) => damaged(file, problem));
    }
  }
  throw damaged(file, 'it does not match its own checksum');
}

function applyTo(files: Files, file: string, { size, mode, slots }: ChangedPiece, journal: OpenFile): void {
  const isThere = files.statIfThere(file) !== undefined;
  const target = isThere
    ? files.openToWrite(file)
    : files.create(file, mode === 0 ? undefined : (mode & 0o777) | 0o600);
  try {
    for (const [position, length, offset] of slots) {
      const bytes = new Uint8Array(length);
      journal.readAt(bytes, offset);
      target.writeAt(bytes, position);
    }
    if (target.stat().size > size) target.truncate(size);
    target.sync();
  } finally {
    target.close();
  }
}
