import { describe, expect, test } from 'vitest';
import { planEntities } from '../../../src/format/documents/entities.ts';
import { documentKey, parseMetadataKey } from '../../../src/format/documents/metadata.ts';
import { DocumentPrinter } from '../../../src/format/documents/printer.ts';
import { DocumentProblem } from '../../../src/format/documents/problem.ts';
import { compressedLength } from '../../../src/format/documents/whole.ts';
import { walkDocument, type NodeRecord, type NodeRecords } from '../../../src/format/documents/walk.ts';

/** Bytes from numbers and texts; texts end with a NUL. */
function bytesOf(...parts: readonly (number | string)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : Buffer.from(`${part}\0`))),
  );
}

/** Records by the last byte of their node ids. */
class Records implements NodeRecords {
  readonly #records: readonly NodeRecord[];

  constructor(records: Readonly<Record<number, Uint8Array>>) {
    this.#records = Object.entries(records).map(([id, bytes]) => ({
      id: `\x01${String.fromCharCode(Number(id))}`,
      bytes,
    }));
  }

  all(): readonly NodeRecord[] {
    return this.#records;
  }

  again(id: string): Uint8Array {
    return this.#records.find((record) => record.id === id)!.bytes;
  }
}

/** An element; the document node where there is no name. Sizes and counts are put in. */
interface Element {
  readonly name?: string;
  readonly flags?: number;
  readonly level?: number;
  readonly parent?: number;
  readonly last?: number;
  readonly uri?: number;
  readonly leading?: Uint8Array;
  readonly trailing?: readonly Uint8Array[];
}

function element({ name, flags = 0, level = 1, parent = 4, last, uri, leading, trailing = [] }: Element): Uint8Array {
  const texts = [...(leading ? [leading] : []), ...trailing];
  const size = texts.reduce((sum, { length }) => sum + length, 0);
  const isDocument = name === undefined;
  const all =
    flags |
    (isDocument ? 0x800 : 0) |
    (texts.length > 0 ? 0x04 : 0) |
    (trailing.length > 0 ? 0x08 : 0) |
    (uri === undefined ? 0 : 0x200) |
    (last === undefined ? 0 : 0x81);
  return Buffer.concat([
    bytesOf(2, 0x80 | (all >> 8), all & 0xff),
    ...(texts.length > 0 ? [bytesOf(texts.length)] : []),
    ...(last === undefined ? [] : [bytesOf(1, last, 0)]),
    ...(isDocument ? [] : [bytesOf(level, 1, parent, 0)]),
    ...(uri === undefined ? [] : [bytesOf(uri)]),
    ...(isDocument ? [] : [bytesOf(name)]),
    ...(texts.length > 0 ? [bytesOf(size)] : []),
    ...(trailing.length > 0 ? [bytesOf(trailing.length)] : []),
    ...texts,
  ]);
}

const strings: Readonly<Record<number, string>> = {
  0x06: 'xmlns',
  0x0e: 'http://www.w3.org/2000/xmlns/',
  0x33: 'urn:p',
  0x34: 'p',
};

function print(records: NodeRecords): string {
  const printer = new DocumentPrinter({
    stringOf: (id) => strings[id],
    entities: () => {
      const steps = planEntities(records);
      let step = steps.next();
      while (!step.done) step = steps.next();
      return step.value;
    },
  });
  let text = '';
  for (const _ of walkDocument(records, printer)) text += printer.take().join('');
  return Buffer.from(text + printer.take().join(''), 'latin1').toString();
}

/** The example of the document on documents. */
const example = {
  2: bytesOf(0x02, 0x01, 0x02, 0x00, 0x65, 0x00, 'UTF-8', 'UTF-8'),
  4: bytesOf(2, 0x88, 0x0d, 2, 1, 7, 0, 8, 2, 3, 'z', 'w', 0x10, '\n', 1, 5, 0),
  5: Buffer.concat([
    bytesOf(2, 0x87, 0x8f, 2, 3, 1, 7, 0, 1, 1, 4, 0, 0x34, 0x33, 'a', 0x0b, 1, 0x10, '\n', 1, 'c', 0, 'end'),
    bytesOf(0x12, 0x51, 0x06, 0x0e, 'p', 'urn:p', 0x08, 'k', '1<2'),
  ]),
  6: bytesOf(2, 0x10, 2, 1, 5, 0, 'b'),
  7: bytesOf(2, 0x2e, 1, 2, 2, 1, 5, 0, 'c', 7, 1, 8, 't&', 0, 'x', 8, 0x11, 0x34, 0x33, 'd', 'é', 1, 6, 0),
};

