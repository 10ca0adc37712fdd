/**
 * How a repository lies in a store: the objects have the names that the files of a repository in a directory have, so that either can
 * be made of the other by any program that copies files. Two things are other: checks, since nothing can be appended to
 * an object, and the lock.
 */

import { isInside } from '../fields.ts';
import { checksName } from '../repository/checks.ts';
import { lastLookName } from '../repository/last-look.ts';
import { setName } from '../repository/manifest.ts';
import { pinName } from '../repository/pins.ts';
import { repositoryName } from '../places.ts';
import { type StoredObject } from '../store/store.ts';

export const manifestName = 'manifest.json';
export const sumsName = 'SHA256SUMS';

/** What begins the names of the objects by which runs keep each other out. */
export const locksPrefix = 'locks/';

/** What stands beside the manifest of a set and can change. */
export const noteNames: readonly string[] = [pinName, lastLookName];

/** What begins the names of the objects that checks are in, one each, in a set. */
export const checksPrefix = `${checksName}.`;

/** What is in a note, or an object of checks, in bytes: more is none. */
export const noteLimit = 1 << 20;

/** True for an object of a set that checks are in. */
export function isOfChecks(name: string): boolean {
  return name === checksName || name.startsWith(checksPrefix);
}

/** A set as it lies in a store. */
export interface StoredSet {
  readonly id: string;
  /** By name in the set, such as `environment/docs.dbxml`. */
  readonly objects: ReadonlyMap<string, StoredObject>;
}

export interface StoredRepository {
  /** Its `repository.json`; undefined where there is none. */
  readonly head: StoredObject | undefined;
  readonly sets: readonly StoredSet[];
  /** What the names of objects begin with that are those of another repository; undefined where there is none. */
  readonly below: string | undefined;
}

/** What a repository is made of. Objects that are no part of one, or whose names could be no files of one, are passed over. */
export function sortObjects(objects: readonly StoredObject[]): StoredRepository {
  const sets = new Map<string, Map<string, StoredObject>>();
  let [head, below]: [StoredObject?, string?] = [];
  for (const object of objects) {
    if (object.name === repositoryName) head = object;
    const [id = '', ...rest] = object.name.split('/');
    // In sets, such a file may be one of the application's.
    if (rest.at(-1) === repositoryName && !setName.test(id)) below ??= object.name.slice(0, -repositoryName.length - 1);
    if (!setName.test(id) || rest.length === 0 || !isFileName(rest.join('/'))) continue;
    const set = sets.get(id) ?? new Map<string, StoredObject>();
    sets.set(id, set.set(rest.join('/'), object));
  }
  return { head, sets: [...sets].map(([id, within]) => ({ id, objects: within })), below };
}

/** A name that leads nowhere else as the name of a file. */
function isFileName(name: string): boolean {
  return isInside(name) && !name.includes('\\');
}
