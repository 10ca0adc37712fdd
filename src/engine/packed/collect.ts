/** Packs that no set refers to any more. */

import { FigaroError, isSetDamage } from '../../errors.ts';
import { someAtOnce } from '../at-once.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { type Contents } from './contents.ts';
import { contentsName, isFull, isPackName, packsPrefix, writtenFor } from './layout.ts';

/** How many are removed at a time. */
const mostAtOnce = 500;

/** How many sets are looked into at a time. */
const setsAtOnce = 4;

/** What there is of a set. */
export interface SetObjects {
  readonly isComplete: boolean;
  /** The names of its contents: those that its manifest names, and what other runs left that had begun it. */
  readonly contents: readonly string[];
}

/** The packs that there are, by name. */
export async function listPacks(store: Store, suffix: string): Promise<Map<string, StoredObject>> {
  const packs = new Map<string, StoredObject>();
  for (const object of await store.list(packsPrefix)) {
    const name = object.name.slice(packsPrefix.length, -suffix.length);
    if (object.name.endsWith(suffix) && isPackName(name)) packs.set(name, object);
  }
  return packs;
}

/**
 * The packs that no complete set refers to, or why that cannot be told. What full sets refer to is read where there is a pack that is not of a set which is
 * there.
 *
 * @param packs listed before the sets were
 */
export async function findUnused(
  packs: ReadonlyMap<string, StoredObject>,
  sets: ReadonlyMap<string, SetObjects>,
  read: (set: string, name: string) => Promise<Contents | undefined>,
): Promise<readonly StoredObject[] | FigaroError> {
  const isOfSet = (pack: string): boolean => {
    const { set, origin } = writtenFor(pack);
    const { isComplete = false, contents = [] } = sets.get(set) ?? {};
    return isComplete && contents.includes(contentsName(origin));
  };
  const unused = new Map([...packs].filter(([name]) => !isOfSet(name)));
  if (unused.size === 0) return [];
  const complete = [...sets].filter(([, { isComplete }]) => isComplete);
  try {
    await someAtOnce(setsAtOnce, complete, async ([set, { contents }]) => {
      let isKnown = contents.length > 0 && !isFull(set);
      for (const name of isFull(set) ? contents : []) {
        const found = await read(set, name);
        for (const pack of found?.packs ?? []) unused.delete(pack);
        if (found) isKnown = true;
      }
      if (!isKnown) throw new FigaroError('set-incomplete', `nothing says where the files of ${set} are`);
    });
    return [...unused.values()];
  } catch (error) {
    if (isSetDamage(error)) return error;
    throw error;
  }
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
