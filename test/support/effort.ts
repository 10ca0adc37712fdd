/**
 * How much is done of tests that could go on for hours: `npm test` does a little of each, `npm run test:long` more, and
 * the variable of a test says how much exactly.
 */

/** Vitest sets MODE: `npm run test:long` gives it. */
const isLong = process.env.MODE === 'long';

/** What the variable says, or else one of the two numbers. */
export function effort(variable: string, quick: number, long: number): number {
  return Number(process.env[variable] ?? (isLong ? long : quick));
}
