/**
 * A repository in a store, as the engine knows repositories: a directory. Manifests and what stands beside them are there from the
 * beginning, files of sets are as long as they are, and their bytes come when they are read. What the engine changes is put into
 * the store afterwards (`upload.ts`).
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
import { directoryNames, environmentOf, manifestFrom, manifestLimit } from '../repository/repository.ts';
import { someAtOnce } from '../store/at-once.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { type SyncReader } from '../store/sync-reader.ts';
import { Changes } from './changes.ts';
import { LazyFiles } from './lazy-files.ts';
import { expectedOf, type Expected, type StandIn } from './stand-in.ts';
import { isOfChecks, manifestName, noteLimit, noteNames, sortObjects, sumsName, type StoredSet } from './objects.ts';

/** How many objects are asked for at the same time. */
const mostAtOnce = 16;

/** A set as the store has it. */
export interface MirroredSet extends StoredSet {
  /** It had a manifest. */
  readonly isComplete: boolean;
  /** By name, as the store has it; that of checks is what all of them are together. */
  readonly notes: ReadonlyMap<string, Uint8Array>;
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
    readonly sets: Map<string, MirroredSet>;
  };
  /** Forgets the bytes of a file that the store has now. */
  release(file: string, object: StoredObject, expected?: Expected): void;
}

/** Makes the mirror of a store in a directory, which is made. Throws what the store throws. */
export async function makeMirror(
  disk: Files,
  store: Store,
  reader: SyncReader,
  directory: string,
  watch: Watch,
  standIn?: StandIn,
): Promise<Mirror> {
  return await new MirrorMaker(disk, store, reader, directory, watch, standIn).perform();
}

class MirrorMaker {
  readonly #disk: Files;
  readonly #store: Store;
  readonly #directory: string;
  readonly #watch: Watch;
  readonly #lazy: LazyFiles;

  constructor(
    disk: Files,
    store: Store,
    reader: SyncReader,
    directory: string,
    watch: Watch,
    standIn: StandIn | undefined,
  ) {
    this.#disk = disk;
    this.#store = store;
    this.#directory = directory;
    this.#watch = watch;
    this.#lazy = new LazyFiles(disk, reader, standIn);
  }

