/** Names and other metadata of documents (dbxml documents document, 1.1, 1.2, 2). */

import { DocumentProblem } from './problem.ts';
import { RecordCursor } from './record-cursor.ts';

/** By the type byte of an item (dbxml documents document, 2). */
const typeNames: Readonly<Record<number, string>> = {
  11: 'anyURI',
  12: 'base64Binary',
  13: 'boolean',
  14: 'date',
  15: 'dateTime',
  16: 'dayTimeDuration',
  17: 'decimal',
  18: 'double',
  19: 'duration',
  20: 'float',
  21: 'gDay',
  22: 'gMonth',
  23: 'gMonthDay',
  24: 'gYear',
  25: 'gYearMonth',
  26: 'hexBinary',
  28: 'QName',
  29: 'string',
  30: 'time',
  31: 'yearMonthDuration',
  32: 'untypedAtomic',
  40: 'binary',
};

const binary = 40;
/** The type of names. */
export const stringType = 29;

/** The name of a type; its number where none is known. */
export function metadataType(code: number): string {
  return typeNames[code] ?? String(code);
}

interface MetadataKey {
  readonly documentId: number;
  readonly nameId: number;
  readonly typeCode: number;
}

/** Takes the key of an item of metadata apart. Throws `DocumentProblem`. */
export function parseMetadataKey(key: Uint8Array): MetadataKey {
  const cursor = new RecordCursor(key);
  const parsed = { documentId: cursor.integer(), nameId: cursor.integer(), typeCode: cursor.u8() };
  if (!cursor.isAtEnd) throw new DocumentProblem('a key of metadata has more bytes than one can have');
  return parsed;
}

/** The id of the document that a record belongs to, by its key. Throws `DocumentProblem`. */
export function documentIdOf(key: Uint8Array): number {
  return new RecordCursor(key).integer();
}

/** The value of an item: text without its NUL, or bytes. */
export function metadataValue(typeCode: number, value: Uint8Array): string | Uint8Array {
  if (typeCode === binary) return value.slice();
  const end = value.at(-1) === 0 ? value.length - 1 : value.length;
  return Buffer.from(value.buffer, value.byteOffset, end).toString('utf8');
}

/** What the dictionary has under an id: one string, or the two of a name. A character for each byte. */
export interface DictionaryEntry {
  readonly first: string;
  readonly second: string | undefined;
}

/** Throws `DocumentProblem`. */
export function parseDictionaryEntry(record: Uint8Array): DictionaryEntry {
  const cursor = new RecordCursor(record);
  const first = cursor.string();
  return { first, second: cursor.isAtEnd ? undefined : cursor.string() };
}

/** What an index key begins with that leads from names to documents: name id 1, by equality, as a string. */
const keyOfNames = Uint8Array.of(0x5a, 0x01);

/** The key of the index of names under which a name is. */
export function indexKeyOfName(name: string): Uint8Array {
  return Buffer.concat([keyOfNames, Buffer.from(name, 'utf8')]);
}

/** The document that an entry of an index leads to. Throws `DocumentProblem`. */
export function indexedDocument(entry: Uint8Array): number {
  // Behind the byte that says what follows it.
  return new RecordCursor(entry.subarray(1)).integer();
}

/** The key that all records of a document begin with: its id as a marshaled integer (format document, 6.2). */
export function documentKey(id: number): Uint8Array {
  if (id < 0x80) return Uint8Array.of(id);
  if (id < 0x4000) return Uint8Array.of(0x80 | (id >> 8), id & 0xff);
  if (id < 0x20_0000) return Uint8Array.of(0xc0 | (id >> 16), (id >> 8) & 0xff, id & 0xff);
  if (id < 0x800_0000) return Uint8Array.of(0xe0 | (id >> 24), ...bigEndian(id, 3));
  if (id < 2 ** 35) return Uint8Array.of(0xe8 | Math.floor(id / 2 ** 32), ...bigEndian(id, 4));
  return id < 2 ** 40 ? Uint8Array.of(0xf8, ...bigEndian(id, 5)) : Uint8Array.of(0xf9, ...bigEndian(id, 8));
}

/** The low bytes of a number. */
function bigEndian(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);
}
