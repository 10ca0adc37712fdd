import { expect, test } from 'vitest';
import { showProgress } from '../../src/output/progress.ts';
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