  async perform(): Promise<Mirror> {
    const { head, sets } = sortObjects(await this.#store.list(''));
    makeDirectories(this.#disk, this.#directory);
    if (head) await this.#bringHead(head);
    const mirrored = new Map<string, MirroredSet>();
    let done = 0;
    await someAtOnce(mostAtOnce, sets, async (set) => {
      mirrored.set(set.id, await this.#mirror(set));
      await pause(this.#watch, { phase: `read ${this.#store.place}`, done: ++done, total: sets.length });
    });
    const changes = new Changes(this.#lazy.files);
    return {
      directory: this.#directory,
      files: changes.files,
      changes,
      known: { isRepository: head !== undefined, sets: mirrored },
      release: (file, object, expected) => this.#lazy.release(file, object, expected),
    };
  }

  /** However the store keeps files: here they are as they are. */
  async #bringHead({ name }: StoredObject): Promise<void> {
    const bytes = await this.#readSmall(name, noteLimit);
    if (!bytes) return;
    const head = headOf(bytes, this.#store.place);
    const text = head?.packed ? encodeHead({ id: head.id }) : bytes;
    writeNew(this.#disk, path.join(this.#directory, repositoryName), text);
  }

  async #mirror(set: StoredSet): Promise<MirroredSet> {
    const inside = path.join(this.#directory, set.id);
    this.#disk.makeDirectory(inside);
    this.#disk.makeDirectory(environmentOf(inside));
    // Some stores list a moment late: what is taken for unfinished is removed, so that is not believed.
    const unlisted = { name: `${set.id}/${manifestName}`, size: manifestLimit, changedMs: 0 };
    const object = set.objects.get(manifestName) ?? unlisted;
    const text = await this.#bring(object, `${set.id}/${manifestName}`, manifestLimit);
    const manifest = text && readable(text, path.join(inside, manifestName), set.id);
    const objects = this.#withPacked(set, manifest);
    this.#layOut(set.id, objects, manifest);
    const sums = objects.get(sumsName);
    if (sums) this.#lazy.add(path.join(inside, sumsName), sums, 0o600);
    const notes = new Map<string, Uint8Array>();
    for (const name of noteNames) {
      const note = set.objects.get(name);
      const bytes = note && (await this.#bring(note, `${set.id}/${name}`, noteLimit));
      if (bytes) notes.set(name, bytes);
    }
    const checks = await this.#checksOf(set);
    if (checks.length > 0) {
      notes.set(checksName, checks);
      writeNew(this.#disk, path.join(inside, checksName), checks);
    }
    return { id: set.id, objects, isComplete: text !== undefined, notes };
  }

  /** The objects of a set: those that are in packs are in no list of the store. */
  #withPacked({ id, objects }: StoredSet, manifest: Manifest | undefined): ReadonlyMap<string, StoredObject> {
    const { packs } = this.#store;
    if (!packs || !manifest) return objects;
    const packed = packs.filesOf(id, manifest).map((object) => [object.name.slice(id.length + 1), object] as const);
    return new Map([...objects, ...packed]);
  }

  /** Makes what stands for the files and directories of a set. */
  #layOut(id: string, objects: StoredSet['objects'], manifest: Manifest | undefined): void {
    const environment = environmentOf(path.join(this.#directory, id));
    const made = new Set<string>(['']);
    const makeAbove = (name: string): void => {
      if (made.has(name)) return;
      makeAbove(parentOf(name));
      this.#disk.makeDirectory(path.join(environment, name));
      made.add(name);
    };
    const files = new Map<string, StoredObject>();
    for (const [name, object] of objects) {
      if (name.startsWith('environment/')) files.set(name.slice('environment/'.length), object);
    }
    const isBelowFile = (name: string): boolean => name !== '' && (files.has(name) || isBelowFile(parentOf(name)));
    for (const name of manifest ? directoryNames(manifest) : []) if (!isBelowFile(name)) makeAbove(name);
    const entries = new Map(manifest?.files.map((file) => [file.path, file]));
    for (const [name, object] of files) {
      // What a file has below it can be nothing of an environment.
      if (isBelowFile(parentOf(name)) || made.has(name)) continue;
      makeAbove(parentOf(name));
      const entry = entries.get(name);
      const mode = (entry?.mode ?? 0o600) & plainBits;
      this.#lazy.add(path.join(environment, name), object, mode, entry && expectedOf(entry));
    }
  }

  /** Writes an object as a file, and returns it; undefined when it was removed meanwhile. What is too large is cut: it is none. */
  async #bring(object: StoredObject, name: string, limit = noteLimit): Promise<Uint8Array | undefined> {
    const bytes = await this.#readSmall(object.name, limit);
    if (bytes) writeNew(this.#disk, path.join(this.#directory, name), bytes);
    return bytes;
  }

  /** What is damaged is that of its set alone: whoever reads it finds nothing there. */
  async #readSmall(name: string, limit: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#store.read(name, { start: 0, length: limit });
    } catch (error) {
      if (!(error instanceof FigaroError) || error.code !== 'file-checksum') throw error;
      return new Uint8Array(0);
    }
  }

  async #checksOf({ objects }: StoredSet): Promise<Uint8Array> {
    const names = [...objects.keys()].filter(isOfChecks).sort();
    const parts: Uint8Array[] = [];
    for (const name of names) {
      const bytes = await this.#readSmall(objects.get(name)!.name, noteLimit);
      if (bytes) parts.push(bytes, ...(bytes.at(-1) === 0x0a ? [] : [Buffer.from('\n')]));
    }
    return Buffer.concat(parts);
  }
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
