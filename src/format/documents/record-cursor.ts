import { marshaledLength } from '../xml-index.ts';
import { DocumentProblem } from './problem.ts';

/** Values of the records of a container, one after another. Reading past the end of a record is a `DocumentProblem`. */
export class RecordCursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get length(): number {
    return this.#bytes.length;
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  u8(): number {
    const value = this.#bytes[this.at];
    if (value === undefined) throw new DocumentProblem('a record ends in the middle of a value');
    this.at += 1;
    return value;
  }

  /** A marshaled integer (format document, 6.2). */
  integer(): number {
    const first = this.u8();
    const length = first >= 0xf0 && first !== 0xf8 && first !== 0xf9 ? 0 : marshaledLength(first);
    if (length === 0) throw new DocumentProblem(`byte ${first} begins no number`);
    let value = length < 5 ? first & (0xff >> length) : length === 5 ? first & 0x07 : 0;
    // The lengths of 5 bytes and more have 3, 0 and 0 bits in the first byte.
    for (let i = 1; i < length; i++) value = value * 256 + this.u8();
    if (!Number.isSafeInteger(value)) throw new DocumentProblem('a number is larger than any that can be');
    return value;
  }

  /** The bytes of a string, without its NUL: a character for each byte, whatever text they are. */
  string(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end < 0) throw new DocumentProblem('a string has no end');
    const text = this.#bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return text;
  }

  /** A node id as a string that orders as node ids do (dbxml documents document, 4.1). */
  nodeId(): string {
    const count = this.#bytes[this.at] ?? 0;
    const end = this.#bytes.indexOf(0, this.at);
    if (count === 0 || end < this.at + 1 + count) throw new DocumentProblem('a node id is too short');
    const id = this.#bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return id;
  }
}
