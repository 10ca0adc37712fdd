/** A repository: backup sets in a directory. All that knows how they lie there is in this file. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { createDurably, writeDurably } from '../files/durable.ts';
import { isShortage } from '../files/failures.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { readIn, readOwnIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { requireOwnDirectories } from '../files/own-tree.ts';
import { repositoryName, requireLocal, requireNoneAbove } from '../places.ts';
import { requireDirectory, requireNoEnvironmentAbove, whatIsThere } from '../what-is.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { normalDirectory } from '../../format/names.ts';
import { isInFuture } from './chain-order.ts';
import { decodeHead, encodeHead, type Head, type PackedHead } from './head.ts';
import { LockSight, sweepLocks, takeLock, type Lock } from './lock.ts';
import { decodeManifest, encodeManifest, setName, type Manifest, type ManifestFile, type SetKind } from './manifest.ts';
import { type BrokenSet, type BackupSet } from './backup-set.ts';
import { notePhases } from './writer.ts';

export interface Repository {
  readonly directory: string;
  readonly id: string;
}

/** Opens a repository. Throws `repository-missing` when there is none. */
export function openRepository(files: Files, directory: string): Repository {
  const found = findRepository(files, directory);
  if (found) return found;
  requireLocal(files, { what: 'the repository', path: directory });
  const there = whatIsThere(files, directory, 'repository');
  if (there)
    throw new FigaroError('repository-missing', `${directory} ${there.text}`, { path: directory, hint: there.hint });
  throw new FigaroError('repository-missing', `${directory}: there is no repository here`, {
    path: directory,
    hint: 'name the right directory with --repo, or take a first backup: it creates the repository.',
  });
}

/**
 * Makes a repository in a directory that is empty, or that does not exist while the one above it does. Of several runs that do
 * so at the same time one makes it, and the others open it: `created` is false for them, and where there is one already. Throws `target-not-empty`,
 * `repository-missing` where there is no directory to make it in, and `usage` inside of another repository, a standby or an environment, and
 * for what `requireLocal` refuses.
 *
 * @param head that of the repository that it is to be a copy of; a new one by default
 */
export function createRepository(
  files: Files,
  given: string,
  head: Head = newHead(),
): { readonly repository: Repository; readonly created: boolean } {
  requireLocal(files, { what: 'the repository', path: given });
  const directory = path.resolve(given);
  const before = findRepository(files, directory);
  if (before) return { repository: before, created: false };
  const there = whatIsThere(files, directory, 'repository');
  if (there)
    throw new FigaroError('target-not-empty', `${directory} ${there.text}`, { path: directory, hint: there.hint });
  requireNoneAbove(files, { what: 'the repository', path: directory });
  requireNoEnvironmentAbove(files, 'the repository', directory);
  requireParent(files, directory);
  const other = files.listIfThere(directory)?.find((name) => !name.startsWith(repositoryName) && name !== 'lost+found');
  if (other !== undefined) {
    // What another run put there comes after its repository.json.
    const found = findRepository(files, directory);
    if (found) return { repository: found, created: false };
    throw new FigaroError('target-not-empty', `${directory} is not a repository, and already holds ${other}`, {
      path: directory,
      hint: 'choose an empty directory for a new repository.',
    });
  }
  makeDirectories(files, directory);
  const created = createDurably(files, path.join(directory, repositoryName), encodeHead(head));
  return { repository: created ? { directory, id: head.id } : openRepository(files, directory), created };
}

/** @param packed how its files are to be packed; not at all without */
export function newHead(packed?: PackedHead): Head {
  return { id: randomBytes(8).toString('hex'), ...(packed ? { packed } : {}) };
}

/** Where the directory above is missing, too, it is the disk of the backups that is. */
function requireParent(files: Files, directory: string): void {
  const parent = path.dirname(directory);
  if (files.statThrough(directory) || files.statThrough(parent)?.kind === 'directory') return;
  throw new FigaroError('repository-missing', `${directory} cannot be made: there is no directory ${parent}`, {
    path: parent,
    hint: 'is the disk of the backups mounted? Otherwise make that directory first.',
  });
}

/** Opens a repository; undefined where there is none. Throws `usage` for one that is packed: a store has to be seen as a plain one first. */
export function findRepository(files: Files, directory: string): Repository | undefined {
  if (files.statThrough(directory)) requireDirectory(files, directory, 'repository');
  const file = path.join(directory, repositoryName);
  const bytes = readIn(files, directory, repositoryName, readOwnIfThere);
  if (!bytes) return undefined;
  const { id, packed } = decodeHead(bytes, directory, file);
  if (!packed) return { directory, id };
  throw new FigaroError('usage', `${directory} is a packed repository, which cannot be worked with in its place here`, {
    path: directory,
    hint: 'figaro-backup copy brings its sets into a plain one.',
  });
}

