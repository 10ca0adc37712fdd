import { beforeEach, describe, expect, test } from 'vitest';
import { Meter, showProgress } from '../../src/output/progress.ts';
import { CollectingStream } from '../support/run-cli.ts';

const plain = { quiet: false, verbose: false, color: false };

async function watchPhases(stream: CollectingStream, options: { quiet: boolean; verbose: boolean }): Promise<string> {
  const view = await showProgress(stream, { ...plain, ...options });
  view.update({ phase: 'copy docs.dbxml', done: 1, total: 2 });
  view.update({ phase: 'copy docs.dbxml', done: 2, total: 2 });
  view.update({ phase: 'read the log' });
  view.stop();
  return stream.text;
}

test('nothing is shown where there is no terminal', async () => {
  expect(await watchPhases(new CollectingStream(), plain)).toBe('');
});

test('with --verbose each phase is told once', async () => {
  const text = await watchPhases(new CollectingStream(), { ...plain, verbose: true });
  expect(text).toBe('copy docs.dbxml\nread the log\n');
});

test('with --quiet nothing is shown, not even on a terminal', async () => {
  expect(await watchPhases(new CollectingStream(true), { quiet: true, verbose: true })).toBe('');
});

test('a terminal that does not know its width gets no moving line: ora would draw forever', async () => {
  const stream = Object.assign(new CollectingStream(true), { columns: 0 });
  expect(await watchPhases(stream, plain)).toBe('');
});

test('a phase with the name of a file does nothing to the terminal', async () => {
  const stream = new CollectingStream();
  const view = await showProgress(stream, { ...plain, verbose: true });
  view.update({ phase: 'copy x\u001b[2J\u009by\nz.dbxml' });
  expect(stream.text).toBe(String.raw`copy x\x1b[2J\x9by\nz.dbxml` + '\n');
});

describe('the line', () => {
  const MiB = 1 << 20;
  let ms: number;
  let meter: Meter;
  beforeEach(() => {
    ms = 5000;
    meter = new Meter(() => ms);
  });

  test('tells the part that is done, and after a second how fast it goes and how long it will take', () => {
    expect(meter.describe({ phase: 'copy a', done: 0, total: 100 * MiB })).toBe('copy a: 0% of 100.0 MiB');
    ms += 999;
    expect(meter.describe({ phase: 'copy a', done: 10 * MiB, total: 100 * MiB })).toBe('copy a: 10% of 100.0 MiB');
    ms += 1001;
    expect(meter.describe({ phase: 'copy a', done: 20 * MiB, total: 100 * MiB })).toBe(
      'copy a: 20% of 100.0 MiB, 10.0 MiB/s, about 8s left',
    );
  });

  test('begins to measure anew with each phase', () => {
    meter.describe({ phase: 'copy a', done: 0, total: 100 * MiB });
    ms += 2000;
    meter.describe({ phase: 'copy b', done: 50 * MiB, total: 100 * MiB });
    ms += 2000;
    expect(meter.describe({ phase: 'copy b', done: 52 * MiB, total: 100 * MiB })).toBe(
      'copy b: 52% of 100.0 MiB, 1.0 MiB/s, about 48s left',
    );
  });

  test('tells bytes, rate and time left of the whole run where all is known', () => {
    const plan = { done: 0, total: 400 * MiB };
    expect(meter.describe({ phase: 'copy a', done: 0, total: 100 * MiB, plan })).toBe('copy a: 0% of 400.0 MiB');
    ms += 10_000;
    plan.done = 100 * MiB;
    expect(meter.describe({ phase: 'read the log', plan })).toBe(
      'read the log: 25% of 400.0 MiB, 10.0 MiB/s, about 30s left',
    );
    plan.done = 500 * MiB;
    expect(meter.describe({ phase: 'read the log', plan })).toBe('read the log: 100% of 400.0 MiB, 50.0 MiB/s');
  });

  test('tells nothing of a phase that nothing is known of', () => {
    expect(meter.describe({ phase: 'prove\nit' })).toBe(String.raw`prove\nit`);
    ms += 5000;
    expect(meter.describe({ phase: 'prove\nit', done: 7 })).toBe(String.raw`prove\nit`);
  });
});
