/** The database file that `inspect container` and `inspect page` look at. */

import path from 'node:path';
import { type Command } from 'commander';
import { configOf } from '../../engine/environment/discover.ts';
import { type FileKind, type Files } from '../../engine/files/files.ts';
import { FigaroError } from '../../errors.ts';
import { type CommandContext, type CommonOptions } from '../context.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from '../password.ts';

export interface FileOptions extends CommonOptions, PasswordOptions {
  readonly home?: string;
}

export function withFileOptions(command: Command): Command {
  return withPasswordOption(
    command.option('--home <dir>', 'the environment that a name is looked for in first (or $DB_HOME)'),
  );
}

/** The files of the run, and the path of the one asked for. Throws `container-missing` when there is no such file. */
export function findFile(
  context: CommandContext,
  options: FileOptions,
  name: string,
): { readonly files: Files; readonly path: string } {
  const files = unlockedFiles(context, options);
  const { home } = options;
  const places = home === undefined ? [name] : [...placesIn(files, home, name), name];
  const found = places.find((place) => files.statThrough(place)?.kind === 'file');
  if (found !== undefined) return { files, path: found };
  const kind = places.map((place) => files.statThrough(place)?.kind).find((each) => each !== undefined);
  const where = home === undefined ? '' : `, neither in ${home} nor as a path`;
  throw new FigaroError(
    'container-missing',
    kind === undefined ? `${name} is not there${where}` : `${name} ${noDatabase(kind)}`,
    {
      path: name,
      hint: 'give a database file: a container, or another file of an environment.',
    },
  );
}

/** Where a name can be in an environment (format document, 1.2). */
function placesIn(files: Files, home: string, name: string): string[] {
  return [...configOf(files, home).dataDirectories, ''].map((directory) => path.resolve(home, directory, name));
}

/** The end of a sentence about something else in the place of a database file. */
export function noDatabase(kind: FileKind): string {
  return `is a ${kind === 'directory' || kind === 'link' ? kind : 'pipe or a device'}, not a database file`;
}
