import fs from 'node:fs';
import path from 'node:path';
import { CorpusCase, fixtures } from './corpus.ts';
import { isLongRun } from './effort.ts';

const whole = path.join(import.meta.dirname, '..', '..', '..', 'shared', 'corpus');

/** All cases: of the whole corpus in the long run when it is there, of the fixtures otherwise. */
export function corpusCases(wantsWhole = isLongRun): CorpusCase[] {
  const directory = wantsWhole && fs.existsSync(whole) ? whole : fixtures;
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.tar.xz'))
    .sort()
    .map((name) => new CorpusCase(path.join(directory, name)));
}

/** What a case is about, whatever wrote it and however it was copied: for `oneOfEach`. */
export function familyOf({ id }: CorpusCase): string {
  return id.replace(/-(48|53|60|62|181)(-.*)?$/, '');
}
