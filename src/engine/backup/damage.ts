/** A source that is damaged itself: it is refused with all that is wrong, or kept as it is and marked. */

import { FigaroError } from '../../errors.ts';
import { type SetFinding } from '../repository/manifest.ts';
import { type DamagedPages } from './page-source.ts';

export { type SetFinding } from '../repository/manifest.ts';

/** Damaged pages as a set tells of them. */
export function findingsOf({ errors }: DamagedPages): SetFinding[] {
  return errors.map(({ code, message, details: { path = '', pgno } }) => ({ path, pgno, code, message }));
}

/** Throws for the first damaged page, with all of them as findings, unless they are to be kept. */
export function requireUndamaged(damaged: DamagedPages, keep = false): void {
  const [first] = damaged.errors;
  if (!first || keep) return;
  const { code, message, details } = first;
  const rest = damaged.errors.length - 1;
  if (rest === 0) throw first;
  throw new FigaroError(code, `${message}, and ${rest} more ${rest === 1 ? 'finding' : 'findings'}`, {
    ...details,
    findings: findingsOf(damaged),
  });
}
