import { expect, test } from 'vitest';
import { Pace } from '../../src/engine/pace.ts';
import { fakeClock } from '../support/fake-clock.ts';

test('work takes as long as the rate says, in short naps', async () => {
  const clock = fakeClock();
  const pace = new Pace(1_000_000, clock);
  let naps = 0;
  for (let i = 0; i < 10; i++) await pace.take(250_000, () => naps++);
  expect(clock.now()).toBe(1000 + 2500);
  expect(Math.max(...clock.naps)).toBeLessThanOrEqual(200);
  expect(naps).toBe(clock.naps.length);
});

test('time that was not used is not made up for', async () => {
  const clock = fakeClock();
  const pace = new Pace(1_000_000, clock);
  await pace.take(100_000, () => {});
  await clock.sleep(60_000);
  const before = clock.now();
  await pace.take(100_000, () => {});
  expect(clock.now() - before).toBe(100);
});

test('a stop ends the wait', async () => {
  const stop = new Pace(1, fakeClock()).take(1e9, () => {
    throw new Error('stopped');
  });
  await expect(stop).rejects.toThrow('stopped');
});

test.each([
  [1, 65_536],
  [2_000_000, 131_072],
  [1e12, 262_144],
])('at %d bytes a second a read is of %d bytes', (rate, unit) => {
  expect(new Pace(rate).unit).toBe(unit);
});
