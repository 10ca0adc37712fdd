/** What a report shows of an environment, worked out once for its picture and its tables. */

import { type ListedSet } from '../../engine/repository/catalog.ts';
import { isUnsound } from '../../engine/repository/chain.ts';
import { coverageOf, type Span } from '../../engine/repository/coverage.ts';
import { timeInName } from '../../engine/repository/repository.ts';
import { type Survey } from '../../engine/repository/survey.ts';
import { FigaroError } from '../../errors.ts';

/** An environment of a report. */
export interface ReportSection {
  /** Its name in the configuration file, where it was named by that. */
  readonly environment?: string;
  /** Its repository, a directory or a store; undefined where that is not known. */
  readonly directory?: string;
  /** What its repository holds, or why that cannot be told. */
  readonly outcome: Survey | FigaroError;
}

/** What a report is about. */
export interface Report {
  /** When the repositories were read. */
  readonly made: Date;
  /** Where. */
  readonly host: string;
  readonly program: string;
  readonly sections: readonly ReportSection[];
}

/** A directory that is no set of a chain. */
interface Unusable {
  readonly id: string;
  /** As its name tells, in ms since 1970. */
  readonly time: number;
  readonly state: 'damaged' | 'incomplete' | 'without its chain' | 'not finished yet';
  readonly problem: string;
}

/** Something was found in a set, or what was found is not known. */
export function isWrong({ set, lastCheck, hasDamagedChecks }: ListedSet): boolean {
  return (lastCheck?.findings ?? 0) > 0 || hasDamagedChecks || isUnsound(set);
}

/** Not yet, or not any more, a set: nothing is wrong with it. */
export function isUnfinished({ state }: Unusable): boolean {
  return state === 'incomplete' || state === 'not finished yet';
}

export interface ShownSurvey extends Survey {
  /** In ms since 1970. */
  readonly now: number;
  readonly covered: readonly Span[];
  readonly gaps: readonly Span[];
  /** Chains that `expire` would remove. */
  readonly going: ReadonlySet<string>;
  /** Why it would keep the others. */
  readonly reasons: ReadonlyMap<string, readonly string[]>;
  readonly unusable: readonly Unusable[];
}

export function showSurvey(survey: Survey, made: Date): ShownSurvey {
  const { catalog, retention } = survey;
  const decisions = retention === undefined || retention instanceof FigaroError ? [] : retention;
  const timeOf = (id: string): number => Date.parse(timeInName(id) ?? '') || 0;
  return {
    ...survey,
    ...coverageOf(catalog.chains, made.getTime()),
    now: made.getTime(),
    going: new Set(decisions.filter(({ reasons }) => reasons.length === 0).map(({ chain }) => chain.id)),
    reasons: new Map(decisions.map(({ chain, reasons }) => [chain.id, [...new Set(reasons)]])),
    unusable: [
      ...catalog.orphans.map(({ set: { id }, problem }) => ({
        id,
        time: timeOf(id),
        state: 'without its chain' as const,
        problem,
      })),
      ...catalog.broken.map(({ id, state, problem }) => ({ id, time: timeOf(id), state, problem })),
      ...catalog.underWay.map(({ id }) => ({
        id,
        time: timeOf(id),
        state: 'not finished yet' as const,
        problem: 'the run in progress makes or removes it',
      })),
    ].sort((a, b) => a.time - b.time),
  };
}
