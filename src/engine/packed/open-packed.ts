/** Has stores be what their repositories say they are. */

import { repositoryName } from '../places.ts';
import { headOf, type Head } from '../repository/head.ts';
import { type OpenedStore } from '../store/stores.ts';
import { type Store } from '../store/store.ts';
import { type GivenKeys, type PackedOpening } from './opening.ts';
import { PackedStore, type PackedKeys } from './packed-store.ts';
import { compressed } from './sealing.ts';

/** More is no head, in bytes. */
const headLimit = 1 << 20;

/** The same stores, seen as their repository is. Throws `password` for keys that do not fit. */
export async function openContents(plain: OpenedStore, given: () => Promise<GivenKeys>): Promise<OpenedStore> {
  const bytes = await plain.store.read(repositoryName, { start: 0, length: headLimit });
  if (!bytes) return plain;
  const opened = { ...plain, head: bytes };
  // What is none is told by whoever works with it.
  const head = headOf(bytes, plain.store.place);
  if (!head?.packed) return opened;
  const keys = head.packed.keys ? await given() : { identities: [] };
  const opening = { head, keys };
  const origins = new Map<string, string>();
  return {
    ...opened,
    store: await openPacked(opened.store, opening, origins),
    ending: await openPacked(opened.ending, opening, origins),
    readerOf: () => opened.readerOf(opening),
  };
}

/** A store that is packed. */
export async function openPacked(
  store: Store,
  { head, keys }: PackedOpening,
  origins?: Map<string, string>,
): Promise<PackedStore> {
  return new PackedStore(store, head, await packedKeys(head, keys, store.place), origins);
}

async function packedKeys(head: Head, given: GivenKeys, place: string): Promise<PackedKeys> {
  const { keys } = head.packed!;
  if (!keys) return { sealing: compressed, hashKey: Buffer.from(head.id) };
  return await (await import('./keys.ts')).keysOf(keys, head, given, place);
}
