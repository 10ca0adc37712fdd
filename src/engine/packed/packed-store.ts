/**
 * A repository in a store as others know plain ones: under the names that files of a repository in a directory have. What is small of a set
 * is an object of its own (`sealed-sets.ts`), and its files come from packs.
 */

import { FigaroError, isSetDamage } from '../../errors.ts';
import { repositoryName } from '../places.ts';
import { type Head } from '../repository/head.ts';
import { checksumLines } from '../repository/repository.ts';
import { bytesAsSource, fill } from '../store/object-source.ts';
import {
  byName,
  type KnownSets,
  type ObjectSource,
  type PackedFiles,
  type Packs,
  type Range,
  type Store,
  type StoredObject,
} from '../store/store.ts';
import { findUnused, listPacks, removePacks, type SetObjects } from './collect.ts';
import { contentsLimit, encodeContents, type Contents } from './contents.ts';
import {
  contentsName,
  isContentsName,
  isFull,
  isPagesName,
  manifestName,
  packName,
  packsOf,
  packsPrefix,
  pagesName,
  partsOf,
  setsPrefix,
} from './layout.ts';
import { encodeManifestObject } from './manifest-object.ts';
import { decodePages, encodePages, pagesLimit } from './page-table.ts';
import { Packing, type Before } from './packing.ts';
import { type Sealing } from './sealing.ts';
import { UnfinishedSets, type UnfinishedSet } from './unfinished.ts';
import { SealedSets, sha256Of } from './sealed-sets.ts';
import { Unpacking } from './unpacking.ts';

const environmentPrefix = 'environment/';
const sumsName = 'SHA256SUMS';

/** What a set that is packed is packed with. */
export interface PackedKeys {
  readonly sealing: Sealing;
  /** Of hashes of pages, and of tables. Undefined for those who only read. */
  readonly hashKey: Uint8Array | undefined;
  /** What lies beside `repository.json`, by name, as whoever may write can make it again. */
  readonly companions: () => Promise<ReadonlyMap<string, Uint8Array>>;
}

export class PackedStore implements Store, Packs {
  readonly place: string;
  readonly packs = this;
  readonly isEncrypted: boolean;
  readonly #store: Store;
  readonly #head: Head;
  readonly #keys: PackedKeys;
  readonly #sealing: Sealing;
  readonly #unpacking: Unpacking;
  readonly #unfinished: UnfinishedSets;
  readonly #sets: SealedSets;
  #known: KnownSets = { newest: undefined, doubted: [] };

