/** Several files of one database: links to one file, and copies, which carry its unique id. The log says which one it means. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { filesOfKind, type Environment, type EnvironmentFile, type FileOfKind } from './environment.ts';
import { type LeftOut } from './left-out.ts';
import { isPassing } from '../../format/names.ts';
import { LogNames } from './log-names.ts';

/** The names under which a log knows the file with a unique id, the latest last. */
export type NamesInLog = (uid: string) => readonly string[];

/**
 * What tells a database from all others, whatever its name: the unique id, as far as it is never encrypted. Undefined
 * for files that have none.
 */
export function identityOf(file: FileOfKind<'database'>): string;
export function identityOf(file: EnvironmentFile): string | undefined;
export function identityOf({ uid, format }: EnvironmentFile): string | undefined {
  return format?.encrypted ? uid?.slice(0, 24) : uid;
}

/** The databases of an environment that carry the unique id of another one, in groups. */
export function twinsOf(environment: Environment): readonly (readonly FileOfKind<'database'>[])[] {
  const byIdentity = new Map<string, FileOfKind<'database'>[]>();
  for (const file of filesOfKind(environment, 'database')) {
    const identity = identityOf(file);
    const group = byIdentity.get(identity);
    if (group) group.push(file);
    else byIdentity.set(identity, [file]);
  }
  return [...byIdentity.values()].filter((group) => group.length > 1);
}

/** An environment in which each unique id stands for one database. */
export interface Separated {
  readonly environment: Environment;
  /** The plain files that are copies of databases, and of which. */
  readonly copies: readonly { readonly name: string; readonly of: string }[];
}

/** What the operator has to know of copies that are taken. */
export function warningsOfCopies({ copies }: Separated): string[] {
  return copies.map(
    ({ name, of }) =>
      `${name} is a copy of ${of}, with the same unique id: it is kept as it is, and the log brings ${of} alone forward`,
  );
}

/**
 * Of each group of twins the one that the log means stays a database. Its copies become plain files: they are kept as
 * they are, and the log does nothing to them. Other names of the same file are left out. Where the log names none of
 * them, it changes none, and the first one with a lasting name counts. Throws `not-recoverable` when the log knows the
 * database under a name that none of them has.
 */
export function separateTwins(environment: Environment, namesInLog: NamesInLog): Separated {
  const groups = twinsOf(environment);
  if (groups.length === 0) return { environment, copies: [] };
  const plain = new Map<EnvironmentFile, EnvironmentFile>();
  const links = new Map<EnvironmentFile, LeftOut>();
  const copies: { name: string; of: string }[] = [];
  const logNames = new LogNames(environment);
  const namesInside: NamesInLog = (uid) => namesInLog(uid).map((name) => logNames.inside(name)?.name ?? name);
  for (const group of groups) {
    const meant = choose(group, namesInside);
    for (const file of group) {
      if (file === meant) continue;
      const { name, path: at, logName, dataDirectory, stat } = file;
      if (isSameFile(file, meant)) {
        links.set(file, { name, path: at, reason: 'same-file', sameAs: meant.name });
      } else {
        plain.set(file, { kind: 'plain', name, path: at, logName, dataDirectory, stat });
        copies.push({ name, of: meant.name });
      }
    }
  }
  return {
    environment: {
      ...environment,
      files: environment.files.filter((file) => !links.has(file)).map((file) => plain.get(file) ?? file),
      leftOut: [...environment.leftOut, ...links.values()],
    },
    copies,
  };
}

function isSameFile({ stat: a }: EnvironmentFile, { stat: b }: EnvironmentFile): boolean {
  return a.device === b.device && a.inode === b.inode;
}

function choose(group: readonly FileOfKind<'database'>[], namesInLog: NamesInLog): FileOfKind<'database'> {
  const names = namesInLog(group[0]!.uid).map((name) => path.posix.normalize(name));
  for (const name of [...names].reverse()) {
    const named = group.find(({ logName }) => logName === name);
    if (named) return named;
  }
  if (names.length === 0) return group.find(({ name }) => !isPassing(name)) ?? group[0]!;
  const [first, second] = group;
  throw new FigaroError(
    'not-recoverable',
    `${second!.path} and ${first!.path} carry the same unique id, and the log knows it as ${names.at(-1)}`,
    {
      path: second!.path,
      hint: 'one is a copy of the other, and the log cannot tell them apart. Give the database its name back, or move the copies out of the environment.',
    },
  );
}
