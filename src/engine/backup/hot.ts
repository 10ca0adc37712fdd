/** A full set of an environment in use (design, section 5; recovery document, G.4). The order of it. */

import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { flagWarnings } from '../environment/config-risks.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { type PagedFile } from '../environment/paged-files.ts';
import { identityOf, type NamesInLog } from '../environment/twins.ts';
import { isPassing, normalDirectory } from '../../format/names.ts';
import { type LeftOut } from '../environment/left-out.ts';
import { type Files, type FileStat, placeOf } from '../files/files.ts';
import { DatabaseNames } from '../log/database-names.ts';
import { Growth } from '../log/growth.ts';
import { type Watch } from '../pause.ts';
import { type NewSet } from '../repository/repository.ts';
import { confirmGrowth } from './confirm-growth.ts';
import { ContainerCopy } from './copy-container.ts';
import { LogCopy, requireSoundEnd, type LogCopyOptions } from './copy-log.ts';
import { copyPlain, type PlainCopy } from './copy-plain.ts';
import { CreatedDatabases } from './created-databases.ts';
import {
  describeLog,
  logDirectoryOf,
  makeConfiguredDirectories,
  manifestFiles,
  type EnvironmentCopy,
} from './environment-copy.ts';
import { LogNotes } from './log-notes.ts';
import { NamedPages } from './named-pages.ts';
import { RemovedFiles } from './gone.ts';
import { findFirstLogFile } from './redo-start.ts';
import { findingsOf, requireUndamaged, type SetFinding } from './damage.ts';
import { apartMs, DamagedPages } from './page-source.ts';
import { requireRoomFor, type Room } from './room.ts';
import { settle } from './settle-pages.ts';
import { isAsListed, listSource, type SourceFiles } from './source.ts';
import { markUnlogged } from './unlogged-copies.ts';

interface HotOptions {
  readonly watch: Watch;
  /** As it was found just before. */
  readonly environment: Environment;
  /** See `settle`. */
  readonly smallBytes?: number;
  readonly choice?: FileChoice | undefined;
  /** Copy damaged pages and databases as they are, and tell of them. */
  readonly keepDamaged?: boolean;
  /** Told of the room that the set takes, and of what there is. */
  readonly onRoom?: ((room: Room) => void) | undefined;
}

/** Copies an environment that other processes may be writing to. It is only read. */
export async function copyHot(files: Files, home: string, set: NewSet, options: HotOptions): Promise<EnvironmentCopy> {
  const { watch } = options;
  const { choice, keepDamaged, environment: listed } = options;
  const source = await listSource(files, home, { choice, keepDamaged, isGlance: true, listed });
  const { environment } = source;
  const logDirectory = logDirectoryOf(environment);
  const from = placeOf(files, path.join(home, logDirectory));
  const others = environment.files.filter(({ kind }) => kind !== 'log');
  const first = findFirstLogFile(files, from);
  requireRoomFor(files, set.directory, { others, log: { from, first } }, options.onRoom);
  const notes = new LogNotes();
  const named = new NamedPages();
  const names = new DatabaseNames();
  const removed = new RemovedFiles();
  const growth = new Growth();
  const created = new CreatedDatabases();

  // The log: the last complete checkpoint says from which file on it is needed. It is copied from there at once, and
  // followed while the rest is copied, so that no file can be taken away.
  const observers = [notes, named, names, removed, growth, created];
  const log = beginLog(files, { from, first, to: path.join(set.environment, logDirectory), observers });
  try {
    // Damage in the log comes before anything that follows from it.
    await requireSoundEnd(files, from, await log.followPatiently(watch));

    // The containers, every page looked at. What was recorded before the checkpoint is on the disk by now.
    const copiedAfter = notes.checkpoint?.redoFrom;
    growth.takeCommitted();
    const copy = new HotCopy(files, source, set, log, (uid) => names.of(uid), options);
    makeConfiguredDirectories(files, environment, set.environment);
    await copy.refresh(watch);
    requireUndamaged(copy.damaged, keepDamaged);

    // Pages that may have been in motion, and files that appeared or moved meanwhile.
    const { containers } = copy;
    const list = (isLeft?: IsLeft): Promise<ReadonlySet<ContainerCopy>> => copy.refresh(watch, isLeft);
    // What the log names is hidden in an opaque one: then everything is read again.
    const always = log.isOpaque ? { smallBytes: Infinity } : {};
    copy.drop(await settle({ ...options, ...always, log, notes, named, created, containers, list }, watch));

    // The log to its end, with what is not in it. Every page copied was compared with it.
    const confirmOthers = async (): Promise<void> => await copy.confirmExternalFiles(watch);
    const drop = (copies: ReadonlySet<ContainerCopy>): void => copy.drop(copies);
    const added = await confirmGrowth({ log, growth, containers, list, confirmOthers, drop }, watch);
    log.close();
    await requireSoundEnd(files, from, log.end);
    await copy.finish(named, watch);
    requireUndamaged(copy.damaged, keepDamaged);
    return {
      files: manifestFiles(copy.containers, copy.others, log.copied, logDirectory),
      findings: [...copy.unreadable, ...findingsOf(copy.damaged)],
      log: describeLog(log, notes),
      copiedAfter,
      onDisk: added.onDisk,
      removed,
      leftOut: copy.leftOut,
      warnings: [...flagWarnings(environment.config), ...copy.warnings, ...added.warnings],
    };
  } finally {
    log.close();
  }
}

