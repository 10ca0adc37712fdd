/** All that there is to know of a repository without opening a set: what `list`, `check` and `expire --dry-run` tell, read once. */

import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { listSets, type Catalog } from './catalog.ts';
import { decideExpiry, hasRules } from './expire.ts';
import { healthOf, type Health, type HealthRules } from './health.ts';
import { openRepository } from './repository.ts';
import { type Decision, type RetentionRules } from './retention.ts';

export interface SurveyRules {
  readonly health: HealthRules;
  readonly retention: RetentionRules;
}

export interface Survey {
  readonly catalog: Catalog;
  readonly health: Health;
  /** What `expire` would do; undefined where no rule says what to keep, and the error that keeps it from deciding. */
  readonly retention: readonly Decision[] | FigaroError | undefined;
}

/** Reads manifests and notes only, and writes nothing. Throws what keeps the repository from being read. */
export function surveyRepository(files: Files, directory: string, rules: SurveyRules, now = new Date()): Survey {
  const repository = openRepository(files, directory);
  const catalog = listSets(files, repository);
  return {
    catalog,
    health: healthOf(files, repository, catalog, rules.health, now),
    retention: hasRules(rules.retention) ? decide(catalog, rules.retention, now) : undefined,
  };
}

function decide(catalog: Catalog, rules: RetentionRules, now: Date): readonly Decision[] | FigaroError {
  try {
    return decideExpiry(catalog, rules, now);
  } catch (error) {
    if (error instanceof FigaroError) return error;
    throw error;
  }
}
