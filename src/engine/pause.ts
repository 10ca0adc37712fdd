import { setImmediate } from 'node:timers/promises';
import { FigaroError } from '../errors.ts';

/** What a long piece of work tells the outside, and how it is told to stop. */
export interface Watch {
  /** Called now and then: what is being done, and how far it is. */
  readonly onProgress?: (progress: Progress) => void;
  /** Aborted when the run has to stop. */
  readonly signal?: AbortSignal;
}

export interface Progress {
  /** A phase in words, `copy docs.dbxml`. */
  readonly phase: string;
  /** Bytes done, and to do where that is known. */
  readonly done?: number;
  readonly total?: number;
}

const periodMs = 40;
let lastPause = 0;

/**
 * Lets signals, timers and the terminal have their turn, at most every few milliseconds: call it freely in loops.
 * Throws `interrupted` when the run has to stop.
 */
export async function pause(watch: Watch, progress?: Progress): Promise<void> {
  const now = performance.now();
  if (now - lastPause < periodMs) return;
  lastPause = now;
  if (progress) watch.onProgress?.(progress);
  await setImmediate();
  throwIfStopped(watch);
}

/** Throws `interrupted` when the run has to stop. */
export function throwIfStopped(watch: Watch): void {
  if (watch.signal?.aborted) {
    throw new FigaroError('interrupted', 'stopped before it was finished', { cause: watch.signal.reason });
  }
}
