/** Directories of an environment that get another name in the recovered one. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { isOutside, normalDirectory } from '../../format/names.ts';
import { moveInConfig } from '../environment/db-config.ts';
import { type Environment } from '../environment/environment.ts';
import { makeDirectories } from '../files/tree.ts';
import { readIfThere } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { type PlacedDirectories, type Placements } from './place-directories.ts';

/** New directory by old one: inside of the recovered environment, or absolute and outside of it. */
export type DirectoryMoves = ReadonlyMap<string, string>;

/** What directories are called inside, and what becomes of them. */
export interface DirectoryPlan {
  /** Names inside by names inside. */
  readonly moves: DirectoryMoves;
  /** Absolute places by names inside. */
  readonly placements: Placements;
}

/**
 * Finds out what is asked for. Directories are named as DB_CONFIG names them, in the source or in its sets. Throws `usage` for
 * one that it does not name, and for a new name that is not free.
 */
export function planDirectories(environment: Environment, asked: DirectoryMoves): DirectoryPlan {
  const { config, directories, files, insideNames = new Map<string, string>() } = environment;
  const inside = config.directories.map(normalDirectory).filter((name) => name !== '');
  const taken = [...directories, ...files.map(({ name }) => name)].filter((name) => name !== '');
  const moves = new Map<string, string>();
  const placements = new Map<string, string>();
  for (const [written, to] of asked) {
    const from = normalDirectory(insideNames.get(written) ?? insideNames.get(normalDirectory(written)) ?? written);
    if (!inside.includes(from)) {
      const named = [...new Set([...insideNames.keys(), ...inside.filter((name) => !isMapped(insideNames, name))])];
      const hint = named.length === 0 ? 'it names no directories.' : `it names ${named.join(', ')}.`;
      throw new FigaroError('usage', `DB_CONFIG does not name the directory ${written}`, { hint });
    }
    if (path.isAbsolute(to)) placements.set(from, path.resolve(to));
    else {
      requireFreeName(written, to, taken);
      taken.push(normalDirectory(to));
      moves.set(from, normalDirectory(to));
    }
  }
  return { moves, placements };
}

function isMapped(insideNames: ReadonlyMap<string, string>, name: string): boolean {
  return [...insideNames.values()].some((mapped) => normalDirectory(mapped) === name);
}

function requireFreeName(from: string, to: string, taken: readonly string[]): void {
  const target = normalDirectory(to);
  if (target === '' || isOutside(to)) {
    throw new FigaroError('usage', `${to} is neither a directory inside of the environment nor a full path`, {
      hint: 'give its path in the new directory, such as data, or one that begins with a slash.',
    });
  }
  const clash = taken.find((name) => isInside(name, target) || isInside(target, name));
  if (clash === undefined) return;
  throw new FigaroError('usage', `${from} cannot become ${to}: the environment has ${clash} already`, {
    hint: 'choose a name that is free.',
  });
}

function isInside(name: string, directory: string): boolean {
  return `${name}/`.startsWith(`${directory}/`);
}

/** Gives directories their new names and places, what is inside of another one first, and says so in DB_CONFIG. Returns warnings. */
export async function rearrange(
  files: Files,
  home: string,
  { moves, placements }: DirectoryPlan,
  placed: PlacedDirectories,
): Promise<readonly string[]> {
  const all = new Map([...moves, ...placements]);
  if (all.size === 0) return [];
  const warnings: string[] = [];
  for (const [from, to] of [...all].sort(([a], [b]) => b.length - a.length)) {
    if (placements.has(from)) warnings.push(...(await placed.take(home, from, to)));
    else move(files, path.join(home, from), path.join(home, to));
  }
  const config = path.join(home, 'DB_CONFIG');
  const owner = files.statIfThere(config)!;
  const text = Buffer.from(readIfThere(files, config)!).toString('utf8');
  writeDurably(files, config, moveInConfig(text, all));
  files.setOwner(config, owner);
  return warnings;
}

function move(files: Files, from: string, to: string): void {
  makeDirectories(files, path.dirname(to));
  if (!files.statIfThere(from)) return;
  files.rename(from, to);
  files.syncDirectory(path.dirname(from));
  files.syncDirectory(path.dirname(to));
}
