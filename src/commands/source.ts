/** Where the environment is that a command looks at: a chain of a repository, an environment, or plain copies. */

import { type Command } from 'commander';
import { discoverEnvironment, type DiscoverOptions } from '../engine/environment/discover.ts';
import { type Environment } from '../engine/environment/environment.ts';
import { discoverLayers } from '../engine/environment/layers.ts';
import { type Files } from '../engine/files/files.ts';
import { chainEnvironment } from '../engine/repository/chain.ts';
import { chooseChain } from '../engine/repository/choose-chain.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { shellWord } from '../output/text.ts';
import { type CommonOptions } from './context.ts';
import { homeOf, repositoryOf } from './directories.ts';
import { collect } from './options.ts';
import { withPasswordOption, type PasswordOptions } from './password.ts';

export interface SourceOptions extends CommonOptions, PasswordOptions {
  readonly repo?: string;
  readonly chain?: string;
  readonly home?: string;
  readonly from?: readonly string[];
}

export interface EnvironmentSource {
  readonly environment: Environment;
  /** The options of `recover` for the same source. */
  readonly recoverOptions: string;
  /** The environment of an application: not a copy. */
  readonly isOriginal: boolean;
}

/** @param what is looked at, with `of`: `the log of`; empty for the environment itself */
export function withSource(command: Command, what: string): Command {
  const of = (text: string): string => `${what === '' ? '' : `${what} `}${text}`;
  command
    .option('--repo <dir>', `${of('a chain in this repository')} (or $FIGARO_BACKUP_REPO)`)
    .option('--chain <set>', 'the chain of this set (default: the newest)')
    .option('--home <dir>', `${of('this environment')} (or $DB_HOME); it is only read`)
    .option('--from <dir>', `${of('a plain copy')}; more than once, later ones over earlier ones`, collect);
  return withPasswordOption(command);
}

/** Finds the environment that was asked for. Throws `usage`, and what keeps it from being looked at. */
export function findEnvironment(
  files: Files,
  options: SourceOptions,
  discover: Pick<DiscoverOptions, 'insideOnly'> = {},
): EnvironmentSource {
  const { repo, chain, home, from } = options;
  const given = Object.entries({ repo, home, from }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    throw new FigaroError('usage', `${given.map(([name]) => `--${name}`).join(' and ')} exclude each other`);
  }
  if (from) {
    return {
      environment: discoverLayers(files, from, discover),
      recoverOptions: from.map((dir) => `--from ${shellWord(dir)}`).join(' '),
      isOriginal: false,
    };
  }
  if (home !== undefined) {
    const directory = homeOf({ home });
    return {
      environment: discoverEnvironment(files, directory, discover),
      recoverOptions: `--from ${shellWord(directory)}`,
      isOriginal: true,
    };
  }
  const directory = repositoryOf({ repo });
  const chosen = chooseChain(files, openRepository(files, directory), chain === undefined ? {} : { chain });
  return {
    environment: chainEnvironment(files, chosen.chain),
    recoverOptions: `--repo ${shellWord(directory)}${chain === undefined ? '' : ` --chain ${chain}`}`,
    isOriginal: false,
  };
}
