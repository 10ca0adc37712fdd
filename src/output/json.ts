/** The JSON documents that `--json` prints. */

import { FigaroError } from '../errors.ts';
import { formatLsn, type Lsn } from '../format/lsn.ts';

/** One JSON document: LSNs as Berkeley DB prints them, bytes as hex. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, printValue, 2).replaceAll(unescaped, escape)}\n`;
}

/** Control characters that JSON allows in texts, and terminals obey. */
const unescaped = /[\u007f-\u009f]/g;

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function printValue(_key: string, value: unknown): unknown {
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
