/** The JSON documents that `--json` prints. */

import { type FigaroError } from '../errors.ts';
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

export function errorToJson({ code, message, details }: FigaroError, exitCode: number): string {
  const { hint, path, pgno, lsn, findings } = details;
  return toJson({ error: { code, message, hint, path, pgno, lsn, findings, exitCode } });
}

export function bugToJson(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return toJson({ error: { code: 'internal', message, exitCode: 1 } });
}
