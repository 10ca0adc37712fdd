/** Places that must lie apart: what is written to one must not be part of the other. */

import path from 'node:path';
import { FigaroError } from '../errors.ts';
import { type Files } from './files.ts';

export interface Place {
  /** What messages call it: `the repository`. */
  readonly what: string;
  readonly path: string;
}

/**
 * Throws `usage` where one of the places lies inside another one, or is the same, whatever links or mounts lead there. To
 * be asked before anything is made; places need not exist yet.
 */
export function requireApart(files: Files, ...places: readonly Place[]): void {
  for (const [i, place] of places.entries()) {
    for (const other of places.slice(i + 1)) {
      requireOutside(files, place, other);
      requireOutside(files, other, place);
    }
  }
}

/** As `requireApart`, for a file that is written: it must not lie inside the other place, or be it. */
export function requireOutside(files: Files, inner: Place, outer: Place): void {
  if (!isInsideOf(files, inner, outer)) return;
  throw new FigaroError('usage', `${inner.what} ${inner.path} lies inside ${outer.what} ${outer.path}`, {
    path: inner.path,
    hint: 'choose a place outside of it, best on another disk.',
  });
}

function isInsideOf(files: Files, inner: Place, outer: Place): boolean {
  const directory = realPathToBe(files, path.resolve(inner.path));
  const around = realPathToBe(files, path.resolve(outer.path));
  if (directory === around || directory.startsWith(around.endsWith(path.sep) ? around : around + path.sep)) return true;
  // One directory can be mounted at several places.
  const there = files.statThrough(around);
  if (!there || there.inode === 0) return false;
  for (let at = directory; ; at = path.dirname(at)) {
    const stat = files.statThrough(at);
    if (stat && stat.device === there.device && stat.inode === there.inode) return true;
    if (at === path.dirname(at)) return false;
  }
}

/** Where something is, or would be: links above it are followed. */
function realPathToBe(files: Files, place: string): string {
  if (files.statThrough(place)) return files.realPath(place);
  const parent = path.dirname(place);
  return parent === place ? place : path.join(realPathToBe(files, parent), path.basename(place));
}
