/**
 * A repository in a store, as the engine knows repositories: a directory. What manifests and notes say is there from the beginning, files of
 * sets are as long as they are, and their bytes come when they are read. What the engine changes is put into the store
 * afterwards (`upload.ts`).
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { makeDirectories } from '../files/tree.ts';
import { writeNew } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { repositoryName } from '../places.ts';
import { plainBits } from '../recovery/owners.ts';
import { checksName } from '../repository/checks.ts';
import { encodeHead, headOf } from '../repository/head.ts';
import { type Manifest } from '../repository/manifest.ts';
import {
  directoryNames,
  environmentOf,
  findRepository,
  manifestFrom,
  manifestLimit,
} from '../repository/repository.ts';
import { someAtOnce } from '../at-once.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { type SyncReader } from '../store/sync-reader.ts';
import { Changes } from './changes.ts';
import { KeptObjects, storeMark } from './kept-objects.ts';
import { LazyFiles } from './lazy-files.ts';
import { expectedOf, type Expected, type StandIn } from './stand-in.ts';
import { manifestName, noteLimit, noteNames, sortObjects, sumsName, type StoredSet } from './objects.ts';
import { checksOf, hiddenCheck, readUpTo, WrittenOnce } from './written-once.ts';

/** How many objects are asked for at the same time. */
const mostAtOnce = 16;

/** A set as the store has it. */
export interface MirroredSet extends StoredSet {
  /** It had a manifest. */
  readonly isComplete: boolean;
  /** By name, as the store has it; that of checks is what all of them are together. */
  readonly notes: ReadonlyMap<string, Uint8Array>;
  /** Some of its checks are those of others, which these keys may not read. */
  readonly hasHiddenChecks: boolean;
}

export interface Mirror {
  readonly directory: string;
  /** For everything that is done to the mirror. */
  readonly files: Files;
  /** What was done through them. */
  readonly changes: Changes;
  /** What the store has, as far as this run knows. */
  readonly known: {
    isRepository: boolean;
    /** Where in it another repository is. */
    readonly below: string | undefined;
    readonly sets: Map<string, MirroredSet>;
  };
  /** Forgets the bytes of a file that the store has now. */
  release(file: string, object: StoredObject, expected?: Expected): void;
}

export interface MakingOptions {
  /** Where the mirror is going to be. */
  readonly directory: string;
  /** Where what the store was asked for is kept for the next run. */
  readonly keptIn: string;
  /** Believes nothing that was kept. */
  readonly asksAnew: boolean;
  readonly watch: Watch;
  /** `repository.json`, where it was read already. */
  readonly head?: Uint8Array | undefined;
  /** Has bytes of sets that nobody here can read. For a new set, notes of others that these keys may not read are passed over, too. */
  readonly standIn?: StandIn | undefined;
}

/** Makes the mirror of a store in a directory, which is made. Throws what the store throws. */
export async function makeMirror(
  disk: Files,
  store: Store,
  reader: SyncReader,
  options: MakingOptions,
): Promise<Mirror> {
  return await new MirrorMaker(disk, store, reader, options).perform();
}

class MirrorMaker {
  readonly #disk: Files;
  readonly #store: Store;
  readonly #directory: string;
  readonly #options: MakingOptions;
  readonly #lazy: LazyFiles;
  #kept: KeptObjects | undefined;

  constructor(disk: Files, store: Store, reader: SyncReader, options: MakingOptions) {
    this.#disk = disk;
    this.#store = store;
    this.#directory = options.directory;
    this.#options = options;
    this.#lazy = new LazyFiles(disk, reader, options.standIn);
  }

