/** `schedule`: backups that run by themselves. */

import { Command, Option } from 'commander';
import { FigaroError } from '../../errors.ts';
import { inOneLine } from '../../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from '../context.ts';
import { examples } from '../options.ts';
import { cron } from './cron.ts';
import { everyArgument, planOf, scheduled, timeOfDayArgument, type PlanOptions } from './plan.ts';
import { type Part, type Scheduler, type SchedulerName } from './scheduler.ts';
import { type State } from './seal.ts';
import { systemd } from './systemd.ts';
import { taskScheduler } from './task-scheduler.ts';

interface ScheduleOptions extends CommonOptions {
  readonly with?: SchedulerName;
  readonly user?: true;
  readonly dryRun?: true;
  readonly force?: true;
}

export function scheduleCommand(context: CommandContext): Command {
  return new Command('schedule')
    .summary('have backups run by systemd, cron or the Task Scheduler')
    .description(
      'Write, show and remove what lets systemd, cron or the Task Scheduler of Windows run the backups of an environment.',
    )
    .addCommand(installCommand(context))
    .addCommand(showCommand(context))
    .addCommand(removeCommand(context))
    .addHelpText('after', examples('figaro-backup schedule install orders --every 15m --full weekly --at 03:07'));
}

function installCommand(context: CommandContext): Command {
  const command = withScheduler(
    new Command('install')
      .summary('write the schedule of an environment, or another one in its place')
      .description(
        'Write a schedule: incrementals, full sets, and `expire` after these where a setting says what to keep. Its command lines have ' +
          'whole paths, need no variables, and take settings, hooks and heartbeats from the configuration file.',
      )
      .addOption(
        new Option('--every <time>', 'between incrementals: 5m, 15m, 1h, 1d')
          .argParser(everyArgument)
          .default(15, '15m'),
      )
      .addOption(
        new Option('--full <when>', 'how often a full set begins a new chain')
          .choices(['daily', 'weekly', 'monthly', 'never'])
          .default('weekly'),
      )
      .addOption(
        new Option('--at <time>', 'local time of full sets')
          .argParser(timeOfDayArgument)
          .default({ hour: 3, minute: 7 }, '03:07'),
      )
      .option('--dry-run', 'print what would be written, and change nothing')
      .option('--force', 'replace what was edited, or was not written by this program, too'),
  );
  return withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        'figaro-backup schedule install orders --dry-run',
        'figaro-backup schedule install orders --every 15m --full weekly --at 03:07',
        'figaro-backup schedule install orders --every 1h --full never --with cron --log-file /var/log/figaro-backup.log',
      ),
    )
    .action((environment: string, options: ScheduleOptions & PlanOptions) => {
      const of = scheduled(context, environment, options.config);
      const scheduler = schedulerOf(context, of, options);
      const { jobs, warnings } = planOf(context, of, options);
      const wanted = scheduler.partsOf(jobs);
      const found = scheduler.found();
      requireOwn(scheduler, found, options);
      requireNotElsewhere(context, of, options, scheduler);
      const isSame = (part: Part): boolean => {
        const old = found.find(({ place }) => place === part.place);
        return old !== undefined && sealIn(scheduler.stateOf(old)) === sealIn(scheduler.stateOf(part));
      };
      const write = wanted.filter((part) => !isSame(part));
      const remove = found.filter(({ place }) => !wanted.some((part) => part.place === place));
      finish(context, options, { environment, scheduler, write, remove, wanted, warnings });
    });
}

function removeCommand(context: CommandContext): Command {
  const command = withScheduler(
    new Command('remove')
      .summary('remove the schedule of an environment')
      .description('Remove what `schedule install` has written for an environment, and nothing else.')
      .option('--dry-run', 'say what would be removed, and change nothing')
      .option('--force', 'remove what was edited, or was not written by this program, too'),
  );
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup schedule remove orders'))
    .action((environment: string, options: ScheduleOptions) => {
      const scheduler = schedulerOf(context, scheduled(context, environment, options.config), options);
      const remove = scheduler.found();
      requireOwn(scheduler, remove, options);
      finish(context, options, { environment, scheduler, write: [], remove, wanted: [], warnings: [] });
    });
}

function showCommand(context: CommandContext): Command {
  const command = withScheduler(
    new Command('show')
      .summary('show the schedule of an environment')
      .description('Show what is there of the schedule of an environment, and whether it was edited since.'),
  );
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup schedule show orders'))
    .action((environment: string, options: ScheduleOptions) => {
      const scheduler = schedulerOf(context, scheduled(context, environment, options.config), options);
      const parts = scheduler.found().map((part) => ({ ...part, state: scheduler.stateOf(part).kind }));
      const text = (): string =>
        parts.length === 0
          ? `${scheduler.name} has no schedule of ${inOneLine(environment)}\n`
          : parts
              .map(({ place, text, state }) => `${inOneLine(place)}: ${states[state]}\n${indented(text)}`)
              .join('\n');
      context.print(options, { environment, scheduler: scheduler.name, parts }, text, { isToCopy: true });
    });
}

