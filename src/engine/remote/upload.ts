/** What the engine has changed in a mirror is put into its store: new sets with their files first and their manifests last. */

import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { writeDurably } from '../files/durable.ts';
import { readOwnIfThere } from '../files/read.ts';
import { companionNames } from '../packed/companions.ts';
import { pause, throwIfStopped, type Watch } from '../pause.ts';
import { repositoryName } from '../places.ts';
import { encodeHead, headOf } from '../repository/head.ts';
import { inOrder } from '../repository/chain-order.ts';
import { checksName, decodeChecks, isDoubted, readChecks } from '../repository/checks.ts';
import { setName, type ManifestFile } from '../repository/manifest.ts';
import { environmentOf, manifestLimit, readManifest, readSets, stampOf } from '../repository/repository.ts';
import { someAtOnce } from '../at-once.ts';
import { bytesAsSource, fileAsSource } from '../store/object-source.ts';
import { type KnownSets, type ObjectSource, type Store, type StoredObject } from '../store/store.ts';
import { type OpenedStore } from '../store/stores.ts';
import { type Mirror, type MirroredSet } from './mirror.ts';
import { expectedOf } from './stand-in.ts';
import { checksPrefix, isOfChecks, manifestName, noteLimit, noteNames, sumsName } from './objects.ts';

/** With so many objects of checks in a set, they become one. */
const mostChecks = 20;

/** How many files are sent at the same time. */
const mostAtOnce = 4;

/** How many objects of a set are removed before another look at the lock. */
const removedAtOnce = 500;

/** What was written longer ago than this, and did not become a part of anything, is of a run that is over. In ms. */
export const unfinishedMs = 24 * 3_600_000;

/** Throws where this run may not be the one that writes any more; asks by the store it is given, or by that of the work. */
export type Confirm = (by?: Store) => Promise<void>;

export interface UploadOptions {
  /** Asked before anything is made to last that others build on. */
  readonly confirm: Confirm;
  readonly watch: Watch;
  /** Removes packs that killed runs left, also where no set was removed. */
  readonly collects: boolean;
  readonly onWarning: (warning: string) => void;
}

/** Sends what has changed. */
export async function upload(
  stores: Pick<OpenedStore, 'store' | 'ending'>,
  mirror: Mirror,
  options: UploadOptions,
): Promise<void> {
  await new Upload(stores, mirror, options).perform();
}

class Upload {
  readonly #store: Store;
  readonly #ending: Store;
  readonly #mirror: Mirror;
  readonly #files: Files;
  readonly #confirm: Confirm;
  readonly #watch: Watch;
  readonly #collects: boolean;
  readonly #onWarning: (warning: string) => void;

  constructor(
    { store, ending }: Pick<OpenedStore, 'store' | 'ending'>,
    mirror: Mirror,
    { confirm, watch, collects, onWarning }: UploadOptions,
  ) {
    this.#store = store;
    this.#ending = ending;
    this.#mirror = mirror;
    this.#files = mirror.files;
    this.#confirm = confirm;
    this.#watch = watch;
    this.#collects = collects;
    this.#onWarning = onWarning;
  }

