/** Checking sets: everything that can be said without recovering them, and on request that, too. */

import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { requireAmounts } from '../given.ts';
import { chainsOf, whyOrphaned } from '../repository/chain.ts';
import { findChain, findSet } from '../repository/find-chain.ts';
import { type Repository } from '../repository/repository.ts';
import { readSetsAndRun } from '../repository/under-way.ts';
import { Verification, type VerifyOptions, type VerifyResult } from './verification.ts';

/** As `verifySets`, for whoever relies on what is there: throws `set-missing` where there is nothing to verify, too. */
export async function verifyRepository(
  files: Files,
  repository: Repository,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const result = await verifySets(files, repository, options);
  if (result.sets.length === 0 && result.findings.length === 0) throw nothingToVerify(repository, result);
  return result;
}

/**
 * Checks sets, and collects everything that is wrong. Throws only when it cannot go on at all: `usage` for options that
 * cannot be used together, and `set-missing` for a set that is not there.
 */
export async function verifySets(
  files: Files,
  repository: Repository,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  requireCompatible(options);
  const { sets, broken, underWay } = readSetsAndRun(files, repository);
  const unusable = [...broken, ...underWay];
  const verification = new Verification(files, options);
  if (options.set !== undefined) {
    const set = findSet(sets, options.set, unusable);
    await verification.verifySet(set);
    verification.note(set, false);
    return verification.result();
  }
  if (options.chain !== undefined) {
    await verification.verifyChain(findChain(sets, { chain: options.chain }, unusable));
    return verification.result();
  }
  const { chains, orphans } = chainsOf(sets);
  await verification.verifyChains(chains);
  for (const set of orphans) {
    verification.find({ set: set.id, code: 'chain-gap', message: `${set.id} ${whyOrphaned(sets, set)}` });
    await verification.verifySet(set);
    verification.note(set, false);
  }
  for (const { id, state, code, problem } of broken) {
    if (state === 'damaged') verification.find({ set: id, code, message: problem });
    else verification.warnings.push(`${id} was not finished and is not a set; the next backup removes it`);
  }
  return verification.result();
}

function requireCompatible({ chain, set, share, budgetMs, quick, rehearse }: VerifyOptions): void {
  const parts = Object.entries({ chain, set, share, budget: budgetMs }).filter(([, value]) => value !== undefined);
  const isSingle = chain !== undefined || set !== undefined;
  if (isSingle && parts.length > 1) {
    throw new FigaroError('usage', `${parts.map(([name]) => `--${name}`).join(' and ')} cannot be used together`);
  }
  if (rehearse && (quick === true || set !== undefined)) {
    throw new FigaroError(
      'usage',
      `--rehearse goes through the recovery of a whole chain, not with --${quick ? 'quick' : 'set'}`,
    );
  }
  requireAmounts({ budgetMs });
  if (share !== undefined && !(share > 0 && share <= 1)) {
    throw new FigaroError('usage', `share is ${share}: it has to be more than 0, and 1 at most`);
  }
}

/** A repository without a set is not all good. */
function nothingToVerify({ directory }: Repository, { warnings }: VerifyResult): FigaroError {
  const message = [`${directory} holds no set: there is nothing to verify`, ...warnings].join('; ');
  return new FigaroError('set-missing', message, {
    path: directory,
    hint: 'take one with `figaro-backup hot` or `offline`.',
  });
}
