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

/** The head of the repository in a store; undefined where there is none that can be read: whoever works with it will say so. */
export async function headIn(store: Store): Promise<Head | undefined> {
  const bytes = await store.read(repositoryName, { start: 0, length: headLimit });
  return bytes && headOf(bytes, store.place);
}

/** The same stores, seen as their repository is. Throws `password` for keys that do not fit. */
export async function openContents(opened: OpenedStore, given: () => Promise<GivenKeys>): Promise<OpenedStore> {
  const head = await headIn(opened.store);
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
