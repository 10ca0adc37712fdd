/** The directories that a command is about. Variables and the configuration file have had their say: `settings.ts` has made options of them. */

import path from 'node:path';
import { FigaroError } from '../errors.ts';
import { variablesOf } from './settings.ts';
import { type DirectoryName } from './setting-names.ts';

type Directories = { readonly [name in DirectoryName]?: string | undefined };

/** The environment. Throws `usage` where nothing names one. */
export function homeOf(options: Pick<Directories, 'home'>): string {
  return required('home', options);
}

/** The repository. Throws `usage` where nothing names one. */
export function repositoryOf(options: Pick<Directories, 'repo'>): string {
  return required('repo', options);
}

/** The standby, as a full path. Throws `usage` where nothing names one. */
export function standbyOf(options: Pick<Directories, 'standby'>): string {
  return path.resolve(required('standby', options));
}

function required(name: DirectoryName, { [name]: given }: Directories): string {
  // What is empty comes of a variable of a script that was not set, and would stand for the directory it runs in.
  if (given !== undefined && given !== '') return given;
  const places = [`give --${name} DIR`, `set ${variablesOf(name).join(' or ')}`];
  if (name !== 'standby') places.push(`name an environment that has ${name} in the configuration file`);
  throw new FigaroError('usage', `--${name} is missing`, {
    hint: `${places.slice(0, -1).join(', ')}, or ${places.at(-1)}.`,
  });
}
