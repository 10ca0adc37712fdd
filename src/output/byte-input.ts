/** Standard input as bytes, until it ends or the run has to stop. */

import { FigaroError } from '../errors.ts';

/** What a stream gives. Throws `io` when it cannot be read, and `interrupted`. */
export async function* byteInput(stream: NodeJS.ReadableStream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { destroy } = stream as NodeJS.ReadableStream & { destroy?: (error?: Error) => void };
  const stop = (): void => destroy?.call(stream, new FigaroError('interrupted', 'stopped before it was finished'));
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } catch (error) {
    if (error instanceof FigaroError) throw error;
    const { message } = error as Error;
    throw new FigaroError('io', `standard input: cannot read: ${message}`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
