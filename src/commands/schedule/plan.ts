/** What runs when: the jobs of one environment. */

import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { isStoreUrl } from '../../engine/store/stores.ts';
import { FigaroError } from '../../errors.ts';
import { formatDuration } from '../../measures.ts';
import { inOneLine } from '../../output/text.ts';
import { findConfig } from '../config-file.ts';
import { type CommandContext } from '../context.ts';
import { durationArgument } from '../options.ts';
import { type SettingName } from '../setting-names.ts';
import { readSettings } from '../settings.ts';
import { ownProgram } from './own-program.ts';

/** All that there can be of one environment. */
export const jobNames = ['incremental', 'full', 'expire'] as const;

/** By local time. */
export type When =
  | { readonly each: 'minutes'; readonly minutes: number }
  /** `day`: of the week, from Sunday on as 0, or of the month, from 1 on. */
  | { readonly each: 'day' | 'week' | 'month'; readonly day: number; readonly hour: number; readonly minute: number };

export interface Job {
  readonly name: (typeof jobNames)[number];
  /** The command line, the program as an absolute path first. */
  readonly words: readonly string[];
  readonly when: When;
}

/** Whose schedule it is. */
export interface Scheduled {
  readonly environment: string;
  /** The configuration file that has it, as an absolute path. */
  readonly config: string;
}

export interface PlanOptions {
  /** In minutes. */
  readonly every: number;
  readonly full: 'daily' | 'weekly' | 'monthly' | 'never';
  readonly at: TimeOfDay;
  readonly logFile?: string;
  readonly logFormat?: string;
}

interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** For `Option.argParser`: a duration that comes out even by the hour or the day, in minutes. cron knows no others. */
export function everyArgument(text: string): number {
  const minutes = durationArgument(text) / 60_000;
  const isEven = minutes < 60 ? 60 % minutes === 0 : minutes % 60 === 0 && 1440 % minutes === 0;
  if (Number.isInteger(minutes) && minutes > 0 && isEven) return minutes;
  throw new InvalidArgumentError('Write what divides an hour or a day: 5m, 15m, 1h, 6h or 1d.');
}

/** For `Option.argParser`: `03:07`. */
export function timeOfDayArgument(text: string): TimeOfDay {
  const [, hour, minute] = /^(\d{1,2}):(\d\d)$/.exec(text.trim()) ?? [];
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59) {
    throw new InvalidArgumentError('Write a time of day as 03:07.');
  }
  return { hour: Number(hour), minute: Number(minute) };
}

/** The configuration file that has an environment, or had it. Throws `usage` where there is none, or no texts can be made of the names. */
export function scheduled({ files, io }: CommandContext, environment: string, config?: string): Scheduled {
  const found = findConfig(files, io.env, config);
  if (!found) {
    throw new FigaroError('usage', 'there is no configuration file, and what is scheduled is known by it', {
      hint: 'give --config FILE.',
    });
  }
  const file = path.resolve(found.path);
  for (const text of [environment, file]) requireOneLine(text);
  return { environment, config: file };
}

function requireOneLine(text: string): void {
  if (inOneLine(text) === text) return;
  throw new FigaroError('usage', `${text}: a name with control characters in it cannot be scheduled`);
}

/** What is in effect for a run that nobody's variables reach. */
function settingOf(
  { files }: CommandContext,
  { environment, config }: Scheduled,
  command: string,
): (name: SettingName) => string | undefined {
  const settings = readSettings(files, {}, { environment, config, command });
  return (name) => {
    const value = settings.find((setting) => setting.name === name)?.value;
    return value === undefined || value === '' ? undefined : String(value);
  };
}

/** How long after a full set the old ones go, in minutes: it waits for the lock of that anyway. */
const expireAfter = 20;

/**
 * The jobs of an environment, and what its owner should know of them. Throws `usage` where the configuration file alone does not say
 * what to back up and where to.
 */
