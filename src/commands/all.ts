/** `--all`: every environment of the configuration file, one after the other, each as if it had been named. */

import { type Command } from 'commander';
import { FigaroError } from '../errors.ts';
import { worstStatus } from '../output/exit-codes.ts';
import { fit, widthOf } from '../output/fit.ts';
import { type ReportSection } from '../output/report-page/shown-survey.ts';
import { nagiosTextOfAll, nagiosUnknown, type MetricSet } from '../output/monitoring.ts';
import { formatCount, inOneLine, table } from '../output/text.ts';
import { CommandContext, type CommonOptions, type Gathered } from './context.ts';
import { writeMetrics } from './metrics-file.ts';
import { environmentNames } from './settings.ts';

/** Runs the same command line for the environment of a context, tells what goes wrong, and returns the exit status. */
type RunOne = (context: CommandContext) => Promise<number>;

interface Outcome {
  readonly environment: string;
  readonly exitCode: number;
  readonly context: CommandContext;
}

/** These say what a command is about, and hold for one environment. */
const ofOne: ReadonlySet<string | undefined> = new Set([
  '--home',
  '--repo',
  '--data-dir',
  '--log-dir',
  '--to-stdout',
  '--from-stdin',
]);

/** Throws `usage` where the command line names an environment as well, or something that is of one only. */
export function requireNoneNamed(command: Command, environment: string | undefined): void {
  const given = command.options.find(
    (option) => ofOne.has(option.long) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  const other = environment === undefined ? given?.long : `the name of an environment (${inOneLine(environment)})`;
  if (other === undefined) return;
  throw new FigaroError('usage', `--all and ${other} cannot be used together`, {
    hint: '--all takes every environment as the configuration file describes it: leave out one of the two.',
  });
}

/** The names of all of them. Throws `usage` where there is none. */
export function allEnvironments({ files, io }: CommandContext, { config }: CommonOptions): readonly string[] {
  const names = environmentNames(files, io.env, config);
  if (names.length > 0) return names;
  throw new FigaroError('usage', 'no configuration file names an environment, so there is none for --all', {
    hint: 'write a section [environments.NAME] for each, or give --config FILE. `figaro-backup config show` says which file is read.',
  });
}

/**
 * Gives each environment its turn, whatever became of those before it. A signal ends it all. What failed has a line each at the
 * end, and the exit status is the worst of them.
 */
export async function forEachEnvironment(
  context: CommandContext,
  names: readonly string[],
  options: CommonOptions & { readonly nagios?: true },
  runOne: RunOne,
): Promise<void> {
  const { io, files, results } = context;
  const gathered: Gathered = { metrics: new Map(), nagios: [], sections: [] };
  const outcomes: Outcome[] = [];
  for (const environment of names) {
    if (io.signal?.aborted) break;
    const each = new CommandContext(io, files, context.openStore, context.reports, {
      environment,
      results,
      gathered,
      shownAs: context.shownAs,
    });
    const exitCode = await runOne(each);
    outcomes.push({ environment, exitCode, context: each });
  }
  const notBegun = names.slice(outcomes.length);
  const statuses = outcomes.map(({ exitCode }) => exitCode);
  if (notBegun.length > 0) statuses.push(context.exitCodeOf(new FigaroError('interrupted', 'stopped')));
  context.exitCode = worstStatus(statuses);
  if (options.nagios) printForNagios(context, outcomes, gathered);
  else if (options.json) context.print(options, toDocument(outcomes, notBegun), () => '');
  for (const [file, sets] of gathered.metrics) writeGathered(context, options, file, sets);
  if (context.command === 'report' && context.exitCode < 128) {
    const { writeReportOfAll } = await import('./report-file.ts');
    writeReportOfAll(
      context,
      options,
      outcomes.map((outcome) => sectionOf(outcome, gathered)),
    );
  }
  tellFailures(context, outcomes, notBegun);
}

function printForNagios(context: CommandContext, outcomes: readonly Outcome[], { nagios }: Gathered): void {
  const parts = outcomes.map(({ environment, exitCode, context: { problem } }) => {
    const own = nagios.find((part) => part.environment === environment);
    const isKnown = own && (own.result.word !== 'OK' || exitCode === 0);
    return isKnown ? own : { environment, result: nagiosUnknown({ message: problem?.message ?? 'it ended early' }) };
  });
  const { text, status } = nagiosTextOfAll(parts);
  context.printAlways(text);
  // What a signal ended is no result.
  if (context.exitCode < 128) context.exitCode = status;
}

/** What became of an environment that did not come to look at its repository has its place in a report, too. */
function sectionOf({ environment, context: { problem } }: Outcome, { sections }: Gathered): ReportSection {
  const { code, message } = problem ?? { code: 'internal', message: 'it ended early' };
  return (
    sections.find((section) => section.environment === environment) ?? {
      environment,
      outcome: new FigaroError(code, message),
    }
  );
}

/** All have had their turn: that one file cannot be written takes nothing from that. */
function writeGathered(
  context: CommandContext,
  options: CommonOptions,
  file: string,
  sets: readonly MetricSet[],
): void {
  try {
    writeMetrics(context.files, file, sets);
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    context.addFailure(options, error);
  }
}

function toDocument(outcomes: readonly Outcome[], notBegun: readonly string[]): object {
  return {
    environments: outcomes.map(({ environment, exitCode, context: { document } }) => ({
      environment,
      exitCode,
      document,
    })),
    ...(notBegun.length > 0 ? { notBegun } : {}),
  };
}

/** What went wrong in each has been told by then; much may have been printed since. */
function tellFailures(
  { io: { stderr, env } }: CommandContext,
  outcomes: readonly Outcome[],
  notBegun: readonly string[],
): void {
  const failed = outcomes.filter(({ exitCode }) => exitCode !== 0);
  if (failed.length === 0 && notBegun.length === 0) return;
  const rows = [
    ...failed.map(({ environment, exitCode, context: { problem } }) => [
      environment,
      `exit code ${exitCode}`,
      problem ? `[${problem.code}]` : '',
    ]),
    ...notBegun.map((environment) => [environment, 'not begun']),
  ];
  const count = `${failed.length} of ${formatCount(outcomes.length + notBegun.length, 'environment')} failed:\n`;
  stderr.write(fit(count + table(rows).replaceAll(/^(?=.)/gm, '  '), widthOf(stderr, env)));
}
