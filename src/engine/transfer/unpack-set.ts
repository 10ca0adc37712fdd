/** A set out of its repository, wherever and however that keeps it, as a plain directory: what a plain repository has for it. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { requireLocal, requireNoneAbove, requireOutside, sourcesHere } from '../places.ts';
import { beginStage, discardStage, sweepBeside } from '../recovery/leftovers.ts';
import { publish } from '../recovery/publish.ts';
import { requireEmptyTarget } from '../recovery/requirements.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { chainsOf } from '../repository/chain.ts';
import { findSet } from '../repository/find-chain.ts';
import { environmentOf, readSets, type Repository } from '../repository/repository.ts';
import { RepositorySink } from './repository-sink.ts';
import { bytesOf, sendSet } from './send-set.ts';

export interface UnpackOptions {
  /** Its name, which may be shortened, or `latest`. */
  readonly set: string;
  /** A directory that is empty or does not exist. */
  readonly to: string;
  readonly watch?: Watch;
}

export interface UnpackedSet {
  readonly set: BackupSet;
  readonly directory: string;
  readonly bytes: number;
  /** The sets of its chain before it, in order: an incremental is nothing without them. */
  readonly before: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Unpacks a set: all of it, compared with its manifest and synced, or nothing. Throws as `findSet` and `sendSet`, `target-not-empty`, `usage` where the
 * target is no place of its own, and `no-space`.
 */
export async function unpackSet(
  all: Files,
  repository: Repository,
  { set: given, to, watch = {} }: UnpackOptions,
): Promise<UnpackedSet> {
  const directory = path.resolve(to);
  const target = { what: 'the target', path: directory };
  requireLocal(all, { ...target, path: to });
  requireNoneAbove(all, target);
  requireEmptyTarget(all, directory);
  const { sets, broken } = readSets(all, repository);
  const set = findSet(sets, given, broken);
  for (const source of sourcesHere(all, [set.manifest])) requireOutside(all, target, source);
  const bytes = bytesOf(set);
  const { stage, files, lease } = beginStage(all, directory, 'unpacking');
  try {
    const warnings = sweepBeside(files, directory, stage, 'unpacking');
    requireRoom(files, stage, set.id, bytes);
    const inside = { directory: path.join(stage, 'repository'), id: repository.id };
    files.makeDirectory(inside.directory);
    await sendSet(files, set, new RepositorySink(files, inside), watch);
    const unpacked = path.join(inside.directory, set.id);
    // Where a set comes from does not always know.
    for (const { path: name, modifiedMs } of set.manifest.files) {
      files.setTimes(path.join(environmentOf(unpacked), name), modifiedMs);
    }
    publish(files, stage, unpacked, directory);
    return { set, directory, bytes, before: setsBefore(sets, set), warnings };
  } catch (error) {
    throw lease.reasonOf(error);
  } finally {
    discardStage(all, stage);
    lease.stop();
  }
}

function requireRoom(files: Files, stage: string, id: string, bytes: number): void {
  const bytesFree = files.freeSpace(stage);
  if (bytesFree >= bytes) return;
  const directory = path.dirname(stage);
  throw new FigaroError(
    'no-space',
    `${directory} has ${formatBytes(bytesFree)} free, and ${id} needs ${formatBytes(bytes)}`,
    { path: directory, hint: 'make room there, or choose a directory on another file system.' },
  );
}

function setsBefore(sets: readonly BackupSet[], { id }: BackupSet): readonly string[] {
  const chain = chainsOf(sets).chains.find((one) => one.sets.some((set) => set.id === id));
  const names = chain?.sets.map((set) => set.id) ?? [];
  return names.slice(0, Math.max(0, names.indexOf(id)));
}
