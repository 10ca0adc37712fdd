/** Has stores be what their repositories say they are. */

import { repositoryName } from '../places.ts';
import { headOf, type Head } from '../repository/head.ts';
import { type OpenedStore } from '../store/stores.ts';
import { type Store } from '../store/store.ts';
import { companionsOf } from './companions.ts';
import { type GivenKeys, type PackedOpening, type RepositoryRole } from './opening.ts';
import { PackedStore, type PackedKeys } from './packed-store.ts';
import { compressed } from './sealing.ts';
import { UnfinishedSets } from './unfinished.ts';

/** More is no head, in bytes. */
const headLimit = 1 << 20;

/** The same stores, seen as their repository is. Throws `password` for keys that do not fit. */
export async function openContents(
  plain: OpenedStore,
  given: () => Promise<GivenKeys>,
  role: RepositoryRole = 'written',
): Promise<OpenedStore> {
  const bytes = await plain.store.read(repositoryName, { start: 0, length: headLimit });
  if (!bytes) return plain;
  const opened = { ...plain, head: bytes };
  // What is none is told by whoever works with it.
  const head = headOf(bytes, plain.store.place);
  if (!head?.packed) return opened;
  const keys = await keysFor(head, opened.store, given, role);
  const opening = { head, keys };
  const unfinished = new UnfinishedSets();
  return {
    ...opened,
    store: await openPacked(opened.store, opening, unfinished),
    ending: await openPacked(opened.ending, opening, unfinished),
    readerOf: () => opened.readerOf(opening),
    close: async () => {
      await unfinished.endAll();
      await opened.close();
    },
  };
}

async function keysFor(
  { id, packed }: Head,
  store: Store,
  given: () => Promise<GivenKeys>,
  role: RepositoryRole,
): Promise<GivenKeys> {
  const { keys } = packed!;
  if (!keys) return { identities: [] };
  return await (await import('./keys.ts')).withMachineKey(keys, { id }, await given(), store, role);
}

/** A store that is packed. */
export async function openPacked(
  store: Store,
  { head, keys }: PackedOpening,
  unfinished?: UnfinishedSets,
): Promise<PackedStore> {
  return new PackedStore(store, head, await packedKeys(head, keys, store.place), unfinished);
}

async function packedKeys(head: Head, given: GivenKeys, place: string): Promise<PackedKeys> {
  const { keys } = head.packed!;
  if (!keys) {
    const companions = (): ReturnType<PackedKeys['companions']> => Promise.resolve(companionsOf(head));
    return { sealing: compressed, hashKey: Buffer.from(head.id), companions };
  }
  return await (await import('./keys.ts')).keysOf(keys, head, given, place);
}
