import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Environment } from '../environment/environment.ts';
import { discoverLayers } from '../environment/layers.ts';
import { chooseFiles, noChoice, type FileChoice } from '../environment/file-choice.ts';
import { type Files } from '../files/files.ts';
import { type ManifestFile } from './manifest.ts';
import { inOrder, isInFuture } from './chain-order.ts';
import { ownersByRecord, plainBits } from '../recovery/owners.ts';
import { environmentOf } from './repository.ts';
import { type BackupSet, type BrokenSet } from './backup-set.ts';

/** A full set and the incrementals that follow it, in order. */
export interface Chain {
  /** The id of the full set. */
  readonly id: string;
  readonly sets: readonly BackupSet[];
}

/** The chains of a repository, the oldest first, and incrementals whose chain is broken. */
export function chainsOf(sets: readonly BackupSet[]): {
  readonly chains: readonly Chain[];
  readonly orphans: readonly BackupSet[];
} {
  const chains = new Map<string, BackupSet[]>();
  for (const set of inOrder(sets.filter(({ manifest }) => manifest.kind !== 'incremental'))) chains.set(set.id, [set]);
  // Sets of one second do not sort by time: an incremental may come before its parent.
  let orphans = sets.filter(({ manifest }) => manifest.kind === 'incremental');
  for (let placed = true; placed;) {
    placed = false;
    orphans = orphans.filter((set) => {
      const members = chains.get(set.manifest.chain);
      if (!members || members.at(-1)!.id !== set.manifest.parent) return true;
      members.push(set);
      placed = true;
      return false;
    });
  }
  return { chains: [...chains].map(([id, members]) => ({ id, sets: members })), orphans };
}

/** A copy of a damaged source that was kept as it is: it is taken only when it is named. */
export function isUnsound({ manifest }: BackupSet): boolean {
  return manifest.unsound !== undefined;
}

/** Which chain, and how far: the newest chain to its end by default. */
export interface ChainChoice {
  /** The full set, or any set, of the chain. */
  readonly chain?: string;
  /** The last set to be used. */
  readonly toSet?: string;
}

/**
 * Finds a chain. Throws `set-missing` when there is no such set, `chain-gap` when its chain is broken, and what is wrong
 * with a broken set when it is the one wanted or there is no other.
 */
export function findChain(
  sets: readonly BackupSet[],
  { chain, toSet }: ChainChoice = {},
  broken: readonly BrokenSet[] = [],
): Chain {
  const { chains, orphans } = chainsOf(sets);
  const wanted = toSet ?? chain;
  const found =
    wanted === undefined
      ? (chains.findLast(({ sets: [full] }) => !isUnsound(full!)) ?? requireSoundOnes(chains))
      : chains.find(({ sets: members }) => members.some(({ id }) => id === wanted));
  const orphan = orphans.find(({ id }) => id === wanted);
  if (orphan) {
    throw new FigaroError('chain-gap', `${orphan.id} ${whyOrphaned(sets, orphan)}`, {
      path: orphan.directory,
      hint: 'bring the missing set back, or use another chain.',
    });
  }
  const damaged = broken.findLast(({ id, state }) => (wanted === undefined ? state === 'damaged' : id === wanted));
  if (!found && damaged) {
    throw new FigaroError(damaged.code, `${damaged.id} cannot be used: ${damaged.problem}`, {
      path: damaged.directory,
      hint: wanted === undefined ? 'there is no other full set in this repository.' : 'see `figaro-backup list`.',
    });
  }
  if (!found) {
    const message = wanted === undefined ? 'the repository holds no full set' : `there is no set ${wanted}`;
    throw new FigaroError('set-missing', message, {
      hint: wanted === undefined ? 'take one with `figaro-backup hot` or `offline`.' : 'see `figaro-backup list`.',
    });
  }
  if (chain !== undefined && toSet !== undefined && !found.sets.some(({ id }) => id === chain)) {
    throw new FigaroError('set-missing', `${toSet} is not a set of the chain of ${chain}`, {
      hint: 'see `figaro-backup list`.',
    });
  }
  if (toSet === undefined) return found;
  const end = found.sets.findIndex(({ id }) => id === toSet);
  return { id: found.id, sets: found.sets.slice(0, end + 1) };
}

/** There are only copies of damaged sources. */
function requireSoundOnes(chains: readonly Chain[]): undefined {
  const newest = chains.at(-1);
  if (!newest) return undefined;
  const { directory } = newest.sets[0]!;
  throw new FigaroError('not-recoverable', `${newest.id} is a copy of a damaged source, and there is no sound chain`, {
    path: directory,
    hint: `name it with --chain to use it all the same: recover what is not damaged with --only, or take \`${environmentOf(directory)}\` with --from and --no-check.`,
  });
}

/**
 * What is newer than the end of a chain and cannot be used: damaged sets, and incrementals without their chain. A set that
 * is dated in the future hides nothing.
 */