  async perform(): Promise<void> {
    const { directory, known } = this.#mirror;
    const names = (this.#files.listIfThere(directory) ?? []).filter((name) => setName.test(name));
    const complete = names.filter((id) => this.#files.statIfThere(this.#inside(id, manifestName)));
    const removed = this.#removedSets(names);
    this.#requireThere(names, complete, removed);
    if (!known.isRepository) await this.#sendHead();
    for (const id of complete) {
      const before = known.sets.get(id);
      const objects = before?.isComplete ? before.objects : await this.#sendWhole(id);
      const notes = await this.#sendNotes(id, objects, before?.notes);
      known.sets.set(id, { hasHiddenChecks: false, ...before, id, objects, isComplete: true, notes });
    }
    await this.#passDoubts(removed);
    let areGone = false;
    for (const set of removed) {
      if (await this.#removeSet(set)) areGone = true;
      known.sets.delete(set.id);
    }
    if (areGone) await this.#collectPacks();
    else if (this.#collects) await this.#collectPacks(unfinishedMs);
  }

  /** The sets that the engine removed, in its order: what is left of a chain at any moment is one. */
  #removedSets(names: readonly string[]): readonly MirroredSet[] {
    const { changes, directory, known } = this.#mirror;
    const left = new Set(names);
    // One that was never finished is taken away as a whole.
    const taken = changes.removed.map(
      (file) => this.#manifestOf(file) ?? (path.dirname(file) === directory ? path.basename(file) : ''),
    );
    return [...new Set(taken)].flatMap((id) => known.sets.get(id) ?? []).filter(({ id }) => !left.has(id));
  }

  /** Throws `io` where somebody else removed something: the work saw less than there is, or what it made cannot be sent. */
  #requireThere(names: readonly string[], complete: readonly string[], removed: readonly MirroredSet[]): void {
    const { directory, changes, known } = this.#mirror;
    const expected = new Set(known.sets.keys());
    for (const { id } of removed) expected.delete(id);
    const missing =
      changes.made.flatMap((file) => this.#manifestOf(file) ?? []).find((id) => !complete.includes(id)) ??
      [...expected].find((id) => !names.includes(id));
    if (missing === undefined) return;
    throw new FigaroError('io', `${missing} was removed from the spool by another program while it was in use there`, {
      path: path.join(directory, missing),
      hint: 'name a directory that nobody clears with --spool or $FIGARO_BACKUP_SPOOL. What is in the store is as it was.',
    });
  }

  #inside(id: string, name: string): string {
    return path.join(this.#mirror.directory, id, name);
  }

  /** The set whose manifest a file is; undefined for all other files. */
  #manifestOf(file: string): string | undefined {
    const id = path.basename(path.dirname(file));
    return setName.test(id) && file === this.#inside(id, manifestName) ? id : undefined;
  }

  async #sendHead(): Promise<void> {
    const file = path.join(this.#mirror.directory, repositoryName);
    const bytes = readOwnIfThere(this.#files, file);
    if (!bytes) return;
    for (const name of companionNames) {
      const companion = readOwnIfThere(this.#files, path.join(this.#mirror.directory, name));
      if (companion) await this.#store.write(name, bytesAsSource(companion));
    }
    await this.#confirm();
    if (await this.#store.create(repositoryName, bytes)) {
      this.#mirror.known.isRepository = true;
      const head = headOf(bytes, this.#store.place);
      // From now on it is a mirror, in which files are as they are.
      if (head?.packed) writeDurably(this.#files, file, encodeHead({ id: head.id }));
      return;
    }
    throw new FigaroError('busy', `${this.#store.place} was made a repository by another run meanwhile`, {
      hint: 'run the same command again.',
    });
  }

  /** Sends a set, or as far as that works leaves nothing of it behind. Returns its objects. */
  async #sendWhole(id: string): Promise<ReadonlyMap<string, StoredObject>> {
    try {
      return await this.#sendSet(id);
    } catch (error) {
      if (await this.#isOurs(error)) await this.#discard(id).catch(() => undefined);
      throw error;
    }
  }

  /**
   * That a manifest was not written, or its answer lost, does not mean that it is not there; and one that is may be another run's, which copied the
   * same set when this one stood still.
   */
  async #isOurs(failure: unknown): Promise<boolean> {
    if (failure instanceof FigaroError && failure.code === 'busy') return false;
    return await this.#confirm(this.#ending).then(
      () => true,
      () => false,
    );
  }

  async #sendSet(id: string): Promise<ReadonlyMap<string, StoredObject>> {
    const { manifest, text } = readManifest(this.#files, path.join(this.#mirror.directory, id), id)!;
    if (manifest.kind !== 'incremental') this.#store.packs?.buildUpon(this.#knownSets());
    const progress = { done: 0, total: manifest.files.reduce((sum, { size }) => sum + size, 0) };
    await someAtOnce(mostAtOnce, manifest.files, async (file) => await this.#sendFile(id, file, progress));
    await this.#store.packs?.finish(id);
    const sums = readOwnIfThere(this.#files, this.#inside(id, sumsName), manifestLimit);
    if (sums) await this.#store.write(`${id}/${sumsName}`, bytesAsSource(sums));
    // The last moment: what is stopped from here on has been done.
    throwIfStopped(this.#watch);
    await this.#confirm();
    if (!(await this.#store.create(`${id}/${manifestName}`, text))) {
      throw new FigaroError('busy', `${this.#store.place} has another set ${id} already`, { path: id });
    }
    await this.#lookAgain(id, manifest.files);
    const objects = new Map<string, StoredObject>();
    const note = (name: string, size: number): StoredObject => {
      const object = { name: `${id}/${name}`, size, changedMs: Date.now() };
      objects.set(name, object);
      return object;
    };
    for (const entry of manifest.files) {
      const { path: name, size } = entry;
      const file = path.join(environmentOf(path.join(this.#mirror.directory, id)), name);
      this.#mirror.release(file, note(`environment/${name}`, size), expectedOf(entry));
    }
    if (sums) note(sumsName, sums.length);
    note(manifestName, text.length);
    return objects;
  }

  /** What the store has, and was told of by those who checked it. */
  #knownSets(): KnownSets {
    const { directory, known } = this.#mirror;
    const { sets } = readSets(this.#files, { directory, id: '' });
    const full = inOrder(
      sets.filter(({ id, manifest }) => manifest.kind !== 'incremental' && known.sets.get(id)?.isComplete === true),
    );
    const doubted = full.filter((set) => isDoubted(readChecks(this.#files, set, () => {})));
    const newest = full.at(-1)?.id;
    const tell = (set: string, what: string): void =>
      this.#onWarning(`the new set shares no pages with ${set}: these keys may not read ${what}`);
    if (doubted.some(({ id }) => id === newest && known.sets.get(id)!.hasHiddenChecks)) tell(newest!, 'its checks');
    const onUnreadable = (set: string): void => tell(set, 'what its pages were');
    return { newest, doubted: doubted.map(({ id }) => id), onUnreadable };
  }

  /**
   * A run that stood still just before its set became one may have lost the lock then: who took over may have removed what it saw no set
   * for. Throws `busy` where the set was taken back for that.
   */
  async #lookAgain(id: string, files: readonly ManifestFile[]): Promise<void> {
    try {
      await this.#confirm();
    } catch (error) {
      const isLost = error instanceof FigaroError && error.code === 'busy';
      if (!isLost || (await this.#isWhole(id, files))) return;
      await this.#ending.remove([`${id}/${manifestName}`]);
      throw error;
    }
  }

  async #isWhole(id: string, files: readonly ManifestFile[]): Promise<boolean> {
    const { packs } = this.#ending;
    if (packs) return await packs.isWhole(id);
    const there = new Set((await this.#ending.list(`${id}/`)).map(({ name }) => name));
    return files.every(({ path: name }) => there.has(`${id}/environment/${name}`));
  }

  async #sendFile(
    id: string,
    { path: name, size, sha256 }: ManifestFile,
    progress: { done: number; readonly total: number },
  ): Promise<void> {
    throwIfStopped(this.#watch);
    const file = path.join(environmentOf(path.join(this.#mirror.directory, id)), name);
    const source = fileAsSource(this.#files, file, size);
    const hashed = new HashedSource(source, async (bytes) => {
      progress.done += bytes;
      await pause(this.#watch, { phase: `send ${id}/${path.basename(name)}`, ...progress }, bytes);
    });
    await this.#store.write(`${id}/environment/${name}`, hashed);
    if (hashed.sha256 === sha256) return;
    throw new FigaroError('file-checksum', `${file} does not match its SHA-256 in the manifest`, {
      path: file,
      hint: 'the disk of the spool may be failing. Choose another one with $FIGARO_BACKUP_SPOOL.',
    });
  }

  /** What stands beside a manifest, as far as the store has it otherwise. Returns all of it. */
  async #sendNotes(
    id: string,
    objects: MirroredSet['objects'],
    before: MirroredSet['notes'] = new Map(),
  ): Promise<MirroredSet['notes']> {
    const notes = new Map(before);
    for (const name of noteNames) {
      const known = notes.get(name);
      const bytes = readOwnIfThere(this.#files, this.#inside(id, name));
      if (bytes && !(known && Buffer.compare(known, bytes) === 0)) {
        await this.#store.write(`${id}/${name}`, bytesAsSource(bytes));
        notes.set(name, bytes);
      } else if (known && this.#mirror.changes.wasRemoved(this.#inside(id, name))) {
        await this.#store.remove([`${id}/${name}`]);
        notes.delete(name);
      }
    }
    const checked = notes.get(checksName) ?? new Uint8Array(0);
    const added = this.#checksAdded(id, checked.length);
    if (added) {
      await this.#sendChecks(id, checked, added, [...objects.keys()].filter(isOfChecks));
      notes.set(checksName, Buffer.concat([checked, added]));
    }
    return notes;
  }

  /** When there are many objects of checks, the new one holds what all of them say: each is a question of every command. */
  async #sendChecks(id: string, before: Uint8Array, added: Uint8Array, parts: readonly string[]): Promise<void> {
    const areMany = parts.length >= mostChecks;
    const name = `${checksPrefix}${stampOf(new Date())}-${randomBytes(3).toString('hex')}`;
    const bytes = areMany ? newest(Buffer.concat([before, added])) : added;
    await this.#store.write(`${id}/${name}`, bytesAsSource(bytes));
    if (!areMany) return;
    try {
      await this.#store.remove(parts.map((part) => `${id}/${part}`));
    } catch (error) {
      // A check that is told twice is one all the same.
      if (!isRefused(error)) throw error;
    }
  }

  /** What was appended to the checks of a set, which were `before` bytes. */
  #checksAdded(id: string, before: number): Uint8Array | undefined {
    const opened = this.#files.openOwnIfThere(this.#inside(id, checksName));
    try {
      const size = opened?.stat().size ?? 0;
      if (!opened || size <= before) return undefined;
      const bytes = new Uint8Array(size - before);
      return bytes.subarray(0, opened.readAt(bytes, before));
    } finally {
      opened?.close();
    }
  }

  async #discard(id: string): Promise<void> {
    await removeAll(this.#ending, id, async () => await this.#confirm(this.#ending));
    await this.#ending.packs?.discard(id);
  }

  /** Before they go, since whoever goes on where this run was killed knows nothing of sets that are gone. */
  async #passDoubts(removed: readonly MirroredSet[]): Promise<void> {
    const { packs } = this.#store;
    const doubted = removed.filter(
      ({ isComplete, notes }) => isComplete && isDoubted(decodeChecks(notes.get(checksName))),
    );
    if (!packs || doubted.length === 0) return;
    const gone = new Set(removed.map(({ id }) => id));
    const others = [...this.#mirror.known.sets.values()].filter(({ id, isComplete }) => isComplete && !gone.has(id));
    await packs.passDoubts(
      doubted.map(({ id }) => id),
      others.map(({ id }) => id),
      this.#confirm,
    );
  }

  async #collectPacks(olderThanMs?: number): Promise<void> {
    const { packs } = this.#store;
    if (!packs) return;
    await pause(this.#watch, { phase: 'look for packs that no set needs' });
    const sets = [...this.#mirror.known.sets.values()].flatMap(({ id, isComplete }) => (isComplete ? [id] : []));
    const hindrance = await packs.collect(sets, this.#confirm, olderThanMs).catch((error: unknown) => {
      if (isRefused(error)) return error;
      throw error;
    });
    if (hindrance) this.#onWarning(`packs that no set needs any more were not removed: ${hindrance.message}`);
  }

  /** Without its manifest it is no set, and the next run removes what is left of it. False for what was none before, and these keys may not remove: others will. */
  async #removeSet({ id, isComplete }: MirroredSet): Promise<boolean> {
    await pause(this.#watch, { phase: `remove ${id}` });
    try {
      await removeAll(this.#store, id, this.#confirm);
      return true;
    } catch (error) {
      if (isComplete || !isRefused(error)) throw error;
      return false;
    }
  }
}

function isRefused(error: unknown): error is FigaroError {
  return error instanceof FigaroError && error.code === 'not-permitted';
}

/**
 * The manifest goes first: without it, the rest is no set. Only what was there before that is removed, and none of it once `confirm` throws: a run that
 * took over may have put the same set there again.
 */
async function removeAll(store: Store, id: string, confirm: () => Promise<void>): Promise<void> {
  const manifest = `${id}/${manifestName}`;
  const rest = (await store.list(`${id}/`)).map(({ name }) => name).filter((name) => name !== manifest);
  await confirm();
  await store.remove([manifest]);
  for (let i = 0; i < rest.length; i += removedAtOnce) {
    await confirm();
    await store.remove(rest.slice(i, i + removedAtOnce));
  }
}

/** Whole lines, as many of the last ones as whoever reads checks looks at. */
function newest(checks: Buffer): Uint8Array {
  return checks.length <= noteLimit ? checks : checks.subarray(checks.indexOf('\n', checks.length - noteLimit) + 1);
}

/** A source that knows the SHA-256 of what it gave, where it gave all of it in order. */
class HashedSource implements ObjectSource {
  readonly size: number;
  readonly #source: ObjectSource;
  readonly #onBytes: (bytes: number) => Promise<void>;
  #hash = createHash('sha256');
  /** How far it was hashed, and how far anything was given: what is given again counts once. */
  #done = 0;

  constructor(source: ObjectSource, onBytes: (bytes: number) => Promise<void>) {
    this.#source = source;
    this.size = source.size;
    this.#onBytes = onBytes;
  }

  /** Undefined where some of it was never given. */
  get sha256(): string | undefined {
    return this.#done === this.size ? this.#hash.copy().digest('hex') : undefined;
  }

  async *open(start: number, length: number): AsyncIterable<Uint8Array> {
    let at = start;
    for await (const bytes of this.#source.open(start, length)) {
      if (at <= this.#done && at + bytes.length > this.#done) {
        const fresh = bytes.subarray(this.#done - at);
        this.#hash.update(fresh);
        this.#done += fresh.length;
        await this.#onBytes(fresh.length);
      }
      at += bytes.length;
      yield bytes;
    }
  }
}
