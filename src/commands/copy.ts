/** `copy`: sets of a repository elsewhere. */

import { Command, Option } from 'commander';
import { Pace } from '../engine/pace.ts';
import { type Watch } from '../engine/pause.ts';
import { type CopyChoice } from '../engine/transfer/choose-sets.ts';
import { copySets, type CopyResult } from '../engine/transfer/copy-sets.ts';
import { bytesOf } from '../engine/transfer/send-set.ts';
import { streamSets } from '../engine/transfer/stream-sets.ts';
import { openRepository, type Repository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { formatBytes, formatCount, inOneLine, table } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { examples, rateArgument, withLockWait, type LockOptions } from './options.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { byteOutputOf } from './streams.ts';

interface CopyCommandOptions extends CommonOptions, LockOptions {
  readonly repo?: string;
  readonly to?: string;
  readonly toStdout?: true;
  readonly chain?: string;
  readonly set?: string;
  readonly newestChain?: true;
  readonly all?: true;
  readonly maxRate?: number;
  readonly dryRun?: true;
}

export function copyCommand(context: CommandContext): Command {
  const command = new Command('copy')
    .summary('copy sets into another repository')
    .description(
      'Copy what another repository lacks: the rest of chains that it has begun to have, and all chains that are newer than its newest one. ' +
        'Every file is compared with its SHA-256 on the way. The other repository has a retention of its own: chains that `expire` removed there are older than its newest one, and do not come back.',
    )
    .option('--repo <dir>', 'the repository to copy from (or $FIGARO_BACKUP_REPO); it is only read')
    .option('--to <dir>', 'the repository to copy into; it is made where there is none, as a backup would')
    .option('--chain <set>', 'only the chain of this set, however old it is')
    .option('--newest-chain', 'only the newest chain')
    .option('--all', 'every chain that is not there, older ones too')
    .option('--to-stdout', 'write a chain, the newest by default, to standard output as a tar; reports go to stderr')
    .option('--set <set>', 'with --to-stdout, this set alone; latest: the newest')
    .addOption(
      new Option('--max-rate <size>', 'limit copying to this many bytes per second: 20M (default: no limit)').argParser(
        rateArgument,
      ),
    )
    .option('--dry-run', 'show what would be copied; write nothing');
  return withHooks(withCommonOptions(withEnvironment(withLockWait(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup copy --repo /backup/env --to /mnt/offsite/env',
        'figaro-backup copy --repo /backup/env --to /mnt/usb/env --newest-chain --max-rate 20M',
        'figaro-backup copy --repo /backup/env --to-stdout > /dev/nst0',
      ),
    )
    .action(
      hooked(context, async (_environment, options: CopyCommandOptions) => {
        requireFitting(options);
        const repository = openRepository(context.files, repositoryOf(options));
        if (options.toStdout) await stream(context, options, repository);
        else await copy(context, options, repository);
      }),
    );
}

function requireFitting({ to, toStdout, set, dryRun }: CopyCommandOptions): void {
  const together = (one: string, other: string): FigaroError =>
    new FigaroError('usage', `${one} and ${other} cannot be used together`);
  if (to === undefined && !toStdout) {
    throw new FigaroError('usage', '--to is missing', { hint: 'give --to DIR, or --to-stdout.' });
  }
  if (to !== undefined && toStdout) throw together('--to', '--to-stdout');
  if (dryRun && toStdout) throw together('--dry-run', '--to-stdout');
  if (set !== undefined && !toStdout) throw new FigaroError('usage', '--set is for --to-stdout only');
}

function choiceOf({ chain, newestChain, all }: CopyCommandOptions): CopyChoice {
  return { chain, newestChain: newestChain === true, all: all === true };
}

function paced({ maxRate }: CopyCommandOptions, watch: Watch): Watch {
  return maxRate === undefined ? watch : { ...watch, pace: new Pace(maxRate) };
}

async function copy(context: CommandContext, options: CopyCommandOptions, repository: Repository): Promise<void> {
  const { to = '', dryRun = false, quiet } = options;
  const result = await context.withWatch(options, (watch) =>
    copySets(context.files, repository, {
      to,
      dryRun,
      ...choiceOf(options),
      lockWaitMs: options.lockWait ?? 0,
      onCreated: ({ directory }) => {
        context.note(`created repository ${directory}`, !quiet);
      },
      onCopied: async () => await context.sendChanges(),
      watch: paced(options, watch),
    }),
  );
  context.warn(options, result.warnings);
  for (const failure of result.failures) context.addFailure(options, failure);
  const { copied, left, warnings } = result;
  const document = { from: repository.directory, to, dryRun, copied, left, warnings };
  if (dryRun) context.print(options, document, () => describe(result, to, true));
  else context.printSuccess(options, document, () => describe(result, to, false));
}

function describe({ copied, left }: CopyResult, to: string, dryRun: boolean): string {
  const bytes = copied.reduce((sum, set) => sum + set.bytes, 0);
  const rows = copied.map(({ id, bytes: size }) => [dryRun ? 'would copy' : 'copied', id, formatBytes(size)]);
  const sum = `${formatCount(copied.length, 'set')}, ${formatBytes(bytes)}, to ${inOneLine(to)}\n`;
  const older =
    left.length === 0 ? '' : `${formatCount(left.length, 'other chain')} not copied: --all copies them, too\n`;
  return (copied.length === 0 ? `nothing to copy to ${inOneLine(to)}\n` : table(rows) + sum) + older;
}

async function stream(context: CommandContext, options: CopyCommandOptions, repository: Repository): Promise<void> {
  const out = byteOutputOf(context);
  const choice = { ...choiceOf(options), set: options.set };
  const sets = await context.withWatch(options, (watch) =>
    streamSets(context.files, repository, choice, out, paced(options, watch)),
  );
  const copied = sets.map((one) => ({ id: one.id, chain: one.manifest.chain, bytes: bytesOf(one) }));
  const document = { from: repository.directory, dryRun: false, copied, left: [], warnings: [] };
  const told = { copied, left: [], failures: [], warnings: [] };
  context.printSuccess(options, document, () => describe(told, 'standard output', false));
}
