/** `repository.json`: what a repository begins with. */

import { FigaroError } from '../../errors.ts';
import { repositoryName } from '../places.ts';
import { readFields, type FieldReader } from '../fields.ts';

/** Of a repository whose files are as they are, and of one whose files are packed. */
const plainFormat = 1;
const packedFormat = 2;

export interface Head {
  /** 16 hex digits. */
  readonly id: string;
  /** Undefined for a repository whose files are as they are. */
  readonly packed?: PackedHead;
}

/** How the files of a repository are packed. */
export interface PackedHead {
  /** How many full sets can share their pages, one upon the other, before one holds all of its own. */
  readonly mostDepth: number;
  /** Where it is encrypted. */
  readonly keys?: HeadKeys;
}

/** For whom a repository is encrypted: recipients of `age`. */
export interface HeadKeys {
  /** Who can read all of it. */
  readonly recipients: readonly string[];
  /** The machine that backs up: it can read what is known of sets, and not what is in them. */
  readonly machine: string;
  /** How often recipients were added since it was made: what is from before cannot be read by all of them. */
  readonly epoch: number;
  /** By which that machine knows that nobody else has changed what is said here. Hex. */
  readonly seal: string;
}

export function encodeHead({ id, packed }: Head): string {
  const format = packed ? packedFormat : plainFormat;
  const { mostDepth, keys } = packed ?? {};
  const fields = { format, id, ...(packed ? { contents: 'packed', mostDepth, ...(keys ? { keys } : {}) } : {}) };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/**
 * Throws `manifest-corrupt` for what is no such file, and `format-unsupported` for one of a later version.
 *
 * @param place what people know the repository by
 */
export function decodeHead(bytes: Uint8Array, place: string, file: string): Head {
  const corrupt = (problem: string): FigaroError =>
    new FigaroError('manifest-corrupt', `${file} is not what a repository begins with: ${problem}`, {
      path: file,
      hint: 'the sets may be sound all the same: bring the file back from a copy of the repository.',
    });
  const fields = readFields(bytes, corrupt);
  const format = fields.count('format');
  if (format > packedFormat) {
    throw new FigaroError(
      'format-unsupported',
      `${place} has repository format ${format}, newer than ${packedFormat}`,
      { path: place, hint: 'use a newer figaro-backup.' },
    );
  }
  if (format < plainFormat) throw corrupt(`its format is ${format}`);
  const id = fields.matching('id', /^[0-9a-f]{16}$/, 'id of a repository');
  if (format === plainFormat) return { id };
  fields.oneOf('contents', ['packed']);
  const keys = fields.optional('keys');
  return {
    id,
    packed: { mostDepth: fields.countUpTo('mostDepth', 999_999), ...(keys ? { keys: keysOf(keys) } : {}) },
  };
}

/** As `decodeHead`; undefined for what is none. */
export function headOf(bytes: Uint8Array, place: string): Head | undefined {
  try {
    return decodeHead(bytes, place, repositoryName);
  } catch (error) {
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}

function keysOf(fields: FieldReader): HeadKeys {
  const recipients = fields.strings('recipients');
  if (recipients.length === 0) throw fields.problem('"recipients" is empty');
  return {
    recipients,
    machine: fields.string('machine'),
    epoch: fields.count('epoch'),
    seal: fields.matching('seal', /^[0-9a-f]{64}$/, 'seal of recipients'),
  };
}