/** Begins to copy the log. A file removed before it could be opened is not needed: there is a newer checkpoint. */
function beginLog(files: Files, options: LogCopyOptions): LogCopy {
  let { first } = options;
  for (let i = 1; ; i++) {
    const log = new LogCopy(files, { ...options, first });
    try {
      log.begin();
      log.keepFollowing();
      return log;
    } catch (error) {
      if (i === attempts || !(error instanceof FigaroError) || error.code !== 'log-missing') throw error;
    }
    first = findFirstLogFile(files, options.from);
  }
}

const attempts = 3;
const externalAttempts = 20;

function externalFiles({ plain }: SourceFiles): readonly EnvironmentFile[] {
  return plain.filter(({ kind }) => kind === 'external-file');
}

/** Equal for a file that was not written to. */
function stateOf({ path: name, stat }: { readonly path: string; readonly stat: FileStat }): string {
  return `${name}\0${stat.size}\0${stat.mtimeMs}`;
}

/** True for a new file that is left to the log. */
type IsLeft = (file: EnvironmentFile) => boolean;

/** The files of a hot set but its log. */
class HotCopy {
  readonly #files: Files;
  readonly #home: string;
  readonly #set: NewSet;
  readonly #log: LogCopy;
  readonly containers: ContainerCopy[] = [];
  /** By name: there may be many external files. */
  readonly #others = new Map<string, PlainCopy>();
  readonly damaged = new DamagedPages();
  readonly #notes: string[] = [];
  readonly #options: Pick<HotOptions, 'choice' | 'keepDamaged'>;
  readonly #namesInLog: NamesInLog;
  /** By unique id: which of several files of one database was copied as the database. */
  readonly #meant = new Map<string, string>();
  #source: SourceFiles;
  /** When that was found, by `performance.now`. */
  #listedAt = performance.now();
  /** It was listed since the copy was begun. */
  #hasLooked = false;
  /** Something was not there that was listed. */
  #isOutdated = false;

  constructor(
    files: Files,
    source: SourceFiles,
    set: NewSet,
    log: LogCopy,
    namesInLog: NamesInLog,
    options: Pick<HotOptions, 'choice' | 'keepDamaged'>,
  ) {
    this.#files = files;
    this.#source = source;
    this.#home = source.environment.home;
    this.#set = set;
    this.#log = log;
    this.#namesInLog = namesInLog;
    this.#options = options;
  }

