/** Checking sets: everything that can be said without recovering them, and on request that, too. */

import { type Files } from '../files/files.ts';
import { chainsOf, findChain, whyOrphaned } from '../repository/chain.ts';
import { readSets, type Repository } from '../repository/repository.ts';
import { Verification, type VerifyOptions, type VerifyResult } from './verification.ts';

/** Checks sets, and collects everything that is wrong. Throws only when it can not go on at all. */
export async function verifySets(
  files: Files,
  repository: Repository,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const { sets, broken } = readSets(files, repository);
  const verification = new Verification(files, options);
  if (options.set !== undefined) {
    const { set: id } = options;
    const set = sets.find((candidate) => candidate.id === id) ?? findChain(sets, { chain: id }, broken).sets[0]!;
    await verification.verifySet(set);
    verification.note(set, false);
    return verification.result();
  }
  if (options.chain !== undefined) {
    await verification.verifyChain(findChain(sets, { chain: options.chain }, broken));
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
    else verification.warnings.push(`${id} was not finished and is no set; the next backup removes it`);
  }
  return verification.result();
}
