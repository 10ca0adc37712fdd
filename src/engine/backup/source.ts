/** The environment that is backed up, as it is found while others may be changing it. */

import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { discoverEnvironment, type Environment, type EnvironmentFile } from '../environment/discover.ts';
import { pagedFiles, type PagedFile } from '../environment/paged-files.ts';
import { type Files } from '../files.ts';
import { identityOf } from './page-source.ts';

/** The files of an environment by how they have to be copied. Log files are not among them. */
export interface SourceFiles {
  readonly environment: Environment;
  readonly paged: readonly PagedFile[];
  readonly plain: readonly EnvironmentFile[];
}

const attempts = 4;
const waitMs = 50;

/**
 * Lists an environment. What looks wrong is looked at again, since a file being created or renamed just then looks like
 * it. Throws `page-type` for a damaged database, `not-recoverable` for two files of one identity.
 */
export async function listSource(files: Files, home: string): Promise<SourceFiles> {
  for (let i = 1; ; i++) {
    try {
      return sort(files, discoverEnvironment(files, home));
    } catch (error) {
      if (i === attempts || !(error instanceof FigaroError)) throw error;
      await setTimeout(waitMs * i);
    }
  }
}

function sort(files: Files, environment: Environment): SourceFiles {
  requireSound(environment);
  const all = pagedFiles(files, environment);
  const isPaged = new Set(all.map(({ file }) => file));
  const plain = environment.files.filter((file) => file.kind !== 'log' && !isPaged.has(file));
  return { environment, paged: withoutTwins(files, all), plain };
}

function requireSound({ damaged }: Environment): void {
  const first = damaged[0];
  if (!first) return;
  throw new FigaroError('page-type', `${first.path} is a damaged database: ${first.problem}`, {
    path: first.path,
    pgno: 0,
    hint: 'its first page is not whole, and the log can not repair it. Restore this file from an older set, or move it away if it does not belong here.',
  });
}

/** Of files with one identity, the one with a lasting name; the other is the same file, about to be renamed. */
function withoutTwins(files: Files, paged: readonly PagedFile[]): PagedFile[] {
  const byUid = new Map<string, PagedFile>();
  for (const candidate of paged) {
    const { file } = candidate;
    const key = identityOf(file) ?? file.name;
    const twin = byUid.get(key)?.file;
    if (!twin || isPassing(twin.name) || !files.statIfThere(twin.path)) {
      byUid.set(key, candidate);
    } else if (!isPassing(file.name) && files.statIfThere(file.path)) {
      throw new FigaroError('not-recoverable', `${file.path} and ${twin.path} carry the same unique id`, {
        path: file.path,
        hint: 'one is a copy of the other, and the log can not tell them apart. Move the copy out of the environment.',
      });
    }
  }
  return [...byUid.values()];
}

/** Names that a file has only during a transaction (format document, 1.5). */
export function isPassing(name: string): boolean {
  return /(^|\/)(__db\.)?[0-9a-f]+\.[0-9a-f]+$/.test(name);
}
