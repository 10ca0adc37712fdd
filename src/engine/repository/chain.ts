import path from 'node:path';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { type Environment } from '../environment/environment.ts';
import { layerEnvironments } from '../environment/layers.ts';
import { lookAtSet, setEnvironment } from './set-environment.ts';
import { chooseFiles, noChoice, type FileChoice } from '../environment/file-choice.ts';
import { type Files } from '../files/files.ts';
import { type ManifestFile } from './manifest.ts';
import { inOrder, isInFuture } from './chain-order.ts';
import { ownersByRecord, plainBits, type OwnerRecord } from '../recovery/owners.ts';
import { environmentOf, stampOf } from './repository.ts';
import { isHidden, type BackupSet, type BrokenSet } from './backup-set.ts';

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

/** True for a chain of which a recovery to its end was rehearsed when its last set was made. */
export function isProven({ sets }: Chain): boolean {
  return sets.at(-1)!.manifest.proof !== undefined && !sets.some(isUnsound);
}

/** A set that is newer than a chain, and cannot be used. */
export interface UnusedSet {
  readonly id: string;
  readonly directory: string;
  /** Its manifest cannot be read; else it is an incremental without its chain. */
  readonly isDamaged: boolean;
  /** As the end of a sentence about it. */
  readonly problem: string;
  /** `chain-gap`, or what kept the system from showing it, or a set that it continues: then trying again may help. */
  readonly code: ErrorCode;
}

/**
 * What is newer than the end of a chain and cannot be used: damaged sets, and incrementals without their chain. A set that
 * is dated in the future hides nothing.
 */
export function newerThan(
  chain: Chain | undefined,
  sets: readonly BackupSet[],
  broken: readonly BrokenSet[],
): UnusedSet[] {
  const end = chain?.sets.findLast(({ manifest }) => !isInFuture(manifest.started));
  const { orphans } = chainsOf(sets);
  const hidden = new Map(broken.filter(isHidden).map(({ id, code }) => [id, code]));
  const parents = new Map(sets.map(({ id, manifest }) => [id, manifest.parent]));
  const codeOf = (id: string): ErrorCode => {
    // Of a repository that is anybody's, sets may follow each other in a circle.
    const seen = new Set<string>();
    let at: string | undefined = id;
    for (; at !== undefined && !hidden.has(at) && !seen.has(at); at = parents.get(at)) seen.add(at);
    return (at === undefined ? undefined : hidden.get(at)) ?? 'chain-gap';
  };
  const unused = (id: string, directory: string, isDamaged: boolean, problem: string): UnusedSet => ({
    id,
    directory,
    isDamaged,
    problem,
    code: codeOf(id),
  });
  return [
    ...orphans
      .filter(({ manifest }) => !end || manifest.started > end.manifest.started)
      .map((set) => unused(set.id, set.directory, false, whyOrphaned(sets, set))),
    ...broken
      .filter(({ id, state }) => state === 'damaged' && (!end || isNamedAfter(id, end)))
      .map(({ id, directory, problem }) => unused(id, directory, true, `is damaged: ${problem}`)),
  ];
}

/**
 * True when the name of a set is of a later time than another one, or than the state that a consolidated one holds. Names tell seconds
 * only: of two of one second, either may be the newer.
 */
function isNamedAfter(id: string, { id: other, manifest }: BackupSet): boolean {
  const time = /^[^-]*/;
  if (!manifest.consolidated) return id !== other && time.exec(id)![0] >= time.exec(other)![0];
  const stamp = stampOf(new Date(manifest.started));
  return id.slice(0, stamp.length) > stamp;
}

/** Throws the code of an `UnusedSet` where the newest sets are not those of the chain that would be taken without a word. */
export function requireNewest(
  chain: Chain,
  sets: readonly BackupSet[],
  broken: readonly BrokenSet[],
  hint = `what is before it can be had by name: --chain ${chain.id}. Look at \`figaro-backup list\` first.`,
): void {
  const [newer] = newerThan(chain, sets, broken);
  if (!newer) return;
  throw new FigaroError(newer.code, `${newer.id} is newer than ${chain.sets.at(-1)!.id}, and ${newer.problem}`, {
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

interface ChainOptions {
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
      hint: 'use another chain, or end before this set: `figaro-backup recover --to-set SET`. `figaro-backup verify` shows all that is wrong.',
    });
  }
  const choice = filesTaken(chain.sets.flatMap(({ manifest }) => manifest.files));
  const layers: Environment[] = [];
  const entries: OwnerRecord[] = [];
  for (const set of chain.sets) {
    const look = lookAtSet(files, set);
    layers.push(setEnvironment(files, set, layers.at(-1)?.config, choice, look));
    const { files: told, directories = [] } = set.manifest;
    for (const { path: name, mode, uid, gid } of [...told, ...directories]) {
      entries.push({ path: name, mode, uid, gid, own: look(name) });
    }
  }
  const environment = layerEnvironments(layers);
  const { owners, refused } = ownersByRecord(entries, trustOwners);
  const found = [...environment.owners].map(
    ([name, owner]) => [name, { ...owner, mode: owner.mode & plainBits }] as const,
  );
  const { withoutLog, consolidated, log } = chain.sets[0]!.manifest;
  return {
    ...environment,
    owners: new Map([...found, ...owners]),
    ...(refused ? { refusedOwner: refused } : {}),
    ...(withoutLog ? { withoutLog } : {}),
    ...(consolidated && log ? { stateAt: log.end } : {}),
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
