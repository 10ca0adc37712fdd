/** Orders of keys and duplicates in the indexes of Berkeley DB XML (format document, 6.2 to 6.4). */

/** Bytes of the marshaled integer that begins with `first`. */
export function marshaledLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 2;
  if (first < 0xe0) return 3;
  if (first < 0xe8) return 4;
  if (first < 0xf8) return 5;
  return first === 0xf8 ? 6 : 9;
}

/** The low 32 bits of the marshaled integer at an offset; bytes past the end count as zero. */
function marshaledValue(bytes: Uint8Array, at: number): number {
  const length = marshaledLength(bytes[at] ?? 0);
  let value = length === 1 ? (bytes[at] ?? 0) : length === 2 ? bytes[at]! & 0x3f : bytes[at]! & 0x1f;
  if (length === 4) value &= 0x07;
  if (length >= 5) value = 0;
  for (let i = 1; i < length; i++) value = (value << 8) | (bytes[at + i] ?? 0);
  return value;
}

/** Where the value of an index key begins: after its prefix and one name id, or two in the key of an edge. */
function valueStart(key: Uint8Array): number {
  const names = key[0]! >> 6 === 2 ? 2 : 1;
  let at = 1;
  for (let i = 0; i < names && at < key.length; i++) at += marshaledLength(key[at]!);
  return Math.min(at, key.length);
}

/** A number as index keys hold it. */
interface KeyNumber {
  readonly state: number;
  readonly exponent: number;
  readonly digits: Uint8Array;
  readonly end: number;
}

const numberState = { negative: 1, positive: 3 } as const;

function numberAt(key: Uint8Array, at: number): KeyNumber {
  const state = key[at] ?? -1;
  if (state !== numberState.negative && state !== numberState.positive) {
    return { state, exponent: 0, digits: new Uint8Array(0), end: at + 1 };
  }
  const exponent = marshaledValue(key, at + 1) | 0;
  const countAt = at + 1 + marshaledLength(key[at + 1] ?? 0);
  const digitsAt = countAt + marshaledLength(key[countAt] ?? 0);
  const end = digitsAt + Math.ceil(marshaledValue(key, countAt) / 2);
  return { state, exponent, digits: key.subarray(digitsAt, end), end };
}

function compareNumbers(a: KeyNumber, b: KeyNumber): number {
  if (a.state !== b.state) return a.state - b.state;
  const [low, high] = a.state === numberState.negative ? [b, a] : [a, b];
  return low.exponent - high.exponent || Buffer.compare(low.digits, high.digits);
}

/** Compares keys whose values are so many numbers one after another: everything before the value goes by bytes. */
function compareNumericKeys(a: Uint8Array, b: Uint8Array, numbers: number): number {
  let atA = valueStart(a);
  let atB = valueStart(b);
  let order: number = Buffer.compare(a.subarray(0, atA), b.subarray(0, atB));
  for (let i = 0; i < numbers && order === 0; i++) {
    const numberA = numberAt(a, atA);
    const numberB = numberAt(b, atB);
    order = compareNumbers(numberA, numberB);
    atA = numberA.end;
    atB = numberB.end;
  }
  return order;
}

const numericSyntaxes = new Set(
  'date dateTime gDay decimal double float gMonth gMonthDay time gYear gYearMonth'.split(' '),
);
const byteSyntaxes = new Set('none string base64Binary boolean hexBinary'.split(' '));

/** The order of keys in the index and the statistics of a syntax; undefined for syntaxes that are not known. */
export function keyOrderOfSyntax(syntax: string): ((a: Uint8Array, b: Uint8Array) => number) | undefined {
  if (byteSyntaxes.has(syntax)) return (a, b) => Buffer.compare(a, b);
  if (numericSyntaxes.has(syntax)) return (a, b) => compareNumericKeys(a, b, 1);
  // Months, then seconds.
  return syntax === 'duration' ? (a, b) => compareNumericKeys(a, b, 2) : undefined;
}

/** Compares duplicates of an index: document ids, then node ids up to their NUL. */
export function compareIndexEntries(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(identityOf(a), identityOf(b));
}

/** What an index entry is sorted by: not its format byte, and nothing behind the node id. */
function identityOf(entry: Uint8Array): Uint8Array {
  const nodeId = 1 + marshaledLength(entry[1] ?? 0);
  const end = entry.indexOf(0, nodeId);
  return entry.subarray(1, end < 0 ? entry.length : end);
}