/** What a repository has, in order of time. */
export interface SetsRead {
  readonly sets: readonly BackupSet[];
  readonly broken: readonly BrokenSet[];
}

/** Everything in a repository, in order of time. */
export function readSets(files: Files, repository: Repository): SetsRead {
  const sets: BackupSet[] = [];
  const broken: BrokenSet[] = [];
  for (const id of files.listIfThere(repository.directory) ?? []) {
    if (!setName.test(id)) continue;
    const directory = path.join(repository.directory, id);
    try {
      requireOwnDirectories(files, [directory, environmentOf(directory)], 'manifest-corrupt');
      const manifest = readManifest(files, directory, id)?.manifest;
      if (manifest) requireOwnDirectories(files, directoriesOf(directory, manifest), 'manifest-corrupt');
      if (manifest) sets.push({ id, directory, manifest });
      else broken.push({ id, directory, state: 'incomplete', code: 'set-incomplete', problem: 'it has no manifest' });
    } catch (error) {
      if (!(error instanceof FigaroError) || isShortage(error)) throw error;
      broken.push({ id, directory, state: 'damaged', code: error.code, problem: error.message });
    }
  }
  // Names tell seconds only.
  sets.sort((a, b) => compareText(a.manifest.started, b.manifest.started) || compareText(a.id, b.id));
  return { sets, broken };
}

function directoriesOf(directory: string, manifest: Manifest): string[] {
  return directoryNames(manifest).map((name) => path.join(environmentOf(directory), name));
}

/** The directories that a set may have by its manifest, as names in its environment: those above others first. */
export function directoryNames({ files, directories = [], dataDirectories, logDirectory }: Manifest): string[] {
  const within = files.map(({ path: name }) => path.posix.dirname(name)).map((name) => (name === '.' ? '' : name));
  const named = [...dataDirectories, logDirectory ?? ''].map(normalDirectory);
  const found = new Set<string>();
  for (const name of [...within, ...named, ...directories.map((entry) => entry.path)]) {
    for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) found.add(name.slice(0, at));
    found.add(name);
  }
  return [...found];
}

/** Names of the sets in a directory, the newest first, without looking into them. */
export function setNames(files: Files, directory: string): readonly string[] {
  const names = files.listIfThere(directory) ?? [];
  const isSet = (id: string): boolean =>
    setName.test(id) && files.statIfThere(path.join(directory, id, 'manifest.json')) !== undefined;
  return names.filter(isSet).reverse();
}

/** The sets of a directory that are dated in the future, by their names alone: whether or not they can be read. */
export function setsInFuture(
  files: Files,
  directory: string,
): readonly { readonly id: string; readonly time: string }[] {
  const names = files.statThrough(directory)?.kind === 'directory' ? (files.listIfThere(directory) ?? []) : [];
  return names.flatMap((id) => {
    const time = timeInName(id);
    return time !== undefined && isInFuture(time) ? [{ id, time }] : [];
  });
}

/** When a set was begun, as its name tells, ISO 8601; undefined for what is not the name of a set. */
export function timeInName(id: string): string | undefined {
  const match = setName.test(id) ? /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) : undefined;
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** What stands in the place of a manifest and is none is damage of the set, and no failure of the disk. */
function asManifest<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'io' || error.details.cause !== undefined) throw error;
    throw new FigaroError('manifest-corrupt', error.message, error.details);
  }
}

/** For some hundred thousand files. In bytes. */
export const manifestLimit = 256 << 20;

/** A manifest, and its text as it was written: whoever passes it on does not know all that a later version put into it. */
export interface WrittenManifest {
  readonly manifest: Manifest;
  readonly text: Uint8Array;
}

/** Reads the manifest of a set; undefined where it has none. Throws as `decodeManifest`. */
export function readManifest(files: Files, directory: string, id: string): WrittenManifest | undefined {
  const file = path.join(directory, 'manifest.json');
  const text = asManifest(() => readOwnIfThere(files, file, manifestLimit));
  return text && { manifest: manifestFrom(text, file, id), text };
}

