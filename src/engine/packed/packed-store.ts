/**
 * A repository in a store as others know plain ones: under the names that files of a repository in a directory have. What is small of a set
 * is an object of its own, and its files come from packs.
 */

import { createHash } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { repositoryName } from '../places.ts';
import { type Head } from '../repository/head.ts';
import { checksumLines, manifestFrom, manifestLimit } from '../repository/repository.ts';
import { bytesAsSource, fill } from '../store/object-source.ts';
import {
  type ObjectSource,
  type PackedFiles,
  type Packs,
  type Range,
  type Store,
  type StoredObject,
} from '../store/store.ts';
import { decodeContents, encodeContents, type Contents } from './contents.ts';
import { isUnreadable, listPacks, removePacks } from './collect.ts';
import { contentsName, newOrigin, packsPrefix, pagesName, partsOf, setsPrefix } from './layout.ts';
import { decodePages, encodePages } from './page-table.ts';
import { Packing, type Before } from './packing.ts';
import { type Sealing } from './sealing.ts';
import { Unpacking } from './unpacking.ts';

/** What is not small: the contents and the pages of a set, in bytes. */
const tableLimit = 1 << 30;

/** What sealing adds, at most, in bytes: where nothing can be compressed, and for many recipients. */
const sealingMost = 1 << 20;

const environmentPrefix = 'environment/';
const manifestName = 'manifest.json';
const sumsName = 'SHA256SUMS';

/** What a set that is packed is packed with. */
export interface PackedKeys {
  readonly sealing: Sealing;
  /** Of hashes of pages, and of tables. Undefined for those who only read. */
  readonly hashKey: Uint8Array | undefined;
}

export class PackedStore implements Store, Packs {
  readonly place: string;
  readonly packs = this;
  readonly isEncrypted: boolean;
  readonly #store: Store;
  readonly #head: Head;
  readonly #sealing: Sealing;
  readonly #hashKey: Uint8Array | undefined;
  readonly #unpacking: Unpacking;
  readonly #origins: Map<string, string>;
  /** Sets whose files are being written, by their names. */
  readonly #packing = new Map<string, Promise<Packing>>();
  /** Of the set that was read last. */
  #contents: { readonly set: string; readonly contents: Promise<Contents> } | undefined;