export function planOf(
  context: CommandContext,
  of: Scheduled,
  options: PlanOptions,
): { readonly jobs: readonly Job[]; readonly warnings: readonly string[] } {
  const { every, full, at, logFile, logFormat } = options;
  const has = (command: string, name: SettingName): boolean => settingOf(context, of, command)(name) !== undefined;
  for (const name of ['home', 'repo'] as const) {
    const place = settingOf(context, of, 'incremental')(name);
    if (place !== undefined && (path.isAbsolute(place) || isStoreUrl(place))) continue;
    if (place !== undefined) {
      throw new FigaroError('usage', `${of.config} has ${place} as the ${name} of ${of.environment}: no whole path`, {
        hint: 'a scheduled run begins in another directory than this one: write the whole path.',
      });
    }
    throw new FigaroError('usage', `${of.config} does not say the ${name} of ${of.environment}`, {
      hint: `a scheduled run has no variables of yours: write ${name} into [environments.${of.environment}].`,
    });
  }
  const words = (command: string, lockWait: string, ...more: readonly string[]): readonly string[] => {
    // A name may begin with a dash.
    const isPlain = !of.environment.startsWith('-');
    const line = [
      ...ownProgram(),
      command,
      ...(isPlain ? [of.environment] : []),
      ...(has(command, 'lock-wait') ? [] : ['--lock-wait', lockWait]),
      ...more,
      '--config',
      of.config,
      ...(logFile === undefined ? [] : ['--log-file', path.resolve(logFile)]),
      ...(logFormat === undefined ? [] : ['--log-format', logFormat]),
      ...(isPlain ? [] : ['--', of.environment]),
    ];
    line.forEach(requireOneLine);
    return line;
  };
  const jobs: Job[] = [
    { name: 'incremental', words: words('incremental', waitFor(every)), when: { each: 'minutes', minutes: every } },
  ];
  if (full !== 'never') {
    const each = ({ daily: 'day', weekly: 'week', monthly: 'month' } as const)[full];
    const when = { each, day: each === 'month' ? 1 : 0, ...at };
    jobs.push({ name: 'full', words: words('hot', '1h'), when });
    const keeps = ['keep-full', 'keep-within', 'keep-daily', 'keep-weekly', 'keep-monthly'] as const;
    if (keeps.some((name) => has('expire', name))) {
      jobs.push({ name: 'expire', words: words('expire', '12h', '--quiet'), when: later(when, expireAfter) });
    }
  }
  return { jobs, warnings: [...variablesOf(context, of), ...unheard(has, of)] };
}

/** What is in effect now and will not be then. */
function variablesOf({ files, io }: CommandContext, { environment, config }: Scheduled): readonly string[] {
  const settings = readSettings(files, io.env, { environment, config, command: 'incremental' });
  const lost = settings.filter(({ source }) => source.startsWith('$')).map(({ name, source }) => `${source} (${name})`);
  const repo = settings.find(({ name }) => name === 'repo')?.value;
  if (String(repo).startsWith('s3:')) lost.push(...Object.keys(io.env).filter((name) => name.startsWith('AWS_')));
  return lost.length === 0 ? [] : [`a scheduled run does not have what variables say now: ${lost.join(', ')}`];
}

function unheard(has: (command: string, name: SettingName) => boolean, of: Scheduled): readonly string[] {
  const tells = (['run-failed', 'heartbeat'] as const).some((name) => has('incremental', name));
  if (tells) return [];
  return [`nothing tells anybody when a run of ${of.environment} fails: set run-failed or heartbeat in ${of.config}`];
}

/** A run gives up before the next one begins. */
function waitFor(minutes: number): string {
  return minutes === 1 ? '30s' : formatDuration(Math.min(minutes - 1, 59) * 60_000);
}

function later(when: Exclude<When, { each: 'minutes' }>, minutes: number): When {
  const total = when.hour * 60 + when.minute + minutes;
  const isNextDay = total >= 1440;
  return { ...when, day: when.day + (isNextDay ? 1 : 0), hour: Math.floor(total / 60) % 24, minute: total % 60 };
}