  async perform(): Promise<Mirror> {
    const { head, sets, below } = sortObjects(await this.#store.list(''));
    makeDirectories(this.#disk, this.#directory);
    if (head) await this.#bringHead(head);
    const mirrored = new Map<string, MirroredSet>();
    let done = 0;
    await someAtOnce(mostAtOnce, sets, async (set) => {
      mirrored.set(set.id, await this.#mirror(set));
      await pause(this.#options.watch, { phase: `read ${this.#store.place}`, done: ++done, total: sets.length });
    });
    this.#kept?.forgetOthers();
    const changes = new Changes(this.#lazy.files);
    return {
      directory: this.#directory,
      files: changes.files,
      changes,
      known: { isRepository: head !== undefined, below, sets: mirrored },
      release: (file, object, expected) => this.#lazy.release(file, object, expected),
    };
  }

  async #bringHead(head: StoredObject): Promise<void> {
    const bytes = this.#options.head ?? (await readUpTo(this.#store, head, noteLimit));
    const { id, packed } = (bytes && headOf(bytes, this.#store.place)) ?? {};
    // However the store keeps files: here they are as they are.
    const text = id !== undefined && packed ? encodeHead({ id }) : bytes;
    if (text !== undefined) writeNew(this.#disk, path.join(this.#directory, repositoryName), text);
    try {
      const repository = findRepository(this.#disk, this.#directory);
      if (repository && this.#store.packs?.isEncrypted !== true) {
        // Copies of a repository have its id.
        const name = `${repository.id}-${storeMark(this.#store.place)}`;
        this.#kept = new KeptObjects(this.#disk, this.#options.keptIn, name);
      }
    } catch (error) {
      // Whoever opens it will say so.
      if (!(error instanceof FigaroError)) throw error;
    }
  }

  async #mirror(set: StoredSet): Promise<MirroredSet> {
    const inside = path.join(this.#directory, set.id);
    this.#lazy.addDirectory(this.#directory, set.id);
    this.#lazy.addDirectory(inside, path.basename(environmentOf(inside)));
    const once = new WrittenOnce(this.#store, this.#kept?.of(set.id), this.#options.asksAnew);
    // Some stores list a moment late: what is taken for unfinished is removed, so that is not believed.
    const unlisted = { name: `${set.id}/${manifestName}`, size: manifestLimit, changedMs: 0 };
    const object = set.objects.get(manifestName) ?? unlisted;
    const text = await once.read(object, manifestLimit);
    if (text) this.#lazy.addBytes(inside, manifestName, text, object.changedMs);
    const manifest = text && readable(text, path.join(inside, manifestName), set.id);
    const objects = this.#withPacked(set, manifest);
    this.#layOut(set.id, objects, manifest);
    const sums = objects.get(sumsName);
    if (sums) this.#lazy.add(inside, sumsName, sums, 0o600);
    const notes = new Map<string, Uint8Array>();
    const note = (name: string, bytes: Uint8Array, changedMs: number): void => {
      notes.set(name, bytes);
      this.#lazy.addBytes(inside, name, bytes, changedMs);
    };
    for (const name of noteNames) {
      const stored = set.objects.get(name);
      const bytes = stored && (await this.#unlessHidden(() => readUpTo(this.#store, stored, noteLimit)));
      if (bytes) note(name, bytes === 'hidden' ? new Uint8Array(0) : bytes, stored.changedMs);
    }
    let hasHiddenChecks = false;
    const { bytes, changedMs } = await checksOf(set, async (object) => {
      const found = await this.#unlessHidden(() => once.read(object, noteLimit));
      if (found !== 'hidden') return found;
      hasHiddenChecks = true;
      return hiddenCheck;
    });
    if (bytes.length > 0) note(checksName, bytes, changedMs);
    // What cannot be read is asked for again: somebody may put it right.
    if (once.hasChanged) this.#kept?.put(set.id, manifest ? once.objects : []);
    return { id: set.id, objects, isComplete: text !== undefined, notes, hasHiddenChecks };
  }

  /** What others noted of a set keeps nobody from taking the next one. Whoever tells of sets has to know it. */
  async #unlessHidden<T>(read: () => Promise<T>): Promise<T | 'hidden'> {
    try {
      return await read();
    } catch (error) {
      const isHidden = error instanceof FigaroError && error.code === 'not-permitted';
      if (isHidden && this.#options.standIn) return 'hidden';
      throw error;
    }
  }

  /** The objects of a set: those that are in packs are in no list of the store. */
  #withPacked({ id, objects }: StoredSet, manifest: Manifest | undefined): ReadonlyMap<string, StoredObject> {
    const { packs } = this.#store;
    if (!packs || !manifest) return objects;
    const packed = packs.filesOf(id, manifest).map((object) => [object.name.slice(id.length + 1), object] as const);
    return new Map([...objects, ...packed]);
  }

  /** Shows the files and directories of a set. */
  #layOut(id: string, objects: StoredSet['objects'], manifest: Manifest | undefined): void {
    const environment = environmentOf(path.join(this.#directory, id));
    const shown = new Map([['', environment]]);
    const show = (name: string): string => {
      const before = shown.get(name);
      if (before !== undefined) return before;
      this.#lazy.addDirectory(show(parentOf(name)), nameOf(name));
      const directory = path.join(environment, name);
      shown.set(name, directory);
      return directory;
    };
    const files = new Map<string, StoredObject>();
    for (const [name, object] of objects) {
      if (name.startsWith('environment/')) files.set(name.slice('environment/'.length), object);
    }
    const isBelowFile = (name: string): boolean => name !== '' && (files.has(name) || isBelowFile(parentOf(name)));
    for (const name of manifest ? directoryNames(manifest) : []) if (!isBelowFile(name)) show(name);
    const entries = new Map(manifest?.files.map((file) => [file.path, file]));
    for (const [name, object] of files) {
      // What a file has below it can be nothing of an environment.
      if (isBelowFile(parentOf(name)) || shown.has(name)) continue;
      const entry = entries.get(name);
      const mode = (entry?.mode ?? 0o600) & plainBits;
      this.#lazy.add(show(parentOf(name)), nameOf(name), object, mode, entry && expectedOf(entry));
    }
  }
}

function nameOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function parentOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '';
}

/** The manifest; undefined where it is none, which whoever reads the set will say. */
function readable(text: Uint8Array, file: string, id: string): Manifest | undefined {
  try {
    return manifestFrom(text, file, id);
  } catch (error) {
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}
