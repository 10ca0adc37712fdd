/** Being told to stop by a file: tasks and services of Windows are sent no signal. */

import { type Files } from '../../engine/files/files.ts';
import { FigaroError } from '../../errors.ts';

/** Between two looks, in ms. */
const periodMs = 1000;

/** A signal that is aborted when there is a file of this name, or when `signal` is; to be released. Throws where it may not look. */
export function stopAtFile(
  files: Files,
  file: string,
  signal: AbortSignal | undefined,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const stop = new AbortController();
  const look = (): void => {
    if (files.statIfThere(file)) stop.abort(`there is ${file}`);
  };
  look();
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      // A share may be away for a moment.
      if (!(error instanceof FigaroError)) throw error;
    }
  }, periodMs);
  const forward = (): void => stop.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });
  return {
    signal: stop.signal,
    release() {
      clearInterval(timer);
      signal?.removeEventListener('abort', forward);
    },
  };
}
