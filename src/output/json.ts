/** The JSON documents that `--json` prints; `schema/` says what is in them. */

import { FigaroError } from '../errors.ts';
import { formatLsn, type Lsn } from '../format/lsn.ts';
import { controls, formatTime } from './text.ts';

/** Raised when a field of a document goes away or comes to mean something else; not for a field that is added. */
export const schemaVersion = 1;

/** What every document begins with. */
export interface Envelope {
  readonly schema: number;
  /** As typed: `hot`, `logs list`; undefined where the command line does not say. */
  readonly command?: string;
}

/** One JSON document: LSNs as Berkeley DB prints them, bytes as hex, a `time` in seconds since 1970 as ISO 8601. */
export function toJson(value: unknown, inOneLine = false): string {
  return `${JSON.stringify(value, printValue, inOneLine ? 0 : 2).replaceAll(controls, escape)}\n`;
}

/** JSON allows them in texts, and terminals obey. */
function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function printValue(key: string, value: unknown): unknown {
  if (key === 'time' && typeof value === 'number') return formatTime(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  const { file, offset } = value as Partial<Lsn>;
  return typeof file === 'number' && typeof offset === 'number' ? formatLsn({ file, offset }) : value;
}

/** The document for what made a command fail. */
export function errorDocument(error: unknown, exitCode: number): { readonly error: object } {
  if (!(error instanceof FigaroError)) {
    const message = error instanceof Error ? error.message : String(error);
    return { error: { code: 'internal', message, exitCode } };
  }
  const { code, message, details } = error;
  const { hint, path, pgno, lsn, findings } = details;
  return { error: { code, message, hint, path, pgno, lsn, findings, exitCode } };
}
