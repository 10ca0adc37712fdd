/** Runs attempts one after the other, and prints a line before and after each: the parent sees where one hangs. */

import { corpusCases } from '../support/all-corpus.ts';
import { corpusCase, type CorpusCase } from '../support/corpus.ts';
import { attempt } from './attempt.ts';
import { Chance } from './mutate.ts';

const [directory, firstSeed, count, only] = process.argv.slice(2) as [string, string, string, string?];
const cases: readonly CorpusCase[] = only
  ? [corpusCase(only)]
  : corpusCases(true).filter(({ id }) => !id.startsWith('wide') && !id.startsWith('dbxml-large'));

for (let i = 0; i < Number(count); i++) {
  const seed = Number(firstSeed) + i;
  const chosen = new Chance(seed * 7919).oneOf(cases);
  const input = chosen.input[0]!;
  process.stdout.write(`${JSON.stringify({ begin: seed, case: chosen.id })}\n`);
  const outcome = await attempt(chosen.files, input, directory, seed);
  process.stdout.write(`${JSON.stringify({ end: seed, case: chosen.id, ...outcome })}\n`);
}
