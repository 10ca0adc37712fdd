import { Command } from 'commander';
import { promote, type Promotion } from '../../engine/failover/promote.ts';
import { formatCommit, formatDuration, table } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { standbyOf } from '../directories.ts';
import { examples } from '../options.ts';
import { unlockedFiles, withPasswordOption } from '../password.ts';
import { withStandby, type StandbyOptions } from './standby.ts';

interface PromoteCommandOptions extends StandbyOptions {
  readonly survivingLogs?: string;
  readonly primaryGone?: true;
  readonly withoutLog?: true;
  readonly check: boolean;
  readonly anyOrder?: true;
}

export function failoverPromoteCommand(context: CommandContext): Command {
  const command = new Command('promote')
    .summary('make a standby the environment that the application opens')
    .description(
      'Take what survives of the log of the primary, apply it, check every tree, and make the standby an environment that the application opens: ' +
        'the directory `environment` in it. Refuses while a process has the primary open. It follows nobody afterwards.',
    )
    .option('--surviving-logs <dir>', 'what is left of the log of the primary, when it is not where it was')
    .option('--primary-gone', 'the primary will never run again: do not look whether it is in use')
    .option('--without-log', 'nothing is left of the log of the primary: promote as of the last round')
    .option('--no-check', 'do not check the structure of the result')
    .option('--any-order', 'do not check the order of keys: the application has one of its own');
  return withCommonOptions(withEnvironment(withPasswordOption(withStandby(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup failover promote --standby /standby/env',
        'figaro-backup failover promote --standby /standby/env --surviving-logs /mnt/rescued/env --primary-gone',
      ),
    )
    .action(async (_environment: string | undefined, options: PromoteCommandOptions) => {
      const files = unlockedFiles(context, options);
      const directory = standbyOf(options);
      const { survivingLogs, primaryGone, withoutLog, check, anyOrder } = options;
      const promotion = await context.withWatch(options, (watch) =>
        promote(files, {
          directory,
          ...(survivingLogs === undefined ? {} : { survivingLogs }),
          primaryGone: primaryGone === true,
          withoutLog: withoutLog === true,
          check,
          anyOrder: anyOrder === true,
          watch,
        }),
      );
      context.warn(options, promotion.warnings);
      const { files: _files, ...state } = promotion.state;
      context.print(options, { ...promotion, state }, () => describe(promotion));
    });
}

function describe({ home, state, durationMs }: Promotion): string {
  return `promoted in ${formatDuration(durationMs)}\n${table([
    ['  environment', home],
    ['  as of', formatCommit(state.lastCommit)],
  ])}open it with the application there, or move it to where the application looks for it\n`;
}
