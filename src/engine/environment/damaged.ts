/** Databases that are found and cannot be read. */

import { FigaroError } from '../../errors.ts';
import { foreignHint } from '../../format/releases.ts';
import { type DamagedFile, type Environment } from './environment.ts';

/** All that is wrong with a database that is found, as an error about it. */
export function unreadable(
  { path, problem, code }: Pick<DamagedFile, 'path' | 'problem' | 'code'>,
  hint: string,
): FigaroError {
  return code === 'format-unsupported'
    ? new FigaroError(code, `${path} is ${problem}`, { path, hint: foreignHint })
    : new FigaroError(code, `${path} is a damaged database: ${problem}`, { path, pgno: 0, hint });
}

/**
 * Throws for the first database that cannot be read, with all of them as findings: `page-type` for a damaged one,
 * `format-unsupported` for one of a release that is not read.
 */
export function requireReadable(
  { damaged }: Environment,
  hint = 'its first page is not whole, and the log cannot repair it. Restore this file from an older set, or move it away, or name it with --exclude, if it does not belong here.',
): void {
  const [first] = damaged;
  if (!first) return;
  const { code, message, details } = unreadable(first, hint);
  if (damaged.length === 1) throw new FigaroError(code, message, details);
  const rest = damaged.length - 1;
  throw new FigaroError(code, `${message}, and ${rest} more ${rest === 1 ? 'is' : 'are'} not readable`, {
    ...details,
    findings: damaged.map(({ name, problem }) => ({ path: name, problem })),
  });
}
