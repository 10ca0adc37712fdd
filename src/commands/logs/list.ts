import { Command } from 'commander';
import { listLogFiles, type ListedLogFile, type LogList } from '../../engine/history/log-list.ts';
import { formatLsn } from '../../format/lsn.ts';
import { formatBytes, formatCount, formatTime, table } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples } from '../options.ts';
import { openLogSource, withLogSource, type LogSourceOptions } from './source.ts';

export function logsListCommand(context: CommandContext): Command {
  const command = new Command('list')
    .summary('list log files: what is in each, and whether recovery needs it')
    .description(
      'List the files of a log: their records and commits, the times of these, and which files a recovery of the containers as they are would read.',
    );
  return withCommonOptions(withEnvironment(withLogSource(command)))
    .addHelpText(
      'after',
      examples('figaro-backup logs list --home /srv/env', 'figaro-backup logs list --repo /backup/env --json'),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: LogSourceOptions) => {
        const { files, log } = openLogSource(context, options);
        const list = await context.withWatch(options, (watch) => listLogFiles(files, log, watch));
        context.print(options, toDocument(list), () => describe(list));
      }),
    );
}

function describe({ files, end, redoFrom }: LogList): string {
  const header = ['file', 'log version', 'size', 'records', 'commits', 'from', 'to', 'recovery'];
  const rows = files.map((file) => [
    String(file.number),
    String(file.version),
    formatBytes(file.size),
    String(file.records),
    String(file.commits),
    timeOf(file.firstTime),
    timeOf(file.lastTime),
    file.neededForRecovery ? 'needs it' : '',
  ]);
  const needed = files.filter(({ neededForRecovery }) => neededForRecovery);
  return (
    table([header, ...rows]) +
    `the log ends at ${formatLsn(end.lsn)}; recovery of the containers as they are reads ${formatCount(needed.length, 'file')}` +
    `${redoFrom ? `, from ${formatLsn(redoFrom)}` : ''}\n`
  );
}

function timeOf(seconds: number | undefined): string {
  return seconds === undefined ? '' : formatTime(seconds);
}

function toDocument({ files, end, redoFrom }: LogList): object {
  return {
    files: files.map((file: ListedLogFile) => ({
      ...file,
      firstTime: file.firstTime === undefined ? undefined : formatTime(file.firstTime),
      lastTime: file.lastTime === undefined ? undefined : formatTime(file.lastTime),
    })),
    end: end.lsn,
    redoFrom,
  };
}
