import { Command, Option } from 'commander';
import { consolidate, type Consolidation } from '../engine/backup/consolidate.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { formatBytes, formatTime } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { examples, sizeArgument, withLockWait, type LockOptions } from './options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { describeSet, madeSetDocument } from './set-result.ts';

interface ConsolidateCommandOptions extends CommonOptions, PasswordOptions, LockOptions {
  readonly repo?: string;
  readonly chain?: string;
  readonly dryRun?: true;
  readonly cacheSize?: number;
  readonly anyOrder?: true;
}

export function consolidateCommand(context: CommandContext): Command {
  const command = new Command('consolidate')
    .summary('make a full set of a chain, without its environment')
    .description(
      'Makes a new full set of what a chain holds at its end: its containers, brought up to date by its log. The environment is not ' +
        'needed for it, and its application not read once more. The next incremental continues the new set, and recovery from it is as ' +
        'short as from any full set. The chain stays until it expires: earlier moments are in it alone.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--chain <set>', 'the chain of this set (default: the newest)')
    .option('--dry-run', 'read the log, and print what it would take; write nothing')
    .addOption(new Option('--cache-size <size>', 'memory for pages (default: 256M)').argParser(sizeArgument))
    .option('--any-order', 'do not check the order of keys: the application has one of its own');
  return withHooks(withCommonOptions(withEnvironment(withPasswordOption(withLockWait(command)))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup consolidate --repo /backup/env',
        'figaro-backup consolidate --repo /backup/env && figaro-backup expire --repo /backup/env --keep-within 30d',
      ),
    )
    .action(
      hooked(context, async (_environment, options: ConsolidateCommandOptions) => {
        const files = unlockedFiles(context, options);
        const done = await context.withWatch(options, (watch, note) =>
          consolidate(files, openRepository(files, repositoryOf(options)), {
            ...(options.chain === undefined ? {} : { chain: options.chain }),
            ...(options.cacheSize === undefined ? {} : { cacheBytes: options.cacheSize }),
            ...(options.lockWait === undefined ? {} : { lockWaitMs: options.lockWait }),
            anyOrder: options.anyOrder === true,
            dryRun: options.dryRun === true,
            onRoom: (room) => note(`needs ${describeRoom(room)}`),
            watch,
          }),
        );
        if (done.set) context.madeSet = done.set.id;
        context.warn(options, [...done.warnings, ...(done.set?.manifest.warnings ?? [])]);
        if (options.dryRun) context.print(options, toDocument(done), () => describe(done));
        else context.printSuccess(options, toDocument(done), () => describe(done));
      }),
    );
}

function describeRoom({ bytesNeeded, bytesFree }: NonNullable<Consolidation['room']>): string {
  return `about ${formatBytes(bytesNeeded)}, where ${formatBytes(bytesFree)} are free`;
}

function describe({ chain, upTo, set, room }: Consolidation): string {
  if (set)
    return `${describeSet(set)}consolidates ${chain} up to ${upTo.id}, of ${formatTime(upTo.manifest.finished)}\n`;
  if (room) return `would consolidate ${chain} up to ${upTo.id}: needs ${describeRoom(room)}\n`;
  return `${chain} is a full set that no incremental follows: there is nothing to consolidate\n`;
}

function toDocument({ chain, upTo, set, room, warnings }: Consolidation): object {
  if (set) return { set: madeSetDocument(set), warnings };
  const document = { chain, set: upTo.id, end: upTo.manifest.log?.end };
  return { ...(room ? { wouldConsolidate: { ...document, ...room } } : { nothingToConsolidate: document }), warnings };
}
