/** Where the environment is that a command looks at: a chain of a repository, an environment, or plain copies. */

import { type Command } from 'commander';
import { discoverEnvironment, type DiscoverOptions } from '../engine/environment/discover.ts';
import { type Environment } from '../engine/environment/environment.ts';
import { discoverLayers } from '../engine/environment/layers.ts';
import { type Files } from '../engine/files/files.ts';
import { chainEnvironment, type Chain } from '../engine/repository/chain.ts';
import { chooseChain } from '../engine/repository/choose-chain.ts';
import { isNewestWanted } from '../engine/repository/find-chain.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { shellWord } from '../output/text.ts';
import { type CommonOptions } from './context.ts';
import { homeOf, repositoryOf } from './directories.ts';
import { collect } from './options.ts';
import { withPasswordOption, type PasswordOptions } from './password.ts';
import {
  copiedDirectories,
  directoriesOf,
  requireNoCopiedDirectories,
  requireNoDirectories,
  withDirectories,
  type DirectoryOptions,
} from './environment-directories.ts';
import { wholeCopies, wholeEnvironment, directoryOf } from '../engine/environment/outside.ts';

export interface SourceOptions extends CommonOptions, PasswordOptions, DirectoryOptions {
  readonly repo?: string;
  readonly chain?: string;
  readonly home?: string;
  readonly from?: readonly string[];
  readonly dirAt?: ReadonlyMap<string, string>;
}

export interface EnvironmentSource {
  /** The files to look at it through. */
  readonly files: Files;
  readonly environment: Environment;
  /** Where it is one of a repository. */
  readonly chain?: Chain;
  /** The options of `recover` for the same source. */
  readonly recoverOptions: string;
  /** The environment of an application: not a copy. */
  readonly isOriginal: boolean;
  /** In words; of an environment itself its directory says it. */
  readonly copyOf?: string;
}

/** @param what is looked at, with `of`: `the log of`; empty for the environment itself */
export function withSource(command: Command, what: string): Command {
  const of = (text: string): string => `${what === '' ? '' : `${what} `}${text}`;
  command
    .option('--repo <dir>', `${of('a chain in this repository')} (or $FIGARO_BACKUP_REPO)`)
    .option('--chain <set>', 'the chain of this set (default: the newest)')
    .option('--home <dir>', `${of('this environment')} (or $DB_HOME where no repository is set); it is only read`)
    .option('--from <dir>', `${of('a plain copy')}; more than once, later ones over earlier ones`, collect);
  return withPasswordOption(withDirectories(command).addOption(copiedDirectories()));
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
    throw new FigaroError('usage', `${given.map(([name]) => `--${name}`).join(' and ')} cannot be used together`);
  }
  if (from) {
    requireNoDirectories(options, '--from');
    const whole = wholeCopies(files, from, options.dirAt);
    return {
      files: whole.files,
      environment: { ...discoverLayers(whole.files, whole.homes, discover), insideNames: whole.insideNames },
      recoverOptions: [
        ...from.map((dir) => `--from ${shellWord(dir)}`),
        ...[...(options.dirAt ?? [])].map(([old, dir]) => `--dir-at ${shellWord(`${old}=${dir}`)}`),
      ].join(' '),
      isOriginal: false,
      copyOf: from.length === 1 ? 'a plain copy' : `plain copies: ${from.join(', ')}`,
    };
  }
  requireNoCopiedDirectories(options.dirAt);
  if (home !== undefined) {
    const directory = homeOf({ home });
    const whole = wholeEnvironment(files, directory, {
      ...directoriesOf(options),
      ...(discover.insideOnly ? { asFarAsThere: true } : {}),
    });
    return {
      files: whole.files,
      environment: {
        ...discoverEnvironment(whole.files, whole.home, discover),
        insideNames: whole.insideNames,
      },
      recoverOptions: [
        `--from ${shellWord(directory)}`,
        ...[...whole.insideNames.keys()].map(
          (old) => `--dir-at ${shellWord(`${old}=${directoryOf(files, directory, old)}`)}`,
        ),
      ].join(' '),
      isOriginal: true,
    };
  }
  const directory = repositoryOf({ repo });
  requireNoDirectories(options, '--repo');
  const chosen = chooseChain(files, openRepository(files, directory), chain === undefined ? {} : { chain });
  const { id, sets } = chosen.chain;
  const last = sets.at(-1)!.id;
  return {
    files,
    environment: chainEnvironment(files, chosen.chain),
    chain: chosen.chain,
    recoverOptions: `--repo ${shellWord(directory)}${isNewestWanted(chain) ? '' : ` --chain ${id}`}`,
    isOriginal: false,
    copyOf: `set ${last}${last === id ? '' : `, of chain ${id},`} in ${directory}`,
  };
}
