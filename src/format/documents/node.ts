/** Records of `node_nodestorage`: the document information, the document node, elements (dbxml documents document, 4.2, 4.3). */

import { DocumentProblem } from './problem.ts';
import { RecordCursor } from './record-cursor.ts';

/** Node ids with a meaning of their own (dbxml documents document, 4.1), as `RecordCursor.nodeId` gives them. */
export const informationId = '\x01\x02';
export const documentNodeId = '\x01\x04';

const nodeFlag = {
  hasChildren: 0x01,
  hasAttributes: 0x02,
  hasTexts: 0x04,
  hasChildTexts: 0x08,
  hasNext: 0x10,
  hasPrevious: 0x20,
  lastChildIsDescendant: 0x80,
  hasPrefix: 0x100,
  hasUri: 0x200,
  document: 0x800,
} as const;

/** Schema types, and what no release stores. */
const unknownNodeFlags = ~0xfff;

const attributeFlag = { hasPrefix: 0x01, escape: 0x08, hasUri: 0x10, added: 0x20, declaration: 0x40 } as const;

const informationFlag = {
  standalone: 0x01,
  notStandalone: 0x02,
  encoding: 0x04,
  version: 0x20,
  detected: 0x40,
} as const;

/** By the lowest bits of a type byte. */
export const textType = {
  characters: 0,
  comment: 1,
  cdata: 2,
  instruction: 3,
  documentType: 4,
  entityStart: 5,
  entityEnd: 6,
} as const;

/** A child that is no element. A character for each byte, here and below. */
export interface XmlText {
  readonly type: number;
  readonly escape: boolean;
  readonly text: string;
  /** Of processing instructions. */
  readonly data: string;
}

