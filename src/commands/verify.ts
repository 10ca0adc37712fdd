import { tmpdir } from 'node:os';
import { Command, Option } from 'commander';
import { type Files } from '../engine/files/files.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { verifyRepository } from '../engine/verify/verify-sets.ts';
import { type Finding } from '../engine/verify/finding.ts';
import { type VerifyOptions, type VerifyResult } from '../engine/verify/verification.ts';
import { verifyStream } from '../engine/verify/verify-stream.ts';
import { exitCodes, FigaroError } from '../errors.ts';
import { bad, good } from '../output/styles.ts';
import { formatBytes, formatCount, inOneLine } from '../output/text.ts';
import { withCommonOptions, withEnvironments, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { durationArgument, examples, shareArgument } from './options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { withByteInput } from './streams.ts';

interface VerifyCommandOptions extends CommonOptions, PasswordOptions {
  readonly repo?: string;
  readonly fromStdin?: true;
  readonly spool?: string;
  readonly chain?: string;
  readonly set?: string;
  readonly share?: number;
  readonly budget?: number;
  readonly quick?: true;
  readonly rehearse?: true;
  readonly anyOrder?: true;
  readonly record: boolean;
}

export function verifyCommand(context: CommandContext): Command {
  const command = new Command('verify')
    .summary('check backup sets')
    .description(
      'Check backup sets: sizes and SHA-256 of every file, every page of every container, every record of the log, and ' +
        'whether each set continues the one before. Everything that is wrong is told; the exit code says whether anything is.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--chain <set>', 'the chain of this set (default: everything in the repository)')
    .option('--set <set>', 'the files of this set only')
    .addOption(
      new Option('--share <n/m>', 'only this part of the chains, the least recently verified first: 1/7').argParser(
        shareArgument,
      ),
    )
    .addOption(
      new Option(
        '--budget <time>',
        'start no new chain once this much time has passed, the least recently verified first: 30m',
      ).argParser(durationArgument),
    )
    .option('--quick', 'compare names and sizes with the manifest only')
    .option(
      '--rehearse',
      'also go through the recovery of each chain, in memory, and check the structure of the result',
    )
    .option('--any-order', 'with --rehearse, do not check the order of keys: the application has one of its own')
    .option('--no-record', 'do not note the result in the sets')
    .option(
      '--from-stdin',
      'the sets of a tar that comes as standard input, in place of a repository; nothing of it is kept',
    );
  return withHooks(withCommonOptions(withEnvironments(withPasswordOption(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup verify --repo /backup/env',
        'figaro-backup verify --repo /backup/env --share 1/7',
        'figaro-backup verify --repo /backup/env --rehearse --json',
        'figaro-backup verify --from-stdin --spool /var/spool/backup < /dev/nst0',
      ),
    )
    .action(
      hooked(context, async (_environment, options: VerifyCommandOptions) => {
        const files = unlockedFiles(context, options);
        const result = options.fromStdin
          ? await verifyComing(context, files, options)
          : await verifyThere(context, files, options);
        context.warn(options, result.warnings);
        const worst = worstOf(result.findings);
        if (worst) context.found(worst.code, `${worst.set}: ${worst.message}`);
        // Findings are a result that everybody wants to hear of.
        if (result.findings.length > 0) context.print({ ...options, quiet: false }, result, () => describe(result));
        else context.printSuccess(options, result, () => describe(result));
      }),
    );
}

async function verifyThere(
  context: CommandContext,
  files: Files,
  options: VerifyCommandOptions,
): Promise<VerifyResult> {
  const repository = openRepository(files, repositoryOf(options));
  return await context.withWatch(options, (watch) =>
    verifyRepository(files, repository, { ...wantedOf(options), record: options.record, watch }),
  );
}

/** A stream is kept no longer than it takes to look at it. */
async function verifyComing(
  context: CommandContext,
  files: Files,
  options: VerifyCommandOptions,
): Promise<VerifyResult> {
  if (options.repo !== undefined) throw new FigaroError('usage', '--from-stdin and --repo cannot be used together');
  const { spool = tmpdir() } = options;
  return await context.withWatch(options, (watch) =>
    withByteInput(context, (input) => verifyStream(files, input, spool, { ...wantedOf(options), watch })),
  );
}

function wantedOf(options: VerifyCommandOptions): VerifyOptions {
  return {
    ...(options.chain === undefined ? {} : { chain: options.chain }),
    ...(options.set === undefined ? {} : { set: options.set }),
    ...(options.share === undefined ? {} : { share: options.share }),
    ...(options.budget === undefined ? {} : { budgetMs: options.budget }),
    quick: options.quick === true,
    rehearse: options.rehearse === true,
    anyOrder: options.anyOrder === true,
  };
}

/** Damage weighs more than a gap. */
function worstOf(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ code }) => exitCodes[code] === 4) ?? findings[0];
}

function describe({ sets, records, rehearsed, left, findings }: VerifyResult): string {
  const lines = findings.map(({ set, code, message }) => `${set}: ${bad(`[${code}]`)} ${inOneLine(message)}`);
  const bytes = sets.reduce((sum, set) => sum + set.bytes, 0);
  const pages = sets.reduce((sum, set) => sum + set.pages, 0);
  lines.push(
    `${formatCount(sets.length, 'set')}, ${formatBytes(bytes)}, ${formatCount(pages, 'page')}, ${formatCount(records, 'log record')}: ${
      findings.length === 0 ? good('all good') : bad(formatCount(findings.length, 'finding'))
    }`,
  );
  if (rehearsed.length > 0) lines.push(`recovery rehearsed: ${formatCount(rehearsed.length, 'chain')}`);
  if (left.length > 0) lines.push(`left to the next run: ${formatCount(left.length, 'chain')}`);
  return `${lines.join('\n')}\n`;
}
