import { Command, Option } from 'commander';
import { findSpan, readBindings, requireContainer } from '../../engine/history/history.ts';
import { filterRecords, type RecordFilter } from '../../engine/history/print.ts';
import { pause, type Watch } from '../../engine/pause.ts';
import { FigaroError } from '../../errors.ts';
import { allLayouts } from '../../format/log/layouts.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { recordJson, recordLine } from '../../output/log-record.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples, lsnArgument, pageArgument, timeArgument, txnArgument, type GivenTime } from '../options.ts';
import { openLogSource, withLogSource, type LogSource, type LogSourceOptions } from './source.ts';

/** How much is written at once, in characters. */
const chunkLength = 1 << 16;

interface PrintOptions extends LogSourceOptions {
  readonly txn?: number;
  readonly container?: string;
  readonly page?: number;
  readonly type?: string;
  readonly since?: GivenTime;
  readonly until?: GivenTime;
  readonly fromLsn?: Lsn;
  readonly toLsn?: Lsn;
  readonly whole?: true;
}

export function logsPrintCommand(context: CommandContext): Command {
  const command = new Command('print')
    .summary('print the records of a log')
    .description(
      'Print the records of a log, one a line: as db_printlog does, and as JSON lines with --json. Fields have the names of Berkeley DB where they are the same.',
    );
  withLogSource(command)
    .optionsGroup('Which records:')
    .addOption(new Option('--txn <id>', 'of this transaction; its id in hex').argParser(txnArgument))
    .option('--container <name>', 'about this file')
    .addOption(new Option('--page <n>', 'that change this page').argParser(pageArgument))
    .option('--type <name>', 'of this type: bam_split, db_addrem')
    .addOption(new Option('--since <time>', 'behind the last commit before this time').argParser(timeArgument))
    .addOption(new Option('--until <time>', 'up to the last commit of this second').argParser(timeArgument))
    .addOption(new Option('--from-lsn <lsn>', 'from here on').argParser(lsnArgument))
    .addOption(new Option('--to-lsn <lsn>', 'up to here').argParser(lsnArgument))
    .optionsGroup('')
    .option('--whole', 'print items of any length to their end');
  return withCommonOptions(withEnvironment(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup logs print --repo /backup/env --since 2026-11-22T09:00:00 --until 2026-11-22T09:05:00',
        'figaro-backup logs print --home /srv/env --txn 80000012',
        'figaro-backup logs print --from /copy --container docs.dbxml --page 7 --json',
      ),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: PrintOptions) => {
        requireType(options.type);
        const source = openLogSource(context, options);
        await context.withWatch(options, (watch) => print(context, options, source, watch));
      }),
    );
}

function requireType(type: string | undefined): void {
  if (type === undefined || allLayouts.some(({ name }) => name === type)) return;
  const close = [...new Set(allLayouts.map(({ name }) => name))].filter((name) => name.includes(type));
  throw new FigaroError('usage', `there is no record type ${type}`, {
    hint:
      close.length > 0 ? `meant one of these? ${close.join(', ')}` : 'types are called bam_adj, db_addrem, txn_regop.',
  });
}

async function print(
  context: CommandContext,
  options: PrintOptions,
  { files, log, databases }: LogSource,
  watch: Watch,
): Promise<void> {
  const { results } = context;
  const bindings = await readBindings(files, log, watch);
  if (options.container !== undefined) requireContainer(bindings, options.container, databases);
  const filter = await filterOf(options, { files, log }, watch);
  let text = '';
  const flush = async (): Promise<void> => {
    results.write(text);
    text = '';
    await results.flush();
  };
  for (const shown of filterRecords(files, log, bindings, filter)) {
    if (shown) text += options.json ? recordJson(shown) : recordLine(shown, options.whole === true);
    if (text.length > chunkLength) await flush();
    if (results.isClosed) return;
    await pause(watch);
  }
  await flush();
}

async function filterOf(
  { txn, container, page, type, since, until, fromLsn, toLsn }: PrintOptions,
  { files, log }: Pick<LogSource, 'files' | 'log'>,
  watch: Watch,
): Promise<RecordFilter> {
  const seconds = (given: GivenTime | undefined): number | undefined => given && given.time.getTime() / 1000;
  const span =
    since || until
      ? await findSpan(files, log, { since: seconds(since), until: seconds(until) }, watch)
      : { after: undefined, last: undefined };
  const last = [span.last, toLsn].filter((lsn) => lsn !== undefined).sort(compareLsn)[0];
  return {
    ...(fromLsn ? { from: fromLsn } : {}),
    ...(span.after ? { after: span.after } : {}),
    ...(last ? { last } : {}),
    ...(txn === undefined ? {} : { txnId: txn }),
    ...(container === undefined ? {} : { container }),
    ...(page === undefined ? {} : { pgno: page }),
    ...(type === undefined ? {} : { type }),
  };
}
