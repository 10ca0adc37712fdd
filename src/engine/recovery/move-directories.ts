/** Directories of an environment that get another name in the recovered one. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { moveInConfig, normalDirectory } from '../environment/db-config.ts';
import { type Environment } from '../environment/environment.ts';
import { makeDirectories } from '../files/tree.ts';
import { readIfThere } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';

/** New directory by old one, relative to home, as DB_CONFIG writes the old one. */
export type DirectoryMoves = ReadonlyMap<string, string>;

/** Throws `usage` for a directory that DB_CONFIG does not name, and for a new name that is no free one inside of home. */
export function requireMovable({ config, directories, files }: Environment, moves: DirectoryMoves): void {
  const named = [...new Set(config.directories.map(normalDirectory))].filter((name) => name !== '');
  const taken = [...directories, ...files.map(({ name }) => name)].filter((name) => name !== '');
  for (const [from, to] of moves) {
    if (!named.includes(normalDirectory(from))) {
      const hint = named.length === 0 ? 'it names no directories.' : `it names ${named.join(', ')}.`;
      throw new FigaroError('usage', `DB_CONFIG does not name the directory ${from}`, { hint });
    }
    const target = normalDirectory(to);
    if (target === '' || path.posix.isAbsolute(target) || path.win32.isAbsolute(to) || /^\.\.(\/|$)/.test(target)) {
      throw new FigaroError('usage', `${to} is not a directory inside of the environment`, {
        hint: 'give its path in the new directory, such as data.',
      });
    }
    const clash = taken.find((name) => isInside(name, target) || isInside(target, name));
    if (clash !== undefined) {
      throw new FigaroError('usage', `${from} can not become ${to}: the environment has ${clash} already`, {
        hint: 'choose a name that is free.',
      });
    }
    taken.push(target);
  }
}

function isInside(name: string, directory: string): boolean {
  return `${name}/`.startsWith(`${directory}/`);
}

/** Gives directories their new names, in `home` and in its DB_CONFIG, and makes that last. */
export function moveDirectories(files: Files, home: string, moves: DirectoryMoves): void {
  if (moves.size === 0) return;
  // What is inside of another one first.
  const byDepth = [...moves].sort(([a], [b]) => normalDirectory(b).length - normalDirectory(a).length);
  for (const [from, to] of byDepth) {
    const old = path.join(home, normalDirectory(from));
    const moved = path.join(home, normalDirectory(to));
    makeDirectories(files, path.dirname(moved));
    if (!files.statIfThere(old)) continue;
    files.rename(old, moved);
    files.syncDirectory(path.dirname(old));
    files.syncDirectory(path.dirname(moved));
  }
  const config = path.join(home, 'DB_CONFIG');
  const owner = files.statIfThere(config)!;
  const text = Buffer.from(readIfThere(files, config)!).toString('utf8');
  writeDurably(files, config, moveInConfig(text, moves));
  files.setOwner(config, owner);
}
