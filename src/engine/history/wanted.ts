/** The document whose history is wanted, and where it can be. */

import { FigaroError } from '../../errors.ts';
import { normalDirectory } from '../../format/names.ts';
import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';

export interface Wanted {
  /** Of the container, inside the environment. */
  readonly name: string;
  readonly document: string;
}

/** The unique ids of all files that had the name of the container, or may have had it. */
export function uidsOf(environment: Environment, { analysis }: PreparedRecovery, name: string): ReadonlySet<string> {
  const names = namesInLog(environment, name);
  const uids = new Set<string>();
  const databases = filesOfKind(environment, 'database');
  for (const file of databases) if (file.name === name) uids.add(file.uid);
  for (const { uid, inMemory } of analysis.bindings.all()) {
    if (!inMemory && analysis.names.of(uid).some((known) => names.has(known))) uids.add(uid);
  }
  if (uids.size > 0) return uids;
  const others = databases.map((file) => file.name);
  throw new FigaroError('container-missing', `${name} is neither in this log nor beside it`, {
    path: name,
    hint: others.length === 0 ? 'there is no container at all.' : `there is ${others.join(', ')}.`,
  });
}

/** What the log may call a file of this name inside the environment. */
export function namesInLog({ config }: Environment, name: string): ReadonlySet<string> {
  const directories = ['', ...config.dataDirectories.map((directory) => `${normalDirectory(directory)}/`)];
  return new Set(directories.filter((directory) => name.startsWith(directory)).map(({ length }) => name.slice(length)));
}

/** True for a page that holds records, or a part of one. */
export function isOfDocument({ type }: Page): boolean {
  return type === pageType.btreeLeaf || type === pageType.overflow;
}
