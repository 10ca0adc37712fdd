import { Command, Option } from 'commander';
import { pruneLog, type PruneResult } from '../../engine/history/prune.ts';
import { openRepository } from '../../engine/repository/repository.ts';
import { caution } from '../../output/styles.ts';
import { formatBytes, formatCount, table } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from '../context.ts';
import { homeOf, repositoryOf } from '../directories.ts';
import { countArgument, examples, withLockWait, type LockOptions } from '../options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from '../password.ts';
import { hooked, withHooks } from '../run/hooks.ts';
import { directoriesOf, withDirectories, type DirectoryOptions } from '../environment-directories.ts';

interface PruneCommandOptions extends CommonOptions, LockOptions, PasswordOptions, DirectoryOptions {
  readonly home?: string;
  readonly repo?: string;
  readonly keep?: number;
  readonly olderThanChain?: true;
  readonly confirm?: true;
}

export function logsPruneCommand(context: CommandContext): Command {
  const command = new Command('prune')
    .summary('remove log files of an environment that neither it nor its backups need')
    .description(
      'Find the log files of an environment that its recovery does not read, that the newest chain has got past, and whose records a sound set of it holds: both copies are read and compared. With --confirm, remove them, the oldest first; without, only show them. This is the one command that changes an environment.',
    )
    .option('--home <dir>', 'the environment (or $DB_HOME)')
    .option('--repo <dir>', 'the repository with its sets (or $FIGARO_BACKUP_REPO)')
    .addOption(new Option('--keep <n>', 'leave the N newest of those that could go').argParser(countArgument))
    .option(
      '--older-than-chain',
      'also those from before the chain, which no set holds: there is no way back into their time',
    )
    .option('--confirm', 'remove them');
  withDirectories(command);
  return withHooks(withCommonOptions(withEnvironment(withPasswordOption(withLockWait(command)))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup logs prune --home /srv/env --repo /backup/env',
        'figaro-backup incremental orders && figaro-backup logs prune orders --keep 3 --confirm',
      ),
    )
    .action(
      hooked(
        context,
        async (_environment, options: PruneCommandOptions) => {
          const files = unlockedFiles(context, options);
          const home = homeOf(options);
          const repository = openRepository(files, repositoryOf(options));
          const { keep = 0, olderThanChain = false, confirm = false, lockWait: lockWaitMs = 0 } = options;
          const result = await context.withWatch(options, (watch) =>
            pruneLog(files, repository, {
              ...directoriesOf(options),
              home,
              keep,
              olderThanChain,
              confirm,
              lockWaitMs,
              watch,
            }),
          );
          const isGoing = result.files.some(({ stays }) => stays === undefined);
          // A dry run was asked for its result; of a real one people have to know what is gone.
          if (!confirm || isGoing) context.print(options, toDocument(result), () => describe(result));
          else context.printSuccess(options, toDocument(result), () => describe(result));
        },
        ({ confirm }) => confirm !== true,
      ),
    );
}

function toDocument({ chain, files, removed }: PruneResult): object {
  return { dryRun: !removed, chain, files };
}

function describe({ files, removed }: PruneResult): string {
  const going = files.filter(({ stays }) => stays === undefined);
  const bytes = going.reduce((sum, { size }) => sum + size, 0);
  const rows = files.map(({ number, size, stays }) => [
    String(number),
    formatBytes(size),
    stays === undefined ? caution(removed ? 'removed' : 'would go') : 'stays',
    stays ?? '',
  ]);
  return `${table(rows)}${formatCount(going.length, 'file')} ${removed ? 'removed' : 'would go'}, ${formatBytes(bytes)}\n`;
}