  /** What is not made of pages. */
  get others(): readonly PlainCopy[] {
    return [...this.#others.values()];
  }

  get warnings(): readonly string[] {
    return [...this.#source.warnings, ...this.#notes];
  }

  /** Databases that cannot be read, and are kept. */
  get unreadable(): readonly SetFinding[] {
    return this.#source.findings;
  }

  /** What of the source is not in the set, at the last look. */
  get leftOut(): readonly LeftOut[] {
    return this.#source.environment.leftOut;
  }

  /** The log may name another one of several files of one database later on: recovery follows it then. */
  async #list(): Promise<SourceFiles> {
    const namesInLog = (uid: string): readonly string[] => {
      const meant = this.#meant.get(uid);
      const names = this.#namesInLog(uid);
      return meant === undefined ? names : [...names, meant];
    };
    // What was written to may be gone where its name is still there.
    const isKnown = !this.#isOutdated && this.containers.every(({ isUntouched }) => isUntouched);
    if (isKnown && isAsListed(this.#files, this.#source)) return this.#source;
    const isGlance = this.#hasLooked;
    this.#source = await listSource(this.#files, this.#home, { ...this.#options, namesInLog, isGlance });
    this.#listedAt = performance.now();
    this.#hasLooked = true;
    this.#isOutdated = false;
    return this.#source;
  }

  /** Copies what is not copied yet. A file that took the name of another is left to the log, which created it. */
  async #add({ paged, plain }: SourceFiles, watch: Watch, isLeft: IsLeft): Promise<void> {
    const names = new Set(this.containers.map(({ name }) => name));
    const identities = new Set(this.containers.map(({ identity }) => identity));
    const isCopied = ({ file }: PagedFile): boolean =>
      names.has(file.name) || identities.has(identityOf(file) ?? file.name);
    // What is written to between two looks shows.
    const waitMs = this.#listedAt + apartMs - performance.now();
    if (waitMs > 0 && !paged.every(isCopied)) await setTimeout(waitMs);
    for (const candidate of paged) {
      if (isCopied(candidate)) continue;
      const { name } = candidate.file;
      this.#forget(name);
      if (isLeft(candidate.file)) continue;
      const copy = new ContainerCopy(this.#files, candidate, this.#targetOf(name), this.#log, this.damaged);
      if (!(await copy.copy(watch))) {
        this.#isOutdated = true;
        continue;
      }
      this.containers.push(copy);
      names.add(name);
      identities.add(copy.identity);
    }
    for (const file of plain) {
      if (this.#others.has(file.name)) continue;
      // A stand-in for a file that is copied already: the log says what becomes of that one.
      if (names.has(file.name)) continue;
      const copy = await copyPlain(this.#files, file, this.#targetOf(file.name), watch);
      if (!copy) continue;
      this.#others.set(file.name, copy);
      // The file that it stood in for is back: that one is no plain file, and found by the next look.
      if (file.kind === 'placeholder' && copy.stat.inode !== file.stat.inode) this.#forget(file.name);
    }
  }

  #targetOf(name: string): string {
    return path.join(this.#set.environment, name);
  }

  /** Removes the copy of a file that only stood in for one that comes, or comes back, under the name. */
  #forget(name: string): void {
    if (!this.#others.has(name)) return;
    this.#files.remove(this.#targetOf(name));
    this.#others.delete(name);
  }

  /**
   * Copies external files that are new or changed until none is while the log is followed. They are complete when their
   * transaction commits, and the log need not hold their contents: so those of every commit copied are there (format
   * document, 1.6). Throws `page-unstable` when there is no such moment.
   */
  async confirmExternalFiles(watch: Watch): Promise<void> {
    const directory = this.#externalDirectory();
    for (let i = 1; i <= externalAttempts; i++) {
      // Without a directory for them there are none, and nothing has to be listed.
      const isMissing = !this.#files.statThrough(directory);
      if (isMissing) this.#log.follow();
      if (isMissing && !this.#files.statThrough(directory)) return;
      const now = externalFiles(await this.#list());
      for (const file of now) {
        const known = this.#others.get(file.name);
        if (known) {
          if (stateOf({ path: file.path, stat: known.stat }) === stateOf(file)) continue;
          this.#forget(file.name);
        }
        const copied = await copyPlain(this.#files, file, this.#targetOf(file.name), watch);
        if (copied) this.#others.set(file.name, copied);
      }
      this.#log.follow();
      const after = externalFiles(await this.#list());
      if (now.map(stateOf).join() === after.map(stateOf).join()) return;
    }
    throw new FigaroError('page-unstable', `${this.#home}: external files come and go faster than they are copied`, {
      path: this.#home,
      hint: 'try again when the application writes less.',
    });
  }

  #externalDirectory(): string {
    const { config } = this.#source.environment;
    return path.join(this.#home, normalDirectory(config.externalFileDirectory));
  }

  /** Lists the source again, copies what is new, and finds what was renamed. Returns the copies of what is gone. */
  async refresh(watch: Watch, isLeft: IsLeft = () => false): Promise<ReadonlySet<ContainerCopy>> {
    const gone = await this.#lookAgain(watch, isLeft);
    // A directory that is listed while a file in it gets another name may show neither of its names.
    return gone.size > 0 ? await this.#lookAgain(watch, isLeft) : gone;
  }

  async #lookAgain(watch: Watch, isLeft: IsLeft): Promise<ReadonlySet<ContainerCopy>> {
    const now = await this.#list();
    for (const { file } of now.paged) if (file.uid !== undefined) this.#meant.set(file.uid, file.logName);
    await this.#add(now, watch, isLeft);
    const places = new Map(now.paged.map(({ file }) => [identityOf(file) ?? file.name, file]));
    const gone = new Set<ContainerCopy>();
    for (const copy of this.containers) {
      const place = places.get(copy.identity);
      if (place) copy.source = place;
      else gone.add(copy);
    }
    return gone;
  }

  /**
   * Leaves out what vanished before all of its pages were known to be whole. That it was removed is in the log; if it is
   * not, the set cannot be recovered, and the proof says so.
   */
  drop(gone: ReadonlySet<ContainerCopy>): void {
    for (const copy of gone) {
      this.#files.remove(copy.target);
      this.containers.splice(this.containers.indexOf(copy), 1);
      this.#notes.push(`${copy.name} was removed while it was copied, and is left out`);
    }
  }

  async finish(named: NamedPages, watch: Watch): Promise<void> {
    for (const copy of this.containers) {
      // A file that got its lasting name meanwhile gets it in the set, too: native recovery goes by names.
      const { name } = copy.source;
      if (isPassing(copy.name) && !isPassing(name) && !this.containers.some((other) => other.name === name)) {
        this.#forget(name);
        copy.rename(name, this.#targetOf(name));
      }
      await copy.finish(watch);
    }
    // An opaque log does not tell.
    for (const { name } of this.#log.isOpaque ? [] : markUnlogged(this.containers, named)) {
      this.#notes.push(
        `${name} is written without the log: the set has it as it was on disk, and incrementals cannot update it`,
      );
    }
  }
}
