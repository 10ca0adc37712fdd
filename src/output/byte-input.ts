/** Standard input as bytes, until it ends or the run has to stop. */

import { FigaroError } from '../errors.ts';

/**
 * What a stream gives. Throws `io` when it cannot be read, and `interrupted` at once: a tape that stands still cannot be
 * closed before its read returns.
 */
export async function* byteInput(stream: NodeJS.ReadableStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const interrupted = new FigaroError('interrupted', 'stopped before it was finished');
  let giveUp = (): void => {};
  const stop = (): void => giveUp();
  signal?.addEventListener('abort', stop, { once: true });
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      if (signal?.aborted) throw interrupted;
      const next = await new Promise<IteratorResult<string | Buffer>>((resolve, reject) => {
        giveUp = () => reject(interrupted);
        chunks.next().then(resolve, reject);
      });
      if (next.done) return;
      yield typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    }
  } catch (error) {
    if (error instanceof FigaroError) throw error;
    const { message } = error as Error;
    throw new FigaroError('io', `standard input: cannot read: ${message}`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
