/** Databases whose changes are not in the log: no recovery brings them forward. */

import { type EnvironmentFile, filesOfKind, logPaths, type Environment } from '../environment/environment.ts';
import { databaseOf, pagedFiles } from '../environment/paged-files.ts';
import { NamedPages } from '../backup/named-pages.ts';
import { type Files } from '../files/files.ts';
import { openLog } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';
import { pause, type Watch } from '../pause.ts';

/** Pages read at a time, in bytes. */
const chunkSize = 1 << 18;

/**
 * The databases of an environment with a log that have no page that was changed by a logged operation, and that the log
 * does not name. Most files are known by their first pages; those that are not are read whole, and so is the log then.
 */
export async function findUnlogged(files: Files, environment: Environment, watch: Watch): Promise<EnvironmentFile[]> {
  const logged = new Set<string>();
  for (const { file, format } of pagedFiles(files, environment)) {
    const database = databaseOf(file.name);
    if (logged.has(database)) continue;
    if (await hasLoggedPage(files, file.path, format.pageSize, format.littleEndian, watch)) logged.add(database);
  }
  const databases = filesOfKind(environment, 'database');
  const candidates = databases.filter(({ name }) => !logged.has(databaseOf(name)));
  if (candidates.length === 0) return [];
  const named = new NamedPages();
  const log = openLog(files, logPaths(environment));
  for (const record of scanLog(files, log)) {
    named.see(record);
    await pause(watch, { phase: 'look for unlogged databases in the log' });
  }
  const isNamed = ({ uid }: EnvironmentFile): boolean => uid === undefined || !!named.of(uid);
  const spokenOf = new Set(candidates.filter(isNamed).map(({ name }) => databaseOf(name)));
  return candidates.filter(({ name }) => !spokenOf.has(databaseOf(name)));
}

/** The first database of an environment with a page that was changed by a logged operation. */
export async function findLogged(
  files: Files,
  environment: Environment,
  watch: Watch,
): Promise<EnvironmentFile | undefined> {
  for (const { file, format } of pagedFiles(files, environment)) {
    if (await hasLoggedPage(files, file.path, format.pageSize, format.littleEndian, watch)) return file;
  }
  return undefined;
}

/** Page headers are not encrypted. */
async function hasLoggedPage(
  files: Files,
  path: string,
  pageSize: number,
  littleEndian: boolean,
  watch: Watch,
): Promise<boolean> {
  const opened = files.openIfThere(path);
  if (!opened) return false;
  try {
    const bytes = new Uint8Array(Math.max(chunkSize, pageSize));
    const view = new DataView(bytes.buffer);
    for (let position = 0; ;) {
      const length = opened.readAt(bytes, position);
      for (let at = 0; at + 4 <= length; at += pageSize) {
        // The file number of the LSN: 0 is no log file.
        if (view.getUint32(at, littleEndian) !== 0) return true;
      }
      if (length < bytes.length) return false;
      position += length;
      await pause(watch, { phase: `look at ${path}` });
    }
  } finally {
    opened.close();
  }
}
