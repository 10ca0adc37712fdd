/** Places that must lie apart: what is written to one must not be part of the other. */

import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError } from '../errors.ts';
import { asOnWindows } from '../format/windows-names.ts';
import { type Files, placeOf } from './files/files.ts';
import { directoryOf } from './environment/outside.ts';

export interface Place {
  /** What messages call it: `the repository`. */
  readonly what: string;
  readonly path: string;
}

/** A repository is a directory with a file of this name, a standby one with the other. */
export const repositoryName = 'repository.json';
export const standbyName = 'standby.json';

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

/** As `requireApart`, for a place that the other one may lie in: it must not lie inside the other, or be it. */
export function requireOutside(files: Files, inner: Place, outer: Place): void {
  if (!isInsideOf(files, inner.path, outer.path)) return;
  throw isInsideOf(files, outer.path, inner.path) ? isTheSame(inner, outer) : liesInside(inner, outer);
}

/**
 * Throws `usage` for a place that looks as if it were not on this machine, or as if a shell had not replaced a variable in
 * it: no directory of such a name is made. One that is there is used.
 */
export function requireLocal(
  files: Files,
  { what, path: text }: Place,
  platform: NodeJS.Platform = process.platform,
): void {
  const isWindows = platform === 'win32';
  const segments = text.split(isWindows ? /[\\/]/ : '/');
  for (const [i, segment] of segments.entries()) {
    const look = lookOf(segment, i === 0, isWindows);
    if (look === undefined || files.statThrough(path.resolve(segments.slice(0, i + 1).join('/')))) continue;
    throw new FigaroError('usage', `${what} ${text} ${look.problem}`, {
      path: text,
      hint: `${look.hint} If a directory is really to be called ${segment}, make it first.`,
    });
  }
}

function lookOf(segment: string, isFirst: boolean, isWindows: boolean): { problem: string; hint: string } | undefined {
  const isDrive = isWindows && /^[a-z]:$/i.test(segment);
  if (isFirst && !isDrive && (segment.includes(':') || segment.startsWith('\\\\'))) {
    return {
      problem: 'is not a directory of this machine',
      hint: 'mount it, and name the directory where it is mounted.',
    };
  }
  if (/\$\{?[A-Za-z_]|%[A-Za-z_]+%/.test(segment) || (isFirst && segment.startsWith('~'))) {
    return {
      problem: 'holds something that a shell would have replaced',
      hint: 'write the whole path: nothing is replaced in single quotes, after = and in the configuration file.',
    };
  }
  return undefined;
}

/** Throws `usage` where what is to be written would become part of a repository or a standby, of whatever it may be. */
export function requireNoneAbove(files: Files, place: Place): void {
  const above = ownPlaceAbove(files, place.path);
  if (above) throw liesInside(place, above);
}

/** The repository or the standby that a directory lies in. */
export function ownPlaceAbove(files: Files, directory: string): Place | undefined {
  const real = realPathToBe(files, path.resolve(directory));
  for (let at = path.dirname(real); ; at = path.dirname(at)) {
    for (const [name, what] of [
      [repositoryName, 'the repository'],
      [standbyName, 'the standby'],
    ] as const) {
      if (files.statIfThere(path.join(at, name))) return { what, path: at };
    }
    if (at === path.dirname(at)) return undefined;
  }
}

/** An environment as places: its directory, and those that links in it lead to. */
export function placesOf(files: Files, what: string, home: string, directories: readonly string[]): Place[] {
  const elsewhere = directories
    .map((directory) => path.join(home, directory))
    .filter((at) => files.statThrough(at) && !isInsideOf(files, at, home));
  return [home, ...elsewhere].map((at) => ({ what, path: placeOf(files, at) }));
}

/** What a manifest says of its source. */
interface Origin {
  readonly host: string;
  readonly source: string;
  readonly directories?: readonly { readonly path: string }[];
  readonly outside?: readonly { readonly directory: string }[];
}

/**
 * The environments that manifests name as their source, as far as they are on this machine. What is written must not lie
 * in one: sources are only read.
 */
export function sourcesHere(files: Files, origins: readonly Origin[]): Place[] {
  const bySource = new Map(origins.filter(({ host }) => host === hostname()).map((origin) => [origin.source, origin]));
  return [...bySource.values()]
    .filter(({ source }) => path.isAbsolute(source) && files.statThrough(source)?.kind === 'directory')
    .flatMap(({ source, directories = [], outside = [] }) => {
      const names = directories.map((directory) => directory.path);
      const elsewhere = outside
        .map(({ directory }) => directoryOf(files, source, directory))
        .filter((at) => files.statThrough(at));
      return [
        ...placesOf(files, 'the environment', source, names),
        ...elsewhere.map((at) => ({ what: 'the environment', path: at })),
      ];
    });
}

/** True when both names lead to the same place. */
export function isSamePlace(files: Files, place: string, other: string): boolean {
  return isInsideOf(files, place, other) && isInsideOf(files, other, place);
}

function liesInside(inner: Place, outer: Place): FigaroError {
  return new FigaroError('usage', `${inner.what} ${inner.path} lies inside ${outer.what} ${outer.path}`, {
    path: inner.path,
    hint: 'choose a place outside of it, best on another disk.',
  });
}

function isTheSame(place: Place, other: Place): FigaroError {
  return new FigaroError('usage', `${place.what} ${place.path} is the same directory as ${other.what}`, {
    path: place.path,
    hint: 'choose another one, best on another disk.',
  });
}

function isInsideOf(files: Files, inner: string, outer: string): boolean {
  const directory = realPathToBe(files, path.resolve(inner));
  const around = realPathToBe(files, path.resolve(outer));
  if (isAtOrBelow(directory, around)) return true;
  // One directory can be mounted at several places.
  const there = files.statThrough(around);
  if (!there || there.inode === 0) return false;
  for (let at = directory; ; at = path.dirname(at)) {
    const stat = files.statThrough(at);
    if (stat && stat.device === there.device && stat.inode === there.inode) return true;
    if (at === path.dirname(at)) return false;
  }
}

/** Whether a path without links is another one, or leads below it. On Windows, small letters and capitals are the same. */
export function isAtOrBelow(inner: string, outer: string, platform: NodeJS.Platform = process.platform): boolean {
  const isWindows = platform === 'win32';
  const { sep } = isWindows ? path.win32 : path.posix;
  const [below, above] = isWindows ? [asOnWindows(inner), asOnWindows(outer)] : [inner, outer];
  return below === above || below.startsWith(above.endsWith(sep) ? above : above + sep);
}

/** Where something is, or would be: links above it are followed. */
function realPathToBe(files: Files, place: string): string {
  if (files.statThrough(place)) return files.realPath(place);
  const parent = path.dirname(place);
  return parent === place ? place : path.join(realPathToBe(files, parent), path.basename(place));
}
