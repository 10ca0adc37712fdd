/** Packs that no set refers to any more. */

import { FigaroError } from '../../errors.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { isPackName, packsPrefix } from './layout.ts';

/** How many are removed at a time. */
const mostAtOnce = 500;

/** The packs that there are, by name. */
export async function listPacks(store: Store, suffix: string): Promise<Map<string, StoredObject>> {
  const packs = new Map<string, StoredObject>();
  for (const object of await store.list(packsPrefix)) {
    const name = object.name.slice(packsPrefix.length, -suffix.length);
    if (object.name.endsWith(suffix) && isPackName(name)) packs.set(name, object);
  }
  return packs;
}

/** Removes packs. `confirm` throws where another run may have begun to refer to them. */
export async function removePacks(
  store: Store,
  unused: readonly StoredObject[],
  confirm: () => Promise<void>,
): Promise<void> {
  for (let i = 0; i < unused.length; i += mostAtOnce) {
    await confirm();
    await store.remove(unused.slice(i, i + mostAtOnce).map(({ name }) => name));
  }
}

/** What says that something of a set is not as it was written: then nobody knows which packs it refers to. */
export function isUnreadable(error: unknown): error is FigaroError {
  const codes: readonly string[] = ['file-checksum', 'manifest-corrupt', 'set-incomplete'];
  return error instanceof FigaroError && codes.includes(error.code);
}
