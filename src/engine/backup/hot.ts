/** A full set of an environment in use (design, section 5; recovery document, G.4). The order of it. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type EnvironmentFile } from '../environment/discover.ts';
import { type Files, type FileStat } from '../files.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { type Watch } from '../pause.ts';
import { type NewSet } from '../repository/repository.ts';
import { ContainerCopy } from './copy-container.ts';
import { LogCopy, requireSoundEnd } from './copy-log.ts';
import { copyPlain, type PlainCopy } from './copy-plain.ts';
import {
  describeLog,
  logDirectoryOf,
  makeConfiguredDirectories,
  manifestFiles,
  type EnvironmentCopy,
} from './environment-copy.ts';
import { LogNotes } from './log-notes.ts';
import { NamedPages } from './named-pages.ts';
import { identityOf } from './page-source.ts';
import { findFirstLogFile } from './redo-start.ts';
import { settle } from './settle.ts';
import { isPassing, listSource, type SourceFiles } from './source.ts';

export interface HotOptions {
  readonly watch: Watch;
  /** See `settle`. */
  readonly smallBytes?: number;
}

/** Copies an environment that other processes may be writing to. It is only read. */
export async function copyHot(files: Files, home: string, set: NewSet, options: HotOptions): Promise<EnvironmentCopy> {
  const { watch } = options;
  const source = await listSource(files, home);
  const { environment } = source;
  const logDirectory = logDirectoryOf(environment);
  const from = path.join(home, logDirectory);
  const notes = new LogNotes();
  const named = new NamedPages();

  // The log: the last complete checkpoint says from which file on it is needed. It is copied from there at once, and
  // followed while the rest is copied, so that no file can be taken away.
  const log = beginLog(files, from, path.join(set.environment, logDirectory), (record) => {
    notes.see(record);
    named.see(record);
  });
  try {
    // Damage in the log comes before anything that follows from it.
    await requireSoundEnd(files, from, log.follow());

    // The containers, every page looked at.
    const copy = new HotCopy(files, home, set, log);
    makeConfiguredDirectories(files, environment, set.environment);
    await copy.add(source, watch);

    // Pages that may have been in motion, and files that appeared or moved meanwhile.
    const { containers } = copy;
    const list = (): Promise<ReadonlySet<ContainerCopy>> => copy.refresh(watch);
    // What the log names is hidden in an opaque one: then everything is read again.
    const always = log.isOpaque ? { smallBytes: Infinity } : {};
    copy.drop(await settle({ ...options, ...always, log, notes, named, containers, list }, watch));
    await copy.finish(named, watch);
    await copy.confirmExternalFiles(watch);

    // The log to its end. Every page copied was compared with it.
    const end = await log.followToEnd();
    log.close();
    await requireSoundEnd(files, from, end);
    return {
      files: manifestFiles(copy.containers, copy.others, log.copied, logDirectory),
      log: describeLog(log, notes),
      warnings: [...environment.config.risks, ...copy.warnings],
    };
  } finally {
    log.close();
  }
}

