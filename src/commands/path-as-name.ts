/** A path, or a set, where the name of an environment belongs. */

import path from 'node:path';
import { type Command } from 'commander';
import { type Files } from '../engine/files/files.ts';
import { repositoryName } from '../engine/places.ts';
import { FigaroError } from '../errors.ts';
import { shellWord } from '../output/text.ts';

/** The error that says which option it may have been meant for; undefined for what is neither a path nor like a set. */
export function otherInPlaceOfName(files: Files, command: Command, given: string): FigaroError | undefined {
  const option = command.options.find(({ flags }) => flags.endsWith('<set>'))?.long;
  if (option !== undefined && /^(latest$|\d{8}(T|$))/.test(given)) return setInPlaceOfName(option, given);
  return pathInPlaceOfName(files, command, given);
}

function setInPlaceOfName(option: string, given: string): FigaroError {
  return new FigaroError('usage', `${given} names a set, and not an environment in the configuration file`, {
    hint: `did you mean ${option} ${shellWord(given)}?`,
  });
}

function pathInPlaceOfName(files: Files, command: Command, given: string): FigaroError | undefined {
  if (!given.includes('/') && !files.statThrough(path.resolve(given))) return undefined;
  const hasHome = command.options.some(({ long }) => long === '--home');
  const isRepository = files.statThrough(path.resolve(given, repositoryName)) !== undefined;
  const option = hasHome && !isRepository ? '--home' : '--repo';
  return new FigaroError('usage', `${given} is a path, and not the name of an environment in the configuration file`, {
    path: given,
    hint: `did you mean ${option} ${shellWord(given)}?`,
  });
}
