/** Whose the files of a recovered environment are: the application has to be able to open them. */

import path from 'node:path';
import { type Environment } from '../environment/environment.ts';
import { type Files, type FileOwner } from '../files/files.ts';

/** Permissions of files and directories that are no programs of somebody else: no set-user-id, set-group-id, sticky. */
export const plainBits = 0o777;

/** What a record, which may be anybody's, says of a file or directory, and what is there on disk. */
export interface OwnerRecord {
  readonly path: string;
  readonly mode: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Undefined for what another set holds. */
  readonly own: FileOwner | undefined;
}

/**
 * The owners that records ask for, by name: users and groups to whom something on disk belongs, and no permissions that it does
 * not have there. `refused` is one that was not taken.
 *
 * @param trust take every user and group
 */
export function ownersByRecord(
  records: readonly OwnerRecord[],
  trust: boolean,
): { readonly owners: ReadonlyMap<string, FileOwner>; readonly refused: Pick<FileOwner, 'uid' | 'gid'> | undefined } {
  const uids = new Set(records.map(({ own }) => own?.uid));
  const gids = new Set(records.map(({ own }) => own?.gid));
  const owners = new Map<string, FileOwner>();
  let refused: Pick<FileOwner, 'uid' | 'gid'> | undefined;
  for (const { path: name, mode, uid, gid, own } of records) {
    if (uid === undefined || gid === undefined) continue;
    if (!trust && !(uids.has(uid) && gids.has(gid))) refused ??= { uid, gid };
    else owners.set(name, { mode: mode & plainBits & (own?.mode ?? owners.get(name)?.mode ?? 0o750), uid, gid });
  }
  return { owners, refused };
}

/**
 * Gives everything in `home` the owner and the permissions it has in the environment it comes from; what recovery made new
 * gets the owner of the rest. Returns warnings: a user who is not root can give nothing away.
 */
export function giveOwners(files: Files, environment: Environment, home: string): readonly string[] {
  const copied = new Map<string, FileOwner>(environment.files.map(({ name, stat }) => [name, stat]));
  const ownerOf = (name: string): FileOwner | undefined => environment.owners.get(name) ?? copied.get(name);
  const first = (environment.files.findLast(({ kind }) => kind === 'log') ?? environment.files[0])!;
  const usual = ownerOf(first.name)!;
  let lost: FileOwner | undefined;
  const give = (name: string): void => {
    const file = path.join(home, name);
    // What was copied is a file: there may be thousands, and they are not looked at for that.
    const made = copied.has(name) ? undefined : files.statIfThere(file)!;
    const isDirectory = made?.kind === 'directory';
    if (isDirectory) {
      for (const inside of files.listIfThere(file)!) give(name === '' ? inside : `${name}/${inside}`);
    }
    const { mode, uid, gid } = ownerOf(name) ?? { ...usual, mode: made!.mode };
    const owner = { mode: mode & plainBits, uid, gid };
    // Whoever restores has to be able to go in and rename it.
    const usable = isDirectory ? { ...owner, mode: owner.mode | 0o700 } : owner;
    if (!files.setOwner(file, usable)) lost ??= owner;
  };
  give('');
  if (environment.refusedOwner) {
    const { uid, gid } = environment.refusedOwner;
    return [
      `files were not given to user ${uid}, group ${gid}, as the record of them says: nothing in the backup belongs to them on disk. The application may not be able to open them`,
    ];
  }
  if (!lost) return [];
  return [
    `files belong to the user who ran this, not to user ${lost.uid}, group ${lost.gid} as before: the application may not be able to open them`,
  ];
}
