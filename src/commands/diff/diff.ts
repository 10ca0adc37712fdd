import { Command } from 'commander';
import { findDifferences } from '../../engine/differences/compare.ts';
import { lookIntoTwo } from '../../engine/differences/look-into-two.ts';
import { findSides } from '../../engine/differences/sides.ts';
import { Refusals } from '../../engine/documents/refusals.ts';
import { isProven } from '../../engine/repository/chain.ts';
import { type FigaroError } from '../../errors.ts';
import { withCacheSize } from '../container-source.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples } from '../options.ts';
import { unlockedFiles } from '../password.ts';
import { withTwoMoments } from '../restore-point.ts';
import { withSource } from '../source.ts';
import { Report, type ReportOptions } from './report.ts';
import { sourcesOf, type DiffSourceOptions } from './sources.ts';

interface DiffOptions extends DiffSourceOptions, ReportOptions {
  readonly cacheSize?: number;
}

export function diffCommand(context: CommandContext): Command {
  const command = new Command('diff')
    .summary('show what changed between two moments')
    .description(
      'Show what is different at two moments that a chain covers, or in a chain and the environment in use: which ' +
        'containers and databases were added and removed; in containers of Berkeley DB XML which documents were added, changed ' +
        'and deleted, in other databases how many records. Both moments are recovered in memory, as far as ' +
        'the log between them says that they can differ; nothing is written. The summary comes first. What cannot be read is named, all ' +
        'the rest is compared, and the exit status tells; it is 0 whether something is different or not.',
    )
    .argument('[containers...]', 'only these containers, by their names in the environment')
    .option('--content', 'show what changed in the XML of documents, as a unified diff')
    .option('--keys', 'show each record that was put, changed or deleted');
  withSource(command.optionsGroup('Of what; with both --repo and --home, a chain and what is there now:'), '');
  return withCommonOptions(withTwoMoments(withCacheSize(command)))
    .addHelpText(
      'after',
      examples(
        'figaro-backup diff --repo /backup/env --from-time 2026-11-22T08:15:00Z --to-time 2026-11-22T09:00:00Z',
        "figaro-backup diff docs.dbxml --repo /backup/env --from-lsn '[12][4096]' --content",
        'figaro-backup diff --repo /backup/env --from-set 20261122T081500Z-hot-7f3a9c',
        'figaro-backup diff --repo /backup/env --home /srv/env',
        'figaro-backup diff orders.db --home /srv/env --from-time 2026-11-22T08:15:00Z --keys',
      ),
    )
    .action(
      onStores(context, async (names: readonly string[], options: DiffOptions) => {
        const files = unlockedFiles(context, options);
        const sources = sourcesOf(files, options);
        const refusals = new Refusals();
        const refused = new Map<string, FigaroError>();
        const onRefused = (error: FigaroError): void => {
          // Both states can have the same damage.
          if (refused.has(error.message)) return;
          refused.set(error.message, error);
          context.warn(options, refusals.add(error));
        };
        await context.withWatch(options, async (watch) => {
          const { from, to } = await findSides(files, sources.from, sources.to, watch);
          const warnings = [...new Set([...from.warnings, ...to.warnings])];
          const warn = (warning: string): void => void warnings.push(warning);
          const only = names.length === 0 ? undefined : names;
          const isOnDemand = [from, to].every(({ chain }) => chain && isProven(chain));
          await lookIntoTwo(from, to, { only, cacheBytes: options.cacheSize, isOnDemand, watch }, async (states) => {
            const { externalFileDirectory } = to.environment.config;
            const found = await findDifferences(states, externalFileDirectory, { onRefused, warn }, watch);
            context.warn(options, warnings);
            const reported = { from, to, states, found, refused: [...refused.values()], warnings };
            await new Report(context, options, reported, watch).print();
          });
        });
        const error = refusals.error();
        if (error) context.addFailure(options, error);
      }),
    );
}
