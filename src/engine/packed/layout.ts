/**
 * How a packed repository lies in a store. What is small of a set is an object each, as in a plain one, compressed and perhaps encrypted;
 * its files are pieces of packs, which sets have in common:
 *
 *     repository.json   README.txt   restore.py   key.age
 *     sets/SET/manifest.json.zst.age, contents.ORIGIN.zst.age, pages.ORIGIN.zst.age, and notes
 *     packs/SET.ORIGIN/NUMBER.zst.age
 *
 * Several runs may have begun the same set, each with an ORIGIN of its own: the manifest says whose contents are those of the set.
 */

import { randomBytes } from 'node:crypto';
import { setName } from '../repository/manifest.ts';

export const manifestName = 'manifest.json';

/** The names in a set of what says where the bytes of files are, and what pages were. */
export function contentsName(origin: string): string {
  return `contents.${origin}`;
}

export function pagesName(origin: string): string {
  return `pages.${origin}`;
}

/** True for what `contentsName` makes. */
export function isContentsName(name: string): boolean {
  return /^contents\.[0-9a-f]{8}$/.test(name);
}

/** True for what `pagesName` makes. */
export function isPagesName(name: string): boolean {
  return /^pages\.[0-9a-f]{8}$/.test(name);
}

/** What the names of all objects of sets begin with, and those of packs. */
export const setsPrefix = 'sets/';
export const packsPrefix = 'packs/';

/** In bytes, before compression: more than that is begun by no page or part of a log. */
export const packSize = 1 << 20;

/** What a pack holds at most, in bytes: the last page may go beyond its size. */
export const packLimit = packSize + (64 << 10);

/** What tells apart the packs and contents of a set that is being written: no other run, not even one that writes the same set again, has it. */
export function newOrigin(): string {
  return randomBytes(4).toString('hex');
}

/** What the names of all packs begin with that were written for a set. */
export function packsOf(set: string, origin: string): string {
  return `${set}.${origin}/`;
}

/** The name of a pack without what comes before and after it: `SET.ORIGIN/NUMBER`. */
export function packName(set: string, origin: string, number: number): string {
  return `${packsOf(set, origin)}${String(number).padStart(6, '0')}`;
}

/** True for what `packName` makes. */
export function isPackName(text: string): boolean {
  const [, set = ''] = /^([^/.]+)\.[0-9a-f]{8}\/\d{6,9}$/.exec(text) ?? [];
  return setName.test(set);
}

/** Whose files a pack was written for, by its name, and by which run. */
export function writtenFor(pack: string): { readonly set: string; readonly origin: string } {
  const [set = '', origin = ''] = pack.split('/', 1)[0]!.split('.');
  return { set, origin };
}

/** What begins anew: an incremental has nothing of the pages before, and needs no packs but its own. */
export function isFull(set: string): boolean {
  return !set.includes('-incremental-');
}

/** The name of an object as a plain repository has it, `SET/NAME`, in its parts; undefined for what belongs to no set. */
export function partsOf(name: string): { readonly set: string; readonly rest: string } | undefined {
  const end = name.indexOf('/');
  const set = name.slice(0, Math.max(end, 0));
  return setName.test(set) ? { set, rest: name.slice(end + 1) } : undefined;
}