describe('a document of nodes', () => {
  test('is printed as the library prints it', () => {
    expect(print(new Records(example))).toBe(
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' +
        '<!--c--><p:a xmlns:p="urn:p" k="1&lt;2"><b/>t&amp;<c p:d="é">x</c>end</p:a><?z w?>\n',
    );
  });

  test('without any node is empty', () => {
    expect(print(new Records({}))).toBe('');
  });

  test('of which an entity never ends hides nothing for it', () => {
    const start = bytesOf(5, 'e');
    const end = bytesOf(6, 'e');
    const text = bytesOf(0, 'text');
    const documentOf = (...trailing: readonly Uint8Array[]): Records =>
      new Records({ 4: element({ last: 5 }), 5: element({ name: 'a', trailing }) });
    expect(print(documentOf(start, text, end))).toBe('<a>&e;</a>');
    expect(print(documentOf(start, text))).toBe('<a>&e;text</a>');
    expect(print(documentOf(text, end))).toBe('<a>text</a>');
    expect(print(documentOf(start, start, text, end))).toBe('<a>&e;&e;</a>');
  });

  test('whose elements have the same namespace declares it where it is not known', () => {
    const records = new Records({
      4: element({ last: 5 }),
      5: element({ name: 'a', uri: 0x33, last: 7 }),
      6: element({ name: 'b', uri: 0x33, level: 2, parent: 5, flags: 0x10 }),
      7: element({ name: 'c', level: 2, parent: 5 }),
    });
    expect(print(records)).toBe('<a xmlns="urn:p"><b/><c xmlns=""/></a>');
  });

  test('keeps what is behind the last child of an element, however much that is', () => {
    const long = 'x'.repeat(9 << 20);
    const size = 2 + long.length;
    const lengthOf = (value: number): number[] => [
      0xe8,
      value >>> 24,
      (value >> 16) & 0xff,
      (value >> 8) & 0xff,
      value & 0xff,
    ];
    const parentOf = (name: string, level: number, parent: number, last: number): Uint8Array =>
      bytesOf(2, 0x80, 0x8d, 1, 1, last, 0, level, 1, parent, 0, name, ...lengthOf(size), 1, 0, long);
    const records = new Records({
      4: element({ last: 5 }),
      5: parentOf('a', 1, 4, 6),
      6: parentOf('b', 2, 5, 7),
      7: element({ name: 'c', level: 3, parent: 6 }),
    });
    expect(print(records) === `<a><b><c/>${long}</b>${long}</a>`).toBe(true);
  });
});

