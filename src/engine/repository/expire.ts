/** Removing chains that no rule keeps. */

import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { requireAmounts, requireCounts } from '../given.ts';
import { pause } from '../pause.ts';
import { isHidden } from './backup-set.ts';
import { listSets, type Catalog, type ListedChain } from './catalog.ts';
import { asWriter, removeSet, type LockWait, type Repository } from './repository.ts';
import { decideRetention, type Decision, type RetentionRules } from './retention.ts';

export interface ExpireOptions extends LockWait, RetentionRules {
  /** Decide, and remove nothing. */
  readonly dryRun?: boolean;
  readonly now?: Date;
}

/**
 * What was decided about each chain, in order of time. Without `dryRun`, what goes is gone. Throws `usage` where no rule says
 * what to keep, `busy`, and what keeps a set, its pin or its checks from being read: then nothing is removed.
 */
export async function expire(files: Files, repository: Repository, options: ExpireOptions): Promise<Decision[]> {
  const { dryRun = false, now = new Date() } = options;
  requireRules(options);
  const decide = (): Decision[] => decideExpiry(listSets(files, repository), options, now);
  if (dryRun) return decide();
  return await asWriter(
    files,
    repository,
    async (held, watch) => {
      const decisions = decide();
      for (const { chain, reasons } of decisions) {
        if (reasons.length > 0) continue;
        await pause(watch, { phase: `remove ${chain.id}` });
        removeChain(held, repository, chain);
      }
      return decisions;
    },
    options,
  );
}

/** What is decided about the chains of a catalog, in order of time. Throws what keeps a set, its pin or its checks from being read. */
export function decideExpiry(catalog: Catalog, rules: RetentionRules, now: Date): Decision[] {
  requireReadable(catalog);
  return decideRetention(catalog.chains, rules, now);
}

function requireRules(rules: RetentionRules): void {
  const { full, withinMs, daily, weekly, monthly } = rules;
  requireCounts({ full, daily, weekly, monthly });
  requireAmounts({ withinMs });
  if (hasRules(rules)) return;
  throw new FigaroError('usage', 'no rule says what to keep', {
    hint: 'give --keep-full, --keep-within, --keep-daily, --keep-weekly or --keep-monthly, and --dry-run to see what they do.',
  });
}

/** Something says what to keep. */
export function hasRules({ full, withinMs, daily, weekly, monthly }: RetentionRules): boolean {
  return [full, withinMs, daily, weekly, monthly].some((rule) => rule !== undefined);
}

/** A disk that fails to show a set, its pin or its checks says nothing of what can be done without. */
function requireReadable({ broken, unread }: Catalog): void {
  for (const { code, message, details } of unread) {
    throw new FigaroError(code, message, { ...details, hint: 'nothing was removed. See to that file first.' });
  }
  const hidden = broken.find(isHidden);
  if (!hidden) return;
  throw new FigaroError(hidden.code, `${hidden.id} cannot be read: ${hidden.problem}`, {
    path: hidden.directory,
    hint: 'nothing was removed. See to that set first.',
  });
}

/** From its end: what is left of it at any moment is a chain. */
function removeChain(files: Files, repository: Repository, { sets }: ListedChain): void {
  for (const { set } of sets.toReversed()) removeSet(files, repository, set);
}