export function newerThan(
  chain: Chain | undefined,
  sets: readonly BackupSet[],
  broken: readonly BrokenSet[],
): { readonly id: string; readonly directory: string; readonly problem: string }[] {
  const end = chain?.sets.findLast(({ manifest }) => !isInFuture(manifest.started));
  const { orphans } = chainsOf(sets);
  return [
    ...orphans
      .filter(({ manifest }) => !end || manifest.started > end.manifest.started)
      .map((set) => ({ id: set.id, directory: set.directory, problem: whyOrphaned(sets, set) })),
    ...broken
      .filter(({ id, state }) => state === 'damaged' && (!end || id > end.id))
      .map(({ id, directory, problem }) => ({ id, directory, problem: `is damaged: ${problem}` })),
  ];
}

/** Throws `chain-gap` where the newest sets are not those of the chain that would be taken without a word. */
export function requireNewest(
  chain: Chain,
  sets: readonly BackupSet[],
  broken: readonly BrokenSet[],
  hint = `what is before it can be had by name: --chain ${chain.id}. Look at \`figaro-backup list\` first.`,
): void {
  const [newer] = newerThan(chain, sets, broken);
  if (!newer) return;
  throw new FigaroError('chain-gap', `${newer.id} is newer than ${chain.sets.at(-1)!.id}, and ${newer.problem}`, {
    path: newer.directory,
    hint,
  });
}

/** Why an incremental is in no chain, as the end of a sentence about it. */
export function whyOrphaned(sets: readonly BackupSet[], { manifest }: BackupSet): string {
  const { parent } = manifest;
  return sets.some(({ id }) => id === parent)
    ? `continues ${parent}, which is in no chain itself or continued by another set`
    : `continues ${parent}, which is not in the repository`;
}

/** The plain files of a set are part of it, whatever they hold. */
export function filesTaken(files: readonly ManifestFile[]): FileChoice {
  const names = new Set(files.filter(({ kind }) => kind === 'plain').map(({ path }) => path));
  return { ...noChoice, includes: (name) => names.has(name) };
}

/** What was to be passed over when the containers of a chain were copied. */
export function exclusionOf({ sets }: Chain): Pick<Environment, 'excludes'> {
  const patterns = sets[0]!.manifest.excluded?.patterns ?? [];
  return patterns.length === 0 ? {} : { excludes: chooseFiles([], patterns).excludes };
}

/** The databases that are not in a chain because they were excluded: by path. */
export function excludedFrom(sets: readonly BackupSet[]): readonly string[] {
  return [...new Set(sets.flatMap(({ manifest }) => manifest.excluded?.databases ?? []))].sort();
}

export interface ChainOptions {
  /** Ask for every user and group that the manifests name, also for those to whom nothing in the sets belongs. */
  readonly trustOwners?: boolean;
  /** Files are compared with their manifests before they are read: those that grew are found then. */
  readonly acceptGrown?: boolean;
}

/** A file of a set that has more bytes than its manifest says: it may have no end. Undefined when there is none. */
export function grownIn(files: Files, { directory, manifest }: BackupSet): string | undefined {
  for (const { path: name, size } of manifest.files) {
    const file = path.join(environmentOf(directory), name);
    const stat = files.statThrough(file);
    if (stat?.kind === 'file' && stat.size > size) return file;
  }
  return undefined;
}

/** The environment that the sets of a chain make up together. Throws `file-checksum` for a file that grew since. */
export function chainEnvironment(
  files: Files,
  chain: Chain,
  { trustOwners = false, acceptGrown = false }: ChainOptions = {},
): Environment {
  for (const set of acceptGrown ? [] : chain.sets) {
    const file = grownIn(files, set);
    if (file === undefined) continue;
    throw new FigaroError('file-checksum', `${file} is damaged: it has more bytes than its manifest says`, {
      path: file,
      hint: 'end before this set with --to-set, or use another chain. `figaro-backup verify` shows all that is wrong.',
    });
  }
  const environment = discoverLayers(
    files,
    chain.sets.map(({ directory }) => environmentOf(directory)),
    { choice: filesTaken(chain.sets.flatMap(({ manifest }) => manifest.files)) },
  );
  const entries = chain.sets.flatMap(({ directory, manifest }) =>
    [...manifest.files, ...(manifest.directories ?? [])].map((entry) => ({
      ...entry,
      own: files.statIfThere(path.join(environmentOf(directory), entry.path)),
    })),
  );
  const { owners, refused } = ownersByRecord(entries, trustOwners);
  const found = [...environment.owners].map(
    ([name, owner]) => [name, { ...owner, mode: owner.mode & plainBits }] as const,
  );
  const withoutLog = chain.sets[0]!.manifest.withoutLog;
  return {
    ...environment,
    owners: new Map([...found, ...owners]),
    ...(refused ? { refusedOwner: refused } : {}),
    ...(withoutLog ? { withoutLog } : {}),
    originalHome: chain.sets.at(-1)!.manifest.source,
    ...insideNamesOf(chain),
    ...exclusionOf(chain),
  };
}

function insideNamesOf({ sets }: Chain): Pick<Environment, 'insideNames'> {
  const named = sets.flatMap(({ manifest }) => manifest.outside ?? []);
  return named.length === 0
    ? {}
    : { insideNames: new Map(named.map(({ directory, path: name }) => [directory, name])) };
}