  constructor(store: Store, head: Head, keys: PackedKeys, unfinished = new UnfinishedSets()) {
    this.#store = store;
    this.#head = head;
    this.#keys = keys;
    this.#sealing = keys.sealing;
    this.place = store.place;
    this.isEncrypted = head.packed?.keys !== undefined;
    this.#unfinished = unfinished;
    this.#unpacking = new Unpacking(store, keys.sealing);
    this.#sets = new SealedSets(store, keys.sealing);
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    if (prefix !== '' && !partsOf(prefix)) return await this.#store.list(prefix);
    const [heads, sealed] = await Promise.all([
      prefix === '' ? this.#store.list(repositoryName) : [],
      this.#store.list(`${setsPrefix}${prefix}`),
    ]);
    const objects = sealed.flatMap((object) => {
      const isSealed = object.name.endsWith(this.#sealing.suffix);
      const name = object.name.slice(setsPrefix.length, isSealed ? -this.#sealing.suffix.length : undefined);
      return isSealed ? [{ ...object, name }] : [];
    });
    return [...objects, ...heads].sort(byName);
  }

  /** The files of a set, and their sizes: lists of a store do not have them. */
  filesOf(set: string, manifest: PackedFiles): readonly StoredObject[] {
    const changedMs = Date.parse(manifest.finished);
    const files = manifest.files.map(({ path, size }) => ({
      name: `${set}/${environmentPrefix}${path}`,
      size,
      changedMs,
    }));
    const size = Buffer.byteLength(checksumLines(manifest));
    return [...files, { name: `${set}/${sumsName}`, size, changedMs }];
  }

  async read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    const parts = partsOf(name);
    if (!parts) return await this.#store.read(name, range);
    const { set, rest } = parts;
    if (rest.startsWith(environmentPrefix)) return await this.#readFile(set, rest, range);
    const bytes = await this.#readWhole(set, rest);
    return range ? bytes?.subarray(range.start, range.start + range.length) : bytes;
  }

  async #readWhole(set: string, rest: string): Promise<Uint8Array | undefined> {
    if (rest === sumsName) return await this.#sets.sumsOf(set);
    if (rest === manifestName) return (await this.#sets.manifestOf(set))?.manifest;
    return await this.#sets.read(`${set}/${rest}`);
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    const parts = partsOf(name);
    if (!parts) return await this.#store.write(name, source);
    const { set, rest } = parts;
    // Its manifest says the same.
    if (rest === sumsName) return;
    if (rest.startsWith(environmentPrefix)) return await (await this.#unfinishedOf(set).packing).add(rest, source);
    const bytes = new Uint8Array(source.size);
    await fill(bytes, source, 0, name);
    await this.#writeSmall(name, bytes);
  }

  requireKey(): void {
    this.#keyToWrite();
  }

  buildUpon(known: KnownSets): void {
    this.#known = known;
  }

  /** Without what its pages were, nothing is built upon a set. */
  async passDoubts(doubted: readonly string[], others: readonly string[], confirm: () => Promise<void>): Promise<void> {
    const packs = new Set<string>();
    let areKnown = true;
    for (const set of doubted.filter(isFull)) {
      const contents = await this.#contentsIfReadable(set);
      areKnown &&= contents !== undefined;
      for (const name of contents?.packs ?? []) packs.add(name);
    }
    for (const set of others.filter(isFull)) {
      const contents = areKnown ? await this.#contentsIfReadable(set) : undefined;
      if (contents && !contents.packs.some((name) => packs.has(name))) continue;
      const objects = await this.list(`${set}/`);
      await confirm();
      await this.remove(objects.flatMap(({ name }) => (isPagesName(partsOf(name)!.rest) ? [name] : [])));
    }
  }

  async #contentsIfReadable(set: string): Promise<Contents | undefined> {
    try {
      return await this.#sets.contentsOf(set);
    } catch (error) {
      if (isSetDamage(error)) return undefined;
      throw error;
    }
  }

  /** Puts what says where the files of a set are: all of them are written. */
  async finish(set: string): Promise<void> {
    const unfinished = this.#unfinishedOf(set);
    const { origin } = unfinished;
    const { contents, pages } = await (await unfinished.packing).finish();
    const text = encodeContents(contents);
    const sha256 = sha256Of(text);
    await this.#writeSmall(`${set}/${contentsName(origin)}`, text);
    if (isFull(set)) {
      const table = encodePages(pages, this.#keyToWrite(), this.#contextOf(set, sha256));
      await this.#writeSmall(`${set}/${pagesName(origin)}`, table);
    }
    unfinished.named = { origin, sha256 };
  }

  async packsOf(set: string): Promise<readonly string[]> {
    const { packs } = await this.#sets.contentsOf(set);
    return packs.map((name) => `${packsPrefix}${name}${this.#sealing.suffix}`);
  }

  async isWhole(set: string): Promise<boolean> {
    try {
      const contents = await this.#sets.readContents(set);
      const packs = await this.#packs();
      return contents.packs.every((name) => packs.has(name));
    } catch (error) {
      if (isSetDamage(error)) return false;
      throw error;
    }
  }

  async discard(set: string): Promise<void> {
    const unfinished = this.#unfinished.find(set);
    if (!unfinished) return;
    await this.#unfinished.end(set);
    const left = await this.#store.list(`${packsPrefix}${packsOf(set, unfinished.origin)}`);
    if (left.length > 0) await this.#store.remove(left.map(({ name }) => name));
  }

  async unused(): Promise<readonly StoredObject[]> {
    const found = await this.#findUnused([]);
    return found instanceof FigaroError ? [] : found;
  }

  async collect(
    sets: readonly string[],
    confirm: () => Promise<void>,
    olderThanMs = 0,
  ): Promise<FigaroError | undefined> {
    const found = await this.#findUnused(sets);
    if (found instanceof FigaroError) return found;
    const now = Date.now();
    const old = found.filter(({ changedMs }) => olderThanMs === 0 || now - changedMs > olderThanMs);
    await removePacks(this.#store, old, confirm);
    return undefined;
  }

  async #findUnused(known: readonly string[]): Promise<readonly StoredObject[] | FigaroError> {
    const packs = await this.#packs();
    const sets = new Map<string, SetObjects>(known.map((set) => [set, { isComplete: true, contents: [] }]));
    for (const { name } of await this.list('')) {
      const { set, rest } = partsOf(name) ?? {};
      if (set === undefined || rest === undefined) continue;
      const { isComplete, contents } = sets.get(set) ?? { isComplete: false, contents: [] };
      sets.set(set, {
        isComplete: isComplete || rest === manifestName,
        contents: isContentsName(rest) ? [...contents, rest] : contents,
      });
    }
    return await findUnused(packs, sets, async (set, name) => {
      const text = await this.#sets.read(`${set}/${name}`, contentsLimit);
      return text && this.#sets.decode(set, name, text);
    });
  }

  async #packs(): Promise<Map<string, StoredObject>> {
    return await listPacks(this.#store, this.#sealing.suffix);
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const parts = partsOf(name);
    if (!parts) return await this.#store.create(name, bytes);
    const object = parts.rest === manifestName ? this.#manifestObject(parts.set, bytes) : bytes;
    return await this.#store.create(this.#sets.objectName(name), await this.#seal(object));
  }

  #manifestObject(set: string, manifest: Uint8Array): Uint8Array {
    const named = this.#unfinished.find(set)?.named;
    if (!named) throw new Error(`the files of ${set} are not finished`);
    return encodeManifestObject(manifest, named);
  }

  async remove(names: readonly string[]): Promise<void> {
    const sealed = names.flatMap((name) => {
      const parts = partsOf(name);
      if (!parts) return [name];
      return parts.rest.startsWith(environmentPrefix) ? [] : [this.#sets.objectName(name)];
    });
    if (sealed.length > 0) await this.#store.remove(sealed);
  }

  async sweep(olderThanMs: number): Promise<number> {
    return (await this.#store.sweep?.(olderThanMs)) ?? 0;
  }

  async close(): Promise<void> {
    await this.#unfinished.endAll();
    await this.#store.close();
  }

  async #writeSmall(name: string, bytes: Uint8Array): Promise<void> {
    await this.#store.write(this.#sets.objectName(name), bytesAsSource(await this.#seal(bytes)));
  }

  /** For whom it is sealed is only known to be right by those who have the key. */
  async #seal(bytes: Uint8Array): Promise<Uint8Array> {
    this.#keyToWrite();
    return await this.#sealing.seal('notes', bytes);
  }

  async #readFile(set: string, name: string, range: Range | undefined): Promise<Uint8Array | undefined> {
    const contents = await this.#sets.contentsOf(set);
    const pieces = contents.files.get(name);
    return pieces && (await this.#unpacking.read(contents, pieces, range ?? { start: 0, length: pieces.size }));
  }

  #unfinishedOf(set: string): UnfinishedSet {
    return this.#unfinished.of(set, async (origin) => await this.#beginPacking(set, origin));
  }