describe('nodes that cannot be are refused by what is wrong with them', () => {
  const root = element({ last: 5 });
  test.each([
    ['its document node is missing', { 5: element({ name: 'a' }) }],
    ['its nodes end before the document does', { 4: root }],
    ['its nodes end before the document does', { 2: example[2] }],
    ['an element lies before the one it is in', { 4: root, 5: element({ name: 'a', parent: 5 }) }],
    ['an element lies before the one it is in', { 4: root, 5: element({ name: 'a', parent: 9 }) }],
    ['an element lies behind its last child', { 4: root, 5: bytesOf(2, 0x01, 1, 5, 0, 1, 1, 4, 0, 'a', 1, 5, 0) }],
    ['an element lies before its previous one', { 4: root, 5: bytesOf(2, 0x20, 1, 1, 4, 0, 'a', 1, 9, 0) }],
    ['a record ends in the middle of a value', { 4: bytesOf(2) }],
    ['a string has no end', { 4: root, 5: bytesOf(2, 0x00, 1, 1, 4, 0, 0x61) }],
    ['a node id is too short', { 4: bytesOf(2, 0x88, 0x01, 9, 1, 0) }],
    ['a node is stored in form 1, not 2', { 4: bytesOf(1, 0x88, 0x00) }],
    ['node flags 0x1800 are not known', { 4: bytesOf(2, 0x98, 0x00) }],
    ['byte 255 begins no number', { 4: bytesOf(2, 0xff) }],
    ['1 bytes are left over at the end of a node', { 4: Buffer.concat([element({}), bytesOf(1)]) }],
    [
      'an element has 4294967295 texts of 5 bytes, more than its record has room for',
      { 4: root, 5: bytesOf(2, 0x04, 0xe8, 255, 255, 255, 255, 1, 1, 4, 0, 'a', 5, 0, 'text') },
    ],
    [
      'an element has 1 texts of 4294967295 bytes, more than its record has room for',
      { 4: root, 5: bytesOf(2, 0x04, 1, 1, 1, 4, 0, 'a', 0xe8, 255, 255, 255, 255, 0, 'text') },
    ],
    ['the texts of an element take 6 bytes, not 5', { 4: root, 5: bytesOf(2, 0x04, 1, 1, 1, 4, 0, 'a', 5, 0, 'text') }],
    ['an element has 2 of 1 texts', { 4: root, 5: bytesOf(2, 0x0c, 1, 1, 1, 4, 0, 'a', 6, 2, 0, 'text') }],
    ['a text has type 7, which is not known', { 4: root, 5: element({ name: 'a', trailing: [bytesOf(7, 'x')] }) }],
    [
      'an element has 4294967295 attributes',
      { 4: root, 5: bytesOf(2, 0x02, 0xe8, 255, 255, 255, 255, 1, 1, 4, 0, 'a') },
    ],
    ['attribute flags 0x2 are not known', { 4: root, 5: bytesOf(2, 0x02, 1, 1, 1, 4, 0, 'a', 5, 2, 'k', 'v') }],
  ])('%s', (problem, records) => {
    expect(() => print(new Records(records as Record<number, Uint8Array>))).toThrow(new DocumentProblem(problem));
  });

  test('elements inside each other without end', () => {
    const deep: NodeRecords = {
      *all() {
        yield { id: '\x01\x04', bytes: element({ last: 5 }) };
        for (let i = 0; ; i++) {
          const id = `\x06${i.toString(36).padStart(6, '0')}`;
          yield {
            id,
            bytes: Buffer.concat([bytesOf(2, 0x81, 0x81), Buffer.from(`${id}~\0`), bytesOf(1, 1, 4, 0, 'a')]),
          };
        }
      },
      again: () => new Uint8Array(0),
    };
    const visitor = { information() {}, texts() {}, begin() {}, end() {} };
    expect(() => {
      for (const _ of walkDocument(deep, visitor));
    }).toThrow('more than 100000 elements are inside each other');
  });
});

test('document ids are written as they are read, of every length', () => {
  for (const id of [
    2,
    0x7f,
    0x80,
    0x3fff,
    0x4000,
    0x1f_ffff,
    0x20_0000,
    0x7ff_ffff,
    0x800_0000,
    0xffff_ffff,
    2 ** 36,
  ]) {
    const key = Buffer.concat([documentKey(id), bytesOf(1, 29)]);
    expect(parseMetadataKey(key)).toEqual({ documentId: id, nameId: 1, typeCode: 29 });
  }
});

test('what is compressed is told from what was stored plain', () => {
  const beginning = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
  expect(compressedLength(beginning(0x80, 0x8c, 0, 0, 0, 0x78, 0x9c), 40)).toBe(140);
  expect(compressedLength(Buffer.from('<a><b/>'), 30)).toBeUndefined();
  expect(compressedLength(Buffer.from('<a/>'), 4)).toBeUndefined();
  expect(compressedLength(beginning(0, 1, 2, 3, 4), 5)).toBe(0);
  expect(compressedLength(beginning(), 0)).toBe(0);
});
