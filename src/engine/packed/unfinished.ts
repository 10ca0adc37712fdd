/** Sets that are being written: their files go into packs that no other run writes to. */

import { type ContentsNamed } from './manifest-object.ts';
import { newOrigin } from './layout.ts';
import { type Packing } from './packing.ts';

export interface UnfinishedSet {
  /** By which its packs and its contents are known. */
  readonly origin: string;
  readonly packing: Promise<Packing>;
  /** Its contents, once they are written. */
  named?: ContentsNamed;
}

/** Stores that are the same repository, such as that of the work and that of its end, have it in common. */
export class UnfinishedSets {
  readonly #sets = new Map<string, UnfinishedSet>();

  /** The set of that name, which `begin` makes where it is none yet. */
  of(set: string, begin: (origin: string) => Promise<Packing>): UnfinishedSet {
    const found = this.#sets.get(set);
    if (found) return found;
    const origin = newOrigin();
    const begun = { origin, packing: begin(origin) };
    // Whoever needs it is told.
    begun.packing.catch(() => undefined);
    this.#sets.set(set, begun);
    return begun;
  }

  find(set: string): UnfinishedSet | undefined {
    return this.#sets.get(set);
  }

  /** Forgets a set. Nothing is written for it any more when this returns. */
  async end(set: string): Promise<void> {
    const found = this.#sets.get(set);
    this.#sets.delete(set);
    await found?.packing.then(
      (packing) => packing.abandon(),
      () => undefined,
    );
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#sets.keys()].map((set) => this.end(set)));
  }
}
