import { type Clock } from '../../src/engine/pace.ts';

interface FakeClock extends Clock {
  /** What was slept, in ms. */
  readonly naps: readonly number[];
}

/** A clock that moves only when somebody sleeps. */
export function fakeClock(): FakeClock {
  let time = 1000;
  const naps: number[] = [];
  return {
    naps,
    now: () => time,
    sleep: (ms) => {
      naps.push(ms);
      time += ms;
      return Promise.resolve();
    },
  };
}
