import { Command } from 'commander';
import { assessHealth, type Health, type HealthProblem, type NewestSet } from '../engine/repository/health.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { healthMetrics, nagiosResult, nagiosStatuses, nagiosText, nagiosUnknown } from '../output/monitoring.ts';
import { describeNotOnWindows } from '../output/not-on-windows.ts';
import { bad, caution } from '../output/styles.ts';
import { formatBytes, formatCount, formatDuration, formatTime, inOneLine, table } from '../output/text.ts';
import { describeWriter } from '../output/writer.ts';
import { withCommonOptions, withEnvironments, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { roomOf, withStores, type FoundRepository } from './stores.ts';
import { linesOf, type KeyOptions } from './keys.ts';
import { requireMetricsApart, writeMetrics } from './metrics-file.ts';
import { hookedBesideStores, withHooks } from './run/hooks.ts';
import { examples } from './options.ts';
import { healthRulesOf, withHealthRules, type HealthRuleOptions } from './rules.ts';

interface CheckCommandOptions extends CommonOptions, HealthRuleOptions, KeyOptions {
  readonly repo?: string;
  readonly nagios?: true;
  readonly prometheus?: string;
}

export function checkCommand(context: CommandContext): Command {
  const command = new Command('check')
    .summary('tell monitoring whether backups are healthy')
    .description(
      'Look whether the newest proven set is young enough, its chain whole, and what else is asked for. Reads manifests only; `verify` reads the sets. ' +
        'With --identity, an encrypted repository has to be opened by that, too: its `key.age`, and what the newest chain is in. ' +
        'Silent when all is well; otherwise says what is wrong and fails.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  withHealthRules(command)
    .option('--nagios', 'print one line, and exit as a Nagios plugin does')
    .option('--prometheus <file>', 'write metrics for the textfile collector of node_exporter');
  return withHooks(withCommonOptions(withEnvironments(command)))
    .addHelpText(
      'after',
      examples(
        'figaro-backup check --repo /backup/env --max-age 2h --max-rehearsal-age 8d',
        'figaro-backup check --repo /backup/env --nagios',
        'figaro-backup check --all',
        'figaro-backup check --repo /backup/env --prometheus /var/lib/node_exporter/figaro.prom',
      ),
    )
    .action(
      hookedBesideStores(context, async (_environment, options: CheckCommandOptions, self) => {
        const place = repositoryOf(options);
        const rules = healthRulesOf(options);
        const { prometheus } = options;
        const { gathered } = context.turn ?? {};
        if (prometheus !== undefined) {
          requireMetricsApart(context.files, prometheus, [{ what: 'the repository', path: place }]);
        }
        const outcome = await attempt(async () => {
          let health: CheckedHealth | undefined;
          await withStores<CheckCommandOptions & FoundRepository>(context, self, options, async (resolved) => {
            const repository = openRepository(context.files, repositoryOf(resolved));
            const assessed = assessHealth(context.files, repository, { ...rules, ...roomOf(place) });
            health = await withIdentities(context, assessed, resolved);
          });
          return health!;
        });
        if (prometheus !== undefined) {
          const health = outcome instanceof FigaroError ? undefined : outcome;
          requireMetricsApart(context.files, prometheus, health?.sources ?? []);
          const metrics = healthMetrics(place, health, new Date());
          if (gathered) gathered.metrics.set(prometheus, [...(gathered.metrics.get(prometheus) ?? []), metrics]);
          else writeMetrics(context.files, prometheus, [metrics]);
        }
        if (options.nagios) {
          const result =
            outcome instanceof FigaroError ? nagiosUnknown(outcome) : nagiosResult(outcome, rules.maxAgeMs);
          context.printAlways(nagiosText(result));
          context.turn?.gathered.nagios.push({ environment: context.turn.environment, result });
          const problem = outcome instanceof FigaroError ? outcome : outcome.problems[0];
          if (problem) context.found(problem.code, problem.message);
          context.exitCode = nagiosStatuses[result.word];
          return;
        }
        if (outcome instanceof FigaroError) throw outcome;
        context.warn(options, outcome.excluded.map(excludedNote));
        const worst = outcome.problems[0];
        if (worst) context.found(worst.code, worst.message);
        // Problems are a result that everybody wants to hear of.
        if (worst) context.print({ ...options, quiet: false }, toDocument(outcome), () => describe(outcome));
        else context.printSuccess(options, toDocument(outcome), () => describe(outcome));
      }),
    );
}

/** What was found, and what the identities are good for that were given for an encrypted repository. */
interface CheckedHealth extends Health {
  readonly identities: readonly { readonly file: string; readonly opens: boolean }[];
}

/** An identity that opens nothing any more is worse than all else: then nothing can be recovered. */
async function withIdentities(
  context: CommandContext,
  health: Health,
  { identity = [], foundStore }: KeyOptions & FoundRepository,
): Promise<CheckedHealth> {
  const identities: { file: string; opens: boolean }[] = [];
  const problems: HealthProblem[] = [];
  if (foundStore?.packs?.isEncrypted) {
    const { tryIdentity } = await import('../engine/packed/try-identity.ts');
    for (const file of identity) {
      const found = await tryIdentity(foundStore, file, await linesOf(context, file), health.newestChain);
      identities.push({ file, opens: found.length === 0 });
      problems.push(...found);
    }
  }
  return { ...health, identities, problems: [...problems, ...health.problems] };
}

function excludedNote(name: string): string {
  return `${inOneLine(name)} is excluded from backups`;
}

async function attempt(assess: () => Promise<CheckedHealth>): Promise<CheckedHealth | FigaroError> {
  try {
    return await assess();
  } catch (error) {
    if (error instanceof FigaroError && error.code !== 'interrupted') return error;
    throw error;
  }
}

function describeAge({ ageMs, lastLook }: NewestSet): string {
  const age = formatDuration(ageMs);
  return lastLook === undefined ? `${age} old` : `nothing newer in the source ${age} ago`;
}

function toDocument({
  restorableUntil,
  sources: _sources,
  newestChain: _newestChain,
  identities,
  notOnWindows,
  ...health
}: CheckedHealth): object {
  return {
    ...health,
    ...(identities.length > 0 ? { identities } : {}),
    ...(notOnWindows.length > 0 ? { notOnWindows } : {}),
    restorableUntil: restorableUntil === undefined ? undefined : formatTime(restorableUntil),
  };
}

function describe(health: CheckedHealth): string {
  const { problems, newest, restorableUntil, lastVerified, lastRehearsed, run, leftUnfinished, ...counts } = health;
  const lines = problems
    .map(
      ({ code, message, hint }) =>
        `${bad(`[${code}]`)} ${inOneLine(message)}\n${hint === undefined ? '' : `  ${hint}\n`}`,
    )
    .join('');
  const rows = [
    ['newest proven set', newest ? `${newest.set}, ${describeAge(newest)}` : 'none'],
    ['restorable until', restorableUntil === undefined ? 'no commit known' : formatTime(restorableUntil)],
    ['last verified', lastVerified === undefined ? 'never' : formatTime(lastVerified)],
    ['last rehearsed', lastRehearsed === undefined ? 'never' : formatTime(lastRehearsed)],
    ...(health.unrehearsed.length > 0
      ? [[caution('not yet rehearsed'), `${formatCount(health.unrehearsed.length, 'set')}: run \`verify --rehearse\``]]
      : []),
    ...health.identities.map(({ file, opens }) => [
      'identity',
      opens ? `${inOneLine(file)} opens key.age and the newest chain` : bad(`${inOneLine(file)} does not open it`),
    ]),
    [
      'repository',
      `${formatCount(counts.chains, 'chain')}, ${formatCount(counts.sets, 'set')}, ${formatBytes(counts.bytes)}${counts.freeBytes === undefined ? '' : `, ${formatBytes(counts.freeBytes)} free`}`,
    ],
    ...(health.notOnWindows.length > 0 ? [['on Windows', describeNotOnWindows(health.notOnWindows)]] : []),
    ...(run?.state === 'in-progress' ? [['in progress', describeWriter(run)]] : []),
    ...(run?.state === 'over' ? [[caution('did not finish'), describeWriter(run)]] : []),
    ...(leftUnfinished > 0
      ? [
          [
            caution('left unfinished'),
            `${formatCount(leftUnfinished, 'set')}: the next run that writes removes ${leftUnfinished > 1 ? 'them' : 'it'}`,
          ],
        ]
      : []),
  ];
  return lines + table(rows);
}