  async #beginPacking(set: string, origin: string): Promise<Packing> {
    const key = this.#keyToWrite();
    if (isFull(set)) await this.#mendCompanions();
    const before = isFull(set) ? await this.#before(set) : undefined;
    return new Packing(this.#store, this.#sealing, (number) => packName(set, origin, number), key, before);
  }

  /** Whoever made the repository may have been killed before they were there. */
  async #mendCompanions(): Promise<void> {
    for (const [name, bytes] of await this.#keys.companions()) {
      // That they are there may be listed for whoever may not read them.
      const isThere = (await this.#store.list(name)).some((object) => object.name === name);
      if (!isThere) await this.#store.create(name, bytes);
    }
  }

  /** The newest full set, as far as what it left says what its pages were; undefined where the next one has to hold all of its own. */
  async #before(set: string): Promise<Before | undefined> {
    const { newest } = this.#known;
    if (newest === undefined || newest === set) return undefined;
    try {
      const named = (await this.#sets.manifestOf(newest))?.named;
      if (!named) return undefined;
      const text = await this.#sets.readNamed(newest, named);
      const table = await this.#sets.read(`${newest}/${pagesName(named.origin)}`, pagesLimit);
      const pages = table && decodePages(table, this.#keyToWrite(), this.#contextOf(newest, named.sha256));
      if (!pages) return undefined;
      const contents = this.#sets.decode(newest, contentsName(named.origin), text);
      if (contents.depth >= this.#head.packed!.mostDepth) return undefined;
      return { contents, pages, lost: await this.#lostOf(contents) };
    } catch (error) {
      // What is damaged there is no reason to have no new set, nor is what these keys may not read.
      if (error instanceof FigaroError && error.code === 'not-permitted') this.#known.onUnreadable?.(newest);
      else if (!isSetDamage(error)) throw error;
      return undefined;
    }
  }

  /** The packs of a set that nothing is to be built upon, by their numbers there: they were removed, or are those of a set that may be damaged. */
  async #lostOf({ packs }: Contents): Promise<ReadonlySet<number>> {
    const there = await this.#packs();
    const doubted = new Set<string>();
    for (const set of this.#known.doubted)
      for (const name of (await this.#sets.contentsOf(set)).packs) doubted.add(name);
    return new Set(packs.flatMap((name, i) => (doubted.has(name) || !there.has(name) ? [i] : [])));
  }

  /**
   * What pages are told of: where they are is of the same set. Those from before a recipient was added are not built upon, since what they are in
   * is not sealed for that one.
   */
  #contextOf(set: string, sha256: string): string {
    return `${this.#head.id}/${this.#head.packed!.keys?.epoch ?? 0}/${set}/${sha256}`;
  }

  #keyToWrite(): Uint8Array {
    if (this.#keys.hashKey) return this.#keys.hashKey;
    throw new FigaroError('password', `${this.place} is encrypted, and this machine has no key to write to it`, {
      hint: 'name the key file of a machine that backs up with --key-file or $FIGARO_BACKUP_KEY_FILE.',
    });
  }
}
