/**
 * How a packed repository lies in a store. What is small of a set is an object each, as in a plain one, compressed and perhaps encrypted;
 * its files are pieces of packs, which sets have in common:
 *
 *     repository.json   README.txt   restore.py   key.age
 *     sets/SET/manifest.json.zst.age, contents.zst.age, pages.zst.age, and notes
 *     packs/SET.ORIGIN/NUMBER.zst.age
 */

import { randomBytes } from 'node:crypto';
import { setName } from '../repository/manifest.ts';

/** The names of what says where the bytes of files are, and what pages were, in a set. */
export const contentsName = 'contents';
export const pagesName = 'pages';

/** What the names of all objects of sets begin with, and those of packs. */
export const setsPrefix = 'sets/';
export const packsPrefix = 'packs/';

/** In bytes, before compression: more than that is begun by no page or part of a log. */
export const packSize = 1 << 20;

/** What a pack holds at most, in bytes: the last page may go beyond its size. */
export const packLimit = packSize + (64 << 10);

/** What the packs of a set are called that is being written: no other one, not even the same set written again, has such names. */
export function newOrigin(set: string): string {
  return `${set}.${randomBytes(4).toString('hex')}`;
}

/** The name of a pack without what comes before and after it: `ORIGIN/NUMBER`. */
export function packName(origin: string, number: number): string {
  return `${origin}/${String(number).padStart(6, '0')}`;
}

/** True for what `packName` makes. */
export function isPackName(text: string): boolean {
  const [, set = ''] = /^([^/.]+)\.[0-9a-f]{8}\/\d{6,9}$/.exec(text) ?? [];
  return setName.test(set);
}

/** The name of an object as a plain repository has it, `SET/NAME`, in its parts; undefined for what belongs to no set. */
export function partsOf(name: string): { readonly set: string; readonly rest: string } | undefined {
  const end = name.indexOf('/');
  const set = name.slice(0, Math.max(end, 0));
  return setName.test(set) ? { set, rest: name.slice(end + 1) } : undefined;
}
