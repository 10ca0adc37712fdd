/** Numbers that somebody gave. What is no number at all must not pass for one that nothing reaches. */

import { FigaroError } from '../errors.ts';

/** Throws `usage` for what is not a whole number from 1 on. Undefined is fine. */
export function requireCounts(given: Readonly<Record<string, number | undefined>>): void {
  require(given, 'a whole number from 1 on', (number) => Number.isSafeInteger(number) && number >= 1);
}

/** Throws `usage` for what is less than 0, or no number. Undefined is fine. */
export function requireAmounts(given: Readonly<Record<string, number | undefined>>): void {
  require(given, 'a number from 0 on', (number) => number >= 0);
}

function require(
  given: Readonly<Record<string, number | undefined>>,
  wanted: string,
  isRight: (number: number) => boolean,
): void {
  for (const [name, number] of Object.entries(given)) {
    if (number === undefined || isRight(number)) continue;
    throw new FigaroError('usage', `${name} is ${number}: it has to be ${wanted}`);
  }
}
