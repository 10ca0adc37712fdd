/** The structural check of all databases of an environment. */

import { partitionCount } from './partitions.ts';
import { isOpaque } from '../environment/opaque.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { FilePages } from './file-pages.ts';
import { findingOf } from '../structure/file-check.ts';
import { type StructureOptions, Collected, type StructureReport } from '../structure/report.ts';
import { DatabaseFile } from './database-file.ts';
import { partitionName } from '../../format/names.ts';

/**
 * Checks the databases of an environment that is recovered already.
 *
 * @param pagesOf by their unique ids: the pages of them that are looked at, each by itself, in place of their structure
 */
export async function checkEnvironment(
  files: Files,
  environment: Environment,
  options: StructureOptions = {},
  pagesOf?: (uid: string) => readonly number[],
): Promise<StructureReport> {
  const collected = new Collected(options);
  for (const { name, problem } of pagesOf ? [] : environment.damaged) {
    collected.find({ path: name, pgno: 0, code: 'page-type', message: `${name} is a damaged database: ${problem}` });
  }
  for (const { name, path, format, uid } of filesOfKind(environment, 'database')) {
    const pgnos = pagesOf?.(uid);
    if (pgnos?.length === 0) continue;
    if (isOpaque(format)) {
      collected.notes.push(`${name} is encrypted: without its password, its structure is not checked`);
      continue;
    }
    const file = openToCheck(collected, files, name, path);
    try {
      const pages = file && new FilePages(file, name);
      if (pages && pgnos) await collected.checkPages(pages, pgnos);
      else if (pages) await collected.check(pages);
    } finally {
      file?.close();
    }
  }
  return collected.report();
}

/** Checks one database file, and the partitions that belong to it. */
export async function checkDatabaseFile(
  files: Files,
  path: string,
  options: StructureOptions = {},
): Promise<StructureReport> {
  const collected = new Collected(options);
  const paths = [path];
  for (const one of paths) {
    const file = openToCheck(collected, files, one, one);
    if (!file) continue;
    try {
      const missing = file.firstMissing() ?? file.queueGap();
      if (missing) collected.find(findingOf(one, missing.pgno, file.broken(missing.pgno, missing.problem)));
      await collected.check(new FilePages(file, one));
      if (one === path) paths.push(...partitionsThere(files, path, partitionCount(file.page(0))));
    } finally {
      file.close();
    }
  }
  return collected.report();
}

/** Partitions up to the first one that is missing. */
function* partitionsThere(files: Files, path: string, count: number): Generator<string> {
  for (let i = 0; i < count && files.statIfThere(partitionName(path, i)); i++) yield partitionName(path, i);
}

/** Opens a file. When its first page is damaged, that is a finding. */
function openToCheck(collected: Collected, files: Files, name: string, path: string): DatabaseFile | undefined {
  try {
    return new DatabaseFile(files, path);
  } catch (error) {
    collected.find(findingOf(name, 0, error));
    return undefined;
  }
}
