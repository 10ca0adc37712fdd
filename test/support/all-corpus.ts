import fs from 'node:fs';
import path from 'node:path';
import { type ErrorCode } from '../../src/errors.ts';
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

/**
 * Cases that must not be recovered, and how that is said. Native recovery refuses most of them too; where it does not, it
 * is silent and wrong (recovery document, A.15, L).
 */
export const refused: Readonly<Record<string, ErrorCode>> = {
  'damaged-bitflip-181': 'log-corrupt',
  'damaged-bitflip-48': 'log-corrupt',
  'damaged-bitflip-53': 'log-corrupt',
  'damaged-firstlog-53': 'not-recoverable',
  'damaged-lastlogflip-48': 'log-corrupt',
  'damaged-lastlogflip-53': 'log-corrupt',
  'damaged-loghdr-53': 'log-corrupt',
  'damaged-logmissing-48': 'log-missing',
  'damaged-logmissing-53': 'log-missing',
  'damaged-missingtrim-53': 'container-missing',
  'damaged-page-181': 'page-checksum',
  'damaged-page-48-clean': 'page-checksum',
  'damaged-page-53': 'page-checksum',
  'damaged-zerotail-48-hot': 'not-recoverable',
};
