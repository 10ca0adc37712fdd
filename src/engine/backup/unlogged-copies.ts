import { databaseOf } from '../environment/paged-files.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type NamedPages } from './named-pages.ts';

/**
 * Marks the copies of databases that are written without the log, and returns them. One file with a page that the log
 * changed, or that the log names, speaks for all files of its database: a partition can be empty, and the first page of
 * a queue does not change as long as its records are in extents.
 */
export function markUnlogged(containers: readonly ContainerCopy[], named: NamedPages): ContainerCopy[] {
  const isLogged = ({ isLogged: hasLsns, paged }: ContainerCopy): boolean => hasLsns || !!named.of(paged.format.uid);
  const logged = new Set(containers.filter(isLogged).map(({ name }) => databaseOf(name)));
  for (const copy of containers) copy.isUnlogged = !logged.has(databaseOf(copy.name));
  return containers.filter(({ isUnlogged }) => isUnlogged);
}
