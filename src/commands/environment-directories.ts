/** The options that name directories of an environment which its DB_CONFIG does not name. */

import { Option, type Command } from 'commander';
import { type Directories } from '../engine/environment/outside.ts';
import { FigaroError } from '../errors.ts';
import { collect, mappingArgument } from './options.ts';

export interface DirectoryOptions {
  readonly dataDir?: readonly string[];
  readonly logDir?: string;
}

/** Adds the options of commands that look at an environment in use. */
export function withDirectories(command: Command): Command {
  return command
    .option(
      '--data-dir <dir>',
      "a data directory that only the application's code names, as it names it; may be given several times",
      collect,
    )
    .option('--log-dir <dir>', "the log directory, where only the application's code names it");
}

/** What they say, for the engine. */
export function directoriesOf({ dataDir, logDir }: DirectoryOptions): Directories {
  return { dataDirectories: dataDir, logDirectory: logDir };
}

/** The option of commands that look at plain copies. */
export function copiedDirectories(): Option {
  return new Option(
    '--dir-at <old=dir>',
    'with --from: what was the directory OLD, outside of the environment or the environment itself, is in DIR; repeat it for more',
  ).argParser(mappingArgument);
}

/** Throws `usage` for directories of an environment in use where none is looked at, but what `instead` names. */
export function requireNoDirectories({ dataDir, logDir }: DirectoryOptions, instead: '--from' | '--repo'): void {
  const given = dataDir !== undefined ? '--data-dir' : '--log-dir';
  if (dataDir === undefined && logDir === undefined) return;
  throw new FigaroError('usage', `${given} and ${instead} cannot be used together: it is for an environment in use`, {
    hint:
      instead === '--from'
        ? 'of a copy, --dir-at OLD=DIR says where the copy of a directory is.'
        : 'a set has all directories inside. If the environment is meant, name it with --home.',
  });
}

/** Throws `usage` for places of copied directories where no plain copy is looked at. */
export function requireNoCopiedDirectories(dirAt: ReadonlyMap<string, string> | undefined): void {
  if (dirAt === undefined) return;
  throw new FigaroError('usage', '--dir-at is for plain copies, and needs --from', {
    hint: 'name the copies with --from. A set has directories of the environment outside of it inside.',
  });
}
