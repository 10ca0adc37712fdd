/** What a set holds of an environment, as its manifest says: nothing in the set is opened to know it. */

import path from 'node:path';
import { isOutside, logFileNumber, normalDirectory } from '../../format/names.ts';
import { indexStartOf, type DatabaseFormat } from '../../format/page/meta.ts';
import { parseDbConfig, placesIn, type DbConfig } from '../environment/db-config.ts';
import { discoverEnvironment, requireInside } from '../environment/discover.ts';
import {
  type DamagedFile,
  type Environment,
  type EnvironmentFile,
  type FileContent,
} from '../environment/environment.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { type Files, type FileOwner, type FileStat } from '../files/files.ts';
import { readIfThere } from '../files/read.ts';
import { type BackupSet } from './backup-set.ts';
import { type Manifest, type ManifestFile } from './manifest.ts';
import { environmentOf } from './repository.ts';

/** What has a name in the environment of a set: a link is not followed. */
export type SetLook = (name: string) => FileStat | undefined;

/** Looks at each name once: sets have thousands of files, and nobody writes to them. */
export function lookAtSet(files: Files, { directory }: BackupSet): SetLook {
  const home = environmentOf(directory);
  const seen = new Map<string, FileStat | undefined>();
  return (name) => {
    const known = seen.get(name);
    if (known) return known;
    const stat = files.statIfThere(path.join(home, name));
    seen.set(name, stat);
    return stat;
  };
}

/**
 * The part of an environment that a set holds. Sets of earlier versions, whose manifests do not say enough, are looked into; so
 * are encrypted ones when there is a password, which has to be tried.
 *
 * @param inherited the settings of the set before, for one without DB_CONFIG
 * @param choice which plain files belong to the chain
 * @param look of this set
 */
export function setEnvironment(
  files: Files,
  { directory, manifest }: BackupSet,
  inherited: DbConfig | undefined,
  choice: FileChoice,
  look: SetLook,
): Environment {
  const home = environmentOf(directory);
  const isLocked = files.cipher !== undefined && manifest.files.some(({ format }) => format?.encrypted);
  if (!manifest.settings || isLocked) return discoverEnvironment(files, home, { choice, inherited, wanted: 'copy' });
  const { dbConfig } = manifest.settings;
  const config = dbConfig === undefined ? (inherited ?? parseDbConfig('')) : parseDbConfig(dbConfig);
  requireInside(home, config);
  const placeOf = placesIn(config);
  const found: EnvironmentFile[] = [];
  const damaged: DamagedFile[] = [];
  for (const entry of manifest.files) {
    const { path: name, unreadable } = entry;
    const file = path.join(home, name);
    const own = look(name);
    const stat = own?.kind === 'link' ? files.statThrough(file) : own;
    // What is missing is told by who needs it.
    if (stat?.kind !== 'file') continue;
    if (unreadable) {
      damaged.push({ name, path: file, ...unreadable });
      continue;
    }
    const { logName, dataDirectory } = placeOf(name);
    found.push(Object.assign(contentOf(entry), { name, path: file, stat, logName, dataDirectory }));
  }
  const owners = ownersIn(files, home, manifest, config);
  return { home, config, files: found, leftOut: [], damaged, directories: [...owners.keys()].sort(), owners };
}

/** What a file is, as its first page said when it was copied. */
function contentOf(entry: ManifestFile): FileContent {
  const { path: name, kind, format: told, databaseId, copyOf, pageSize, standsFor, tailOf } = entry;
  const uid = databaseId ?? copyOf;
  if (told && uid !== undefined && pageSize !== undefined) {
    const format: DatabaseFormat = { ...told, pageSize, uid, cipher: undefined, indexStart: indexStartOf(told) };
    return { kind: 'database', format, uid };
  }
  if (standsFor !== undefined) return { kind: 'placeholder', uid: standsFor };
  if (kind === 'log') {
    const of = path.posix.basename(tailOf?.path ?? name);
    return { kind, logNumber: logFileNumber(of)!, logFrom: tailOf?.from ?? 0 };
  }
  return { kind: kind === 'database' || kind === 'placeholder' ? 'plain' : kind };
}

/** Directories that the set has: those with files in them, and those that DB_CONFIG names. */
function ownersIn(files: Files, home: string, manifest: Manifest, config: DbConfig): Map<string, FileOwner> {
  const named = [...config.dataDirectories, config.createDirectory, config.logDirectory];
  const inside = named.filter((directory) => directory !== undefined && !isOutside(directory)) as string[];
  const names = new Set(['']);
  for (const name of [
    ...inside.map((directory) => `${normalDirectory(directory)}/`),
    ...manifest.files.map((file) => file.path),
  ]) {
    for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) names.add(name.slice(0, at));
  }
  const owners = new Map<string, FileOwner>();
  for (const name of names) {
    const stat = files.statThrough(path.join(home, name));
    if (stat?.kind === 'directory') owners.set(name, { mode: stat.mode, uid: stat.uid, gid: stat.gid });
  }
  return owners;
}

/** The files of a set as its manifest tells them: with what was found in it when it was made. */
export function describeFiles(entries: readonly ManifestFile[], { files, damaged }: Environment): ManifestFile[] {
  const found = new Map(files.map((file) => [file.name, file]));
  const unreadable = new Map(damaged.map(({ name, problem, code }) => [name, { problem, code }]));
  return entries.map((entry) => {
    const wrong = unreadable.get(entry.path);
    if (wrong) return { ...entry, unreadable: wrong };
    const file = found.get(entry.path);
    if (file?.kind === 'placeholder') return { ...entry, standsFor: file.uid };
    if (file?.kind !== 'database') return entry;
    const { method, version, pageSize, littleEndian, checksums, encrypted } = file.format;
    const copyOf = entry.databaseId === undefined ? { copyOf: file.uid, pageSize } : {};
    return { ...entry, ...copyOf, format: { method, version, littleEndian, checksums, encrypted } };
  });
}

/** What DB_CONFIG in a set says. */
export function settingsOf(files: Files, home: string): NonNullable<Manifest['settings']> {
  const bytes = readIfThere(files, path.join(home, 'DB_CONFIG'));
  return bytes ? { dbConfig: Buffer.from(bytes).toString('utf8') } : {};
}
