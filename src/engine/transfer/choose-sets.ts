/** Which sets a copy of a repository lacks. It has a retention of its own: what it let go is not brought back by itself. */

import { FigaroError } from '../../errors.ts';
import { type BackupSet, type BrokenSet } from '../repository/backup-set.ts';
import { inOrder } from '../repository/chain-order.ts';
import { chainsOf, type Chain } from '../repository/chain.ts';
import { findChain } from '../repository/find-chain.ts';
import { encodeManifest } from '../repository/manifest.ts';

/** Which chains; by default those that the copy has begun to have, and those that are newer than its newest. */
export interface CopyChoice {
  /** The chain of this set, wherever it stands. */
  readonly chain?: string | undefined;
  /** The newest chain that is no copy of a damaged source. */
  readonly newestChain?: boolean;
  /** Every chain. */
  readonly all?: boolean;
}

/** What a repository holds. */
export interface Held {
  readonly sets: readonly BackupSet[];
  readonly broken: readonly BrokenSet[];
}

/** A chain, and those of its sets that the copy lacks, in order. */
export interface WantedChain {
  readonly chain: Chain;
  readonly missing: readonly BackupSet[];
}

/** Throws `usage` for choices that exclude each other. */
export function requireOneChoice({
  chain,
  newestChain,
  all,
  set,
}: CopyChoice & { readonly set?: string | undefined }): void {
  const named = {
    '--chain': chain !== undefined,
    '--set': set !== undefined,
    '--newest-chain': newestChain,
    '--all': all,
  };
  const given = Object.entries(named).filter(([, isGiven]) => isGiven === true);
  if (given.length < 2) return;
  throw new FigaroError('usage', `${given.map(([name]) => name).join(' and ')} cannot be used together`);
}

/** Throws as `findChain`. */
export function wantedChains(from: Held, to: Held, choice: CopyChoice): readonly Chain[] {
  if (choice.chain !== undefined) return [findChain(from.sets, { chain: choice.chain }, from.broken)];
  if (choice.newestChain) return [findChain(from.sets, {}, from.broken)];
  const { chains } = chainsOf(from.sets);
  if (choice.all) return chains;
  // One that is damaged there is there, and its place in the order is known from here.
  const there = new Set([...chainsOf(to.sets).chains, ...to.broken].map(({ id }) => id));
  const order = orderOf([...from.sets, ...to.sets]);
  const newest = Math.max(-1, ...[...there].map((id) => order.indexOf(id)));
  return chains.filter(({ id }) => there.has(id) || order.indexOf(id) > newest);
}

/** The full sets of both repositories, by their ids, the oldest first. */
function orderOf(sets: readonly BackupSet[]): readonly string[] {
  const full = sets.filter(({ manifest }) => manifest.kind !== 'incremental');
  return inOrder([...new Map(full.map((set) => [set.id, set])).values()]).map(({ id }) => id);
}

/**
 * What the copy lacks of a chain. Throws `chain-mismatch` where it has gone on with other sets, or has another one of the same
 * name, and what is wrong with a set of it that is damaged.
 */
export function missingOf(chain: Chain, { sets, broken }: Held): WantedChain {
  const there = chainsOf(sets).chains.find(({ id }) => id === chain.id)?.sets ?? [];
  for (const [i, { id, directory, manifest }] of there.entries()) {
    const own = chain.sets[i];
    // It may have been removed here since.
    if (!own) break;
    if (own.id !== id) {
      throw new FigaroError('chain-mismatch', `${directory} follows ${chain.sets[i - 1]!.id}, as ${own.id} does`, {
        path: directory,
        hint: 'sets were taken into both repositories: the chain cannot be continued there. The next full set begins a chain that can.',
      });
    }
    if (encodeManifest(own.manifest) !== encodeManifest(manifest)) {
      throw new FigaroError('chain-mismatch', `${directory} is another set than ${own.directory}`, {
        path: directory,
        hint: 'two sets have one name. Find out which of them is right, and move the other away.',
      });
    }
  }
  const missing = chain.sets.slice(there.length);
  for (const { id } of missing) requireAbsent(id, { sets, broken });
  return { chain, missing };
}

/** A set that is there and cannot be used is not written over. */
function requireAbsent(id: string, { sets, broken }: Held): void {
  const damaged = broken.find((set) => set.id === id && set.state === 'damaged');
  const orphan = sets.find((set) => set.id === id);
  const found = damaged ?? orphan;
  if (!found) return;
  const problem = damaged ? `is damaged: ${damaged.problem}` : 'is not where its chain could be continued';
  throw new FigaroError(damaged?.code ?? 'chain-mismatch', `${found.directory} ${problem}`, {
    path: found.directory,
    hint: 'move it away there, then run the same command again: it is copied anew.',
  });
}
