/** Commands that find a store in memory behind every URL, and stores that fail. */

import { repositoryAbove } from '../../src/engine/store/above.ts';
import { type OpenedStore, type OpenStore } from '../../src/engine/store/stores.ts';
import { type Range } from '../../src/engine/store/store.ts';
import { Unreachable } from '../../src/engine/store/unreachable.ts';
import { MemoryStore, type StoreCall, type StoreHooks } from './memory-store.ts';

export const memoryUrl = 's3://memory/env';

/** `before`: nothing was done; `after`: all of it was, and nobody was told; `half`: of several removals, the first one. */
export type FaultMoment = 'before' | 'after' | 'half';

/** Fails the calls of which `fault` says when. */
export function failing(store: MemoryStore, fault: (call: StoreCall) => FaultMoment | undefined): StoreHooks {
  const lost = (): Unreachable => new Unreachable(`${store.place} cannot be reached: the connection was lost`);
  return {
    before: (call) => {
      const moment = fault(call);
      if (moment === 'half' && call.operation === 'remove') store.objects.delete(call.name);
      if (moment === 'before' || (moment === 'half' && call.operation === 'remove')) throw lost();
    },
    after: (call) => {
      if (fault(call) !== undefined) throw lost();
    },
  };
}

export function memoryStore(): MemoryStore {
  return new MemoryStore({}, memoryUrl);
}

/** Has commands find this store, whatever URL they are given that is not that of another one it knows. */
export function openingStore(store: MemoryStore): OpenStore {
  const above = (url: string): Promise<string | undefined> =>
    repositoryAbove(url, (top) => Promise.resolve(store.others.get(top) ?? new MemoryStore()));
  return (url) => Promise.resolve({ ...opened(store.others.get(url) ?? store), above: () => above(url) });
}

function opened(store: MemoryStore): OpenedStore {
  const read = (name: string, range: Range): Uint8Array | undefined => {
    const call: StoreCall = { operation: 'read', name, number: ++store.calls };
    store.hooks.before?.(call);
    const bytes = store.readSync(name, range);
    store.hooks.after?.(call);
    return bytes;
  };
  const close = (): Promise<void> => Promise.resolve();
  return { store, ending: store, readerOf: () => ({ read, close }), close };
}