/** The manifest of the set `id`. Throws as `decodeManifest`, and `manifest-corrupt` for that of another set. */
export function manifestFrom(text: Uint8Array, file: string, id: string): Manifest {
  const manifest = decodeManifest(Buffer.from(text).toString('utf8'), file);
  if (manifest.id !== id) {
    throw new FigaroError('manifest-corrupt', `${file} is the manifest of ${manifest.id}`, { path: file });
  }
  return manifest;
}

/** Where what proofs leave behind is, by chain. */
export function proofsIn({ directory }: Repository): string {
  return path.join(directory, 'proofs');
}

/** Removes what the proofs of a chain have left behind. */
function removeProofs(files: Files, repository: Repository, chain: string): void {
  const proofs = proofsIn(repository);
  // A link leads to what somebody put elsewhere: not ours to empty.
  if (files.statIfThere(proofs)?.kind !== 'directory') return;
  removeTree(files, path.join(proofs, chain));
  if (files.listIfThere(proofs)?.length === 0) files.removeEmptyDirectory(proofs);
}

/** Where a set keeps the copy of the environment. */
export function environmentOf(directory: string): string {
  return path.join(directory, 'environment');
}

/** What the name of a set begins with. */
export function stampOf(time: Date): string {
  return time.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** A set that is being made. */
export class NewSet {
  readonly id: string;
  readonly directory: string;
  readonly environment: string;
  readonly repository: Repository;
  readonly #files: Files;

  /** Creates the directory. Throws `busy` when there is one of that name, which chance forbids. */
  constructor(files: Files, repository: Repository, kind: SetKind, started: Date) {
    this.#files = files;
    this.repository = repository;
    this.id = `${stampOf(started)}-${kind}-${randomBytes(3).toString('hex')}`;
    this.directory = path.join(repository.directory, this.id);
    this.environment = environmentOf(this.directory);
    if (!files.makeDirectory(this.directory)) {
      throw new FigaroError('busy', `${this.directory} is there already`, { path: this.directory });
    }
    files.makeDirectory(this.environment);
  }

  /** Of files that are synced. */
  publish(manifest: Manifest): BackupSet {
    publishSet(this.#files, this.repository, this.directory, { manifest, text: encodeManifest(manifest) });
    return { id: this.id, directory: this.directory, manifest };
  }

  discard(): void {
    discardSet(this.#files, this.directory);
  }
}

/** Makes a set of files that are synced complete: checksums, then directories, then the manifest, each synced before the next. */
export function publishSet(
  files: Files,
  repository: Repository,
  directory: string,
  { manifest, text }: { readonly manifest: Manifest; readonly text: Uint8Array | string },
): void {
  writeDurably(files, path.join(directory, 'SHA256SUMS'), checksumLines(manifest));
  syncDirectories(files, environmentOf(directory), '', new Set(manifest.files.map((file) => file.path)));
  files.syncDirectory(directory);
  files.syncDirectory(repository.directory);
  writeDurably(files, path.join(directory, 'manifest.json'), text);
}

/** Removes what there is of an unfinished set. What cannot be removed is swept by the next run. */
export function discardSet(files: Files, directory: string): void {
  try {
    // First of all what would make it a set.
    files.remove(path.join(directory, 'manifest.json'));
    removeTree(files, directory);
  } catch {
    // What went wrong before is what has to be told.
  }
}

/** Removes a set: without its manifest it is none, and what is left of it after a crash is swept by the next run. */
export function removeSet(files: Files, repository: Repository, { id, directory }: BackupSet): void {
  files.remove(path.join(directory, 'manifest.json'));
  files.syncDirectory(directory);
  removeTree(files, directory);
  files.syncDirectory(repository.directory);
  removeProofs(files, repository, id);
}

/** The contents of SHA256SUMS, for `sha256sum -c` in the directory of the set. */
export function checksumLines({ files }: { readonly files: readonly Pick<ManifestFile, 'path' | 'sha256'>[] }): string {
  return files.map(({ path: name, sha256 }) => checksumLine(sha256, `environment/${name}`)).join('');
}

/** A line of `sha256sum`, which escapes names with line breaks and backslashes. */
function checksumLine(sha256: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `${escaped === name ? '' : '\\'}${sha256}  ${escaped}\n`;
}

/** @param known paths inside of the environment that are files */
function syncDirectories(files: Files, environment: string, inside: string, known: ReadonlySet<string>): void {
  const directory = path.join(environment, inside);
  for (const name of files.listIfThere(directory) ?? []) {
    const entry = inside === '' ? name : `${inside}/${name}`;
    if (known.has(entry) || files.statIfThere(path.join(environment, entry))?.kind !== 'directory') continue;
    syncDirectories(files, environment, entry, known);
  }
  files.syncDirectory(directory);
}

/** How often a lock that another run holds is looked at again, in ms. */
const lockPeriodMs = 200;

/** How long to wait for another writer. */
export interface LockWait {
  /** Not at all by default. */
  readonly lockWaitMs?: number;
  readonly watch?: Watch;
}

/**
 * Runs `write` as the only writer of the repository. What unfinished runs left behind is swept first. Throws `busy` when
 * another run does not finish in time. The files that `write` gets change nothing when this run stood still for so long that
 * another one took over: everything has to go through them. Phases that the watch is told are seen by who looks at the repository. It is told whether another run was
 * waited for.
 */
export async function asWriter<T>(
  files: Files,
  repository: Repository,
  write: (files: Files, watch: Watch, hasWaited: boolean) => Promise<T>,
  { lockWaitMs = 0, watch = {} }: LockWait = {},
): Promise<T> {
  const { lock, hasWaited } = await waitForLock(files, repository, performance.now() + lockWaitMs, watch);
  const phases = notePhases(lock.files, repository.directory, lock.mark, watch);
  try {
    sweep(lock.files, repository);
    return await write(lock.files, phases.watch, hasWaited);
  } catch (error) {
    throw lock.reasonOf(error);
  } finally {
    phases.end();
    release(lock);
  }
}

/** The lock of a process that is no more is taken over: one that cannot be removed changes nothing of what was done. */
function release(lock: Lock): void {
  try {
    lock.release();
  } catch {
    // See above.
  }
}

/** What is held, and whether another run held it before. */
interface Waited {
  readonly lock: Lock;
  readonly hasWaited: boolean;
}

async function waitForLock(files: Files, { directory }: Repository, deadline: number, watch: Watch): Promise<Waited> {
  const sight = new LockSight();
  for (let hasWaited = false; ; hasWaited = true) {
    try {
      return { lock: takeLock(files, directory, sight), hasWaited };
    } catch (error) {
      if (!(error instanceof FigaroError) || error.code !== 'busy') throw error;
      if (performance.now() >= deadline) throw stillBusy(error);
    }
    watch.onProgress?.({ phase: 'wait for another run' });
    await setTimeout(lockPeriodMs);
    throwIfStopped(watch);
  }
}

/** The lock belongs to repositories and standbys; the option to wait for it only to commands that write to repositories. */
function stillBusy({ message, details }: FigaroError): FigaroError {
  const hint = `with --lock-wait 15m, this run waits for it. Otherwise, ${details.hint}`;
  return new FigaroError('busy', message, { ...details, hint });
}

function sweep(files: Files, repository: Repository): void {
  sweepLocks(files, repository.directory);
  for (const name of files.listIfThere(repository.directory) ?? []) {
    // Of runs that were killed while they made the repository.
    const entry = path.join(repository.directory, name);
    if (name.startsWith(`${repositoryName}.`)) files.remove(entry);
    else if (name.endsWith(sweptSuffix) && setName.test(name.slice(0, -sweptSuffix.length))) removeSwept(files, entry);
  }
  for (const name of files.listIfThere(repository.directory) ?? []) {
    const directory = path.join(repository.directory, name);
    if (!setName.test(name) || !isUnfinished(files, directory)) continue;
    // A run that stood still, and goes on now, does not find it any more: it cannot make half of it a set.
    files.rename(directory, `${directory}${sweptSuffix}`);
    removeSwept(files, `${directory}${sweptSuffix}`);
  }
  for (const chain of files.listIfThere(proofsIn(repository)) ?? []) {
    if (!files.statIfThere(path.join(repository.directory, chain))) removeProofs(files, repository, chain);
  }
}

/** A link leads to what somebody put elsewhere: not ours to empty. */
function isUnfinished(files: Files, directory: string): boolean {
  if (files.statIfThere(path.join(directory, 'manifest.json'))) return false;
  const inside = files.statIfThere(environmentOf(directory));
  return files.statIfThere(directory)?.kind === 'directory' && (!inside || inside.kind === 'directory');
}

const sweptSuffix = '.swept';

function removeSwept(files: Files, directory: string): void {
  // It was finished in the last moment.
  if (files.statIfThere(path.join(directory, 'manifest.json'))) {
    files.rename(directory, directory.slice(0, -sweptSuffix.length));
  } else if (files.statIfThere(directory)?.kind === 'directory') {
    removeTree(files, directory);
  }
}
