import path from 'node:path';
import { Command, Option } from 'commander';
import { defaultIntervalMs, followForEver, followOnce } from '../../engine/failover/follow.ts';
import { type Followed } from '../../engine/failover/create.ts';
import { requireLocal } from '../../engine/places.ts';
import { readStandby, type StandbyState } from '../../engine/failover/standby.ts';
import { type Files } from '../../engine/files/files.ts';
import { isStoreUrl } from '../../engine/store/stores.ts';
import { FigaroError } from '../../errors.ts';
import { formatLsn } from '../../format/lsn.ts';
import { formatBytes, formatCommit, formatDuration, inOneLine } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { homeOf, repositoryOf, standbyOf } from '../directories.ts';
import { durationArgument, examples, sizeArgument } from '../options.ts';
import { unlockedFiles, withPasswordOption } from '../password.ts';
import {
  directoriesOf,
  requireNoDirectories,
  withDirectories,
  type DirectoryOptions,
} from '../environment-directories.ts';
import { stopAtFile } from './stop-file.ts';
import { withStandby, type StandbyOptions } from './standby.ts';

interface FollowCommandOptions extends StandbyOptions, DirectoryOptions {
  readonly home?: string;
  readonly repo?: string;
  readonly interval: number;
  readonly once?: true;
  readonly stopFile?: string;
  readonly cacheSize?: number;
}

export function failoverFollowCommand(context: CommandContext): Command {
  const command = new Command('follow')
    .summary('make a standby, and keep it current')
    .description(
      'Make a standby by a hot copy when there is none yet, then apply the log that the primary writes, round after round. ' +
        'With --repo in place of --home, follow the sets of a repository, as on another machine. ' +
        'Runs until it is told to stop; what may pass is reported once and retried at growing intervals.',
    )
    .option('--home <dir>', 'the primary (or $DB_HOME); it is only read')
    .option('--repo <dir>', 'follow the newest chain of this repository instead')
    .addOption(
      new Option('--interval <time>', 'how long to wait between rounds')
        .argParser(durationArgument)
        .default(defaultIntervalMs, `${defaultIntervalMs / 1000}s`),
    )
    .option('--once', 'one round, for cron and timers')
    .option('--stop-file <file>', 'stop when there is a file of this name')
    .addOption(new Option('--cache-size <size>', 'memory for pages (default: 256M)').argParser(sizeArgument));
  return withCommonOptions(withEnvironment(withPasswordOption(withStandby(withDirectories(command)))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup failover follow --home /srv/env --standby /standby/env',
        'figaro-backup failover follow --home /srv/env --standby /standby/env --once',
        'figaro-backup failover follow --repo /backup/env --standby /standby/env --interval 5m',
      ),
    )
    .action(async (_environment: string | undefined, options: FollowCommandOptions, self: Command) => {
      const files = unlockedFiles(context, options);
      const directory = standbyOf(options);
      requireLocal(files, { what: 'the standby', path: options.standby! });
      const followed = followedBy(options, self);
      await context.withWatch(options, async (watch, note) => {
        const follow = {
          directory,
          followed,
          directories: directoriesOf(options),
          watch,
          ...(options.cacheSize === undefined ? {} : { cacheBytes: options.cacheSize }),
        };
        if (!options.once) {
          const { stopFile } = options;
          const stop = stopFile === undefined ? undefined : stopAtFile(files, stopFile, watch.signal);
          const service = followForEver(files, {
            ...follow,
            ...(stop ? { watch: { ...watch, signal: stop.signal } } : {}),
            intervalMs: options.interval,
            onTrouble: ({ code, message }) =>
              context.warn({ ...options, json: false }, [`[${code}] ${message}; it will be tried again`]),
            onRelief: () => note('following again'),
          }).finally(() => stop?.release());
          return await service.catch((error: unknown) => tellStopped(context, files, options, directory, error));
        }
        const state = await followOnce(files, follow);
        const { files: _files, ...shown } = state;
        context.printSuccess(options, { standby: directory, state: shown }, () => describe(directory, state));
        return undefined;
      });
    });
}

/** Being told to stop is how following ends: a success, once there is a standby. Throws all other errors. */
function tellStopped(
  context: CommandContext,
  files: Files,
  options: FollowCommandOptions,
  directory: string,
  error: unknown,
): void {
  const isStopped = error instanceof FigaroError && error.code === 'interrupted' && context.bug === undefined;
  const state = isStopped ? readStandby(files, directory)?.state : undefined;
  if (!state) throw error;
  const { files: _files, ...shown } = state;
  context.print(options, { standby: directory, state: shown }, () => describe(directory, state));
}

/** The primary, unless the repository was asked for by name: the configuration of an environment has both. */
function followedBy({ home, repo, dataDir, logDir }: FollowCommandOptions, command: Command): Followed {
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  if (isGiven('home') && isGiven('repo')) {
    throw new FigaroError('usage', '--home and --repo cannot be used together: a standby follows one of them');
  }
  if (repo !== undefined && (isGiven('repo') || home === undefined)) {
    if (isStoreUrl(repo)) {
      throw new FigaroError('usage', `a standby cannot follow ${repo}: it has to be a directory that stays`, {
        hint: 'keep a copy of it with `figaro-backup copy --repo URL --to DIR`, and follow that one with --repo DIR.',
      });
    }
    // The configuration of an environment may have them, for its home.
    requireNoDirectories(
      { ...(dataDir && isGiven('dataDir') ? { dataDir } : {}), ...(logDir && isGiven('logDir') ? { logDir } : {}) },
      '--repo',
    );
    return { home: undefined, repo: path.resolve(repositoryOf({ repo })) };
  }
  return { logDirectory: logDir, home: path.resolve(homeOf({ home })), repo: undefined };
}

function describe(directory: string, { end, lastCommit, lastRound }: StandbyState): string {
  const { logBytes, durationMs } = lastRound;
  return `${inOneLine(directory)} is as of ${formatCommit(lastCommit)}, log end ${formatLsn(end)}: ${formatBytes(logBytes)} of log in ${formatDuration(durationMs)}\n`;
}
