import { type Files } from '../files/files.ts';
import { chainsOf, requireNewest, whyOrphaned, type Chain } from './chain.ts';
import { findChain, isNewestWanted, type ChainChoice } from './find-chain.ts';
import { readSets, type Repository, type SetsRead } from './repository.ts';

interface ChooseOptions extends ChainChoice {
  /** A moment is wanted, which an older chain may have: newer sets that cannot be used do not matter. */
  readonly anyAge?: boolean;
  /** What to do where the newest sets cannot be used. */
  readonly hint?: string;
}

interface ChosenChain {
  readonly chain: Chain;
  /** All that there are, the oldest first. */
  readonly chains: readonly Chain[];
  /** Sets that cannot be used, one sentence each: whoever goes on has to know. */
  readonly warnings: readonly string[];
}

/**
 * The chain to be used: the one that is named, or else the newest. Throws as `findChain`, and `chain-gap` where none is
 * named and the newest sets are in no chain.
 */
export function chooseChain(files: Files, repository: Repository, options: ChooseOptions = {}): ChosenChain {
  return chooseOf(readSets(files, repository), options);
}

/** As `chooseChain`, of what was read of a repository. */
export function chooseOf({ sets, broken }: SetsRead, options: ChooseOptions = {}): ChosenChain {
  const chain = findChain(sets, options, broken);
  const isNamed = !isNewestWanted(options.chain) || !isNewestWanted(options.toSet);
  if (!isNamed && options.anyAge !== true) requireNewest(chain, sets, broken, options.hint);
  const damaged = broken.filter(({ state }) => state === 'damaged');
  const { chains, orphans } = chainsOf(sets);
  return {
    chain,
    chains,
    warnings: [
      ...damaged.map(({ id, problem }) => `${id} is damaged and left out: ${problem}`),
      ...orphans.map((set) => `${set.id} is left out: it ${whyOrphaned(sets, set)}`),
    ],
  };
}
