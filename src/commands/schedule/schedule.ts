/** `schedule`: backups that run by themselves. */

import { Command, Option } from 'commander';
import { FigaroError } from '../../errors.ts';
import { inOneLine } from '../../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from '../context.ts';
import { examples } from '../options.ts';
import { cron } from './cron.ts';
import { everyArgument, planOf, scheduled, timeOfDayArgument, type PlanOptions, type Scheduled } from './plan.ts';
import { type Changes, type Part, type Scheduler, type SchedulerName } from './scheduler.ts';
import { type State } from './seal.ts';
import { running, systemd } from './systemd.ts';
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
    'the one that this system has',
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
      requireNotElsewhere(context, of, scheduler);
      const isSame = (part: Part): boolean => {
        const old = found.find(({ place }) => place === part.place);
        return old !== undefined && sealIn(scheduler.stateOf(old)) === sealIn(scheduler.stateOf(part));
      };
      const write = wanted.filter((part) => !isSame(part));
      const remove = found.filter(({ place }) => !wanted.some((part) => part.place === place));
      finish(context, options, {
        environment,
        changes: [{ scheduler, write, remove, wanted }],
        asked: [scheduler.name],
        warnings: [...warnings, ...scheduler.obstacles()],
      });
    });
}

function removeCommand(context: CommandContext): Command {
  const command = withScheduler(
    new Command('remove')
      .summary('remove the schedule of an environment')
      .description('Remove what `schedule install` has written for an environment, and nothing else.')
      .option('--dry-run', 'say what would be removed, and change nothing')
      .option('--force', 'remove what was edited, or was not written by this program, too'),
    'whichever has some',
  );
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup schedule remove orders'))
    .action((environment: string, options: ScheduleOptions) => {
      const { all, asked } = installed(context, scheduled(context, environment, options.config), options);
      for (const { scheduler, parts } of all) requireOwn(scheduler, parts, options);
      const changes = all.map(({ scheduler, parts }) => ({ scheduler, write: [], remove: parts, wanted: [] }));
      finish(context, options, { environment, changes, asked, warnings: [] });
    });
}

function showCommand(context: CommandContext): Command {
  const command = withScheduler(
    new Command('show')
      .summary('show the schedule of an environment')
      .description('Show what is there of the schedule of an environment, and whether it was edited since.'),
    'whichever has some',
  );
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup schedule show orders'))
    .action((environment: string, options: ScheduleOptions) => {
      const { all, asked } = installed(context, scheduled(context, environment, options.config), options);
      const parts = all.flatMap(({ scheduler, parts }) =>
        parts.map((part) => ({ ...part, state: scheduler.stateOf(part).kind })),
      );
      const text = (): string =>
        parts.length === 0
          ? nothingOf(environment, asked)
          : parts
              .map(({ place, text, state }) => `${inOneLine(place)}: ${states[state]}\n${indented(text)}`)
              .join('\n');
      context.print(options, { environment, scheduler: all[0]!.scheduler.name, parts }, text, { isToCopy: true });
    });
}

const states: Readonly<Record<State['kind'], string>> = {
  own: 'unchanged since it was written',
  edited: 'edited since it was written',
  foreign: 'of another configuration file, or not written by figaro-backup',
};

/** @param unchosen which one it is without `--with` */
function withScheduler(command: Command, unchosen: string): Command {
  return command
    .argument('<environment>', 'an environment of the configuration file')
    .addOption(
      new Option('--with <scheduler>', `what runs it (default: ${unchosen})`).choices([
        'systemd',
        'cron',
        'task-scheduler',
      ]),
    )
    .option('--user', 'units or tasks of this user, and not of the system (default: where only that is permitted)');
}

/** The one that is chosen, or that this system has. */
function schedulerOf(context: CommandContext, of: Scheduled, { with: wanted, user }: ScheduleOptions): Scheduler {
  const isOfUser = user === true || (!isWindows() && !isRoot());
  const name = wanted ?? (isWindows() ? 'task-scheduler' : context.files.statIfThere(running) ? 'systemd' : 'cron');
  if (name === 'systemd') return systemd(context, of, isOfUser);
  return name === 'cron' ? cron(context, of) : taskScheduler(context, of, isOfUser);
}

