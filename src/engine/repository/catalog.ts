import { type FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { chainsOf, whyOrphaned, type Chain } from './chain.ts';
import { lastRehearsalOf, readChecks, type Check } from './checks.ts';
import { readLook } from './last-look.ts';
import { type ManifestCommit } from './manifest.ts';
import { type OnFailure } from './note-failure.ts';
import { readPin, type Pin } from './pins.ts';
import { type Repository } from './repository.ts';
import { type BackupSet, type BrokenSet } from './backup-set.ts';
import { readSetsAndRun } from './under-way.ts';
import { type WriterRun } from './writer.ts';

/** A set as a catalog shows it. */
export interface ListedSet {
  readonly set: BackupSet;
  readonly bytes: number;
  /** When an incremental last found nothing newer than this set, ISO 8601. */
  readonly lastLook: string | undefined;
  /** The newest verification; the set was proven when it was made, too. */
  readonly lastCheck: Check | undefined;
  /** The newest one that went through the recovery of the chain, and found nothing. */
  readonly lastRehearsal: Check | undefined;
  /** What the newest verification found is not known. */
  readonly hasDamagedChecks: boolean;
}

/** True for a set whose recovery nobody has gone through yet, not even when it was made: the sets before it, or the environment, could not be read then. */
export function isUnrehearsed({ set, lastRehearsal }: ListedSet): boolean {
  return set.manifest.unread === true && lastRehearsal === undefined;
}

/** A chain as a catalog shows it. */
export interface ListedChain {
  readonly id: string;
  readonly sets: readonly ListedSet[];
  readonly bytes: number;
  /** Keeps it from being expired. */
  readonly pin: Pin | undefined;
  /** Commits it can be recovered to; undefined for an environment without logs, and before the first commit. */
  readonly window: { readonly first: ManifestCommit; readonly last: ManifestCommit } | undefined;
}

/** An incremental that is in no chain. */
export interface OrphanedSet extends ListedSet {
  /** The end of a sentence about it. */
  readonly problem: string;
}

/** What a repository holds. */
export interface Catalog {
  /** In order of time of their full sets. */
  readonly chains: readonly ListedChain[];
  readonly orphans: readonly OrphanedSet[];
  /** Directories that are no sets: left unfinished, or with a manifest that cannot be trusted. */
  readonly broken: readonly BrokenSet[];
  /** The run that writes to the repository, or that ended without giving back its lock. */
  readonly run: WriterRun | undefined;
  /** Directories that the run in progress is making sets of, or is removing. */
  readonly underWay: readonly BrokenSet[];
  /** Pins and checks that the system could not read: what they say of their set is not known. */
  readonly unread: readonly FigaroError[];
}

/** Everything in a repository, by chains. Only manifests are read; whether they are true is what `verifySets` checks. */
export function listSets(files: Files, repository: Repository): Catalog {
  const { sets, broken, underWay, run } = readSetsAndRun(files, repository);
  const { chains, orphans } = chainsOf(sets);
  const unread: FigaroError[] = [];
  const onFailure = (failure: FigaroError): void => void unread.push(failure);
  return {
    chains: chains.map((chain) => describeChain(files, chain, onFailure)),
    orphans: orphans.map((set) => ({ ...describeSet(files, set, onFailure), problem: whyOrphaned(sets, set) })),
    broken,
    run,
    underWay,
    unread,
  };
}

function describeChain(files: Files, chain: Chain, onFailure: OnFailure): ListedChain {
  const sets = chain.sets.map((set) => describeSet(files, set, onFailure));
  const log = chain.sets.at(-1)!.manifest.log;
  const { firstCommit: first, lastCommit: last } = log ?? {};
  return {
    id: chain.id,
    sets,
    bytes: sets.reduce((sum, { bytes }) => sum + bytes, 0),
    pin: readPin(files, chain.sets[0]!, onFailure),
    window: first && last && { first, last },
  };
}

function describeSet(files: Files, set: BackupSet, onFailure: OnFailure): ListedSet {
  const bytes = set.manifest.files.reduce((sum, { size }) => sum + size, 0);
  const checks = readChecks(files, set, onFailure);
  return {
    set,
    bytes,
    lastLook: readLook(files, set, onFailure),
    lastCheck: checks.made.at(-1),
    lastRehearsal: lastRehearsalOf(checks),
    hasDamagedChecks: checks.isDamaged,
  };
}
