/** Where the log is that `logs` commands look at: a chain of a repository, an environment, or plain copies. */

import { type Command } from 'commander';
import { discoverEnvironment, logPaths, type Environment } from '../../engine/environment/discover.ts';
import { discoverLayers } from '../../engine/environment/layers.ts';
import { type Files } from '../../engine/files.ts';
import { openLog, type Log } from '../../engine/log/log-files.ts';
import { chainEnvironment, findChain } from '../../engine/repository/chain.ts';
import { openRepository, readSets } from '../../engine/repository/repository.ts';
import { FigaroError } from '../../errors.ts';
import { shellWord } from '../../output/text.ts';
import { homeVariables, repoVariables, required, type CommandContext, type CommonOptions } from '../context.ts';
import { collect } from '../options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from '../password.ts';

export interface LogSourceOptions extends CommonOptions, PasswordOptions {
  readonly repo?: string;
  readonly chain?: string;
  readonly home?: string;
  readonly from?: readonly string[];
}

export interface LogSource {
  readonly files: Files;
  readonly environment: Environment;
  readonly log: Log;
  /** The options of `recover` for the same source. */
  readonly recoverOptions: string;
}

export function withLogSource(command: Command): Command {
  command
    .optionsGroup('Which log:')
    .option('--repo <dir>', 'the log of a chain in this repository (or $FIGARO_BACKUP_REPO)')
    .option('--chain <set>', 'the chain of this set (default: the newest)')
    .option('--home <dir>', 'the log of this environment (or $DB_HOME); it is only read')
    .option('--from <dir>', 'the log of a plain copy; more than once, later ones over earlier ones', collect);
  return withPasswordOption(command).optionsGroup('');
}

/** Opens the log that was asked for. Throws `usage`, and what keeps it from being opened. */
export function openLogSource(context: CommandContext, options: LogSourceOptions): LogSource {
  const files = unlockedFiles(context, options);
  const { environment, recoverOptions } = findEnvironment(context, files, options);
  const paths = logPaths(environment);
  if (paths.size === 0) {
    throw new FigaroError('log-missing', `${environment.home} has no log files`, { path: environment.home });
  }
  return { files, environment, recoverOptions, log: openLog(files, paths) };
}

function findEnvironment(
  { io: { env } }: CommandContext,
  files: Files,
  options: LogSourceOptions,
): { readonly environment: Environment; readonly recoverOptions: string } {
  const { repo, chain, home, from } = options;
  const given = Object.entries({ repo, home, from }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    throw new FigaroError('usage', `${given.map(([name]) => `--${name}`).join(' and ')} exclude each other`);
  }
  if (from) {
    return {
      environment: discoverLayers(files, from),
      recoverOptions: from.map((dir) => `--from ${shellWord(dir)}`).join(' '),
    };
  }
  const isKnown = (variables: readonly string[]): boolean => variables.some((variable) => Boolean(env[variable]));
  if (home !== undefined || (repo === undefined && !isKnown(repoVariables) && isKnown(homeVariables))) {
    const directory = required({ home }, 'home', env, ...homeVariables);
    return { environment: discoverEnvironment(files, directory), recoverOptions: `--from ${shellWord(directory)}` };
  }
  const directory = required({ repo }, 'repo', env, ...repoVariables);
  const { sets, broken } = readSets(files, openRepository(files, directory));
  const found = findChain(sets, chain === undefined ? {} : { chain }, broken);
  return {
    environment: chainEnvironment(files, found),
    recoverOptions: `--repo ${shellWord(directory)}${chain === undefined ? '' : ` --chain ${chain}`}`,
  };
}
