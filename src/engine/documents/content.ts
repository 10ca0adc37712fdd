/** The XML of documents as the library returns it, piece by piece. */

import { Readable } from 'node:stream';
import { createInflate } from 'node:zlib';
import { planEntities, type EntityPlan } from '../../format/documents/entities.ts';
import { documentKey } from '../../format/documents/metadata.ts';
import { nodeIdOf } from '../../format/documents/node.ts';
import { DocumentPrinter } from '../../format/documents/printer.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { walkDocument, type NodeRecord, type NodeRecords } from '../../format/documents/walk.ts';
import { compressedLength } from '../../format/documents/whole.ts';
import { type Database } from '../database/database-file.ts';
import { btreeEntries } from '../database/trees.ts';
import { pause, type Watch } from '../pause.ts';
import { type Dictionary, type StringNote } from './dictionary.ts';

/** What people are told of a document that was printed. */
export type Warn = (warning: string) => void;

/** Bytes that are put together before they are given on. */
const pieceSize = 64 << 10;

/** A node is one piece in memory; more than any has, in bytes. */
const mostOfNode = 256 << 20;

/** Names are stored once and printed often, but not that often: times what is stored, from so many bytes on. */
const mostGrowth = 1000;
const growthFrom = 1 << 30;

/** The document in a whole-document container. Throws `DocumentProblem`, and what reading pages throws. */
export async function* wholeContent(
  database: Database,
  id: number,
  isCompressed: boolean,
  watch: Watch,
): AsyncGenerator<Uint8Array> {
  const key = documentKey(id);
  for (const entry of btreeEntries(database, { from: key })) {
    if (Buffer.compare(entry.key, key) !== 0) return;
    const length = isCompressed ? compressedLength(beginningOf(entry.pieces()), entry.length) : undefined;
    const pieces = length === undefined ? entry.pieces() : length > 0 ? inflated(entry.pieces(), length) : [];
    for await (const piece of pieces) {
      await pause(watch);
      yield piece;
    }
    return;
  }
}

/** Enough to tell what a value is. */
function beginningOf(pieces: Iterable<Uint8Array>): Uint8Array {
  const beginning: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    beginning.push(piece);
    length += piece.length;
    if (length >= headLength) break;
  }
  return Buffer.concat(beginning).subarray(0, headLength);
}

const headLength = 16;
/** What precedes the stream of a compressed document (dbxml documents document, 3). */
const lengthSize = 5;

async function* inflated(pieces: Iterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  const inflate = createInflate();
  const stream = Readable.from(without(pieces, lengthSize));
  stream.on('error', (error) => inflate.destroy(error)).pipe(inflate);
  let done = 0;
  try {
    for await (const piece of inflate as AsyncIterable<Uint8Array>) {
      done += piece.length;
      if (done > length) throw new DocumentProblem(`it is compressed from more than the ${length} bytes it says`);
      yield piece;
    }
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('Z_')) throw error;
    throw new DocumentProblem(`its compressed form is damaged: ${(error as Error).message}`, { cause: error });
  } finally {
    stream.destroy();
    inflate.destroy();
  }
  if (done !== length) throw new DocumentProblem(`it is compressed from ${done} bytes, and says ${length}`);
}

function* without(pieces: Iterable<Uint8Array>, count: number): Generator<Uint8Array> {
  let left = count;
  for (const piece of pieces) {
    if (piece.length > left) yield piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

/** The document in a node container. Throws `DocumentProblem`, and what reading pages throws. */
export async function* nodeContent(
  database: Database,
  id: number,
  dictionary: Dictionary,
  warn: Warn,
  watch: Watch,
): AsyncGenerator<Uint8Array> {
  const records = new StoredNodes(database, id);
  const notes = new Set<StringNote>();
  const printer = new DocumentPrinter({
    stringOf: (name) => dictionary.stringOf(name, (note) => notes.add(note)),
    entities: () => finish(planEntities(new StoredNodes(database, id))),
  });
  const walk = walkDocument(records, printer);
  let gathered: Uint8Array[] = [];
  let size = 0;
  let printed = 0;
  let step = walk.next();
  for (; ; step = walk.next()) {
    for (const text of printer.take()) {
      gathered.push(Buffer.from(text, 'latin1'));
      size += text.length;
    }
    if (size >= pieceSize || step.done) {
      printed += size;
      if (printed > growthFrom && printed > mostGrowth * records.bytesRead) {
        throw new DocumentProblem(`${records.bytesRead} bytes of nodes become more than ${printed} bytes of XML`);
      }
      if (size > 0) yield Buffer.concat(gathered);
      gathered = [];
      size = 0;
    }
    if (step.done) break;
    await pause(watch);
  }
  const { leftBehind, misplaced } = step.value;
  if (leftBehind + misplaced > 0) warn('nodes that updates left behind do not belong to it any more');
  if (printer.hasLooseEntities)
    warn('starts and ends of its entities do not belong together; the library cannot read it');
  if (notes.has('joined')) warn('the library prints a namespace of it wrongly: it cuts it at a colon');
  if (notes.has('missing')) warn('a prefix or namespace of it is not in the dictionary of the container');
}

function finish(plan: Generator<void, EntityPlan>): EntityPlan {
  let step = plan.next();
  while (!step.done) step = plan.next();
  return step.value;
}

/** The nodes of a document. */
class StoredNodes implements NodeRecords {
  readonly #database: Database;
  readonly #prefix: Uint8Array;
  /** Keys and values, in bytes. */
  bytesRead = 0;

  constructor(database: Database, id: number) {
    this.#database = database;
    this.#prefix = documentKey(id);
  }

  *all(from: Uint8Array = this.#prefix): Generator<NodeRecord> {
    const { length } = this.#prefix;
    for (const { key, length: size, data } of btreeEntries(this.#database, { from })) {
      if (Buffer.compare(key.subarray(0, length), this.#prefix) !== 0) return;
      if (size > mostOfNode) throw new DocumentProblem(`a node of it has ${size} bytes`);
      this.bytesRead += key.length + size;
      yield { id: nodeIdOf(key.subarray(length)), bytes: data() };
    }
  }

  again(id: string): Uint8Array {
    const key = Buffer.concat([this.#prefix, Buffer.from(`${id}\0`, 'latin1')]);
    for (const record of this.all(key)) if (record.id === id) return record.bytes;
    throw new DocumentProblem('a node of it is gone');
  }
}
