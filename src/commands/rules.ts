/** The options that say what is asked of backups, and what is to be kept of them. */

import { Option, type Command } from 'commander';
import { defaultMaxAgeMs, type HealthRules } from '../engine/repository/health.ts';
import { type RetentionRules } from '../engine/repository/retention.ts';
import { countArgument, durationArgument, durationWithUnit, sizeArgument } from './options.ts';

/** Times in ms, room in bytes. */
export interface HealthRuleOptions {
  readonly maxAge: number;
  readonly maxRehearsalAge?: number;
  readonly minFree?: number;
}

/** Adds the options of `check`. */
export function withHealthRules(command: Command): Command {
  return command
    .addOption(
      new Option('--max-age <time>', 'how old the newest proven set may be')
        .argParser(durationArgument)
        .default(defaultMaxAgeMs, `${defaultMaxAgeMs / 3_600_000}h`),
    )
    .addOption(
      new Option('--max-rehearsal-age <time>', 'how long ago the last rehearsal of a recovery may be: 8d').argParser(
        durationArgument,
      ),
    )
    .addOption(
      new Option('--min-free <size>', 'how much room the repository needs to have: 20G').argParser(sizeArgument),
    );
}

export function healthRulesOf({ maxAge, maxRehearsalAge, minFree }: HealthRuleOptions): HealthRules & {
  readonly maxAgeMs: number;
} {
  return {
    maxAgeMs: maxAge,
    ...(maxRehearsalAge === undefined ? {} : { maxRehearsalAgeMs: maxRehearsalAge }),
    ...(minFree === undefined ? {} : { minFreeBytes: minFree }),
  };
}

/** Numbers of chains; `keepWithin` in ms. */
export interface RetentionRuleOptions {
  readonly keepFull?: number;
  readonly keepWithin?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

/** Adds the options of `expire`. */
export function withRetentionRules(command: Command): Command {
  const count = (flag: string, what: string): Option => new Option(`${flag} <n>`, what).argParser(countArgument);
  return command
    .addOption(count('--keep-full', 'keep the N newest chains'))
    .addOption(
      new Option('--keep-within <time>', 'keep what it takes to go back to any moment since then: 12h, 30d').argParser(
        durationWithUnit,
      ),
    )
    .addOption(count('--keep-daily', 'keep the newest chain of each of the N newest days that have one'))
    .addOption(count('--keep-weekly', 'keep the newest chain of each of the N newest weeks that have one'))
    .addOption(count('--keep-monthly', 'keep the newest chain of each of the N newest months that have one'));
}

export function retentionRulesOf(options: RetentionRuleOptions): RetentionRules {
  const { keepFull: full, keepWithin: withinMs, keepDaily: daily, keepWeekly: weekly, keepMonthly: monthly } = options;
  return Object.fromEntries(
    Object.entries({ full, withinMs, daily, weekly, monthly }).filter(([, value]) => value !== undefined),
  );
}
