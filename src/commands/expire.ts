import { Command } from 'commander';
import { expire } from '../engine/repository/expire.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { type Decision } from '../engine/repository/retention.ts';
import { caution } from '../output/styles.ts';
import { formatBytes, formatCount, table } from '../output/text.ts';
import { withCommonOptions, withEnvironments, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { examples, withLockWait, type LockOptions } from './options.ts';
import { retentionRulesOf, withRetentionRules, type RetentionRuleOptions } from './rules.ts';

interface ExpireCommandOptions extends CommonOptions, LockOptions, RetentionRuleOptions {
  readonly repo?: string;
  readonly dryRun?: true;
}

export function expireCommand(context: CommandContext): Command {
  const command = new Command('expire')
    .summary('remove chains that no rule keeps')
    .description(
      'Remove whole chains that no rule keeps. The newest chain, the newest without findings, the one whose recovery was rehearsed last, and pinned ones always stay. ' +
        'A chain with findings never counts in place of a sound one.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  withRetentionRules(command).option('--dry-run', 'show what would go and why each other chain stays; remove nothing');
  return withHooks(withCommonOptions(withEnvironments(withLockWait(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup expire --repo /backup/env --keep-within 30d --dry-run',
        'figaro-backup expire --repo /backup/env --keep-full 2 --keep-daily 7 --keep-weekly 4 --keep-monthly 12',
      ),
    )
    .action(
      hooked(context, async (_environment, options: ExpireCommandOptions) => {
        const rules = retentionRulesOf(options);
        const directory = repositoryOf(options);
        const repository = openRepository(context.files, directory);
        const dryRun = options.dryRun === true;
        const decisions = await context.withWatch(options, (watch) =>
          expire(context.files, repository, { ...rules, dryRun, lockWaitMs: options.lockWait ?? 0, watch }),
        );
        const document = toDocument(decisions, dryRun);
        // A dry run was asked for its result; of a real one people have to know what is gone.
        if (dryRun || options.verbose) context.print(options, document, () => describe(decisions, dryRun));
        else if (decisions.some(isGoing))
          context.print(options, document, () => describe(decisions.filter(isGoing), dryRun));
        else context.printSuccess(options, document, () => describe(decisions, dryRun));
      }),
    );
}

function describe(decisions: readonly Decision[], dryRun: boolean): string {
  if (decisions.length === 0) return 'the repository holds no chain\n';
  const going = decisions.filter(isGoing);
  const freed = going.reduce((sum, { chain }) => sum + chain.bytes, 0);
  const rows = decisions.map((decision) => {
    const { id, sets, bytes } = decision.chain;
    const fate = isGoing(decision) ? caution(dryRun ? 'would go' : 'removed') : 'stays';
    return [fate, id, formatCount(sets.length, 'set'), formatBytes(bytes), reasonsOf(decision).join('; ')];
  });
  const sum = `${formatCount(going.length, 'chain')} ${dryRun ? 'would go' : 'removed'}, ${formatBytes(freed)}\n`;
  return table(rows) + sum;
}

function isGoing({ reasons }: Decision): boolean {
  return reasons.length === 0;
}

function reasonsOf({ reasons }: Decision): readonly string[] {
  return [...new Set(reasons)];
}

function toDocument(decisions: readonly Decision[], dryRun: boolean): object {
  return {
    dryRun,
    chains: decisions.map((decision) => ({
      id: decision.chain.id,
      sets: decision.chain.sets.map(({ set }) => set.id),
      bytes: decision.chain.bytes,
      kept: !isGoing(decision),
      reasons: reasonsOf(decision),
    })),
  };
}