/** Texts as they are stored: there can be more of them than fit into memory as objects. */
export interface StoredTexts {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export const noTexts: StoredTexts = { bytes: new Uint8Array(0), count: 0 };

export interface XmlAttribute {
  readonly prefix: number | undefined;
  readonly uri: number | undefined;
  readonly name: string;
  readonly value: string;
  readonly escape: boolean;
  /** It is not in the document, but comes from a DTD or schema. */
  readonly isAdded: boolean;
}

/** The document node or an element. Prefixes and URIs are ids of the dictionary. */
export interface XmlNode {
  readonly isDocument: boolean;
  readonly level: number;
  readonly parent: string;
  readonly prefix: number | undefined;
  readonly uri: number | undefined;
  readonly name: string;
  /** Texts before the element, and those in it after its last child element. */
  readonly leading: StoredTexts;
  readonly trailing: StoredTexts;
  readonly attributes: readonly XmlAttribute[];
  readonly hasChildren: boolean;
  readonly hasChildTexts: boolean;
  readonly hasNext: boolean;
}

export interface DocumentInformation {
  /** Undefined where the document has no declaration. */
  readonly version: string | undefined;
  readonly standalone: boolean | undefined;
}

const protocol = 2;

/** The node id in a key, without that of the document. */
export function nodeIdOf(key: Uint8Array): string {
  const cursor = new RecordCursor(key);
  const id = cursor.nodeId();
  if (!cursor.isAtEnd) throw new DocumentProblem('the key of a node has more bytes than one can have');
  return id;
}

export function parseInformation(record: Uint8Array): DocumentInformation {
  const cursor = new RecordCursor(record);
  requireProtocol(cursor);
  if (cursor.string() !== informationId) throw new DocumentProblem('the document information does not hold its id');
  const flags = cursor.integer();
  const version = (flags & informationFlag.version) === 0 ? undefined : cursor.integer();
  if (version !== undefined && version > 1) throw new DocumentProblem(`XML version ${version} is not known`);
  if ((flags & informationFlag.encoding) !== 0) cursor.string();
  if ((flags & informationFlag.detected) !== 0) cursor.string();
  requireEnd(cursor);
  return {
    version: version === undefined ? undefined : version === 0 ? '1.0' : '1.1',
    standalone:
      (flags & informationFlag.standalone) !== 0
        ? true
        : (flags & informationFlag.notStandalone) !== 0
          ? false
          : undefined,
  };
}

/** @param id its own: those it names have to lie where they can, so that nodes never lead to each other in a circle */
export function parseNode(id: string, record: Uint8Array): XmlNode {
  const cursor = new RecordCursor(record);
  requireProtocol(cursor);
  const flags = cursor.integer();
  if (flags > 0xffff || (flags & unknownNodeFlags) !== 0) {
    throw new DocumentProblem(`node flags 0x${flags.toString(16)} are not known`);
  }
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const attributeCount = has(nodeFlag.hasAttributes) ? cursor.integer() : 0;
  const textCount = has(nodeFlag.hasTexts) ? cursor.integer() : 0;
  // It names an older node as likely as the right one (dbxml documents document, 4.5).
  if (has(nodeFlag.hasChildren)) cursor.nodeId();
  const isDocument = has(nodeFlag.document);
  const level = isDocument ? 0 : cursor.integer();
  const parent = isDocument ? '' : cursor.nodeId();
  if (!isDocument && parent >= id) throw new DocumentProblem('an element lies before the one it is in');
  const prefix = has(nodeFlag.hasPrefix) ? cursor.integer() : undefined;
  const uri = has(nodeFlag.hasUri) ? cursor.integer() : undefined;
  const name = isDocument ? '' : cursor.string();
  const textSize = has(nodeFlag.hasTexts) ? cursor.integer() : 0;
  const childTextCount = has(nodeFlag.hasChildTexts) ? cursor.integer() : 0;
  if (childTextCount > textCount) throw new DocumentProblem(`an element has ${childTextCount} of ${textCount} texts`);
  const { leading, trailing } = textsIn(cursor, record, textSize, textCount, childTextCount);
  const attributes = has(nodeFlag.hasAttributes) ? attributesIn(cursor, attributeCount) : [];
  if (has(nodeFlag.hasPrevious) && cursor.nodeId() >= id) {
    throw new DocumentProblem('an element lies before its previous one');
  }
  if (has(nodeFlag.hasChildren) && !has(nodeFlag.lastChildIsDescendant) && cursor.nodeId() <= id) {
    throw new DocumentProblem('an element lies behind its last child');
  }
  requireEnd(cursor);
  return {
    isDocument,
    level,
    parent,
    prefix,
    uri,
    name,
    leading,
    trailing,
    attributes,
    hasChildren: has(nodeFlag.hasChildren),
    hasChildTexts: has(nodeFlag.hasChildTexts),
    hasNext: has(nodeFlag.hasNext),
  };
}

function textsIn(
  cursor: RecordCursor,
  record: Uint8Array,
  size: number,
  count: number,
  childCount: number,
): Pick<XmlNode, 'leading' | 'trailing'> {
  if (count === 0 && size === 0) return { leading: noTexts, trailing: noTexts };
  const start = cursor.at;
  let middle = start;
  readInSize(cursor, 'texts', size, count, (i) => {
    if (i === count - childCount) middle = cursor.at;
    textIn(cursor);
  });
  if (childCount === 0) middle = cursor.at;
  return {
    leading: { bytes: record.subarray(start, middle), count: count - childCount },
    trailing: { bytes: record.subarray(middle, cursor.at), count: childCount },
  };
}

export function* textsOf({ bytes, count }: StoredTexts): Generator<XmlText> {
  const cursor = new RecordCursor(bytes);
  for (let i = 0; i < count; i++) yield textIn(cursor);
}

function textIn(cursor: RecordCursor): XmlText {
  const byte = cursor.u8();
  const type = byte & 0x07;
  if (type === 7 || byte > 0x3f) throw new DocumentProblem(`a text has type ${byte}, which is not known`);
  const text = cursor.string();
  const data = type === textType.instruction ? cursor.string() : '';
  const isIgnorable = (byte & 0x10) !== 0;
  return { type, text, data, escape: (byte & 0x08) !== 0 && !isIgnorable };
}

/** More than any element has. */
const mostAttributes = 1_000_000;

function attributesIn(cursor: RecordCursor, count: number): readonly XmlAttribute[] {
  if (count > mostAttributes) throw new DocumentProblem(`an element has ${count} attributes`);
  const size = cursor.integer();
  const attributes: XmlAttribute[] = [];
  readInSize(cursor, 'attributes', size, count, () => attributes.push(attributeIn(cursor)));
  return attributes;
}

const knownAttributeFlags = Object.values(attributeFlag).reduce((sum: number, flag) => sum | flag, 0);

function attributeIn(cursor: RecordCursor): XmlAttribute {
  const flags = cursor.integer();
  if (flags > 0xff || (flags & ~knownAttributeFlags) !== 0) {
    throw new DocumentProblem(`attribute flags 0x${flags.toString(16)} are not known`);
  }
  return {
    prefix: (flags & attributeFlag.hasPrefix) !== 0 ? cursor.integer() : undefined,
    uri: (flags & attributeFlag.hasUri) !== 0 ? cursor.integer() : undefined,
    name: cursor.string(),
    value: cursor.string(),
    escape: (flags & attributeFlag.escape) !== 0,
    isAdded: (flags & attributeFlag.added) !== 0,
  };
}

/** Reads so many values that have to take so many bytes. */
function readInSize(cursor: RecordCursor, what: string, size: number, count: number, read: (i: number) => void): void {
  const start = cursor.at;
  // Each has a byte at least: a count that lies must not take its time.
  if (start + size > cursor.length || count > size) {
    throw new DocumentProblem(`an element has ${count} ${what} of ${size} bytes, more than its record has room for`);
  }
  for (let i = 0; i < count; i++) read(i);
  if (cursor.at - start === size) return;
  throw new DocumentProblem(`the ${what} of an element take ${cursor.at - start} bytes, not ${size}`);
}

function requireProtocol(cursor: RecordCursor): void {
  const found = cursor.u8();
  if (found !== protocol) throw new DocumentProblem(`a node is stored in form ${found}, not ${protocol}`);
}

function requireEnd(cursor: RecordCursor): void {
  if (cursor.isAtEnd) return;
  throw new DocumentProblem(`${cursor.length - cursor.at} bytes are left over at the end of a node`);
}
