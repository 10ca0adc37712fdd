/** Which chain is meant: by the name of a set, which may be shortened, or the newest. */

import { FigaroError } from '../../errors.ts';
import { shellWord } from '../../shell-words.ts';
import { chainsOf, isUnsound, whyOrphaned, type Chain } from './chain.ts';
import { type BackupSet, type BrokenSet } from './backup-set.ts';
import { environmentOf } from './repository.ts';

/**
 * Which chain, and how far: the newest chain to its end by default. Names of sets may be shortened to what is unique, and
 * `latest` is the last set of the newest chain.
 */
export interface ChainChoice {
  /** The full set, or any set, of the chain. */
  readonly chain?: string;
  /** The last set to be used. */
  readonly toSet?: string;
}

const latest = 'latest';

/** True where nobody said which set, or said that it is to be the newest. */
export function isNewestWanted(name: string | undefined): boolean {
  return name === undefined || name === latest;
}

/**
 * Finds a chain. Throws `set-missing` when there is no such set, `usage` for a name that may mean several, `chain-gap` when
 * its chain is broken, and what is wrong with a broken set when it is the one wanted or there is no other.
 */
export function findChain(
  sets: readonly BackupSet[],
  { chain, toSet }: ChainChoice = {},
  broken: readonly BrokenSet[] = [],
): Chain {
  const ofChain = isNewestWanted(chain) ? undefined : chainOf(sets, chain!, broken);
  if (isNewestWanted(toSet)) return ofChain ?? newestSound(sets, broken);
  const found = chainOf(sets, toSet!, broken);
  const other = ofChain ?? (chain === latest ? newestSound(sets, broken) : found);
  const name = nameOf(sets, toSet!, broken);
  if (other.id !== found.id) {
    throw new FigaroError('set-missing', `${name} is not a set of the chain of ${chain}`, {
      hint: 'see `figaro-backup list`.',
    });
  }
  return { id: found.id, sets: found.sets.slice(0, found.sets.findIndex(({ id }) => id === name) + 1) };
}

/** Finds a set, whether or not it is in a chain. Throws as `findChain`. */
export function findSet(sets: readonly BackupSet[], given: string, broken: readonly BrokenSet[]): BackupSet {
  if (given === latest) return newestSound(sets, broken).sets.at(-1)!;
  const name = nameOf(sets, given, broken);
  return sets.find(({ id }) => id === name) ?? chainOf(sets, name, broken).sets[0]!;
}

function newestSound(sets: readonly BackupSet[], broken: readonly BrokenSet[]): Chain {
  const { chains } = chainsOf(sets);
  const found = chains.findLast(({ sets: [full] }) => !isUnsound(full!));
  if (found) return found;
  const newest = chains.at(-1);
  if (newest) throw allUnsound(newest);
  throw (
    whyNone(broken) ??
    new FigaroError('set-missing', 'the repository holds no full set', {
      hint: 'take one with `figaro-backup hot` or `offline`.',
    })
  );
}

/** What is wrong with the newest set where there is no chain; undefined where there never was one. */
export function whyNone(broken: readonly BrokenSet[]): FigaroError | undefined {
  const damaged = broken.findLast(({ state }) => state === 'damaged');
  return damaged && unusable(damaged, 'there is no other full set in this repository.');
}

/** The chain of a set. A shortened name may mean several sets of one chain. */
function chainOf(sets: readonly BackupSet[], given: string, broken: readonly BrokenSet[]): Chain {
  const { chains, orphans } = chainsOf(sets);
  const meant = namesMeant(sets, given, broken);
  const found = chains.find(({ sets: members }) => members.some(({ id }) => id === meant[0]));
  const isOne = meant.every((name) => found?.sets.some(({ id }) => id === name));
  if (found && isOne) return found;
  const name = nameOf(sets, given, broken);
  const orphan = orphans.find(({ id }) => id === name);
  if (orphan) {
    throw new FigaroError('chain-gap', `${orphan.id} ${whyOrphaned(sets, orphan)}`, {
      path: orphan.directory,
      hint: 'bring the missing set back, or use another chain.',
    });
  }
  const damaged = broken.find(({ id }) => id === name);
  if (damaged) throw unusable(damaged, 'see `figaro-backup list`.');
  throw new FigaroError('set-missing', `there is no set ${given}`, { hint: 'see `figaro-backup list`.' });
}

/** The whole name of a set; as it was given where there is none. Throws `usage` when it may mean several. */
function nameOf(sets: readonly BackupSet[], given: string, broken: readonly BrokenSet[]): string {
  const meant = namesMeant(sets, given, broken);
  if (meant.length < 2) return meant[0] ?? given;
  const more = meant.length > 3 ? `, and ${meant.length - 3} more` : '';
  throw new FigaroError('usage', `${given} may mean ${meant.slice(0, 3).join(', ')}${more}`, {
    hint: 'write more of the name.',
  });
}

/** The sets that people may mean by a name: all of it, how it begins, or the part that chance made. */
function namesMeant(sets: readonly BackupSet[], given: string, broken: readonly BrokenSet[]): readonly string[] {
  const ids = [...sets, ...broken].map(({ id }) => id);
  if (given === '' || ids.includes(given)) return given === '' ? [] : [given];
  return ids.filter((id) => id.startsWith(given) || id.endsWith(`-${given}`));
}

function unusable({ id, code, problem, directory }: BrokenSet, hint: string): FigaroError {
  return new FigaroError(code, `${id} cannot be used: ${problem}`, { path: directory, hint });
}

/** There are only copies of damaged sources. */
function allUnsound({ id, sets: [full] }: Chain): FigaroError {
  const { directory } = full!;
  return new FigaroError('not-recoverable', `${id} is a copy of a damaged source, and there is no sound chain`, {
    path: directory,
    hint: `\`figaro-backup recover --chain ${id} --only NAME\` recovers what is not damaged, and \`figaro-backup recover --from ${shellWord(environmentOf(directory))} --no-check\` all of it, as it is.`,
  });
}
