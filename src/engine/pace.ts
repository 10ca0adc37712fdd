import { setTimeout } from 'node:timers/promises';
import { requireCounts } from './given.ts';

/**
 * Reads and writes of files are of this size unless a rate says otherwise; a multiple of every page size. Writes of a megabyte and more
 * take the kernel three times as long for each byte. In bytes.
 */
export const largestUnit = 256 << 10;
const smallestUnit = 64 << 10;
/** With a rate, a piece of work takes about this long. */
const unitSeconds = 0.1;
/** The longest time without a look at what else there is to do, in ms. */
const napMs = 200;

export interface Clock {
  /** In ms. */
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

/** Holds work back to a rate. Throws `usage` for one that is not a whole number of bytes from 1 on. */
export class Pace {
  /** How much to read at a time, in bytes: a power of two. */
  readonly unit: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** When all work until now would be done at that rate. */
  #due = 0;

  constructor(bytesPerSecond: number, clock: Clock = { now: () => performance.now(), sleep: setTimeout }) {
    requireCounts({ bytesPerSecond });
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    const wanted = 2 ** Math.floor(Math.log2(bytesPerSecond * unitSeconds));
    this.unit = Math.min(largestUnit, Math.max(smallestUnit, wanted));
  }

  /** Returns when it is time to go on after so many bytes of work. Calls `onNap` now and then meanwhile. */
  async take(bytes: number, onNap: () => void): Promise<void> {
    const clock = this.#clock;
    // Time that was not used is lost: nothing is to be made up for.
    this.#due = Math.max(this.#due, clock.now()) + bytes / this.#bytesPerMs;
    for (let left = this.#due - clock.now(); left > 0; left = this.#due - clock.now()) {
      await clock.sleep(Math.min(left, napMs));
      onNap();
    }
  }
}
