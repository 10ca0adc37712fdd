import path from 'node:path';
import { Command } from 'commander';
import { surveyRepository, type Survey } from '../engine/repository/survey.ts';
import { FigaroError } from '../errors.ts';
import { withCommonOptions, withEnvironments, type CommandContext } from './context.ts';
import { repositoryOf } from './directories.ts';
import { examples } from './options.ts';
import { isMirrored, roomOf, withStores } from './stores.ts';
import { requireDestination, writeReport, type ReportDestination } from './report-file.ts';
import {
  healthRulesOf,
  retentionRulesOf,
  withHealthRules,
  withRetentionRules,
  type HealthRuleOptions,
  type RetentionRuleOptions,
} from './rules.ts';

interface ReportCommandOptions extends ReportDestination, HealthRuleOptions, RetentionRuleOptions {
  readonly repo?: string;
}

export function reportCommand(context: CommandContext): Command {
  const command = new Command('report')
    .summary('make a page about backups, with a timeline, for people')
    .description(
      'Make one HTML file that shows which moments can be restored, sets, commits and sizes over time, when sets were verified and recovery was rehearsed, ' +
        'what `check` finds and what `expire` would keep. It needs no network and no script. Only manifests and notes are read. ' +
        'Problems that it shows are no failure, since `check` is for alarms; a repository that cannot be read is shown, and is one.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--output <file>', 'write to this file, which is replaced as a whole (default: standard output)');
  return withCommonOptions(withEnvironments(withRetentionRules(withHealthRules(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup report --repo /backup/env --output /srv/intranet/backup.html',
        'figaro-backup report --repo /backup/env --max-age 2h --keep-within 30d > backup.html',
        'figaro-backup report --all --output /srv/intranet/backups.html',
      ),
    )
    .hook('preAction', () => requireDestination(context, command.opts<ReportCommandOptions>()))
    .action(async (environment: string | undefined, options: ReportCommandOptions) => {
      const directory = repositoryOf(options);
      const outcome = await survey(context, command, options);
      const section = { ...(environment === undefined ? {} : { environment }), directory, outcome };
      if (context.turn) context.turn.gathered.sections.push(section);
      else writeReport(context, options, [section]);
      if (outcome instanceof FigaroError) throw outcome;
      if (options.json) context.print(options, toDocument(options, directory, outcome), () => '');
    });
}

/** What there is to know, or why it cannot be known. Throws `usage` and `interrupted`: they say nothing of the repository. */
async function survey(
  context: CommandContext,
  command: Command,
  options: ReportCommandOptions,
): Promise<Survey | FigaroError> {
  // A mirror stands in the place of a store; people are to read of the store.
  const told = <T>(value: T): T =>
    isMirrored(context, options.repo ?? '') ? reword(value, (text) => context.shown(text)) : value;
  const rules = {
    health: { ...healthRulesOf(options), ...roomOf(options.repo ?? '') },
    retention: retentionRulesOf(options),
  };
  let found: Survey | undefined;
  try {
    await withStores(context, command, options, (resolved) => {
      found = told(surveyRepository(context.files, repositoryOf(resolved), rules));
    });
    return found!;
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code === 'usage' || error.code === 'interrupted') throw error;
    return told(error);
  }
}

/** The same with other words in all of its texts. */
function reword<T>(value: T, words: (text: string) => string): T;
function reword(value: unknown, words: (text: string) => string): unknown {
  if (typeof value === 'string') return words(value);
  if (Array.isArray(value)) return value.map((each: unknown) => reword(each, words));
  if (value instanceof FigaroError) {
    return new FigaroError(value.code, words(value.message), reword({ ...value.details, cause: undefined }, words));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, reword(each as unknown, words)]));
}

function toDocument({ output }: ReportCommandOptions, repository: string, { health }: Survey): object {
  const { chains, sets, problems } = health;
  return {
    output: output === undefined ? undefined : path.resolve(output),
    repository,
    chains,
    sets,
    problems: problems.length,
  };
}
