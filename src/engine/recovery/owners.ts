/** Whose the files of a recovered environment are: the application has to be able to open them. */

import path from 'node:path';
import { type Environment } from '../environment/discover.ts';
import { type Files, type FileOwner } from '../files.ts';

/**
 * Gives everything in `home` the owner and the permissions it has in the environment it comes from; what recovery made new
 * gets the owner of the rest. Returns warnings: a user who is not root can give nothing away.
 */
export function giveOwners(files: Files, environment: Environment, home: string): readonly string[] {
  const known = new Map<string, FileOwner>([
    ...environment.files.map(({ name, stat }) => [name, stat] as const),
    ...environment.owners,
  ]);
  const first = (environment.files.findLast(({ kind }) => kind === 'log') ?? environment.files[0])!;
  const usual = known.get(first.name)!;
  let lost: FileOwner | undefined;
  const give = (name: string): void => {
    const file = path.join(home, name);
    const { kind, mode } = files.statIfThere(file)!;
    if (kind === 'directory') {
      for (const inside of files.listIfThere(file)!) give(name === '' ? inside : `${name}/${inside}`);
    }
    const wanted = known.get(name) ?? { ...usual, mode };
    const owner = { ...wanted, mode: wanted.mode & 0o777 };
    // Whoever restores has to be able to go in and rename it.
    const usable = kind === 'directory' ? { ...owner, mode: owner.mode | 0o700 } : owner;
    if (!files.setOwner(file, usable)) lost ??= owner;
  };
  give('');
  if (!lost) return [];
  return [
    `files belong to the user who ran this, not to user ${lost.uid}, group ${lost.gid} as before: the application may not be able to open them`,
  ];
}