const states: Readonly<Record<State['kind'], string>> = {
  own: 'unchanged since it was written',
  edited: 'edited since it was written',
  foreign: 'of another configuration file, or not written by figaro-backup',
};

function withScheduler(command: Command): Command {
  return command
    .argument('<environment>', 'an environment of the configuration file')
    .addOption(
      new Option('--with <scheduler>', 'what runs it (default: the one that this system has)').choices([
        'systemd',
        'cron',
        'task-scheduler',
      ]),
    )
    .option('--user', 'units or tasks of this user, and not of the system (default: where only that is permitted)');
}

function schedulerOf(
  context: CommandContext,
  of: ReturnType<typeof scheduled>,
  { with: wanted, user }: ScheduleOptions,
): Scheduler {
  const isWindows = process.platform === 'win32';
  const isOfUser = user === true || (!isWindows && process.getuid?.() !== 0);
  const name =
    wanted ?? (isWindows ? 'task-scheduler' : context.files.statIfThere('/run/systemd/system') ? 'systemd' : 'cron');
  if (name === 'systemd') return systemd(context, of, isOfUser);
  return name === 'cron' ? cron(context.io, of) : taskScheduler(context, of, isOfUser);
}

function sealIn(state: State): string | undefined {
  return state.kind === 'own' ? state.seal : undefined;
}

/** Throws `target-not-empty` for what this program has not written, or has not written so. */
function requireOwn(scheduler: Scheduler, found: readonly Part[], { force }: ScheduleOptions): void {
  if (force) return;
  for (const part of found) {
    const { kind } = scheduler.stateOf(part);
    if (kind === 'own') continue;
    const what = kind === 'edited' ? 'was edited since it was written' : `is ${states.foreign}`;
    throw new FigaroError('target-not-empty', `${part.place} ${what}`, {
      path: part.place,
      hint: '`schedule show` prints it; with --force it is replaced or removed all the same.',
    });
  }
}

/** Throws `target-not-empty` where the other scheduler of this system runs the backups already: all would run twice. */
function requireNotElsewhere(
  context: CommandContext,
  of: ReturnType<typeof scheduled>,
  options: ScheduleOptions,
  { name }: Scheduler,
): void {
  if (name === 'task-scheduler') return;
  const other = schedulerOf(context, of, { ...options, with: name === 'cron' ? 'systemd' : 'cron' });
  const isThere = ((): boolean => {
    try {
      return other.found().some((part) => other.stateOf(part).kind !== 'foreign');
    } catch {
      // Where it cannot be asked, this user has nothing there.
      return false;
    }
  })();
  if (!isThere) return;
  throw new FigaroError('target-not-empty', `${other.name} has a schedule of ${of.environment} already`, {
    hint: `remove it first: figaro-backup schedule remove ${of.environment} --with ${other.name}.`,
  });
}

interface Outcome {
  readonly environment: string;
  readonly scheduler: Scheduler;
  readonly write: readonly Part[];
  readonly remove: readonly Part[];
  readonly wanted: readonly Part[];
  readonly warnings: readonly string[];
}

/** Makes the changes, unless it is a dry run, and tells them. */
function finish(context: CommandContext, options: ScheduleOptions, outcome: Outcome): void {
  const { environment, scheduler, write, remove, wanted } = outcome;
  const dryRun = options.dryRun === true;
  const left = dryRun ? [] : scheduler.apply({ write, remove, wanted });
  const warnings = [...outcome.warnings, ...left];
  const unchanged = wanted.filter((part) => !write.includes(part));
  const parts = [
    ...remove.map(({ place }) => ({ place, change: 'removed' as const })),
    ...unchanged.map(({ place }) => ({ place, change: 'none' as const })),
    ...write.map(({ place, text }) => ({ place, change: 'written' as const, text })),
  ];
  const would = dryRun ? 'would be ' : '';
  const text = (): string => {
    if (parts.length === 0) return `${scheduler.name} has no schedule of ${inOneLine(environment)}\n`;
    return parts
      .map((part) => {
        const place = inOneLine(part.place);
        if (part.change === 'none') return `${place}: unchanged\n`;
        const text = dryRun && 'text' in part ? indented(part.text) : '';
        return `${place}: ${would}${part.change}\n${text}`;
      })
      .join('');
  };
  context.print(options, { environment, scheduler: scheduler.name, dryRun, parts, warnings }, text, { isToCopy: true });
  context.warn(options, warnings);
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
