/** Sets of a repository as one tar. */

import { type Files } from '../files/files.ts';
import { FigaroError } from '../../errors.ts';
import { type Watch } from '../pause.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { chainsOf, requireNewest } from '../repository/chain.ts';
import { findChain, findSet, whyNone } from '../repository/find-chain.ts';
import { readSets, type Repository } from '../repository/repository.ts';
import { requireOneChoice, type CopyChoice } from './choose-sets.ts';
import { bytesOf, sendSet } from './send-set.ts';
import { TarSink, type ByteSink } from './tar-sink.ts';

/** Which sets; the newest chain by default. */
interface StreamChoice extends CopyChoice {
  /** Only this one, whose chain has to be had from elsewhere. */
  readonly set?: string | undefined;
}

/**
 * Writes sets to `out`, those of a chain in order. Throws as `findChain` and `sendSet`, `chain-gap` where the newest sets
 * are in no chain and none is named, and what `out` throws: then what it got is cut short.
 */
export async function streamSets(
  files: Files,
  repository: Repository,
  choice: StreamChoice,
  out: ByteSink,
  watch: Watch,
): Promise<readonly BackupSet[]> {
  requireOneChoice(choice);
  const sets = chosenSets(files, repository, choice);
  const planned = { ...watch, plan: { done: 0, total: sets.reduce((sum, set) => sum + bytesOf(set), 0) } };
  const tar = new TarSink(out);
  try {
    await tar.open(repository);
    for (const set of sets) await sendSet(files, set, tar, planned);
    await tar.close();
  } finally {
    tar.abandon();
  }
  return sets;
}

function chosenSets(files: Files, repository: Repository, { chain, set, all }: StreamChoice): readonly BackupSet[] {
  const { sets, broken } = readSets(files, repository);
  if (set !== undefined) return [findSet(sets, set, broken)];
  if (all) {
    const found = chainsOf(sets).chains.flatMap((one) => one.sets);
    if (found.length > 0) return found;
    const none = new FigaroError('set-missing', `${repository.directory} holds no chain`, {
      path: repository.directory,
      hint: 'take a full set with `figaro-backup hot` or `offline`.',
    });
    throw whyNone(broken) ?? none;
  }
  const chosen = findChain(sets, chain === undefined ? {} : { chain }, broken);
  if (chain === undefined) requireNewest(chosen, sets, broken);
  return chosen.sets;
}