/** Begins to copy the log. A file removed before it could be opened is not needed: there is a newer checkpoint. */
function beginLog(files: Files, from: string, to: string, onRecord: (record: ScannedRecord) => void): LogCopy {
  for (let i = 1; ; i++) {
    const log = new LogCopy(files, { from, to, first: findFirstLogFile(files, from), onRecord });
    try {
      log.begin();
      log.keepFollowing();
      return log;
    } catch (error) {
      if (i === attempts || !(error instanceof FigaroError) || error.code !== 'log-missing') throw error;
    }
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

/** The files of a hot set but its log. */
class HotCopy {
  readonly #files: Files;
  readonly #home: string;
  readonly #set: NewSet;
  readonly #log: LogCopy;
  readonly containers: ContainerCopy[] = [];
  readonly others: PlainCopy[] = [];
  readonly warnings: string[] = [];

  constructor(files: Files, home: string, set: NewSet, log: LogCopy) {
    this.#files = files;
    this.#home = home;
    this.#set = set;
    this.#log = log;
  }

  /** Copies what is not copied yet. A file that took the name of another is left to the log, which created it. */
  async add({ paged, plain }: SourceFiles, watch: Watch): Promise<void> {
    for (const candidate of paged) {
      const { name } = candidate.file;
      const identity = identityOf(candidate.file) ?? name;
      if (this.containers.some((copy) => copy.name === name || copy.identity === identity)) continue;
      this.#forget(name);
      const copy = new ContainerCopy(this.#files, candidate, this.#targetOf(name), this.#log);
      if (await copy.copy(watch)) this.containers.push(copy);
    }
    for (const file of plain) {
      if (this.others.some((copy) => copy.file.name === file.name)) continue;
      // A stand-in for a file that is copied already: the log says what becomes of that one.
      if (this.containers.some((copy) => copy.name === file.name)) continue;
      const copied = await copyPlain(this.#files, file, this.#targetOf(file.name), watch);
      if (!copied) continue;
      this.others.push(copied);
      // The file that it stood in for is back: that one is no plain file, and found by the next look.
      if (file.kind === 'placeholder' && copied.stat.inode !== file.stat.inode) this.#forget(file.name);
    }
  }

  #targetOf(name: string): string {
    return path.join(this.#set.environment, name);
  }

  /** Removes the copy of a file that only stood in for one that comes, or comes back, under the name. */
  #forget(name: string): void {
    const known = this.others.findIndex(({ file }) => file.name === name);
    if (known === -1) return;
    this.#files.remove(this.#targetOf(name));
    this.others.splice(known, 1);
  }

  /**
   * Copies external files that are new or changed until none is while the log is followed. They are complete when their
   * transaction commits, and the log need not hold their contents: so those of every commit copied are there (format
   * document, 1.6). Throws `page-unstable` when there is no such moment.
   */
  async confirmExternalFiles(watch: Watch): Promise<void> {
    for (let i = 1; i <= externalAttempts; i++) {
      const now = externalFiles(await listSource(this.#files, this.#home));
      for (const file of now) {
        const known = this.others.findIndex((copy) => copy.file.name === file.name);
        if (known !== -1) {
          if (stateOf({ path: file.path, stat: this.others[known]!.stat }) === stateOf(file)) continue;
          this.#forget(file.name);
        }
        const copied = await copyPlain(this.#files, file, this.#targetOf(file.name), watch);
        if (copied) this.others.push(copied);
      }
      this.#log.follow();
      const after = externalFiles(await listSource(this.#files, this.#home));
      if (now.map(stateOf).join() === after.map(stateOf).join()) return;
    }
    throw new FigaroError('page-unstable', `${this.#home}: external files come and go faster than they are copied`, {
      path: this.#home,
      hint: 'try again when the application writes less.',
    });
  }

  /** Lists the source again, copies what is new, and finds what was renamed. Returns the copies of what is gone. */
  async refresh(watch: Watch): Promise<ReadonlySet<ContainerCopy>> {
    const gone = await this.#lookAgain(watch);
    // A directory that is listed while a file in it gets another name may show neither of its names.
    return gone.size > 0 ? await this.#lookAgain(watch) : gone;
  }

  async #lookAgain(watch: Watch): Promise<ReadonlySet<ContainerCopy>> {
    const now = await listSource(this.#files, this.#home);
    await this.add(now, watch);
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
   * not, the set can not be recovered, and the proof says so.
   */
  drop(gone: ReadonlySet<ContainerCopy>): void {
    for (const copy of gone) {
      this.#files.remove(copy.target);
      this.containers.splice(this.containers.indexOf(copy), 1);
      this.warnings.push(`${copy.name} was removed while it was copied, and is left out`);
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
      // An opaque log does not tell.
      copy.isUnlogged = !this.#log.isOpaque && !copy.isLogged && !named.of(copy.paged.format.uid);
      if (copy.isUnlogged) {
        this.warnings.push(
          `${copy.name} is written without the log: the set has it as it was on disk, and no log brings it forward`,
        );
      }
    }
  }
}