function isWindows(): boolean {
  return process.platform === 'win32';
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Others than one that this machine may have, in which this user may have something. */
function others(context: CommandContext, of: Scheduled, chosen: Scheduler): readonly Scheduler[] {
  if (isWindows() || chosen.name === 'task-scheduler') return [];
  const ofSystem = isRoot() ? [systemd(context, of, false)] : [];
  const all = [...ofSystem, systemd(context, of, true), cron(context, of)];
  return all.filter(({ options }) => options.join() !== chosen.options.join());
}

interface Installed {
  /** Those that have some; the one of this system where none has. */
  readonly all: readonly { readonly scheduler: Scheduler; readonly parts: readonly Part[] }[];
  /** Which ones were asked. */
  readonly asked: readonly SchedulerName[];
}

/** What the schedulers of this machine have of an environment, or the one that is chosen. */
function installed(context: CommandContext, of: Scheduled, options: ScheduleOptions): Installed {
  const scheduler = schedulerOf(context, of, options);
  const own = { scheduler, parts: scheduler.found() };
  if (options.with !== undefined) return { all: [own], asked: [scheduler.name] };
  const elsewhere = others(context, of, scheduler).map((other) => ({ scheduler: other, parts: foundOf(other) }));
  const all = [own, ...elsewhere];
  const having = all.filter(({ parts }) => parts.length > 0);
  return { all: having.length > 0 ? having : [own], asked: all.map((each) => each.scheduler.name) };
}

/** What another one than the one in question has. Where it cannot be asked, this user has nothing there. */
function foundOf(other: Scheduler): readonly Part[] {
  try {
    return other.found();
  } catch {
    return [];
  }
}

function nothingOf(environment: string, asked: readonly SchedulerName[]): string {
  const names = [...new Set(asked)];
  const who = names.length === 1 ? `${names[0]} has no` : `neither ${names.join(' nor ')} has a`;
  return `${who} schedule of ${inOneLine(environment)}\n`;
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

/** Throws `target-not-empty` where another scheduler of this machine runs the backups already: all would run twice. */
function requireNotElsewhere(context: CommandContext, of: Scheduled, scheduler: Scheduler): void {
  for (const other of others(context, of, scheduler)) {
    if (!foundOf(other).some((part) => other.stateOf(part).kind !== 'foreign')) continue;
    throw new FigaroError('target-not-empty', `${other.name} has a schedule of ${of.environment} already`, {
      hint: `remove it first: figaro-backup schedule remove ${of.environment} ${other.options.join(' ')}.`,
    });
  }
}

interface Outcome {
  readonly environment: string;
  readonly changes: readonly ({ readonly scheduler: Scheduler } & Changes)[];
  readonly asked: readonly SchedulerName[];
  readonly warnings: readonly string[];
}

/** Makes the changes, unless it is a dry run, and tells them. */
function finish(context: CommandContext, options: ScheduleOptions, outcome: Outcome): void {
  const { environment, changes, asked, warnings } = outcome;
  const dryRun = options.dryRun === true;
  const left = dryRun ? [] : changes.flatMap(({ scheduler, ...made }) => scheduler.apply(made));
  const parts = changes.flatMap(({ write, remove, wanted }) => [
    ...remove.map(({ place }) => ({ place, change: 'removed' as const })),
    ...wanted.filter((part) => !write.includes(part)).map(({ place }) => ({ place, change: 'none' as const })),
    ...write.map(({ place, text }) => ({ place, change: 'written' as const, text })),
  ]);
  const would = dryRun ? 'would be ' : '';
  const text = (): string => {
    if (parts.length === 0) return nothingOf(environment, asked);
    return parts
      .map((part) => {
        const place = inOneLine(part.place);
        if (part.change === 'none') return `${place}: unchanged\n`;
        const text = dryRun && 'text' in part ? indented(part.text) : '';
        return `${place}: ${would}${part.change}\n${text}`;
      })
      .join('');
  };
  const warned = [...warnings, ...left];
  const document = { environment, scheduler: changes[0]!.scheduler.name, dryRun, parts, warnings: warned };
  context.print(options, document, text, { isToCopy: true });
  context.warn(options, warned);
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
