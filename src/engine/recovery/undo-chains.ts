import { type Lsn } from '../../format/lsn.ts';

interface UndoChain {
  readonly lsn: Lsn;
  /** Only make sure that the pages hold nothing of it. */
  readonly check: boolean;
}

/**
 * Chains of records to be followed back, the latest LSN first: a binary heap, in columns, since there can be millions of
 * aborted transactions.
 */
export class UndoChains {
  #files = new Uint32Array(64);
  #offsets = new Uint32Array(64);
  #checks = new Uint8Array(64);
  #length = 0;

  push({ lsn, check }: UndoChain): void {
    if (this.#length === this.#files.length) this.#grow();
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isEarlier(parent, lsn.file, lsn.offset)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#files[at] = lsn.file;
    this.#offsets[at] = lsn.offset;
    this.#checks[at] = check ? 1 : 0;
  }

  pop(): UndoChain | undefined {
    if (this.#length === 0) return undefined;
    const top = { lsn: { file: this.#files[0]!, offset: this.#offsets[0]! }, check: this.#checks[0] === 1 };
    const last = --this.#length;
    const file = this.#files[last]!;
    const offset = this.#offsets[last]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#isEarlier(child, this.#files[child + 1]!, this.#offsets[child + 1]!)) child += 1;
      if (this.#isEarlier(child, file, offset)) break;
      this.#move(child, at);
      at = child;
    }
    this.#move(last, at);
    return top;
  }

  #isEarlier(at: number, file: number, offset: number): boolean {
    return this.#files[at] === file ? this.#offsets[at]! < offset : this.#files[at]! < file;
  }

  #move(from: number, to: number): void {
    this.#files[to] = this.#files[from]!;
    this.#offsets[to] = this.#offsets[from]!;
    this.#checks[to] = this.#checks[from]!;
  }

  #grow(): void {
    const length = 2 * this.#length;
    const files = new Uint32Array(length);
    const offsets = new Uint32Array(length);
    const checks = new Uint8Array(length);
    files.set(this.#files);
    offsets.set(this.#offsets);
    checks.set(this.#checks);
    this.#files = files;
    this.#offsets = offsets;
    this.#checks = checks;
  }
}
