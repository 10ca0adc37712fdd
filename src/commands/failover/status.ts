import { Command, Option } from 'commander';
import { standbyStatus, type StandbyStatus } from '../../engine/failover/status.ts';
import { configOf } from '../../engine/environment/discover.ts';
import { placesOf } from '../../engine/places.ts';
import { FigaroError } from '../../errors.ts';
import { formatLsn } from '../../format/lsn.ts';
import { standbyMetrics } from '../../output/monitoring.ts';
import { formatBytes, formatCommit, formatDuration, formatTime, table } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { standbyOf } from '../directories.ts';
import { requireMetricsApart, writeMetrics } from '../metrics-file.ts';
import { durationArgument, examples } from '../options.ts';
import { unlockedFiles, withPasswordOption } from '../password.ts';
import { withStandby, type StandbyOptions } from './standby.ts';

interface StatusOptions extends StandbyOptions {
  readonly maxLag?: number;
  readonly prometheus?: string;
}

export function failoverStatusCommand(context: CommandContext): Command {
  const command = new Command('status')
    .summary('tell how far a standby is behind, and whether it can be promoted')
    .description(
      'Tell how far a standby is behind its primary, what the last round did, and what went wrong last. ' +
        'With --max-lag it fails when the standby is further behind, so that monitoring can run it.',
    )
    .addOption(
      new Option(
        '--max-lag <time>',
        'fail when the standby is further behind than this, or when that is not known',
      ).argParser(durationArgument),
    )
    .option('--prometheus <file>', 'write metrics for the textfile collector of node_exporter');
  return withCommonOptions(withEnvironment(withPasswordOption(withStandby(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup failover status --standby /standby/env',
        'figaro-backup failover status --standby /standby/env --max-lag 1m --quiet',
      ),
    )
    .action((_environment: string | undefined, options: StatusOptions) => {
      const files = unlockedFiles(context, options);
      const directory = standbyOf(options);
      if (options.prometheus !== undefined) {
        requireMetricsApart(files, options.prometheus, [{ what: 'the standby', path: directory }]);
      }
      const { maxLag } = options;
      const status = standbyStatus(files, directory, maxLag === undefined ? {} : { maxLagMs: maxLag });
      if (options.prometheus !== undefined) {
        const { home } = status.state;
        const primary =
          home === undefined ? [] : placesOf(files, 'the environment', home, configOf(files, home).directories);
        requireMetricsApart(files, options.prometheus, primary);
        writeMetrics(files, options.prometheus, [standbyMetrics(directory, status)]);
      }
      const { files: _files, ...state } = status.state;
      context.print(options, { standby: directory, ...status, state }, () => describe(directory, status));
      if (status.isBehind) context.addFailure(options, tooFarBehind(directory, status, maxLag!));
    });
}

function tooFarBehind(
  directory: string,
  { state, lag, lagUnknown, ageMs }: StandbyStatus,
  maxLagMs: number,
): FigaroError {
  const limit = `(limit ${formatDuration(maxLagMs)})`;
  if (state.phase !== 'following') {
    return new FigaroError('stale', `${directory} follows nobody any more: it is ${state.phase}`, { path: directory });
  }
  const message = lag
    ? `${directory} is ${formatDuration(lag.seconds * 1000)} behind its primary ${limit}`
    : `${directory} had its last round ${formatDuration(ageMs)} ago ${limit}; how far behind it is is not known: ${lagUnknown}`;
  return new FigaroError('stale', message, {
    path: directory,
    hint: 'see whether `figaro-backup failover follow` is running, and what it says.',
  });
}

function describe(directory: string, { state, lag, lagUnknown, ageMs, trouble, canBePromoted }: StandbyStatus): string {
  const { phase, home, repo, host, end, lastCommit, lastRound, rounds } = state;
  const behind = lag
    ? lag.bytes === 0
      ? 'nothing'
      : `${formatBytes(lag.bytes)} of log, ${formatDuration(lag.seconds * 1000)}, up to ${formatLsn(lag.end)}`
    : `not known: ${lagUnknown}`;
  return table([
    ['standby', directory],
    [
      'follows',
      phase === 'following'
        ? `${home ?? repo} on ${host}`
        : `nobody: ${phase}${state.promoted === undefined ? '' : ` ${formatTime(state.promoted)}`}`,
    ],
    ['as of', formatCommit(lastCommit)],
    ['log end', formatLsn(end)],
    ['behind', behind],
    [
      'last round',
      `${formatDuration(ageMs)} ago, ${formatBytes(lastRound.logBytes)} of log in ${formatDuration(lastRound.durationMs)}, number ${rounds}`,
    ],
    ['last trouble', trouble ? `${formatTime(trouble.time)}: [${trouble.code}] ${trouble.message}` : 'none since then'],
    ['can be promoted', canBePromoted ? 'yes' : 'no: it was promoted already'],
  ]);
}
