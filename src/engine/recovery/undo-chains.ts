import { compareLsn, type Lsn } from '../../format/lsn.ts';

export interface UndoChain {
  readonly lsn: Lsn;
  /** Only make sure that the pages hold nothing of it. */
  readonly check: boolean;
}

/** Chains of records to be followed back, the latest LSN first: a binary heap. */
export class UndoChains {
  readonly #heap: UndoChain[] = [];

  push(chain: UndoChain): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(chain);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compareLsn(heap[parent]!.lsn, chain.lsn) >= 0) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = chain;
  }

  pop(): UndoChain | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compareLsn(heap[child + 1]!.lsn, heap[child]!.lsn) > 0) child += 1;
      if (compareLsn(heap[child]!.lsn, last.lsn) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
