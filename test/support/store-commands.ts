/** Commands that find a store in memory behind every URL, and stores that fail. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryAbove } from '../../src/engine/store/above.ts';
import { type OpenedStore, type OpenStore } from '../../src/engine/store/stores.ts';
import { type PackedOpening } from '../../src/engine/packed/opening.ts';
import { WorkerReader, type SyncReader } from '../../src/engine/store/sync-reader.ts';
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
  let reader: SyncReader | undefined;
  const readerOf = (packed?: PackedOpening): SyncReader =>
    (reader = packed ? packedReader(store, packed) : plainReader(store));
  return { store, ending: store, readerOf, close: async () => await reader?.close() };
}

function plainReader(store: MemoryStore): SyncReader {
  return {
    read: (name, range) => reading(store, name, () => store.readSync(name, range)),
    close: () => Promise.resolve(),
  };
}

/** As the store itself does. */
function reading<T>(store: MemoryStore, name: string, work: () => T): T {
  const call: StoreCall = { operation: 'read', name, number: ++store.calls };
  store.hooks.before?.(call);
  const result = work();
  store.hooks.after?.(call);
  return result;
}

/** Reads sets out of packs by the thread of the program, which finds what is in the store at that moment as files. */
function packedReader(store: MemoryStore, packed: PackedOpening): SyncReader {
  let directory: string | undefined;
  let reader: SyncReader | undefined;
  const files = new Map<string, object>();
  const bringFiles = (below: string): void => {
    for (const [name, entry] of store.objects) {
      if (files.get(name) === entry) continue;
      fs.mkdirSync(path.dirname(path.join(below, name)), { recursive: true });
      fs.writeFileSync(path.join(below, name), entry.bytes);
      files.set(name, entry);
    }
    for (const name of files.keys()) {
      if (store.objects.has(name)) continue;
      fs.rmSync(path.join(below, name));
      files.delete(name);
    }
  };
  return {
    read: (name, range) =>
      reading(store, name, () => {
        directory ??= fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
        bringFiles(directory);
        reader ??= new WorkerReader({ url: directory, place: store.place, env: {}, packed });
        return reader.read(name, range)?.slice();
      }),
    close: async () => {
      await reader?.close();
      if (directory !== undefined) fs.rmSync(directory, { recursive: true });
    },
  };
}

/** What is in a store as files of a directory, which is made. */
export function layOut(store: MemoryStore, directory: string): void {
  for (const [name, { bytes }] of store.objects) {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
}

/** A store with the same objects. */
export function copyOf({ objects }: MemoryStore): MemoryStore {
  const store = memoryStore();
  for (const [name, object] of objects) store.objects.set(name, object);
  return store;
}
