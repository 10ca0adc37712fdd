/** The one decoder of the JSON files that this program reads: what they say may be anybody's. */

import { parseLsn, type Lsn } from '../format/lsn.ts';
import { FigaroError } from '../errors.ts';
import { whyNotOnWindows } from '../format/windows-names.ts';

/** The end of the year 9999. */
const lastSecond = 253_402_300_799;

/** True for a moment as this program writes it: ISO 8601, UTC. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

/**
 * True for a relative path with `/` that stays inside of the directory it is relative to, and is of the file there that has this name: on
 * Windows, others lead elsewhere.
 */
export function isInside(path: string, platform: NodeJS.Platform = process.platform): boolean {
  const isPlain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isPlain && !path.includes('\0') && (platform !== 'win32' || whyNotOnWindows(path) === undefined);
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The fields of a JSON text. What is not as expected is an error made by `problem`. */
export function readFields(bytes: Uint8Array | string, problem: (text: string) => FigaroError): FieldReader {
  const value = parseJson(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
  if (value === undefined) throw problem('it is not JSON');
  return new FieldReader(value, problem);
}

/** What `read` makes of the fields of a JSON text; undefined where something is not as it is written. */
export function readableFields<T>(bytes: Uint8Array | string, read: (fields: FieldReader) => T): T | undefined {
  try {
    return read(readFields(bytes, (problem) => new FigaroError('manifest-corrupt', problem)));
  } catch (error) {
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}

/** Takes fields out of parsed JSON, and complains about what is not as expected. */
export class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly problem: (text: string) => FigaroError;

  constructor(value: unknown, problem: (text: string) => FigaroError) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw problem('a part of it is not an object');
    }
    this.#fields = value as Record<string, unknown>;
    this.problem = problem;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  string(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== 'string') throw this.problem(`"${name}" is not text`);
    return value;
  }

  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.problem(`"${name}" is not a number`);
    return value;
  }

  /** A whole number from 0 on. */
  count(name: string): number {
    const value = this.number(name);
    if (!Number.isSafeInteger(value) || value < 0) throw this.problem(`"${name}" is ${value}`);
    return value;
  }

  /** A whole number from 0 to `most`. */
  countUpTo(name: string, most: number): number {
    const value = this.count(name);
    if (value > most) throw this.problem(`"${name}" is ${value}, more than ${most}`);
    return value;
  }

  /** As 32 bits hold it. */
  uint32(name: string): number {
    return this.countUpTo(name, 0xffffffff);
  }

  /** Permission bits, with what goes with them. */
  mode(name: string): number {
    return this.countUpTo(name, 0o7777);
  }

  /** A moment: ISO 8601, UTC. */
  time(name: string): string {
    const value = this.string(name);
    if (!isTime(value)) throw this.problem(`"${name}" is not a time: ${JSON.stringify(value.slice(0, 40))}`);
    return value;
  }

  /** Seconds since 1970 that a clock can show. */
  seconds(name: string): number {
    return this.countUpTo(name, lastSecond);
  }

  /** Milliseconds since 1970 that a date can hold. */
  milliseconds(name: string): number {
    const value = this.number(name);
    if (Math.abs(value) > lastSecond * 1000) throw this.problem(`"${name}" is ${value}`);
    return value;
  }

  /** A path inside of a directory: it cannot lead out. Throws `format-unsupported` for one that only Windows does not take. */
  inside(name: string): string {
    const value = this.string(name);
    if (isInside(value)) return value;
    const path = `the path ${JSON.stringify(value)}`;
    if (!isInside(value, 'linux')) throw this.problem(`${path} leads out of where it belongs`);
    const { message, details } = this.problem(
      `${path} cannot be that of a file on Windows: it ${whyNotOnWindows(value)}`,
    );
    throw new FigaroError('format-unsupported', message, { ...details, hint: 'use it on Linux, if it is yours.' });
  }

  /** A text of the form of `pattern`, which messages call `what`. */
  matching(name: string, pattern: RegExp, what: string): string {
    const value = this.string(name);
    if (!pattern.test(value)) throw this.problem(`"${name}" is not the ${what}: ${JSON.stringify(value.slice(0, 40))}`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value !== 'boolean') throw this.problem(`"${name}" is neither true nor false`);
    return value;
  }

  lsn(name: string): Lsn {
    const lsn = parseLsn(this.string(name));
    if (!lsn) throw this.problem(`"${name}" is no LSN`);
    return lsn;
  }

  /** An LSN as an object of two numbers. */
  lsnParts(name: string): Lsn {
    const parts = this.part(name);
    return { file: parts.uint32('file'), offset: parts.uint32('offset') };
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  optionalLsn(name: string): Lsn | undefined {
    return this.has(name) ? this.lsn(name) : undefined;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const found = values.find((value) => value === this.#fields[name]);
    if (found === undefined) throw this.problem(`"${name}" is none of ${values.join(', ')}`);
    return found;
  }

  /** The fields of an object in a field. */
  part(name: string): FieldReader {
    const part = this.optional(name);
    if (!part) throw this.problem(`"${name}" is missing`);
    return part;
  }

  optional(name: string): FieldReader | undefined {
    return this.has(name) ? new FieldReader(this.#fields[name], this.problem) : undefined;
  }

  list(name: string): FieldReader[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw this.problem(`"${name}" is not a list`);
    return value.map((element) => new FieldReader(element, this.problem));
  }

  /** Lists of three whole numbers. */
  triples(name: string): (readonly [number, number, number])[] {
    const value = this.#fields[name];
    const isTriple = (element: unknown): element is [number, number, number] =>
      Array.isArray(element) && element.length === 3 && element.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!Array.isArray(value) || !value.every(isTriple))
      throw this.problem(`"${name}" is not a list of three numbers each`);
    return value;
  }

  strings(name: string): string[] {
    const value = this.#fields[name];
    if (!Array.isArray(value) || value.some((element) => typeof element !== 'string')) {
      throw this.problem(`"${name}" is not a list of texts`);
    }
    return value as string[];
  }
}
