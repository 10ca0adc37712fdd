/** Standard input that stands still. */

import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { byteInput } from '../../src/output/byte-input.ts';

const never = new Promise<never>(() => {});

test('input whose read does not return is left when the run is to stop', async () => {
  // As of a tape: closing waits for the read.
  async function* stalling(): AsyncGenerator<Buffer> {
    yield Buffer.from('one');
    await never;
  }
  const stop = new AbortController();
  const input = byteInput(Readable.from(stalling(), { objectMode: false }), stop.signal);
  expect(await input.next()).toMatchObject({ value: Buffer.from('one') });
  const next = input.next();
  setImmediate(() => stop.abort('SIGTERM'));
  await expect(next).rejects.toMatchObject({ code: 'interrupted' });
});

test('input is not begun by a run that is to stop', async () => {
  const input = byteInput(Readable.from(['one']), AbortSignal.abort('SIGTERM'));
  await expect(input.next()).rejects.toMatchObject({ code: 'interrupted' });
});

test('input that cannot be read says so, and one that ends ends', async () => {
  const broken = new Readable({ read: (): void => void broken.destroy(new Error('EIO: i/o error')) });
  await expect(byteInput(broken).next()).rejects.toMatchObject({
    code: 'io',
    message: 'standard input: cannot read: EIO: i/o error',
  });
  expect(await byteInput(Readable.from([])).next()).toMatchObject({ done: true });
});
