/**
 * The journal of a round. What a round changes goes to this file first; when it is complete and synced, the changes are
 * made in place. So a standby is always as of the end of one round, whatever happens in between: a page of it that is torn
 * by a loss of power is written again from here.
 */

import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';
import { type FigaroError } from '../../errors.ts';
import { type Cipher } from '../../format/crypto.ts';
import { readFields } from '../fields.ts';
import { openToRead, withFile } from '../files/read.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { maxHandles, type Piece, type Storage } from '../recovery/storage.ts';
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

/** Storage for a round: files are read where they are, and written to the journal. */
export class JournalStorage implements Storage {
  readonly cipher: Cipher | undefined;
  readonly #files: Files;
  readonly #file: string;
  readonly #journal: OpenFile;
  readonly #handles = new Map<string, OpenFile>();
  #length = 0;
  #isClosed = false;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.cipher = files.cipher;
    this.#file = `${partsOf(directory).journal}.tmp`;
    files.remove(this.#file);
    this.#journal = files.create(this.#file);
  }

  existing(file: string): JournaledPiece {
    const size = this.#files.statIfThere(file)?.size ?? 0;
    return new JournaledPiece(this, file, size, 0);
  }

  create(mode = 0): JournaledPiece {
    return new JournaledPiece(this, undefined, 0, mode);
  }

  readBase(file: string, target: Uint8Array, position: number): number {
    let open = this.#handles.get(file);
    if (!open) {
      if (this.#handles.size >= maxHandles) this.#closeHandles();
      this.#handles.set(file, (open = openToRead(this.#files, file)));
    }
    return open.readAt(target, position);
  }

  readSlot(target: Uint8Array, offset: number): void {
    this.#journal.readAt(target, offset);
  }

  /** Keeps bytes; at `offset` when they take the place of others of that length. Returns where they are. */
  keep(bytes: Uint8Array, offset = this.#length): number {
    this.#journal.writeAt(bytes, offset);
    this.#length = Math.max(this.#length, offset + bytes.length);
    return offset;
  }

  /** Makes the journal complete. From then on, the round has happened. */
  commit(contents: Contents): void {
    const start = this.#length;
    this.keep(Buffer.from(JSON.stringify(contents)));
    const footer = Buffer.alloc(footerSize);
    hashOf(this.#journal, start, this.#length).copy(footer, 0);
    footer.writeBigUInt64LE(BigInt(start), 32);
    footer.write(magic, 40, 'latin1');
    this.keep(footer);
    this.#journal.sync();
    this.close();
    const final = this.#file.slice(0, -'.tmp'.length);
    this.#files.rename(this.#file, final);
    this.#files.syncDirectory(path.dirname(final));
  }

  close(): void {
    this.#closeHandles();
    if (!this.#isClosed) this.#journal.close();
    this.#isClosed = true;
  }

  #closeHandles(): void {
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
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
export class JournaledPiece implements Piece {
  readonly #storage: JournalStorage;
  /** Where it was before the round; undefined for a new one. */
  readonly base: string | undefined;
  readonly mode: number;
  /** Bytes of the file below that still count. */
  #baseSize: number;
  #size: number;
  readonly #slots = new Map<number, { readonly length: number; readonly offset: number }>();

  constructor(storage: JournalStorage, base: string | undefined, size: number, mode: number) {
    this.#storage = storage;
    this.base = base;
    this.mode = mode;
    this.#baseSize = size;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** True when the round changes it. */
  get isChanged(): boolean {
    return this.base === undefined || this.#slots.size > 0 || this.#size !== this.#baseSize;
  }

  read(target: Uint8Array, position: number): void {
    const slot = this.#slots.get(position);
    if (slot) {
      const length = Math.min(slot.length, target.length);
      this.#storage.readSlot(target.subarray(0, length), slot.offset);
      target.fill(0, length);
      return;
    }
    const below = Math.max(0, Math.min(target.length, this.#baseSize - position));
    const done = below > 0 ? this.#storage.readBase(this.base!, target.subarray(0, below), position) : 0;
    target.fill(0, done);
  }

  write(source: Uint8Array, position: number): void {
    const there = this.#slots.get(position);
    const offset = this.#storage.keep(source, there?.length === source.length ? there.offset : undefined);
    this.#slots.set(position, { length: source.length, offset });
    this.#size = Math.max(this.#size, position + source.length);
  }

  shorten(size: number): void {
    if (size >= this.#size) return;
    this.#size = size;
    this.#baseSize = Math.min(this.#baseSize, size);
    for (const position of this.#slots.keys()) if (position >= size) this.#slots.delete(position);
  }

  /** What the journal has to say of it. */
  toChanged(piece: string): ChangedPiece {
    const slots = [...this.#slots].map(([position, { length, offset }]): Slot => [position, length, offset]);
    return { piece, size: this.#size, mode: this.mode, slots: slots.sort(([a], [b]) => a - b) };
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
      if (end - start > contentsLimit) throw damaged(file, `its contents have ${end - start} bytes`);
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
