/** Objects of sets as a mirror reads them: what is written once is asked for once. */

import { FigaroError } from '../../errors.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { type KeptObject, type KeptSet } from './kept-objects.ts';
import { isOfChecks, type StoredSet } from './objects.ts';

/**
 * Reads an object; undefined when it was removed meanwhile. What is too large is cut: it is none. What is damaged is that of its set
 * alone, and is nothing to whoever reads it.
 */
export async function readUpTo(
  store: Store,
  { name, size }: StoredObject,
  limit: number,
): Promise<Uint8Array | undefined> {
  try {
    // Of what is compressed, lists do not tell how long it is.
    return await store.read(name, { start: 0, length: store.packs ? limit : Math.min(size, limit) });
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'file-checksum') throw error;
    return new Uint8Array(0);
  }
}

/** Reads the objects of a set that are never changed, as far as they are not kept of an earlier run. */
export class WrittenOnce {
  readonly #store: Store;
  readonly #kept: KeptSet;
  readonly #asksAnew: boolean;
  /** Those that are there whole. */
  readonly objects: KeptObject[] = [];

  constructor(store: Store, kept: KeptSet = new Map(), asksAnew: boolean) {
    this.#store = store;
    this.#kept = kept;
    this.#asksAnew = asksAnew;
  }

  async read(object: StoredObject, limit: number): Promise<Uint8Array | undefined> {
    const kept = this.#asksAnew ? undefined : this.#keptOf(object);
    const bytes = kept ?? (await readUpTo(this.#store, object, limit));
    if (bytes && (this.#store.packs ? bytes.length > 0 : bytes.length === object.size))
      this.objects.push({ object, bytes });
    return bytes;
  }

  /** Whether they are others than those that were kept. */
  get hasChanged(): boolean {
    const isKept = ({ object, bytes }: KeptObject): boolean => {
      const kept = this.#keptOf(object);
      return kept !== undefined && Buffer.compare(kept, bytes) === 0;
    };
    return this.#kept.size !== this.objects.length || !this.objects.every(isKept);
  }

  #keptOf({ name, size, changedMs, tag }: StoredObject): Uint8Array | undefined {
    const { object, bytes } = this.#kept.get(name) ?? {};
    return object?.size === size && object.changedMs === changedMs && object.tag === tag ? bytes : undefined;
  }
}

/** In the place of a check that may not be read: a line that is none, so that nobody knows what it found. */
export const hiddenCheck = Buffer.from('\n');

/** All checks of a set, and when the newest of them was written. */
export async function checksOf(
  { objects }: StoredSet,
  read: (object: StoredObject) => Promise<Uint8Array | undefined>,
): Promise<{ readonly bytes: Uint8Array; readonly changedMs: number }> {
  const names = [...objects.keys()].filter(isOfChecks).sort();
  const parts: Uint8Array[] = [];
  let newest = 0;
  for (const name of names) {
    const object = objects.get(name)!;
    const bytes = await read(object);
    if (!bytes) continue;
    parts.push(bytes, ...(bytes.at(-1) === 0x0a ? [] : [Buffer.from('\n')]));
    newest = Math.max(newest, object.changedMs);
  }
  return { bytes: Buffer.concat(parts), changedMs: newest };
}
