/** A store in memory, whose calls a test can hold up, fail, and rob of their answers. */

import { createHash } from 'node:crypto';
import { bytesAsSource, fill } from '../../src/engine/store/object-source.ts';
import { byName, type ObjectSource, type Range, type Store, type StoredObject } from '../../src/engine/store/store.ts';

export interface StoreCall {
  readonly operation: 'list' | 'read' | 'write' | 'create' | 'remove';
  /** Of the object, or the prefix; the first name of those to remove. */
  readonly name: string;
  /** From 1 on, over all calls of the store. */
  readonly number: number;
}

export interface StoreHooks {
  /** What it throws, the call fails with, and nothing is done. */
  readonly before?: (call: StoreCall) => unknown;
  /** The same, after everything was done: the answer is lost. */
  readonly after?: (call: StoreCall) => unknown;
  /** In ms since 1970. */
  readonly now?: () => number;
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly changedMs: number;
  /** That of other bytes, where they are not those any more that were written. */
  readonly tag?: string;
}

export function tagOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export class MemoryStore implements Store {
  readonly place: string;
  /** How many calls there were. */
  calls = 0;
  /** By name. */
  readonly objects = new Map<string, Entry>();
  hooks: StoreHooks;
  /** Other stores that commands find, by their URLs. */
  readonly others = new Map<string, MemoryStore>();

  constructor(hooks: StoreHooks = {}, place = 'memory://store') {
    this.hooks = hooks;
    this.place = place;
  }

  list(prefix: string): Promise<readonly StoredObject[]> {
    return this.#call('list', prefix, () =>
      [...this.objects]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { bytes, changedMs, tag = tagOf(bytes) }]) => ({
          name,
          size: bytes.length,
          changedMs,
          tag,
        }))
        .sort(byName),
    );
  }

  read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    return this.#call('read', name, () => this.readSync(name, range));
  }

  /** As `read`, at once and without hooks. */
  readSync(name: string, range?: Range): Uint8Array | undefined {
    const bytes = this.objects.get(name)?.bytes;
    return range ? bytes?.slice(range.start, range.start + range.length) : bytes?.slice();
  }

  write(name: string, source: ObjectSource): Promise<void> {
    return this.#call('write', name, async () => {
      const bytes = new Uint8Array(source.size);
      await fill(bytes, source, 0, name);
      this.#put(name, bytes);
    });
  }

  create(name: string, bytes: Uint8Array): Promise<boolean> {
    return this.#call('create', name, () => {
      if (this.objects.has(name)) return false;
      this.#put(name, bytes.slice());
      return true;
    });
  }

  remove(names: readonly string[]): Promise<void> {
    return this.#call('remove', names[0] ?? '', () => {
      for (const name of names) this.objects.delete(name);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #put(name: string, bytes: Uint8Array): void {
    this.objects.set(name, { bytes, changedMs: (this.hooks.now ?? Date.now)() });
  }

  async #call<T>(operation: StoreCall['operation'], name: string, work: () => T | Promise<T>): Promise<T> {
    const call = { operation, name, number: ++this.calls };
    await this.hooks.before?.(call);
    const result = await work();
    await this.hooks.after?.(call);
    return result;
  }
}

/** Writes bytes from memory. */
export function writeBytes(store: Store, name: string, bytes: Uint8Array | string): Promise<void> {
  return store.write(name, bytesAsSource(Buffer.from(bytes)));
}
