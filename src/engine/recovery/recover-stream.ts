/** Recovery out of a stream of sets: they come to lie beside the target, and are recovered from there as from a repository. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { requireLocal, requireNoneAbove } from '../places.ts';
import { chainsOf } from '../repository/chain.ts';
import { type ChainChoice } from '../repository/find-chain.ts';
import { createRepository, readSets, type Repository } from '../repository/repository.ts';
import { receiveSets } from '../transfer/receive-sets.ts';
import { beginStage, discardStage, sweepBeside } from './leftovers.ts';
import { recoverFrom, type Recovered, type RecoverFromOptions } from './recover-from.ts';
import { requireEmptyTarget } from './requirements.ts';

/**
 * Recovers from a stream as `recoverFrom` does from a repository that holds its sets: one full set, or a chain, one set after the
 * other. Throws as that, and as `receiveSets`. Where the sets lay is gone by the time that the result is told.
 */
export async function recoverFromStream(
  all: Files,
  input: AsyncIterable<Uint8Array>,
  choice: ChainChoice,
  options: RecoverFromOptions,
): Promise<Recovered & { readonly lacking: FigaroError | undefined }> {
  const target = path.resolve(options.target);
  // Before a tape is read for hours.
  requireLocal(all, { what: 'the target', path: options.target });
  requireNoneAbove(all, { what: 'the target', path: target });
  requireEmptyTarget(all, target);
  const { stage, files, lease } = beginStage(all, target);
  try {
    const leftovers = sweepBeside(files, target, stage);
    const { repository } = createRepository(files, path.join(stage, 'received'));
    await receiveSets(files, repository, input, options.watch ?? {});
    requireChain(files, repository);
    const result = await recoverFrom(files, { ...choice, repository }, options);
    return { ...result, warnings: [...leftovers, ...result.warnings] };
  } catch (error) {
    throw lease.reasonOf(error);
  } finally {
    discardStage(all, stage);
    lease.stop();
  }
}

/** Incrementals alone say what changed, and not what was there. */
function requireChain(files: Files, repository: Repository): void {
  const { sets } = readSets(files, repository);
  const { chains, orphans } = chainsOf(sets);
  const [first] = orphans;
  if (chains.length > 0 || !first) return;
  throw new FigaroError('chain-gap', `the stream holds ${first.id}, and not the sets before it`, {
    hint: `it belongs to the chain of ${first.manifest.chain}: give the streams of that chain one after the other, the full set first: \`cat full.tar incremental.tar | figaro-backup recover --from-stdin …\`.`,
  });
}
