/**
 * How much is done of tests that could go on for hours: `npm test` does a little, `npm run test:long` more, and the variable
 * of a test says how much exactly. Files whose names end with `.long.test.ts` are of the long run alone.
 */

/** Vitest sets MODE: `npm run test:long` gives it. For `test.runIf`, where what a test proves is proven in part by quicker ones. */
export const isLongRun = process.env.MODE === 'long';

/** What the variable says, or else one of the two numbers; the only one, where a file is of one of the runs alone. */
export function effort(variable: string, quick: number, long = quick): number {
  return Number(process.env[variable] ?? (isLongRun ? long : quick));
}

/** All of a table of cases in the long run, else one of each kind: of the next kind the next one, so that they differ in the rest. */
export function oneOfEach<T>(cases: readonly T[], kindOf: (one: T) => string): readonly T[] {
  if (isLongRun) return cases;
  const kinds = new Map<string, T[]>();
  for (const one of cases) {
    const kind = kindOf(one);
    const known = kinds.get(kind);
    if (known) known.push(one);
    else kinds.set(kind, [one]);
  }
  return [...kinds.values()].map((ofKind, i) => ofKind[i % ofKind.length]!);
}

/** All of a table of cases in the long run, else the first of every so many. */
export function sampled<T>(cases: readonly T[], every: number): readonly T[] {
  return isLongRun ? cases : cases.filter((_, i) => i % every === 0);
}
