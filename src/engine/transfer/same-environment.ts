/** Whether two repositories are of one environment, as their sets tell. */

import { FigaroError } from '../../errors.ts';
import { databasesTold, placeOf, plainId } from '../repository/manifest.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { type Repository } from '../repository/repository.ts';

/** A repository, and the sets in it. */
interface Contents {
  readonly repository: Repository;
  /** The oldest first. */
  readonly sets: readonly BackupSet[];
}

/**
 * Throws `chain-mismatch` for a repository with sets of another environment. A copy has the id of what it is a copy of; of others a
 * set or a database in common is the evidence, and where nothing is known of databases, the place that was backed up.
 */
export function requireSameEnvironment(from: Contents, to: Contents): void {
  const [newest, other] = [to.sets.at(-1), from.sets.at(-1)];
  if (!newest || !other || from.repository.id === to.repository.id) return;
  const ids = new Set(from.sets.map(({ id }) => id));
  if (to.sets.some(({ id }) => ids.has(id))) return;
  const databases = databasesOf(from.sets);
  const others = databasesOf(to.sets);
  if ([...others].some((id) => databases.has(id))) return;
  const places = new Set(from.sets.map(({ manifest }) => placeOf(manifest)));
  const isUnknown = databases.size === 0 || others.size === 0;
  if (isUnknown && to.sets.some(({ manifest }) => places.has(placeOf(manifest)))) return;
  throw new FigaroError(
    'chain-mismatch',
    `${to.repository.directory} is of another environment: its newest set is ${newest.id}, of ${placeOf(newest.manifest)}, and that of ${from.repository.directory} ${other.id}, of ${placeOf(other.manifest)}`,
    {
      path: to.repository.directory,
      hint: 'copy into a directory of its own for each environment.',
    },
  );
}

function databasesOf(sets: readonly BackupSet[]): ReadonlySet<string> {
  return new Set(sets.flatMap(({ manifest }) => databasesTold(manifest).map(({ databaseId }) => plainId(databaseId))));
}
