import { type Lsn } from '../../format/lsn.ts';

/** The prepare record of a transaction. */
export interface Prepared {
  readonly lsn: Lsn;
  readonly beginLsn: Lsn;
  readonly gid: Uint8Array;
  /** It has committed or was taken back since. */
  isOver: boolean;
}

const flag = {
  /** In use. */
  taken: 1,
  /** Its first record is in the log. */
  began: 2,
  /** It is a part of another one. */
  joined: 4,
  /** It was prepared, and taken back. */
  takenBack: 8,
} as const;

const none = -1;

/**
 * What the log does not show to be over, or has committed later than it matters: some forty bytes for each in columns, so
 * that millions that were aborted, which leaves no record, have room. Each has a number.
 */
export class OpenTransactions {
  #capacity = 64;
  #ids = new Uint32Array(this.#capacity);
  /** LSNs of the first and last records: file and offset. */
  #first = new Uint32Array(2 * this.#capacity);
  #last = new Uint32Array(2 * this.#capacity);
  /** The next child of the same parent; of what is free, the next that is free. */
  #next = new Int32Array(this.#capacity);
  #flags = new Uint8Array(this.#capacity);
  #count = 0;
  #free = none;
  /** By parent: its latest child. */
  readonly #children: Map<number, number>;
  /** Last records of further chains under the same id. */
  readonly #otherChains = new Map<number, Lsn[]>();
  readonly #prepared: Map<number, Prepared>;

  constructor(from?: OpenTransactions) {
    this.#children = new Map(from ? from.#children : []);
    this.#prepared = new Map(from ? from.#prepared : []);
    if (!from) return;
    for (const [slot, ends] of from.#otherChains) this.#otherChains.set(slot, [...ends]);
    this.#capacity = from.#capacity;
    this.#ids = from.#ids.slice();
    this.#first = from.#first.slice();
    this.#last = from.#last.slice();
    this.#next = from.#next.slice();
    this.#flags = from.#flags.slice();
    this.#count = from.#count;
    this.#free = from.#free;
  }

  /** Numbers go up to here. */
  get count(): number {
    return this.#count;
  }

  add(id: number, file: number, offset: number, began: boolean): number {
    let slot = this.#free;
    if (slot === none) {
      slot = this.#count++;
      if (slot === this.#capacity) this.#grow();
    } else {
      this.#free = this.#next[slot]!;
    }
    this.#ids[slot] = id;
    this.#first[2 * slot] = file;
    this.#first[2 * slot + 1] = offset;
    this.#next[slot] = none;
    this.#flags[slot] = began ? flag.taken | flag.began : flag.taken;
    this.setLast(slot, file, offset);
    return slot;
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = <Column extends Uint32Array | Int32Array | Uint8Array>(column: Column, to: Column): Column => {
      to.set(column);
      return to;
    };
    this.#ids = grown(this.#ids, new Uint32Array(this.#capacity));
    this.#first = grown(this.#first, new Uint32Array(2 * this.#capacity));
    this.#last = grown(this.#last, new Uint32Array(2 * this.#capacity));
    this.#next = grown(this.#next, new Int32Array(this.#capacity));
    this.#flags = grown(this.#flags, new Uint8Array(this.#capacity));
  }

  /** It is over, and so are those that are a part of it; `keeps` those whose beginning is not in the log. */
  release(slot: number, keeps: boolean): void {
    this.visitFamily(slot, (member) => {
      const prepared = this.#prepared.get(member);
      if (prepared) prepared.isOver = true;
      if (this.#children.size > 0) this.#children.delete(member);
      this.#flags[member]! &= ~flag.joined;
      if (keeps && !this.began(member)) return;
      if (this.#otherChains.size > 0) this.#otherChains.delete(member);
      this.#prepared.delete(member);
      this.#flags[member] = 0;
      this.#next[member] = this.#free;
      this.#free = member;
    });
  }

  /** A nested transaction becomes a part of its parent. */
  join(parent: number, child: number): void {
    this.#flags[child]! |= flag.joined;
    this.#next[child] = this.#children.get(parent) ?? none;
    this.#children.set(parent, child);
  }

  /** Shows a transaction and all that are a part of it; the visitor may release what it is shown. */
  visitFamily(slot: number, visit: (slot: number) => void): void {
    if (this.#children.size === 0) {
      visit(slot);
      return;
    }
    const waiting = [slot];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (let child = this.#children.get(next) ?? none; child !== none; child = this.#next[child]!) {
        waiting.push(child);
      }
      visit(next);
    }
  }

  setLast(slot: number, file: number, offset: number): void {
    this.#last[2 * slot] = file;
    this.#last[2 * slot + 1] = offset;
  }

  /** Another chain of records begins under its id. */
  beginChain(slot: number): void {
    const ends = this.#otherChains.get(slot);
    if (ends) ends.push(this.lastLsn(slot));
    else this.#otherChains.set(slot, [this.lastLsn(slot)]);
  }

  prepare(slot: number, prepared: Prepared): void {
    this.#prepared.set(slot, prepared);
  }

  takeBack(slot: number): void {
    const prepared = this.#prepared.get(slot);
    if (prepared) prepared.isOver = true;
    this.#flags[slot]! |= flag.takenBack;
  }

  isTakenBack(slot: number): boolean {
    return (this.#flags[slot]! & flag.takenBack) !== 0;
  }

  began(slot: number): boolean {
    return (this.#flags[slot]! & flag.began) !== 0;
  }

  id(slot: number): number {
    return this.#ids[slot]!;
  }

  firstLsn(slot: number): Lsn {
    return { file: this.#first[2 * slot]!, offset: this.#first[2 * slot + 1]! };
  }

  lastLsn(slot: number): Lsn {
    return { file: this.#last[2 * slot]!, offset: this.#last[2 * slot + 1]! };
  }

  /** The last record of each of its chains. */
  chainEnds(slot: number): readonly Lsn[] {
    return [this.lastLsn(slot), ...(this.#otherChains.get(slot) ?? [])];
  }

  prepared(slot: number): Prepared | undefined {
    return this.#prepared.get(slot);
  }

  /** True when the LSN lies between its first and its last record. */
  spans(slot: number, file: number, offset: number): boolean {
    const first = this.#first;
    const last = this.#last;
    const at = 2 * slot;
    const isBefore = file === first[at] ? offset < first[at + 1]! : file < first[at]!;
    const isBehind = file === last[at] ? offset > last[at + 1]! : file > last[at]!;
    return !isBefore && !isBehind;
  }

  isTaken(slot: number): boolean {
    return (this.#flags[slot]! & flag.taken) !== 0;
  }

  /** It is a part of another one. */
  isJoined(slot: number): boolean {
    return (this.#flags[slot]! & flag.joined) !== 0;
  }
}