  /** @param origins of packs of sets that are being written, by set: stores that are the same repository have it in common */
  constructor(store: Store, head: Head, { sealing, hashKey }: PackedKeys, origins = new Map<string, string>()) {
    this.#store = store;
    this.#head = head;
    this.#sealing = sealing;
    this.#hashKey = hashKey;
    this.place = store.place;
    this.isEncrypted = head.packed?.keys !== undefined;
    this.#origins = origins;
    this.#unpacking = new Unpacking(store, sealing);
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
    return [...objects, ...heads];
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
    const bytes = rest === sumsName ? await this.#sums(set) : await this.#readSmall(name);
    return range ? bytes?.subarray(range.start, range.start + range.length) : bytes;
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    const parts = partsOf(name);
    if (!parts) return await this.#store.write(name, source);
    const { set, rest } = parts;
    // Its manifest says the same.
    if (rest === sumsName) return;
    if (rest.startsWith(environmentPrefix)) return await (await this.#packingOf(set)).add(rest, source);
    const bytes = new Uint8Array(source.size);
    await fill(bytes, source, 0, name);
    await this.#writeSmall(name, bytes);
  }

  /** Puts what says where the files of a set are: all of them are written. */
  async finish(set: string): Promise<void> {
    const packing = await this.#packingOf(set);
    const { contents, pages } = await packing.finish();
    this.#packing.delete(set);
    const text = Buffer.from(encodeContents(contents));
    await this.#writeSmall(`${set}/${contentsName}`, text);
    await this.#writeSmall(`${set}/${pagesName}`, encodePages(pages, this.#keyToWrite(), this.#contextOf(set, text)));
  }

  async discard(set: string): Promise<void> {
    const origin = this.#origins.get(set);
    if (origin === undefined) return;
    await this.#store.remove((await this.#store.list(`${packsPrefix}${origin}/`)).map(({ name }) => name));
  }

  async unused(): Promise<readonly StoredObject[]> {
    const found = await this.#findUnused();
    return found instanceof FigaroError ? [] : found;
  }

  async collect(confirm: () => Promise<void>): Promise<FigaroError | undefined> {
    const found = await this.#findUnused();
    if (found instanceof FigaroError) return found;
    await removePacks(this.#store, found, confirm);
    return undefined;
  }

  async #findUnused(): Promise<readonly StoredObject[] | FigaroError> {
    const packs = await this.#packs();
    try {
      for (const set of await this.#completeSets()) {
        for (const name of (await this.#readContents(set)).packs) packs.delete(name);
      }
      return [...packs.values()];
    } catch (error) {
      if (isUnreadable(error)) return error;
      throw error;
    }
  }

  async #packs(): Promise<Map<string, StoredObject>> {
    return await listPacks(this.#store, this.#sealing.suffix);
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    if (!partsOf(name)) return await this.#store.create(name, bytes);
    return await this.#store.create(this.#sealedName(name), await this.#sealing.seal('notes', bytes));
  }

  async remove(names: readonly string[]): Promise<void> {
    const sealed = names.flatMap((name) => {
      const parts = partsOf(name);
      if (!parts) return [name];
      return parts.rest.startsWith(environmentPrefix) ? [] : [this.#sealedName(name)];
    });
    if (sealed.length > 0) await this.#store.remove(sealed);
  }

  async sweep(olderThanMs: number): Promise<number> {
    return (await this.#store.sweep?.(olderThanMs)) ?? 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#packing.values()].map(async (packing) => await (await packing).abandon()));
    await this.#store.close();
  }

  #sealedName(name: string): string {
    return `${setsPrefix}${name}${this.#sealing.suffix}`;
  }

  async #readSmall(name: string, limit = manifestLimit): Promise<Uint8Array | undefined> {
    const object = this.#sealedName(name);
    const sealed = await this.#store.read(object, { start: 0, length: limit + sealingMost });
    return sealed && (await this.#sealing.open('notes', object, sealed, limit));
  }

  async #writeSmall(name: string, bytes: Uint8Array): Promise<void> {
    await this.#store.write(this.#sealedName(name), bytesAsSource(await this.#sealing.seal('notes', bytes)));
  }

  async #readFile(set: string, name: string, range: Range | undefined): Promise<Uint8Array | undefined> {
    if (this.#contents?.set !== set) this.#contents = { set, contents: this.#readContents(set) };
    const contents = await this.#contents.contents;
    const pieces = contents.files.get(name);
    return pieces && (await this.#unpacking.read(contents, pieces, range ?? { start: 0, length: pieces.size }));
  }

  async #readContents(set: string): Promise<Contents> {
    try {
      const text = await this.#readSmall(`${set}/${contentsName}`, tableLimit);
      if (text) return this.#decode(set, text);
      throw new FigaroError(
        'set-incomplete',
        `${this.#sealedName(`${set}/${contentsName}`)} is not there: nothing says where the files of ${set} are`,
        {
          path: set,
          hint: 'bring it back from a copy of the repository.',
        },
      );
    } catch (error) {
      this.#contents = undefined;
      throw error;
    }
  }

  #decode(set: string, text: Uint8Array): Contents {
    return decodeContents(Buffer.from(text).toString('utf8'), this.#sealedName(`${set}/${contentsName}`));
  }

  async #sums(set: string): Promise<Uint8Array | undefined> {
    const text = await this.#readSmall(`${set}/${manifestName}`);
    return text && Buffer.from(checksumLines(manifestFrom(text, `${set}/${manifestName}`, set)));
  }

  #packingOf(set: string): Promise<Packing> {
    let found = this.#packing.get(set);
    if (!found) {
      found = this.#beginPacking(set);
      this.#packing.set(set, found);
    }
    return found;
  }

  async #beginPacking(set: string): Promise<Packing> {
    const key = this.#keyToWrite();
    const before = isFull(set) ? await this.#before(set) : undefined;
    const origin = newOrigin(set);
    this.#origins.set(set, origin);
    return new Packing(this.#store, this.#sealing, origin, key, before);
  }

  /** The newest full set, as far as what it left says what its pages were; undefined where the next one has to hold all of its own. */
  async #before(set: string): Promise<Before | undefined> {
    const newest = (await this.#completeSets()).findLast((id) => id !== set && isFull(id));
    if (newest === undefined) return undefined;
    try {
      const [text, sealed] = await Promise.all(
        [contentsName, pagesName].map(async (name) => await this.#readSmall(`${newest}/${name}`, tableLimit)),
      );
      const pages = text && sealed && decodePages(sealed, this.#keyToWrite(), this.#contextOf(newest, text));
      if (!pages) return undefined;
      const contents = this.#decode(newest, text);
      if (contents.depth >= this.#head.packed!.mostDepth) return undefined;
      // What somebody removed is not built upon.
      const packs = await this.#packs();
      return contents.packs.every((name) => packs.has(name)) ? { contents, pages } : undefined;
    } catch (error) {
      // What is damaged there is no reason to have no new set.
      const isDamage =
        error instanceof FigaroError && ['file-checksum', 'manifest-corrupt', 'set-incomplete'].includes(error.code);
      if (isDamage) return undefined;
      throw error;
    }
  }

  /** What pages are told of: where they are is of the same set. */
  #contextOf(set: string, contents: Uint8Array): string {
    return `${this.#head.id}/${set}/${createHash('sha256').update(contents).digest('hex')}`;
  }

  /** In order of their names. */
  async #completeSets(): Promise<readonly string[]> {
    const objects = await this.list('');
    return objects.flatMap(({ name }) => {
      const parts = partsOf(name);
      return parts?.rest === manifestName ? [parts.set] : [];
    });
  }

  #keyToWrite(): Uint8Array {
    if (this.#hashKey) return this.#hashKey;
    throw new FigaroError('password', `${this.place} is encrypted, and this machine has no key to write to it`, {
      hint: 'name the key file of a machine that backs up with --key-file or $FIGARO_BACKUP_KEY_FILE.',
    });
  }
}

/** What begins anew: an incremental has nothing of the pages before. */
function isFull(set: string): boolean {
  return !set.includes('-incremental-');
}
