import { type DocumentChange, type DocumentCounts } from './document-pair.ts';
import { type TwoStates } from './two-states.ts';

/** Changes of documents that were found, as long as there is room: they need not be found again to be shown. */
export class FoundChanges {
  /** In bytes, about. */
  room = 32 << 20;
  readonly byCounts = new Map<DocumentCounts, readonly DocumentChange[]>();

  static readonly #all = new WeakMap<TwoStates, FoundChanges>();

  static of(states: TwoStates): FoundChanges {
    let found = FoundChanges.#all.get(states);
    if (!found) FoundChanges.#all.set(states, (found = new FoundChanges()));
    return found;
  }
}

/** What a change takes beside its name, in bytes, about. */
const changeCost = 800;

/** The changes in one container, while they are found. */
export class KeptChanges {
  readonly #found: FoundChanges;
  #changes: DocumentChange[] | undefined = [];
  #bytes = 0;

  constructor(states: TwoStates) {
    this.#found = FoundChanges.of(states);
  }

  add(change: DocumentChange): void {
    this.#bytes += changeCost + 2 * change.name.length;
    if (this.#bytes > this.#found.room) this.#changes = undefined;
    this.#changes?.push(change);
  }

  end(counts: DocumentCounts): void {
    if (!this.#changes) return;
    this.#found.room -= this.#bytes;
    this.#found.byCounts.set(counts, this.#changes);
  }
}
