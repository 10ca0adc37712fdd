/** Reading from a store, where what is asked for next is known beforehand. */

import { freeMemory } from '../free-memory.ts';
import { type Range, type Store } from './store.ts';

/** A part of an object. */
interface Part extends Range {
  readonly name: string;
}

/** A read that nobody has asked for yet. */
interface Begun extends Part {
  readonly bytes: Promise<Uint8Array | undefined>;
}

/** Reads for one who asks for one part after the other. */
export class ReadAhead {
  readonly #store: Pick<Store, 'read'>;
  #begun: Begun | undefined;

  constructor(store: Pick<Store, 'read'>) {
    this.#store = store;
  }

  /** As `Store.read`. */
  async read({ name, start, length }: Part): Promise<Uint8Array | undefined> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun?.name === name && begun.start === start && begun.length === length) return await begun.bytes;
    if (begun) void forget(begun);
    return await this.#store.read(name, { start, length });
  }

  /** Begins to read what is going to be asked for. What keeps it from being read is thrown when it is. */
  begin({ name, start, length }: Part): void {
    const bytes = this.#store.read(name, { start, length });
    bytes.catch(() => undefined);
    this.#begun = { name, start, length, bytes };
  }
}

/** Nobody asked for it. */
async function forget({ bytes }: Begun): Promise<void> {
  const unused = await bytes.catch(() => undefined);
  if (unused) freeMemory(unused);
}
