import { Command, Option } from 'commander';
import {
  readHistory,
  type CommittedTransaction,
  type History,
  type HistoryOptions,
} from '../../engine/history/history.ts';
import { describeMoment, formatTxnId } from '../../engine/recovery/restore-point.ts';
import { formatLsn } from '../../format/lsn.ts';
import { formatBytes, formatCount, formatTime, table } from '../../output/text.ts';
import { drawTimeline } from '../../output/timeline.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { countArgument, examples, timeArgument, type GivenTime } from '../options.ts';
import { openLogSource, withLogSource, type LogSourceOptions } from './source.ts';

interface TimelineOptions extends LogSourceOptions {
  readonly since?: GivenTime;
  readonly until?: GivenTime;
  readonly container?: string;
  readonly largest: number;
}

const defaultLargest = 10;

export function logsTimelineCommand(context: CommandContext): Command {
  const command = new Command('timeline')
    .summary('show when how much was committed, and the largest transactions')
    .description(
      'Draw when how much was committed, and list the largest transactions with the command that restores to just before each: to find the moment before a mistake. Narrow it with --since, --until and --container. `diff` shows what changed between two moments, `documents history` what happened to one document.',
    );
  withLogSource(command)
    .addOption(new Option('--since <time>', 'from this second on').argParser(timeArgument))
    .addOption(new Option('--until <time>', 'up to this second').argParser(timeArgument))
    .option('--container <name>', 'only transactions that changed this file')
    .addOption(
      new Option('--largest <n>', 'how many of the largest transactions to list')
        .argParser(countArgument)
        .default(defaultLargest),
    );
  return withCommonOptions(withEnvironment(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup logs timeline --repo /backup/env',
        'figaro-backup logs timeline --repo /backup/env --since 2026-11-22T09:00:00 --container docs.dbxml --largest 3',
      ),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: TimelineOptions) => {
        const { files, log, databases, recoverOptions } = openLogSource(context, options);
        const history = await context.withWatch(options, (watch) =>
          readHistory(files, log, { ...historyOptions(options), databases }, watch),
        );
        context.print(options, toDocument(history), () => asked(options) + describe(history, recoverOptions));
      }),
    );
}

function historyOptions({ since, until, container, largest }: TimelineOptions): HistoryOptions {
  return {
    largest,
    ...(since ? { since: since.time.getTime() / 1000 } : {}),
    ...(until ? { until: until.time.getTime() / 1000 } : {}),
    ...(container === undefined ? {} : { container }),
  };
}

/** What times without a zone were taken for. */
function asked(options: TimelineOptions): string {
  return (['since', 'until'] as const)
    .map((name) => (options[name]?.zone ? `${name} ${describeMoment(options[name])}\n` : ''))
    .join('');
}

function describe({ seconds, largest, commits, uncommitted }: History, recoverOptions: string): string {
  if (commits === 0) return 'nothing was committed\n';
  const bytes = seconds.reduce((sum, second) => sum + second.bytes, 0);
  const first = seconds[0]!.time;
  const last = seconds.at(-1)!.time;
  const lines = [
    `${formatCount(commits, 'commit')} from ${formatTime(first)} to ${formatTime(last)}, ${formatBytes(bytes)} of log; ${formatCount(uncommitted, 'transaction')} did not commit\n`,
    '\n',
    drawTimeline(seconds),
  ];
  if (largest.length > 0) lines.push('\nthe largest transactions:\n', transactions(largest));
  const example = largest.find(({ previous }) => previous);
  if (example) {
    lines.push(
      '\nto restore to just before one of them, name the commit before it:\n',
      `  figaro-backup recover ${recoverOptions} --to DIR --to-lsn '${formatLsn(example.previous!.lsn)}'\n`,
    );
  }
  return lines.join('');
}

function transactions(largest: readonly CommittedTransaction[]): string {
  const header = ['committed', 'transaction', 'size', 'records', 'commit before it', 'changed'];
  return table([
    header,
    ...largest.map(({ time, id, bytes, records, previous, databases }) => [
      formatTime(time),
      id.toString(16),
      formatBytes(bytes),
      String(records),
      previous ? formatLsn(previous.lsn) : '',
      databases.map(({ name, records: changes }) => `${name} (${changes})`).join(', '),
    ]),
  ]);
}

function toDocument({ seconds, largest, commits, uncommitted, end }: History): object {
  return {
    commits,
    uncommitted,
    end: end.lsn,
    seconds,
    largest: largest.map((transaction) => ({ ...transaction, id: formatTxnId(transaction.id) })),
  };
}
