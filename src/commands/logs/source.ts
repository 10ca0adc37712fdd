/** The log that `logs` commands look at. */

import { type Command } from 'commander';
import { filesOfKind, logPaths } from '../../engine/environment/environment.ts';
import { findLogNearby, whereIsLog } from '../../engine/environment/log-nearby.ts';
import { type Files } from '../../engine/files/files.ts';
import { openLog, type Log } from '../../engine/log/log-files.ts';
import { noEnvironment } from '../../engine/what-is.ts';
import { FigaroError } from '../../errors.ts';
import { shellWord } from '../../output/text.ts';
import { type CommandContext } from '../context.ts';
import { unlockedFiles } from '../password.ts';
import { findEnvironment, withSource, type EnvironmentSource, type SourceOptions } from '../source.ts';

export type LogSourceOptions = SourceOptions;

export interface LogSource extends EnvironmentSource {
  readonly files: Files;
  readonly log: Log;
  /** Names of the databases beside the log. */
  readonly databases: readonly string[];
}

export function withLogSource(command: Command): Command {
  return withSource(command.optionsGroup('Which log:'), 'the log of').optionsGroup('');
}

/** Opens the log that was asked for. Throws `usage`, and what keeps it from being opened. */
export function openLogSource(context: CommandContext, options: LogSourceOptions): LogSource {
  const source = findEnvironment(unlockedFiles(context, options), options);
  const { files } = source;
  const paths = logPaths(source.environment);
  const databases = filesOfKind(source.environment, 'database').map(({ name }) => name);
  if (paths.size === 0) {
    const { home } = source.environment;
    if (databases.length === 0) throw noEnvironment(files, home, source.isOriginal ? 'environment' : 'copy');
    const nearby = findLogNearby(files, source.environment);
    throw new FigaroError('log-missing', `${home} holds no log files${nearby ? `, but ${whereIsLog(nearby)}` : ''}`, {
      path: home,
      ...(nearby ? { hint: `look at them with --from ${shellWord(nearby.path)}.` } : {}),
    });
  }
  return { ...source, log: openLog(files, paths), databases };
}
